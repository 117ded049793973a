"""Node types that exist only in an editor: what each does to wires, and the wires that have no line.

`SetNode` and `GetNode` are ends of a named wire; nodes "Anything Everywhere" feed every open input of their type, which
the pack also writes down in `extra.ue_links`. Knows no scope and no registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .document import key, slot_number
from .parts import BYPASSED, MUTED, Layer, UiNode

__all__ = ["BROADCASTS", "GETTERS", "NOTES", "PASSES", "PRIMITIVE", "SETTERS", "Wireless", "is_virtual", "wire_name"]

PRIMITIVE = "PrimitiveNode"
PASSES = frozenset(("Reroute", "Reroute (rgthree)"))
SETTERS = frozenset(("SetNode", "easy setNode"))
GETTERS = frozenset(("GetNode", "easy getNode"))
BROADCASTS = frozenset(("Anything Everywhere", "Anything Everywhere3", "Anything Everywhere?", "Prompts Everywhere"))
NOTES = frozenset(
    (
        "Note",
        "MarkdownNote",
        "Label (rgthree)",
        "Bookmark (rgthree)",
        "Fast Muter (rgthree)",
        "Fast Bypasser (rgthree)",
        "Fast Groups Muter (rgthree)",
        "Fast Groups Bypasser (rgthree)",
        "Mute / Bypass Repeater (rgthree)",
        "Mute / Bypass Relay (rgthree)",
        "Node Collector (rgthree)",
    )
)
_VIRTUAL = PASSES | SETTERS | GETTERS | BROADCASTS | NOTES | {PRIMITIVE}
_BY_TYPE = frozenset(("Anything Everywhere", "Anything Everywhere3"))  # the others choose by patterns
_RESTRICTIONS = ("title_regex", "input_regex", "group_regex", "group_restricted", "color_restricted")


def is_virtual(kind: str) -> bool:
    """Tell whether a node type never runs by itself."""
    return kind in _VIRTUAL


def wire_name(node: UiNode) -> str | None:
    """Return the name of the wire that a setter or getter ends, None where it has none."""
    named = node.named or {}
    values = node.values if isinstance(node.values, list) else []
    for value in (named.get("Constant"), values[0] if values else None, node.properties.get("previousName")):
        if isinstance(value, str) and value:
            return value
    return None


class _Source(NamedTuple):
    """An output that feeds a wireless wire."""

    node: str
    slot: int


class Wireless:
    """The wires of one canvas that have no line."""

    def __init__(self, layer: Layer) -> None:
        self.setters: dict[str, UiNode] = {}
        self.unfollowed: list[UiNode] = []
        self._slots: dict[tuple[str, int], _Source] = {}
        self._types: dict[str, _Source] = {}
        self._ends: set[str] = set()  # nodes that a broadcast must not feed: its own sources
        self._read_links(layer)
        for node in layer.nodes.values():
            if node.type in SETTERS:
                name = wire_name(node)
                if name is not None:
                    self.setters.setdefault(name, node)
            elif node.type in BROADCASTS and node.mode not in (MUTED, BYPASSED):
                self._read_broadcast(node, layer)

    def __bool__(self) -> bool:
        return bool(self._slots or self._types)

    def source(self, node: UiNode, slot: int) -> tuple[str, int] | None:
        """Return (node, output slot) of what feeds an input that has no line, None for nothing."""
        found = self._slots.get((node.id, slot))
        if found is None and self._types and node.id not in self._ends:
            entry = node.inputs[slot]
            if entry.widget is None and not is_virtual(node.type):
                found = self._types.get(entry.type)
        return found

    def _read_links(self, layer: Layer) -> None:
        listed = layer.extra.get("ue_links")
        for entry in listed if isinstance(listed, list) else ():
            if not isinstance(entry, Mapping):
                continue
            end, start = key(entry.get("downstream")), key(entry.get("upstream"))
            end_slot, start_slot = slot_number(entry.get("downstream_slot")), slot_number(entry.get("upstream_slot"))
            if end is None or start is None or end_slot is None or start_slot is None:
                continue
            self._slots[end, end_slot] = _Source(start, start_slot)

    def _read_broadcast(self, node: UiNode, layer: Layer) -> None:
        """Take what feeds the node, by type, for files that do not say which inputs it reaches."""
        if self._slots:
            return
        if node.type not in _BY_TYPE or _restricted(node):
            self.unfollowed.append(node)
            return
        for entry in node.inputs:
            link = layer.links.get(entry.link) if entry.link is not None else None
            if link is None:
                continue
            self._ends.add(link.origin)
            origin = layer.nodes.get(link.origin)
            slots = origin.outputs if origin is not None else ()
            given = slots[link.origin_slot].type if link.origin_slot < len(slots) else link.type
            kind = given if given != "*" else entry.type
            if kind != "*":
                self._types.setdefault(kind, _Source(link.origin, link.origin_slot))


def _restricted(node: UiNode) -> bool:
    """Tell whether the node sends to some nodes only, chosen by a pattern or a group."""
    chosen: Any = node.properties.get("ue_properties")
    return isinstance(chosen, Mapping) and any(chosen.get(name) for name in _RESTRICTIONS)
