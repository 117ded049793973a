"""The widget values of one node of a UI file, by input name; and the order in which files list them.

Values by name come first, then objects, then lists in the order of ComfyUI's own declaration. Knows no links: values of
widgets turned into inputs stay in the list, and whoever follows the wires overwrites them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..node.spec import MISSING, InputSpec, NodeSpec
from ..node.widget import Bool, Choice, File, Float, Int, Seed, Text
from .parts import Definition, UiNode
from .positional import CONTROL_WORDS, Aligned, align
from .promoted import host_values
from .report import Note, describe

__all__ = ["WidgetSlot", "default_of", "widget_order", "widget_values"]

_FRONT_END = frozenset(("control_after_generate", "upload", "control_filter_list"))  # widgets that no node declares
_SEEDS = ("seed", "noise_seed")


class WidgetSlot(NamedTuple):
    """One widget in the list of values, and how many entries of the editor's own follow it."""

    name: str
    controls: int
    input: InputSpec


def widget_order(spec: NodeSpec, *, forced: bool = False) -> list[WidgetSlot]:
    """Return the widgets in the order of `widgets_values`: required inputs first.

    forced: with the text inputs that take only a wire, for which old files hold a value.
    """
    shown = [entry for entry in spec.inputs if entry.hidden is None and entry.widget is not None]
    if not forced:
        shown = [entry for entry in shown if not (isinstance(entry.widget, Text) and entry.widget.force_input)]
    shown.sort(key=lambda entry: not entry.required)
    return [WidgetSlot(entry.name, _controls(entry), entry) for entry in shown]


def _controls(entry: InputSpec) -> int:
    if isinstance(entry.widget, (Int, Seed)):
        return int(entry.widget.control or entry.name in _SEEDS)
    return 0


def widget_values(
    node: UiNode, spec: NodeSpec | None, definition: Definition | None = None
) -> tuple[dict[str, Any], list[Note]]:
    """Return the node's literals by input name and what could not be read; never raises.

    spec: None for a node of unknown type, whose values are taken as far as they have names. definition: of the subgraph
    that the node hosts; then the values are by the definition's input names.
    """
    if definition is not None:
        given, notes = host_values(node, definition)
        return {definition.inputs[place].name: value for place, value in given.inputs.items()}, notes
    notes = []
    if node.values is not None and not isinstance(node.values, (list, Mapping)):
        got = describe(node.values)
        notes.append(_note("warning", "C020", node, f"expected a list or an object of widget values, got {got}"))
    if spec is None:
        return _nameless(node, notes), notes
    order = widget_order(spec)
    found = _named(node, spec, notes)
    if found is None:
        found = _listed(node, spec, order, notes)
    values = {slot.name: found[slot.name] for slot in order if found.get(slot.name) is not None}
    values |= {name: value for name, value in found.items() if name not in values and value is not None}
    missing = [slot.input for slot in order if slot.name not in values]
    if missing:
        _fill(node, missing, values, notes)
        values = {slot.name: values.pop(slot.name) for slot in order if slot.name in values} | values
    sampler = values.get("sampler_name")
    if isinstance(sampler, str) and sampler.startswith("sample_"):  # as files of 2023 name them
        values["sampler_name"] = sampler.removeprefix("sample_")
    return values, notes


def default_of(entry: InputSpec) -> Any:
    """Return what a new widget shows; MISSING where it shows nothing (a file to be chosen)."""
    if entry.default is not MISSING:
        return MISSING if entry.default is None else entry.default
    widget = entry.widget
    if isinstance(widget, Choice):
        return widget.options[0] if widget.options else MISSING
    if isinstance(widget, (Int, Seed, Float)):
        zero = 0.0 if isinstance(widget, Float) else 0
        return min(max(zero, widget.min), widget.max)
    if isinstance(widget, Bool):
        return False
    return "" if isinstance(widget, Text) else MISSING


def _named(node: UiNode, spec: NodeSpec, notes: list[Note]) -> dict[str, Any] | None:
    """Return the values that have names; None when none have."""
    source = node.named
    if not source:
        source = node.values if isinstance(node.values, Mapping) else None
    if source is None:
        return None
    known = {entry.name for entry in spec.inputs if entry.hidden is None}
    never = {entry.name for entry in spec.inputs if entry.hidden is not None} | _FRONT_END
    found = {
        name: value
        for name, value in source.items()
        if isinstance(name, str) and (name in known or (spec.repeat is not None and name not in never))
    }
    strange = [str(name)[:80] for name, value in source.items() if name not in found and not _is_front_end(name, value)]
    if strange:
        notes.append(_note("info", "C024", node, f"no such inputs here: {_words(strange)}"))
    return found


def _is_front_end(name: Any, value: Any) -> bool:
    """Tell whether a named value belongs to a widget of the editor's own; some name the control after its value."""
    return name in _FRONT_END or (isinstance(value, str) and value in CONTROL_WORDS)


def _listed(node: UiNode, spec: NodeSpec, order: list[WidgetSlot], notes: list[Note]) -> dict[str, Any]:
    """Return the values of a plain list."""
    if not isinstance(node.values, list) or not node.values:
        return {}
    forced = widget_order(spec, forced=True)
    aligned: Aligned = align(node.values, [_place(slot) for slot in order], [_place(slot) for slot in forced])
    uploads = any(isinstance(slot.input.widget, File) and slot.input.widget.upload for slot in order)
    if aligned.surplus > int(uploads and node.values[-1] == "image"):  # what the upload button of old editors left
        notes.append(_note("info", "C022", node, f"{aligned.surplus} values more than widgets"))
    names = {slot.name for slot in order}
    return {name: value for name, value in aligned.values.items() if name in names}


def _place(slot: WidgetSlot) -> tuple[str, int, Any]:
    return slot.name, slot.controls, slot.input.widget


def _fill(node: UiNode, missing: Iterable[InputSpec], values: dict[str, Any], notes: list[Note]) -> None:
    """Give each widget without a value its default, and say so for those that no wire feeds."""
    wired = {slot.name for slot in node.inputs if slot.link is not None}
    filled: list[str] = []
    absent: list[str] = []
    for entry in missing:
        default = default_of(entry)
        if default is not MISSING:
            values[entry.name] = default
        if entry.name not in wired and (default is not MISSING or entry.required):
            (absent if default is MISSING else filled).append(entry.name)
    if filled:
        notes.append(_note("info", "C021", node, f"defaults stand for {_words(filled)}"))
    if absent:
        notes.append(_note("warning", "C021", node, f"no value and no default for {_words(absent)}"))


def _nameless(node: UiNode, notes: list[Note]) -> dict[str, Any]:
    """Return what can be named of the values of a node of unknown type."""
    named = node.named
    if not named and isinstance(node.values, Mapping):
        named = node.values
    if named:
        return {name: value for name, value in named.items() if isinstance(name, str) and name not in _FRONT_END}
    if not isinstance(node.values, list) or not node.values:
        return {}
    marked = [slot.widget for slot in node.inputs if slot.widget is not None]
    for values in (node.values, _without_controls(node.values)):
        if len(values) == len(marked) == len(set(marked)):
            return {name: value for name, value in zip(marked, values, strict=True) if value is not None}
    text = f"{len(node.values)} values have no names that are known here; they are kept only in the file"
    notes.append(_note("warning", "C023", node, text))
    return {}


def _without_controls(values: Sequence[Any]) -> list[Any]:
    """Return the values without the words that follow a seed."""
    return [
        value
        for place, value in enumerate(values)
        if not (place and isinstance(value, str) and value in CONTROL_WORDS and type(values[place - 1]) is int)
    ]


def _words(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"


def _note(level: Any, code: str, node: UiNode, text: str) -> Note:
    return Note(level, code, node.id, node.type, text)
