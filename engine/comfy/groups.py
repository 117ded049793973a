"""Legacy group nodes (`workflow/NAME`, `workflow>NAME`) as subgraph definitions.

Files before subgraphs keep them in `extra.groupNodes`: inner nodes by number, links as [source, slot, target, slot];
the host shows every widget and every slot that no inner link takes. Follows no wire, expands nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..node.registry import Registry
from .document import key, read_document, slot_number, text
from .parts import INPUT_NODE, OUTPUT_NODE, Definition, Document, HostWidget, UiLink, UiNode, UiSlot
from .report import Note
from .widgets import widget_order

__all__ = ["group_definition", "group_name"]

_PREFIXES = ("workflow/", "workflow>")


def group_name(kind: str) -> str | None:
    """Return the name of the group that a node type stands for, None for any other type."""
    return next((kind[len(prefix) :] for prefix in _PREFIXES if kind.startswith(prefix)), None)


def group_definition(document: Document, name: str, registry: Registry) -> tuple[Definition | None, list[Note]]:
    """Return the definition of group `name`, None when the file has none that can be read, and what was amiss."""
    groups = document.extra.get("groupNodes")
    data = groups.get(name) if isinstance(groups, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(data.get("nodes"), list):
        return None, []
    numbered = [
        {**entry, "id": number} if isinstance(entry, Mapping) else entry for number, entry in enumerate(data["nodes"])
    ]
    inner, notes = read_document({"nodes": numbered})
    build = _Build(registry, _Config(data.get("config")), _links(data.get("links")), _external(data.get("external")))
    for node in inner.nodes.values():
        build.add(node)
    definition = Definition(
        raw=data,
        nodes=build.nodes,
        links=build.links,
        place=f"extra.groupNodes.{name[:80]}.",
        id=f"workflow>{name}",
        name=name,
        inputs=tuple(build.inputs),
        outputs=tuple(build.outputs),
        ends=build.ends,
        widgets=tuple(build.widgets),
    )
    return definition, notes


class _Config:
    """What the group's author renamed or hid: `{node: {"input"|"output": {slot: {"name", "visible"}}}}`."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def of(self, *path: str) -> Mapping[str, Any]:
        at = self._data
        for step in path:
            at = at.get(step) if isinstance(at, Mapping) else None
        return at if isinstance(at, Mapping) else {}


def _links(data: Any) -> dict[tuple[str, int], UiLink]:
    """Return the inner links by the slot they enter."""
    found: dict[tuple[str, int], UiLink] = {}
    for number, entry in enumerate(data if isinstance(data, list) else ()):
        if not isinstance(entry, list) or len(entry) < 4:
            continue
        origin, target = key(entry[0]), key(entry[2])
        origin_slot, target_slot = slot_number(entry[1]), slot_number(entry[3])
        if origin is None or target is None or origin_slot is None or target_slot is None:
            continue
        found[target, target_slot] = UiLink(f"in{number}", origin, origin_slot, target, target_slot)
    return found


def _external(data: Any) -> set[tuple[str, int]]:
    """Return the outputs that the host shows although an inner link takes them."""
    listed = [entry for entry in (data if isinstance(data, list) else ()) if isinstance(entry, list) and len(entry) > 1]
    return {(key(entry[0]) or "", slot) for entry in listed if (slot := slot_number(entry[1])) is not None}


@dataclass(slots=True)
class _Build:
    """The definition while its nodes are added one by one."""

    registry: Registry
    config: _Config
    fed: Mapping[tuple[str, int], UiLink]
    external: set[tuple[str, int]]
    nodes: dict[str, UiNode] = field(default_factory=dict)
    links: dict[str, UiLink] = field(default_factory=dict)
    inputs: list[UiSlot] = field(default_factory=list)
    outputs: list[UiSlot] = field(default_factory=list)
    ends: dict[int, UiLink] = field(default_factory=dict)
    widgets: list[HostWidget] = field(default_factory=list)
    taken: set[tuple[str, int]] = field(default_factory=set)
    seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.taken = {(link.origin, link.origin_slot) for link in self.fed.values()}

    def add(self, node: UiNode) -> None:
        """Add an inner node: its widgets, then its slots, then the widgets turned into inputs, as the editor does."""
        converted = {slot.widget for slot in node.inputs if slot.widget is not None}
        for widget, controls in self._widgets(node):
            if widget not in converted and self._visible(node, "input", widget):
                self._name(node, widget, widget)
                self.widgets.append(HostWidget(node.id, widget, controls))
        slots = [replace(slot, link=None) for slot in node.inputs]
        for number in sorted(range(len(slots)), key=lambda number: slots[number].widget is not None):
            inner = self.fed.get((node.id, number))
            if inner is not None:
                self.links[inner.id] = inner
                slots[number] = replace(slots[number], link=inner.id)
            elif self._visible(node, "input", slots[number].name):
                slots[number] = replace(slots[number], link=self._open(node, number))
        self.nodes[node.id] = replace(node, inputs=tuple(slots))
        for number, slot in enumerate(node.outputs or self._declared_outputs(node)):
            self._output(node, number, slot)

    def _widgets(self, node: UiNode) -> Iterable[tuple[str, int]]:
        if node.type == "PrimitiveNode":
            return [("value", 0)]
        spec = self.registry.spec(node.type)
        return [] if spec is None else [(slot.name, slot.controls) for slot in widget_order(spec)]

    def _declared_outputs(self, node: UiNode) -> tuple[UiSlot, ...]:
        spec = self.registry.spec(node.type)
        return () if spec is None else tuple(UiSlot(output.name, output.types) for output in spec.outputs)

    def _open(self, node: UiNode, number: int) -> str:
        """Make an input of the host for an inner slot that nothing feeds; return the link's id."""
        slot = node.inputs[number]
        link = UiLink(f"from{len(self.inputs)}", INPUT_NODE, len(self.inputs), node.id, number, slot.type)
        self.links[link.id] = link
        label = text(slot.raw.get("label")) or slot.name
        self.inputs.append(UiSlot(self._name(node, slot.name, label), slot.type))
        return link.id

    def _output(self, node: UiNode, number: int, slot: UiSlot) -> None:
        place = (node.id, number)
        hidden = place in self.taken and place not in self.external
        shown = self.config.of(node.id, "output", str(number)).get("visible")
        if (hidden if not isinstance(shown, bool) else not shown) or node.type == "PrimitiveNode":
            return
        link = UiLink(f"to{len(self.outputs)}", node.id, number, OUTPUT_NODE, len(self.outputs), slot.type)
        self.ends[len(self.outputs)] = link
        self.outputs.append(UiSlot(slot.name, slot.type))

    def _visible(self, node: UiNode, side: str, name: str) -> bool:
        return self.config.of(node.id, side, name).get("visible") is not False

    def _name(self, node: UiNode, own: str, label: str) -> str:
        """Return the host's name for an inner input: its own, or with the node's title before it if that is taken."""
        chosen = text(self.config.of(node.id, "input", own).get("name")) or label
        name = chosen
        if (node.type == "PrimitiveNode" and node.title) or name in self.seen:
            name = f"{node.title or node.type} {own}"
            if name in self.seen:
                name = f"{node.title or node.type} {self.seen[name]} {own}"
        self.seen[name] = self.seen.get(name, 1) + 1
        return name
