"""Graph: a workflow as an immutable value; nodes by id, sockets by name.

Links name the output socket; a slot number stays only where a file named a slot that its node does not have (or the
node is unknown), and validation reports it. Built by `codec`, `build` or `rewrite`. Knows no registry, runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import Problem

__all__ = ["Graph", "Link", "Node"]


class Link(NamedTuple):
    """One wire: the output `output` (its name, or an unresolved slot number) of node `node`."""

    node: str
    output: str | int


class Node(NamedTuple):
    """One node: `inputs` maps an input's name to a literal or a `Link`. Treat `inputs` as read-only."""

    id: str
    type: str
    inputs: Mapping[str, Any]
    title: str = ""


class Graph:
    """Nodes in file order. Two graphs are equal when their nodes are; a change makes a new graph.

    faults: what was wrong with the file the graph was read from (a broken link, an id used twice); validation reports
        them first, so that a reader need not stop at the first one.
    """

    __slots__ = ("_nodes", "faults")

    def __init__(self, nodes: Iterable[Node] = (), faults: Iterable[Problem] = ()) -> None:
        """Keep `nodes`. Raises ValueError when two share an id (a codec reports that as a fault first)."""
        table: dict[str, Node] = {}
        count = 0
        for node in nodes:
            table[node.id] = node
            count += 1
        if len(table) != count:
            raise ValueError("two nodes share an id")
        self._nodes = table
        self.faults = tuple(faults)

    @classmethod
    def of(cls, table: dict[str, Node], faults: Iterable[Problem] = ()) -> Graph:
        """Make a graph of `table` (each node under its own id) without a copy; the caller gives the table away."""
        graph = cls.__new__(cls)
        graph._nodes = table
        graph.faults = tuple(faults)
        return graph

    @property
    def nodes(self) -> Mapping[str, Node]:
        """All nodes by id, in file order; read-only by agreement."""
        return self._nodes

    def __getitem__(self, node_id: str) -> Node:
        return self._nodes[node_id]

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self._nodes == other._nodes

    def __hash__(self) -> int:
        return hash(tuple(self._nodes))

    def __repr__(self) -> str:
        return f"Graph({len(self._nodes)} nodes)"

    def with_nodes(self, *nodes: Node) -> Graph:
        """Return a graph in which each of `nodes` replaces the one of its id, or is added at the end."""
        new = {node.id: node for node in nodes}
        return Graph.of({**self._nodes, **new}, [fault for fault in self.faults if fault.node_id not in new])

    def with_inputs(self, node_id: str, **inputs: Any) -> Graph:
        """Return a graph in which the inputs named are set on one node. Raises KeyError for an unknown id."""
        node = self._nodes[node_id]
        table = {**self._nodes, node_id: node._replace(inputs={**node.inputs, **inputs})}
        return Graph.of(table, [f for f in self.faults if f.node_id != node_id or f.input not in inputs])

    def without(self, *node_ids: str) -> Graph:
        """Return a graph without these nodes; links to them dangle and validation says so."""
        gone = set(node_ids)
        kept = {node_id: node for node_id, node in self._nodes.items() if node_id not in gone}
        return Graph.of(kept, [fault for fault in self.faults if fault.node_id not in gone])
