"""Expansion: a node's answer that is a graph becomes part of the running graph.

The new nodes are named after their parent, `<parent>.<id>`, the same at every run, so that they are remembered like
any others. Knows nothing of threads or caches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import NodeBug
from ..graph.graph import Graph, Link, Node
from ..graph.subgraph import Expand

__all__ = ["assemble", "graft", "links_of"]

Outputs = dict[str, Any]  # output name -> value, or Link to wait for


def graft(parent: Node, number: int | None, answer: Expand, names: Iterable[str]) -> tuple[Graph, Outputs]:
    """Return the nodes of `answer` under their new ids, and the parent's outputs with links into them.

    number: which call of a node that was called per item. A link to a node outside `answer` stays as it is.
    Raises NodeBug R004 when an output is missing or unknown.
    """
    prefix = parent.id if number is None else f"{parent.id}.{number}"
    wanted = tuple(names)
    if set(answer.outputs) != set(wanted):
        raise NodeBug(
            "R004",
            f"{parent.type} (node {parent.id})",
            f"an expansion with the outputs {', '.join(wanted) or 'none'}",
            ", ".join(answer.outputs) or "none",
            "Report it to the node's author.",
            node_id=parent.id,
        )

    def moved(value: Any) -> Any:
        if type(value) is Link and value.node in answer.graph:
            return Link(f"{prefix}.{value.node}", value.output)
        return value

    nodes = [
        Node(f"{prefix}.{node.id}", node.type, {name: moved(value) for name, value in node.inputs.items()}, node.title)
        for node in answer.graph
    ]
    return Graph(nodes), {name: moved(answer.outputs[name]) for name in wanted}


def links_of(calls: Iterable[Outputs]) -> list[str]:
    """Return the nodes that must be done before `assemble` can answer."""
    return [value.node for outputs in calls for value in outputs.values() if type(value) is Link]


def assemble(calls: Iterable[Outputs], results: Mapping[str, Mapping[str | int, Any]]) -> list[Outputs]:
    """Return the outputs of each call with every link replaced by its value."""
    return [
        {name: results[value.node][value.output] if type(value) is Link else value for name, value in outputs.items()}
        for outputs in calls
    ]
