"""The values that a subgraph's host gives to widgets inside it.

A host shows one widget for each input of its definition that ends in a widget; `proxyWidgets` of older files names
inner nodes instead, and legacy group nodes list every widget of every inner node. What the host gives overrides what
is inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .document import key
from .parts import INPUT_NODE, Definition, UiNode, UiSlot
from .positional import align
from .report import Note, describe

__all__ = ["HostValues", "host_values", "promoted_inputs"]


@dataclass(slots=True)
class HostValues:
    """inputs: by number of the definition's input. inner: by (inner node's id, widget's name)."""

    inputs: dict[int, Any] = field(default_factory=dict)
    inner: dict[tuple[str, str], Any] = field(default_factory=dict)


def promoted_inputs(definition: Definition) -> dict[int, tuple[str, str]]:
    """Return the definition's inputs that end in a widget, in order: number -> the first such (node, widget).

    Time is linear in the definition's links and slots.
    """
    found: dict[int, tuple[str, str]] = {}
    entered: dict[str, dict[str, UiSlot]] = {}  # node -> link -> slot, for links whose numbers are of old
    for link in definition.links.values():
        if link.origin != INPUT_NODE or link.origin_slot >= len(definition.inputs):
            continue
        target = definition.nodes.get(link.target)
        slots = target.inputs if target is not None else ()
        # By the link's own number first; the slot of that number may have moved since the link was made.
        if link.target_slot < len(slots) and slots[link.target_slot].link in (link.id, None):
            ends: UiSlot | None = slots[link.target_slot]
        else:
            if link.target not in entered:
                entered[link.target] = {slot.link: slot for slot in slots if slot.link is not None}
            ends = entered[link.target].get(link.id)
        if ends is not None and ends.widget is not None:
            found.setdefault(link.origin_slot, (link.target, ends.widget))
    return dict(sorted(found.items()))


def host_values(
    host: UiNode, definition: Definition, promoted: Mapping[int, Any] | None = None
) -> tuple[HostValues, list[Note]]:
    """Return what the host gives and what does not fit; `promoted` spares asking again. Null gives nothing."""
    if definition.widgets is not None:
        return _group_values(host, definition)
    named = host.named
    if not named and isinstance(host.values, Mapping):
        named = host.values
    if named:
        return _by_name(definition, named), []
    values = host.values if isinstance(host.values, list) else []
    if not values:
        if host.values is None or isinstance(host.values, (list, Mapping)):
            return HostValues(), []
        got = f"expected a list of widget values, got {describe(host.values)}"
        return HostValues(), [Note("warning", "C020", host.id, host.type, got)]
    places = promoted_inputs(definition) if promoted is None else promoted
    proxies = _proxies(host)
    if len(values) != len(places) and proxies and len(values) == len(proxies):
        return _by_proxy(definition, proxies, values), []
    found = HostValues({place: value for place, value in zip(places, values, strict=False) if value is not None})
    if len(values) == len(places):
        return found, []
    text = f"{len(values)} values for the {len(places)} widgets that the subgraph shows"
    return found, [Note("warning", "C025", host.id, host.type, text)]


def _by_name(definition: Definition, named: Mapping[str, Any]) -> HostValues:
    numbers = _input_numbers(definition)
    return HostValues({numbers[name]: value for name, value in named.items() if name in numbers and value is not None})


def _by_proxy(definition: Definition, proxies: list[tuple[str, str]], values: list[Any]) -> HostValues:
    numbers = _input_numbers(definition)
    found = HostValues()
    for (node, name), value in zip(proxies, values, strict=True):
        if value is None:
            continue
        if node != "-1":
            found.inner[node, name] = value
        elif name in numbers:
            found.inputs[numbers[name]] = value
    return found


def _proxies(host: UiNode) -> list[tuple[str, str]]:
    """Return (inner node's id or "-1", widget's name) of each entry; what is none keeps its place."""
    listed = host.properties.get("proxyWidgets")
    found: list[tuple[str, str]] = []
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, list) and len(entry) >= 2 and isinstance(entry[1], str):
            found.append((key(entry[0]) or "", entry[1]))
        else:
            found.append(("", ""))
    return found


def _group_values(host: UiNode, definition: Definition) -> tuple[HostValues, list[Note]]:
    """Return the values of a legacy group node: all of its widgets, with the entries that follow seeds."""
    shown = definition.widgets or ()
    if not isinstance(host.values, list) or not host.values:
        return HostValues(), []
    places = [(f"{number}", widget.controls, None) for number, widget in enumerate(shown)]
    aligned = align(host.values, places)
    if len(aligned.values) != len(shown) or aligned.surplus:
        text = f"{len(host.values)} values for the {len(shown)} widgets of the group node; its own are used"
        return HostValues(), [Note("warning", "C025", host.id, host.type, text)]
    inner = {
        (widget.node, widget.widget): aligned.values[f"{number}"]
        for number, widget in enumerate(shown)
        if aligned.values[f"{number}"] is not None
    }
    return HostValues(inner=inner), []


def _input_numbers(definition: Definition) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for number, slot in enumerate(definition.inputs):
        numbers.setdefault(slot.name, number)
    return numbers
