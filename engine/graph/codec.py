"""ComfyUI's API-format JSON <-> Graph.

What is wrong inside a node becomes a fault of the graph, so that validation shows everything at once; only text that is
no workflow at all raises. NaN is read as it stands: validation names its input where a parser could name only a line.
Source: the format's rules, `{id: {"class_type", "inputs": {name: literal or [id, slot]}, "_meta": {"title"}}}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ..durable import replace_file
from ..errors import Problem, UserError, brief
from ..node.registry import Registry
from .graph import Graph, Link, Node
from .uncollected import uncollected

__all__ = ["MAX_DEPTH", "detect_format", "load", "read_api", "save", "write_api"]

MAX_DEPTH = 64  # of lists and objects inside one literal; deeper ones are mistakes and break recursive code
WRAP = "__value__"  # marks a list that is a value, as a bare list is a link

_BLANK_BEFORE_COLON = re.compile(r'"\s+:')
_new = tuple.__new__  # skips the keyword handling of NamedTuple constructors, a third of the reading time


def detect_format(data: Any) -> Literal["api", "ui", "unknown"]:
    """Tell which of ComfyUI's two JSON formats `data` (parsed) is in."""
    if not isinstance(data, Mapping):
        return "unknown"
    if isinstance(data.get("nodes"), list) and ("links" in data or "last_node_id" in data):
        return "ui"
    return "api"


def read_api(data: str | bytes | Mapping[str, Any], registry: Registry) -> Graph:
    """Read a workflow in API format; a POST body `{"prompt": {...}}` is opened.

    Never mutates a mapping given. Raises UserError G021 for text that is no JSON object, G024 for the UI format.
    """
    with uncollected():
        if isinstance(data, Mapping):
            return _read(_opened(data), registry, own=False)[0]
        text, parsed = _parse(data)
        graph, keys = _read(_opened(parsed), registry, own=True)
        # Where no blank stands before a colon, the text holds `":` at least once for every key: if there are no more of
        # them than keys were found, no key stands twice. Surer ways take three times as long, so they come second.
        if text.count('":') != keys or _BLANK_BEFORE_COLON.search(text):
            duplicates: list[tuple[dict[str, Any], str]] = []
            parsed = json.loads(text, object_pairs_hook=lambda found: _keyed(found, duplicates))
            if duplicates:
                table = _opened(parsed)
                faults = _duplicate_faults(table, duplicates)  # before reading: what is read changes hands
                graph, _ = _read(table, registry, own=True)
                graph = Graph.of(dict(graph.nodes), [*faults, *graph.faults])
        return graph


def _opened(data: Any) -> Mapping[str, Any]:
    """Return the table of nodes. Raises UserError G021 and G024."""
    kind = detect_format(data)
    if kind == "ui":
        raise UserError(
            "G024",
            "workflow",
            "ComfyUI's API format",
            "ComfyUI's UI format",
            "Open it with `latentloom.load`, or convert it: `latentloom convert FILE OUT.json --to api`.",
        )
    if kind == "unknown":
        raise _not_json("a JSON object of nodes", brief(data))
    inner = data.get("prompt")
    table: Mapping[str, Any] = inner if isinstance(inner, Mapping) and "class_type" not in inner else data
    return table


def _read(table: Mapping[str, Any], registry: Registry, own: bool) -> tuple[Graph, int]:
    """Return the graph and how many keys were met; `own` says that the table's objects may be changed and kept."""
    faults: list[Problem] = []
    nodes: dict[str, Node] = {}
    outputs = _outputs_by_node(table, registry)
    keys = len(table)
    for node_id, entry in table.items():
        if type(node_id) is not str:
            node_id = str(node_id)
        try:
            kind_of = entry["class_type"]
            inputs = entry["inputs"]
            meta = entry.get("_meta")
        except (TypeError, KeyError, AttributeError):
            kind_of = inputs = meta = None
        if type(kind_of) is not str or type(inputs) is not dict:
            kind_of, inputs, fault = _mend_entry(node_id, entry)
            faults.append(fault)
        else:
            keys += len(entry) + len(inputs)
            if not own:
                inputs = dict(inputs)
        for name, value in inputs.items():
            cls = type(value)
            if cls is list:
                try:
                    source, slot = value
                    # A negative slot would count from the end; a bool would be one too.
                    if type(slot) is int and slot >= 0:
                        inputs[name] = _new(Link, (source, outputs[source][slot]))
                        continue
                except (ValueError, KeyError, IndexError, TypeError):
                    pass
                inputs[name] = _odd_list(node_id, name, value, outputs, faults)
            elif cls is dict:
                inputs[name] = _unwrap(node_id, name, value, faults)
        title = ""
        if meta is not None and type(meta) is dict:
            keys += len(meta)
            title = meta.get("title", "")
            if type(title) is not str:
                title = ""
        nodes[node_id] = _new(Node, (node_id, kind_of, inputs, title))
    return Graph.of(nodes, faults), keys


def write_api(graph: Graph, registry: Registry) -> dict[str, Any]:
    """Return the graph as API-format data; `read_api` gives an equal graph back."""
    slots: dict[str, dict[str, int]] = {}
    data: dict[str, Any] = {}
    for node in graph:
        inputs: dict[str, Any] = {}
        for name, value in node.inputs.items():
            if isinstance(value, Link):
                inputs[name] = [value.node, _slot(graph, registry, slots, value)]
            elif isinstance(value, (list, tuple)) or (isinstance(value, dict) and WRAP in value):
                inputs[name] = {WRAP: value}
            else:
                inputs[name] = value
        entry: dict[str, Any] = {"class_type": node.type, "inputs": inputs}
        if node.title:
            entry["_meta"] = {"title": node.title}
        data[node.id] = entry
    return data


def load(path: str | Path, registry: Registry) -> Graph:
    """Read the workflow file `path`. Raises UserError F001 when it cannot be opened, else as `read_api`."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError("F001", f'workflow "{path}"', "a readable file", reason, "Check the path.") from error
    return read_api(content, registry)


def save(graph: Graph, path: str | Path, registry: Registry) -> None:
    """Write the workflow to `path`, whole or not at all. Raises UserError G021 for a literal JSON cannot hold."""
    try:
        text = json.dumps(write_api(graph, registry), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        content = text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(
            "G021", "workflow", "literals that JSON can hold", str(error), "Give such values by a node."
        ) from error
    replace_file(Path(path), lambda partial: partial.write_bytes(content))


def _not_json(expected: str, got: str) -> UserError:
    return UserError("G021", "workflow", expected, got, "Check that the file is a workflow and complete.")


def _parse(data: str | bytes) -> tuple[str, Any]:
    """Return the text and what it says. Raises UserError G021."""
    try:
        text = data.decode("utf-8-sig") if isinstance(data, (bytes, bytearray)) else data
        parsed = json.loads(text)
        if "\\ud" in text or "\\uD" in text:
            # Half of a surrogate pair parses, but no file name, hash or wire could hold it.
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise _not_json("JSON text in UTF-8", str(error)) from error
    return text, parsed


def _keyed(found: list[tuple[str, Any]], duplicates: list[tuple[dict[str, Any], str]]) -> dict[str, Any]:
    table = dict(found)
    if len(table) != len(found):
        seen: set[str] = set()
        for key, _ in found:
            if key in seen:
                duplicates.append((table, key))
            seen.add(key)
    return table


def _outputs_by_node(table: Mapping[str, Any], registry: Registry) -> dict[str, tuple[str, ...]]:
    """Return each node's output names; nodes that are broken or of unknown type are left out."""
    known: dict[str, tuple[str, ...] | None] = registry.derived("output names")
    found: dict[str, tuple[str, ...]] = {}
    for node_id, entry in table.items():
        try:
            names = known[entry["class_type"]]
        except (KeyError, TypeError):
            kind = entry.get("class_type") if isinstance(entry, Mapping) else None
            if not isinstance(kind, str):
                continue
            spec = registry.spec(kind)
            names = None if spec is None else tuple(output.name for output in spec.outputs)
            if spec is not None:  # names that nobody knows are not worth keeping
                known[kind] = names
        if names is not None:
            found[node_id if type(node_id) is str else str(node_id)] = names
    return found


def _mend_entry(node_id: str, entry: Any) -> tuple[str, dict[str, Any], Problem]:
    """Return what can be used of a node entry that is not as it should be, and the fault."""
    if not isinstance(entry, Mapping):
        expected, got = 'an object with "class_type" and "inputs"', brief(entry)
        entry = {}
    elif not isinstance(entry.get("class_type"), str):
        expected, got = 'a text under "class_type"', brief(entry.get("class_type", "nothing"))
    else:
        expected, got = 'an object under "inputs"', brief(entry.get("inputs", "nothing"))
    kind, inputs = entry.get("class_type"), entry.get("inputs")
    fault = Problem("G022", f"node {brief(node_id)}", expected, got, "Mend or remove the node.", node_id)
    usable = {str(name): value for name, value in inputs.items()} if isinstance(inputs, Mapping) else {}
    return kind if isinstance(kind, str) else "", usable, fault


def _odd_list(node_id: str, name: str, value: list[Any], outputs: Mapping[str, Any], faults: list[Problem]) -> Any:
    """Read a list that is not a link as it should be: a lenient link, or a fault and the list as it is."""
    if len(value) == 2 and isinstance(value[0], (str, int)) and not isinstance(value[0], bool):
        source, slot = str(value[0]), value[1]
        names = outputs.get(source, ())
        if isinstance(slot, int) and not isinstance(slot, bool):
            return Link(source, names[slot] if 0 <= slot < len(names) else slot)
        if isinstance(slot, str):
            return Link(source, slot)
    faults.append(
        Problem(
            "G016",
            f'node {brief(node_id)}, input "{name}"',
            'a link [id, slot], or a list given as {"__value__": [...]}',
            brief(value),
            "Write it in one of these two ways.",
            node_id,
            name,
        )
    )
    return value


def _unwrap(node_id: str, name: str, value: dict[str, Any], faults: list[Problem]) -> Any:
    inner = value[WRAP] if len(value) == 1 and WRAP in value else value
    level = [inner]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, (list, dict))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return inner
    faults.append(
        Problem(
            "G025",
            f'node {brief(node_id)}, input "{name}"',
            f"lists and objects at most {MAX_DEPTH} deep",
            "a deeper one",
            "Give a flatter value.",
            node_id,
            name,
        )
    )
    return None


def _duplicate_faults(table: Mapping[str, Any], duplicates: list[tuple[dict[str, Any], str]]) -> list[Problem]:
    """Say where each repeated key stands; the last one's value was kept."""
    faults = []
    for owner, key in duplicates:
        node_id, name, where = None, None, "workflow"
        if owner is table:
            node_id, where = key, f"node {brief(key)}"
        else:
            for candidate, entry in table.items():
                if entry is owner or (isinstance(entry, dict) and entry.get("inputs") is owner):
                    node_id = candidate
                    name = None if entry is owner else key
                    where = f"node {brief(candidate)}" + (f', input "{key}"' if name else "")
        faults.append(
            Problem("G023", where, "a name given once", f"{brief(key)} twice", "Remove one of the two.", node_id, name)
        )
    return faults


def _slot(graph: Graph, registry: Registry, slots: dict[str, dict[str, int]], link: Link) -> int | str:
    if isinstance(link.output, int) or link.node not in graph:
        return link.output
    kind = graph[link.node].type
    table = slots.get(kind)
    if table is None:
        spec = registry.spec(kind)
        table = slots[kind] = {} if spec is None else {o.name: i for i, o in enumerate(spec.outputs)}
    return table.get(link.output, link.output)
