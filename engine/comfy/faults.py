"""What our validation found, in ComfyUI's words: `node_errors` by node, each with its type and `extra_info`.

Our codes are finer than ComfyUI's types; the code stands beside them as "code". Knows no queue and no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import Problem, brief
from ..graph.graph import Graph, Link
from ..graph.order import ancestors, cycles
from ..node.context import Files
from ..node.registry import Registry
from ..node.spec import InputSpec, NodeSpec
from ..node.widget import File
from .schema import input_config

__all__ = ["downstream", "node_errors"]

_LONG = 20  # options beyond which a combo's list is left out of a message, as ComfyUI does
_SHOWN = 1000  # characters of a value that is sent back
_MOST = 1000  # nodes reported; with more the answer would grow with the square of the graph
_STEPS = 200_000  # nodes walked to name the outputs that depend on faulty ones; what is sound is told without

_TYPES: Mapping[str, tuple[str, str]] = {
    "G002": ("required_input_missing", "A required input is missing"),
    "G003": ("value_bigger_than_max", "The value is too large"),
    "G004": ("bad_linked_input", "The node has no such input"),
    "G005": ("invalid_input_type", "The value cannot be read as the input's type"),
    "G006": ("return_type_mismatch", "The linked output is of another type"),
    "G007": ("dependency_cycle", "The nodes feed one another in a ring"),
    "G008": ("value_not_in_list", "The value is not in the list"),
    "G009": ("invalid_input_type", "The value is no finite number"),
    "G010": ("bad_linked_input", "The linked node does not exist"),
    "G011": ("bad_linked_input", "The linked node has no such output"),
    "G012": ("return_type_mismatch", "The linked parts do not belong together"),
    "G013": ("value_not_in_list", "The file was not found"),
    "G016": ("bad_linked_input", "The list is no link"),
    "G017": ("bad_linked_input", "The input takes a link, not a value"),
    "G019": ("invalid_dynamic_input", "An input is repeated too seldom or too often"),
    "G026": ("custom_validation_failed", "The file's header cannot be read"),
}


def node_errors(
    table: Mapping[str, Any],
    graph: Graph,
    problems: Iterable[Problem],
    wanted: Iterable[str],
    registry: Registry,
    files: Files | None = None,
) -> dict[str, Any]:
    """Return ComfyUI's `node_errors` for `problems`; `table` is the API data that `graph` was read from.

    dependent_outputs are those of `wanted` that the node feeds.
    """
    found: dict[str, Any] = {}
    kept = list(problems)
    rings = {ring.ids[0]: ring.ids for ring in cycles(graph)} if any(p.code == "G007" for p in kept) else {}
    for problem in kept:
        node_id = problem.node_id
        if node_id is None or (node_id not in found and len(found) >= _MOST):
            continue
        if node_id not in found:
            found[node_id] = {"errors": [], "dependent_outputs": [], "class_type": graph[node_id].type}
        found[node_id]["errors"].append(_error(problem, table, graph, registry, files, rings))
    steps = _STEPS
    for output in wanted:
        fed_by = ancestors(graph, [output])
        for node_id in found.keys() & fed_by:
            found[node_id]["dependent_outputs"].append(output)
        steps -= len(fed_by)
        if steps < 0:
            break
    return found


def downstream(graph: Graph, node_ids: Iterable[str]) -> set[str]:
    """Return the nodes named and all that they feed."""
    feeds: dict[str, list[str]] = {}
    for node in graph:
        for value in node.inputs.values():
            if type(value) is Link:
                feeds.setdefault(value.node, []).append(node.id)
    found = set(node_ids)
    waiting = list(found)
    while waiting:
        for consumer in feeds.get(waiting.pop(), ()):
            if consumer not in found:
                found.add(consumer)
                waiting.append(consumer)
    return found


def _error(
    problem: Problem,
    table: Mapping[str, Any],
    graph: Graph,
    registry: Registry,
    files: Files | None,
    rings: Mapping[str, tuple[str, ...]],
) -> dict[str, Any]:
    """Return one error: its type, texts and `extra_info`."""
    node_id, name = str(problem.node_id), problem.input
    kind, message = _TYPES.get(problem.code, ("exception_during_validation", "The node could not be checked"))
    node_spec = registry.spec(graph[node_id].type)
    spec = _input(node_spec, name)
    raw = table[node_id].get("inputs")
    value = raw.get(name) if isinstance(raw, Mapping) else None
    details = f"{name}: " if name is not None else ""
    details += f"{problem.expected} is expected, not {problem.got}. {problem.fix}"
    info: dict[str, Any] = {"code": problem.code}
    if problem.code == "G007":
        ring = rings.get(node_id, (node_id,))
        return _shape(kind, message, problem.got, {**info, "node_id": node_id, "cycle_nodes": list(ring[:_SHOWN])})
    if name is not None:
        info["input_name"] = name
    if problem.code == "G002":
        return _shape(kind, message, str(name), info)
    if kind == "exception_during_validation":
        return _shape(kind, message, details, {**info, "exception_type": problem.code, "traceback": []})
    if problem.code == "G026" or (problem.code == "G013" and _uploaded(spec)):
        return _shape("custom_validation_failed", message, details, info)
    if problem.code == "G005" and spec is not None and spec.types == "COMBO":
        kind, message = "value_not_in_list", _TYPES["G008"][1]
    if problem.code == "G003" and problem.fix == "Raise it.":
        kind, message = "value_smaller_than_min", "The value is too small"
    info["input_config"] = _config(spec, files)
    if kind == "return_type_mismatch":
        info |= {"received_type": _type_of(graph, registry, node_id, name) or problem.got, "linked_node": value}
    elif kind != "invalid_dynamic_input":
        info["received_value"] = _sendable(value)
    if kind == "invalid_input_type":
        info["exception_message"] = f"{problem.expected} is expected, not {problem.got}"
    return _shape(kind, message, details, info)


def _shape(kind: str, message: str, details: str, info: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "extra_info": dict(info)}


def _input(spec: NodeSpec | None, name: str | None) -> InputSpec | None:
    return None if spec is None else next((entry for entry in spec.inputs if entry.name == name), None)


def _uploaded(spec: InputSpec | None) -> bool:
    return spec is not None and isinstance(spec.widget, File) and spec.widget.upload


def _config(spec: InputSpec | None, files: Files | None) -> list[Any] | None:
    if spec is None:
        return None
    config = input_config(spec, files)
    return None if isinstance(config[0], list) and len(config[0]) > _LONG else config


def _type_of(graph: Graph, registry: Registry, node_id: str, name: str | None) -> str | None:
    """Return the type of the output that is wired to an input."""
    link = graph[node_id].inputs.get(str(name))
    source = registry.spec(graph[link.node].type) if isinstance(link, Link) and link.node in graph else None
    found = [output.types for output in source.outputs if output.name == link.output] if source and link else []
    return found[0] if found else None


def _sendable(value: Any) -> Any:
    """Return the value as JSON can hold it, or a picture of it when it is long."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # neither NaN nor infinite
    if isinstance(value, str):
        return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
    if isinstance(value, list) and len(value) == 2 and not any(isinstance(item, (list, dict)) for item in value):
        return [_sendable(item) for item in value]  # a link, or what was meant to be one
    return brief(value, _SHOWN)
