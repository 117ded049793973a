"""Graphs as values: the un-run graph above a wire, and a graph that a node returns to be run in its place.

A sub-graph is cut off at placeholder nodes, whose values the caller gives when it runs it. Runs nothing itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..errors import UserError
from ..node.registry import Registry
from .graph import Graph, Link

__all__ = ["Expand", "SubGraphValue", "cut", "placeholder_types"]


@dataclass(frozen=True, slots=True)
class SubGraphValue:
    """The graph above one wire. `output` is the wire's source; `placeholders` lists node ids by placeholder type."""

    graph: Graph
    output: Link
    placeholders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def fed(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of each placeholder node by its id; `inputs` are values by placeholder type.

        A type that the graph does not use may be given all the same. Raises UserError G027 when one it uses is not.
        """
        missing = [kind for kind in self.placeholders if kind not in inputs]
        if missing:
            raise UserError(
                "G027",
                f"sub-graph ending in node {self.output.node}",
                f"a value for {', '.join(self.placeholders)}",
                f"none for {', '.join(missing)}",
                "Use a loop or trainer that gives it, or take the placeholder out.",
                node_id=self.placeholders[missing[0]][0],
            )
        return {node_id: inputs[kind] for kind, ids in self.placeholders.items() for node_id in ids}


@dataclass(frozen=True, slots=True)
class Expand:
    """What a node returns to be replaced by a graph: output name -> a link into `graph`, or a value."""

    __expansion__: ClassVar[bool] = True  # lets a return annotation say `-> Image | Expand`

    graph: Graph
    outputs: Mapping[str, Any]


def placeholder_types(registry: Registry) -> frozenset[str]:
    """Return the ids of all placeholder nodes that `registry` knows."""
    table = registry.derived("placeholders")
    if "types" not in table:
        table["types"] = frozenset(spec.id for spec in registry if spec.placeholder)
    found: frozenset[str] = table["types"]
    return found


def cut(graph: Graph, link: Link, placeholders: Collection[str]) -> SubGraphValue:
    """Return the part of `graph` that feeds `link`, cut off above nodes of the `placeholders` types.

    Placeholder nodes stay in the graph without inputs. Iterative; nodes keep their ids and file order.
    """
    table = graph.nodes
    found: set[str] = set()
    by_type: dict[str, list[str]] = {}
    waiting = [link.node]
    while waiting:
        node_id = waiting.pop()
        if node_id in found or node_id not in table:
            continue
        found.add(node_id)
        node = table[node_id]
        if node.type in placeholders:
            by_type.setdefault(node.type, []).append(node_id)
        else:
            waiting += [value.node for value in node.inputs.values() if isinstance(value, Link)]
    kept = {
        node_id: node._replace(inputs={}) if node.type in by_type else node
        for node_id, node in table.items()
        if node_id in found
    }
    faults = [fault for fault in graph.faults if fault.node_id in found]
    return SubGraphValue(Graph.of(kept, faults), link, {kind: tuple(sorted(ids)) for kind, ids in by_type.items()})
