"""A layout for a workflow that has none: columns from left to right, few crossings, no two boxes on one another.

Sugiyama's method without its dummy nodes, so that time and memory stay near linear: layers by longest path, order in a
layer by the mean of its neighbours, then rows pulled towards their neighbours. Knows boxes and wires, no file format.
Source: K. Sugiyama, S. Tagawa, M. Toda (1981), Methods for visual understanding of hierarchical system structures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..node.registry import Registry
from .face import TITLE, Face, face_of, wires
from .layers import layers_of, pieces_of

__all__ = ["Place", "Wire", "arrange", "faces"]

_BETWEEN_COLUMNS = 80
_BETWEEN_ROWS = 30 + TITLE
_ROW_OF_PIECES = 2400  # how wide unconnected pieces may stand side by side
_SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node's body is, in pixels; its title bar is drawn above `y` (`face.TITLE` pixels)."""

    x: int
    y: int
    width: int
    height: int


class Wire(NamedTuple):
    """One wire between two nodes and the heights at which it leaves and enters them, from their tops."""

    source: str
    target: str
    leaves: float
    enters: float


def faces(api: Mapping[str, Any], registry: Registry) -> dict[str, Face]:
    """Return what each node of a sound API prompt shows."""
    used: dict[str, int] = {}
    for links in wires(api).values():
        for _, source, slot in links:
            used[source] = max(used.get(source, 0), slot + 1)
    return {node_id: face_of(entry, registry, used.get(node_id, 0)) for node_id, entry in api.items()}


def arrange(api: Mapping[str, Any], registry: Registry) -> dict[str, Place]:
    """Return a place for each node of an API prompt whose entries have a `class_type` and `inputs`.

    Boxes never overlap; the same prompt always gives the same places; cycles are laid out like the rest.
    """
    shown = faces(api, registry)
    links = [
        Wire(source, target, shown[source].output_y(slot), shown[target].input_y(name))
        for target, found in wires(api).items()
        for name, source, slot in found
    ]
    places: dict[str, Place] = {}
    x = y = tallest = 0
    for piece in pieces_of(list(api), links):
        block = _block(piece.nodes, piece.wires, shown)
        width = max(place.x + place.width for place in block.values())
        height = max(place.y + place.height for place in block.values())
        if x and x + width > _ROW_OF_PIECES:
            x, y, tallest = 0, y + tallest + 2 * _BETWEEN_ROWS, 0
        for node_id, place in block.items():
            places[node_id] = Place(place.x + x, place.y + y, place.width, place.height)
        x, tallest = x + width + _BETWEEN_COLUMNS, max(tallest, height)
    return {node_id: places[node_id] for node_id in api}


def _block(nodes: Sequence[str], links: Sequence[Wire], shown: Mapping[str, Face]) -> dict[str, Place]:
    """Lay out one connected piece, its upper left corner at 0, 0."""
    layers = _ordered(layers_of(nodes, links), links)
    rows = _rows(layers, links, shown)
    top = min(rows.values())
    places: dict[str, Place] = {}
    x = 0
    for layer in layers:
        width = max(shown[node].width for node in layer)  # one width in a column looks tidy
        for node in layer:
            places[node] = Place(x, round(rows[node] - top), width, shown[node].height)
        x += width + _BETWEEN_COLUMNS
    return places


def _ordered(layers: list[list[str]], links: Sequence[Wire]) -> list[list[str]]:
    """Return the layers with an order inside each: the best met by crossings."""
    place = {node: number for layer in layers for number, node in enumerate(layer)}
    before: dict[str, list[Wire]] = {node: [] for node in place}
    after: dict[str, list[Wire]] = {node: [] for node in place}
    for link in links:
        before[link.target].append(link)
        after[link.source].append(link)

    def sort(layer: list[str], others: Mapping[str, list[Wire]], far_is_source: bool) -> None:
        keys = {}
        for node in layer:
            ends = [
                place[link.source] + link.leaves / 1e4 if far_is_source else place[link.target] + link.enters / 1e4
                for link in others[node]
            ]
            keys[node] = sum(ends) / len(ends) if ends else float(place[node])
        layer.sort(key=keys.__getitem__)
        place.update((node, number) for number, node in enumerate(layer))

    best, fewest = layers, -1
    for _ in range(_SWEEPS):
        for layer in reversed(layers):
            sort(layer, after, False)
        for backward in (True, False):
            if not backward:
                for layer in layers:
                    sort(layer, before, True)
            count = _crossings(layers, links, place)
            if fewest < 0 or count < fewest:
                best, fewest = [list(layer) for layer in layers], count
        if not fewest:
            break
    return best


def _crossings(layers: list[list[str]], links: Sequence[Wire], place: Mapping[str, int]) -> int:
    """Count crossings among wires that join the same two layers."""
    layer_of = {node: number for number, layer in enumerate(layers) for node in layer}
    groups: dict[tuple[int, int], list[tuple[int, float, int, float]]] = {}
    for link in links:
        ends = (place[link.source], link.leaves, place[link.target], link.enters)
        groups.setdefault((layer_of[link.source], layer_of[link.target]), []).append(ends)
    total = 0
    for group in groups.values():
        ranks = {end: rank for rank, end in enumerate(sorted({entry[2:] for entry in group}), 1)}
        tree = [0] * (len(ranks) + 1)  # Fenwick's: how many wires seen so far end at or above a rank
        for seen, entry in enumerate(sorted(group)):
            rank = position = ranks[entry[2:]]
            total += seen
            while position:
                total -= tree[position]
                position &= position - 1
            while rank < len(tree):
                tree[rank] += 1
                rank += rank & -rank
    return total


def _rows(layers: list[list[str]], links: Sequence[Wire], shown: Mapping[str, Face]) -> dict[str, float]:
    """Return each node's upper edge: near where its wires would run level, never on another of its layer."""
    rows: dict[str, float] = {}
    for layer in layers:
        y = 0.0
        for node in layer:
            rows[node] = y
            y += shown[node].height + _BETWEEN_ROWS
    sources: dict[str, list[Wire]] = {node: [] for node in rows}
    targets: dict[str, list[Wire]] = {node: [] for node in rows}
    for link in links:
        sources[link.target].append(link)
        targets[link.source].append(link)
    for sweep in range(_SWEEPS):
        last = sweep == _SWEEPS - 1
        for forward in (True, False):
            for layer in layers if forward else reversed(layers):
                wanted = []
                for node in layer:
                    left = [rows[k.source] + k.leaves - k.enters for k in sources[node]] if forward or last else []
                    right = [rows[k.target] + k.enters - k.leaves for k in targets[node]] if not forward or last else []
                    ends = left + right
                    wanted.append((sum(ends) / len(ends), float(len(ends))) if ends else (rows[node], 0.1))
                heights = [shown[node].height + _BETWEEN_ROWS for node in layer]
                rows.update(zip(layer, _spread(wanted, heights), strict=True))
    return rows


def _spread(wanted: Sequence[tuple[float, float]], heights: Sequence[float]) -> list[float]:
    """Return positions in order and apart by `heights`, with the least weighted squares from what is wanted.

    Source: pool adjacent violators (Ayer et al. 1955), on positions less the room taken above.
    """
    pools: list[tuple[float, float, int]] = []  # sum of weighted wishes, sum of weights, how many
    offset = 0.0
    for (wish, weight), height in zip(wanted, heights, strict=True):
        pool = ((wish - offset) * weight, weight, 1)
        while pools and pools[-1][0] * pool[1] > pool[0] * pools[-1][1]:
            total, weights, count = pools.pop()
            pool = (total + pool[0], weights + pool[1], count + pool[2])
        pools.append(pool)
        offset += height
    found: list[float] = []
    offset = 0.0
    for total, weights, count in pools:
        for _ in range(count):
            found.append(total / weights + offset)
            offset += heights[len(found) - 1]
    return found
