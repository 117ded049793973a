"""Small passes, each from a graph to a graph; the one given is never changed. Runs nothing, checks nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..node.registry import Registry
from .graph import Graph, Link
from .order import ancestors

__all__ = ["modernised", "prefixed", "pruned", "relinked"]


def pruned(graph: Graph, targets: Iterable[str]) -> Graph:
    """Keep `targets` and what feeds them."""
    kept = ancestors(graph, targets)
    if len(kept) == len(graph):
        return graph
    nodes = {node_id: node for node_id, node in graph.nodes.items() if node_id in kept}
    return Graph.of(nodes, [fault for fault in graph.faults if fault.node_id in kept])


def prefixed(graph: Graph, prefix: str) -> Graph:
    """Put `prefix` before every id; links to nodes outside the graph stay as they are."""
    own = graph.nodes
    nodes = {}
    for node in graph:
        inputs = {
            name: Link(prefix + value.node, value.output) if isinstance(value, Link) and value.node in own else value
            for name, value in node.inputs.items()
        }
        nodes[prefix + node.id] = node._replace(id=prefix + node.id, inputs=inputs)
    return Graph.of(nodes, graph.faults)


def relinked(graph: Graph, links: Mapping[Link, Any]) -> Graph:
    """Replace each input that is one of `links` by what it maps to, a link or a literal."""
    if not links:
        return graph
    nodes = dict(graph.nodes)
    for node in graph:
        changes = {
            name: links[value] for name, value in node.inputs.items() if isinstance(value, Link) and value in links
        }
        if changes:
            nodes[node.id] = node._replace(inputs={**node.inputs, **changes})
    return Graph.of(nodes, graph.faults)


def modernised(graph: Graph, registry: Registry) -> Graph:
    """Give nodes that a file knows under a former id their present one."""
    present = {kind: registry.resolve(kind) or kind for kind in {node.type for node in graph}}
    if all(old == new for old, new in present.items()):
        return graph
    nodes = {node.id: node._replace(type=present[node.type]) for node in graph}
    return Graph.of(nodes, graph.faults)
