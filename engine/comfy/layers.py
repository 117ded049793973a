"""Which nodes of a drawing belong together, and in which column each stands.

Pure graph work over anything with a `source` and a `target`; linear time, no recursion, cycles are no harm. Knows no
boxes and no positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

__all__ = ["Joins", "Piece", "layers_of", "pieces_of"]


class Joins(Protocol):
    """Anything that leads from one node to another."""

    @property
    def source(self) -> str:
        """The node it comes from."""

    @property
    def target(self) -> str:
        """The node it leads to."""


J = TypeVar("J", bound=Joins)


class Piece(NamedTuple, Generic[J]):
    """Nodes that wires connect, directly or not, and these wires."""

    nodes: list[str]
    wires: list[J]


def pieces_of(nodes: Sequence[str], wires: Iterable[J]) -> list[Piece[J]]:
    """Return the connected pieces, the largest first, then in the order of `nodes`."""
    parent = {node: node for node in nodes}

    def root(node: str) -> str:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    kept = list(wires)
    for wire in kept:
        parent[root(wire.target)] = root(wire.source)
    pieces: dict[str, Piece[J]] = {}
    for node in nodes:
        pieces.setdefault(root(node), Piece([], [])).nodes.append(node)
    for wire in kept:
        pieces[root(wire.source)].wires.append(wire)
    return sorted(pieces.values(), key=lambda piece: -len(piece.nodes))


def layers_of(nodes: Sequence[str], wires: Iterable[Joins]) -> list[list[str]]:
    """Return the nodes by column, left to right: each right of its sources, and no farther from its users than need be.

    Where wires form a cycle, the wires back to the node of it that stands first in `nodes` are passed over.
    """
    after: dict[str, list[str]] = {node: [] for node in nodes}
    waiting = dict.fromkeys(nodes, 0)
    for wire in wires:
        if wire.source != wire.target:
            after[wire.source].append(wire.target)
            waiting[wire.target] += 1
    ins = dict(waiting)
    layer = dict.fromkeys(nodes, 0)
    order = [node for node in nodes if not waiting[node]]
    place = {node: number for number, node in enumerate(order)}
    done = 0
    rest = iter(nodes)
    while len(order) < len(nodes) or done < len(order):
        if done == len(order):  # only cycles and what hangs on them are left
            first = next(node for node in rest if node not in place)
            place[first] = len(order)
            order.append(first)
        node = order[done]
        done += 1
        for target in after[node]:
            if place.get(target, done) < done:
                continue  # leads back
            layer[target] = max(layer[target], layer[node] + 1)
            waiting[target] -= 1
            if not waiting[target] and target not in place:
                place[target] = len(order)
                order.append(target)
    for node in reversed(order):
        ahead = [layer[target] for target in after[node] if place[target] > place[node]]
        # A move to the right shortens the wires out and lengthens those in.
        if ahead and len(ahead) > ins[node]:
            layer[node] = max(layer[node], min(ahead) - 1)
    columns: dict[int, list[str]] = {}
    for node in order:
        columns.setdefault(layer[node], []).append(node)
    return [columns[number] for number in sorted(columns)]
