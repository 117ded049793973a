"""Setting inputs from outside: `{"NODE.INPUT": value}` to a changed graph.

NODE is a node's id, else a title that only one node has, else a class that only one node has; the last dot separates
INPUT, so that titles may hold dots, unless what follows an id and a dot is an input of that node. A value given as text
is read as the input's type asks. Knows nothing of running.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from ..errors import UserError, brief
from ..node.registry import Registry
from ..node.spec import InputSpec
from ..node.widget import Bool, Choice, File, Float, Int, Seed, Text
from .graph import Graph, Node

__all__ = ["assign", "parse_assignments", "parse_value"]

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def assign(graph: Graph, values: Mapping[str, Any]) -> Graph:
    """Return the graph with each `NODE.INPUT` set. Raises UserError G026 (no such node), G027 (two), S012 (form)."""
    changes: dict[str, dict[str, Any]] = {}
    for place, value in values.items():
        node, name = locate(graph, place)
        changes.setdefault(node.id, {})[name] = value
    return graph.with_nodes(
        *(graph[node_id]._replace(inputs={**graph[node_id].inputs, **inputs}) for node_id, inputs in changes.items())
    )


def parse_assignments(graph: Graph, registry: Registry, texts: list[str]) -> dict[str, Any]:
    """Read "NODE.INPUT=VALUE" texts into values for `assign`; later ones win. Raises as `assign`."""
    values: dict[str, Any] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        if not equals:
            raise UserError("S012", "assignment", "NODE.INPUT=VALUE", brief(text), "Put a = before the value.")
        node, name = locate(graph, place)
        spec = registry.spec(node.type)
        entry = next((item for item in spec.inputs if item.name == name), None) if spec is not None else None
        values[f"{node.id}.{name}"] = parse_value(value, entry)
    return values


def parse_value(text: str, entry: InputSpec | None) -> Any:
    """Read a value given as text: text inputs take it as it stands, numbers and switches are read, others are JSON.

    What cannot be read stays text, for validation to report with what it expected.
    """
    widget = entry.widget if entry is not None else None
    if isinstance(widget, Text | File):
        return text
    if isinstance(widget, Choice):
        return next((option for option in widget.options if str(option) == text), text)
    word = text.strip().lower()
    if isinstance(widget, Bool) and word in (*_TRUE, *_FALSE):
        return word in _TRUE
    try:
        if isinstance(widget, Int | Seed):
            return int(text, 0)
        return float(text) if isinstance(widget, Float) else json.loads(text)
    except (ValueError, RecursionError):
        return text


def locate(graph: Graph, place: str) -> tuple[Node, str]:
    """Return the node and the input that "NODE.INPUT" names. Raises UserError G026, G027, S012."""
    for at in (at for at, sign in enumerate(place) if sign == "."):  # an input's own name may hold dots, or end in one
        node_id, name = place[:at], place[at + 1 :]
        if node_id in graph and name in graph[node_id].inputs:
            return graph[node_id], name
    name, dot, entry = place.rpartition(".")
    if not dot or not name or not entry:
        raise UserError("S012", "assignment", "NODE.INPUT", brief(place), "Name a node and one of its inputs.")
    if name in graph:
        return graph[name], entry
    for what in ("title", "type"):
        found = [node for node in graph if getattr(node, what) == name]
        if len(found) == 1:
            return found[0], entry
        if found:
            ids = ", ".join(node.id for node in found[:8])
            raise UserError("G027", f'node "{name}"', f"a {what} that only one node has", f"nodes {ids}", "Use an id.")
    known = [word for node in graph for word in (node.id, node.title, node.type) if word]
    near = get_close_matches(name, known, 3)
    fix = (
        f"Did you mean {' or '.join(dict.fromkeys(near))}?"
        if near
        else "Name an id, a title or a class of the workflow."
    )
    raise UserError("G026", "assignment", "a node of the workflow", brief(name), fix)
