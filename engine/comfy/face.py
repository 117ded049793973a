"""What a node shows on the canvas: its sockets, its widgets, its outputs, and how large that makes its box.

Works for unknown types too, from what the API prompt gives them and takes from them. Knows no positions and no files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..graph.literal import widget_of
from ..node.registry import Registry
from ..node.socket import ANY
from ..node.spec import InputSpec, NodeSpec
from ..node.widget import Choice, File, Text
from .widgets import widget_order

__all__ = ["TITLE", "Face", "FaceOutput", "Socket", "face_of", "is_wire", "wires"]

TITLE = 30  # pixels of the title bar, which the editor draws above a node's position
_SLOT = 20
_WIDGET = 24
_LINES = 88  # of a text of several lines
_PICTURE = 220  # below nodes that show one
_EDGE = 10
_LETTER = 7.5  # mean width of a letter in the editor's font
_NARROW, _WIDE, _WIDEST = 210, 400, 460


@dataclass(frozen=True, slots=True)
class Socket:
    """One input socket: `widget` says that it belongs to a widget; `optional` that it may stay open."""

    name: str
    types: str
    widget: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class FaceOutput:
    """One output socket."""

    name: str
    types: str
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Face:
    """Sockets from the top, outputs from the top, and the names of the widgets below them; size in pixels."""

    sockets: tuple[Socket, ...]
    outputs: tuple[FaceOutput, ...]
    widgets: tuple[str, ...]
    width: int
    height: int

    def input_y(self, name: str) -> float:
        """Return how far below the box's top the wire into `name` ends."""
        for place, socket in enumerate(self.sockets):
            if socket.name == name:
                return (place + 0.7) * _SLOT
        return self.height / 2

    def output_y(self, slot: int) -> float:
        """Return how far below the box's top the wire from output `slot` begins."""
        return (slot + 0.7) * _SLOT


def is_wire(value: Any) -> bool:
    """Tell whether an input's value in an API prompt is a link."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], (str, int))
        and not isinstance(value[0], bool)
        and isinstance(value[1], int)
        and not isinstance(value[1], bool)
        and value[1] >= 0
    )


def wires(api: Mapping[str, Any]) -> dict[str, list[tuple[str, str, int]]]:
    """Return the links into each node: (input, source id, source slot), without those from nodes not there."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    for node_id, entry in api.items():
        links = [(name, str(value[0]), value[1]) for name, value in entry["inputs"].items() if is_wire(value)]
        found[node_id] = [link for link in links if link[1] in api]
    return found


def face_of(entry: Mapping[str, Any], registry: Registry, used_outputs: int = 0) -> Face:
    """Return what the node of an API prompt's `entry` shows; used_outputs: how many outputs it has at least."""
    inputs: Mapping[str, Any] = entry["inputs"]
    spec = registry.spec(entry["class_type"])
    if spec is None:
        sockets = tuple(Socket(name, ANY) for name, value in inputs.items() if is_wire(value))
        widgets = tuple(name for name, value in inputs.items() if not is_wire(value))
        outputs: tuple[FaceOutput, ...] = ()
        tall = len(widgets) * _WIDGET
    else:
        widgets = tuple(slot.name for slot in widget_order(spec))
        sockets = _sockets(spec, widgets, inputs)
        outputs = tuple(FaceOutput(output.name, output.types, output.is_list) for output in spec.outputs)
        tall = sum(_widget_height(entry) for entry in spec.inputs if entry.name in widgets)
        tall += sum(slot.controls for slot in widget_order(spec)) * _WIDGET + _picture(spec)
    outputs += tuple(FaceOutput(f"output_{slot}", ANY) for slot in range(len(outputs), min(used_outputs, 1000)))
    title = _title(entry, spec)
    height = max(len(sockets), len(outputs), 1) * _SLOT + tall + _EDGE
    return Face(sockets, outputs, widgets, _width(title, sockets, outputs, inputs, widgets, spec), height)


def _sockets(spec: NodeSpec, widgets: tuple[str, ...], inputs: Mapping[str, Any]) -> tuple[Socket, ...]:
    """Return all inputs without a widget, widgets that a wire enters, and wires beyond the declaration."""
    found = []
    for entry in sorted(spec.inputs, key=lambda entry: not entry.required):
        if entry.hidden is not None and not is_wire(inputs.get(entry.name)):
            continue
        widget = entry.name in widgets
        if not widget or is_wire(inputs.get(entry.name)):
            found.append(Socket(entry.name, entry.types, widget, not entry.required))
    declared = {entry.name for entry in spec.inputs}
    types = spec.repeat.types if spec.repeat is not None else ANY
    found += [Socket(name, types) for name, value in inputs.items() if name not in declared and is_wire(value)]
    return tuple(found)


def _widget_height(spec: InputSpec) -> int:
    widget = widget_of(spec)
    return _LINES if isinstance(widget, Text) and widget.multiline else _WIDGET


def _picture(spec: NodeSpec) -> int:
    """Return the room for a picture: of nodes that load one, and of those that show one at the end."""
    shows = spec.effect and any("IMAGE" in entry.types for entry in spec.inputs)
    return _PICTURE if shows or any(isinstance(e.widget, File) and e.widget.upload for e in spec.inputs) else 0


def _title(entry: Mapping[str, Any], spec: NodeSpec | None) -> str:
    meta = entry.get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    return title if isinstance(title, str) and title else (spec.title if spec is not None else entry["class_type"])


def _width(
    title: str,
    sockets: tuple[Socket, ...],
    outputs: tuple[FaceOutput, ...],
    inputs: Mapping[str, Any],
    widgets: tuple[str, ...],
    spec: NodeSpec | None,
) -> int:
    """Return a width at which titles, names of sockets and short values are readable."""
    least = float(_NARROW)
    if spec is not None:
        for entry in spec.inputs:
            widget = widget_of(entry)
            if isinstance(widget, Text) and widget.multiline:
                least = max(least, _WIDE)
            elif isinstance(widget, (Choice, File)):
                least = max(least, 270)
    left = max((len(socket.name) for socket in sockets), default=0)
    right = max((len(output.name) for output in outputs), default=0)
    rows = [len(str(inputs.get(name, ""))[:40]) + len(name) for name in widgets]
    letters = max(len(title) + 3, left + right + 4, max(rows, default=0) + 6)
    return int(min(max(least, letters * _LETTER), _WIDEST)) // 10 * 10
