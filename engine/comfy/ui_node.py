"""One node, one wire and one note as ComfyUI's editor writes them (UI format 0.4).

Makes the entries of a file from an API prompt's node; where they stand and what they are joined to is told. Knows no
whole file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..node.registry import Registry
from ..node.spec import MISSING, NodeSpec
from .face import Face, is_wire
from .widgets import default_of, widget_order

__all__ = ["bare", "file_id", "new_node", "new_note", "widget_entries"]

_WRAP = "__value__"
_EXACT = 2**53  # whole numbers beyond it are not exact in the editor's language
_OPTIONAL, _LIST = 7, 6  # shapes of sockets
_CONTROL = ("fixed", "")  # what stands after a value with control-after-generate, and after its filter


def file_id(node_id: str) -> int | str:
    """Return a node's id as the editor writes it: a number where it is one."""
    if node_id.isascii() and node_id.isdigit() and len(node_id) < 17 and str(int(node_id)) == node_id:
        number = int(node_id)
        return number if number < _EXACT else node_id
    return node_id


def bare(value: Any) -> Any:
    """Return a literal of an API prompt without the wrap that tells a list from a link."""
    return value[_WRAP] if isinstance(value, dict) and len(value) == 1 and _WRAP in value else value


def new_node(node_id: str, entry: Mapping[str, Any], face: Face, registry: Registry, order: int) -> dict[str, Any]:
    """Return the file's entry of an API prompt's node, with no wire attached and at 0, 0."""
    spec = registry.spec(entry["class_type"])
    values, named = widget_entries(entry["inputs"], spec)
    node: dict[str, Any] = {
        "id": file_id(node_id),
        "type": entry["class_type"],
        "pos": [0, 0],
        "size": [face.width, face.height],
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {"Node name for S&R": entry["class_type"]},
        "widgets_values": values,
        "widgets_values_named": named,
    }
    for socket in face.sockets:
        slot: dict[str, Any] = {"name": socket.name, "type": socket.types, "link": None}
        if socket.optional and not socket.widget:
            slot["shape"] = _OPTIONAL
        if socket.widget:
            slot["widget"] = {"name": socket.name}
        node["inputs"].append(slot)
    for number, output in enumerate(face.outputs):
        shape = {"shape": _LIST} if output.is_list else {}
        node["outputs"].append({"name": output.name, "type": output.types, **shape, "links": [], "slot_index": number})
    meta = entry.get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    if isinstance(title, str) and title:
        node["title"] = title
    return node


def widget_entries(inputs: Mapping[str, Any], spec: NodeSpec | None) -> tuple[list[Any], dict[str, Any]]:
    """Return `widgets_values` and `widgets_values_named`.

    A widget that is not given takes its default; one without a default is null by place and left out by name. What the
    prompt gives beyond the widgets is kept by name.
    """
    given = {name: bare(value) for name, value in inputs.items() if not is_wire(value)}
    if spec is None:
        return list(given.values()), given
    values: list[Any] = []
    named: dict[str, Any] = {}
    for slot in widget_order(spec):
        value = given.pop(slot.name, MISSING)
        if value is MISSING:
            value = default_of(slot.input)
        if value is MISSING:
            values.append(None)
        else:
            values.append(value)
            named[slot.name] = value
        values += _CONTROL[: slot.controls]
    return values, {**named, **given}


def new_note(node_id: int, title: str, text: str, x: int, y: int, width: int) -> dict[str, Any]:
    """Return a note; its height follows from its text."""
    letters = max(width // 8, 1)
    lines = sum(math.ceil(max(len(line), 1) / letters) for line in text.splitlines()) or 1
    note: dict[str, Any] = {
        "id": node_id,
        "type": "MarkdownNote",
        "pos": [x, y],
        "size": [width, min(40 + 20 * lines, 2000)],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {},
        "widgets_values": [text],
        "color": "#432",
        "bgcolor": "#653",
    }
    if title:
        note["title"] = title
    return note
