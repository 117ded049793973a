"""A UI file while it is being changed: nodes found by execution id, inputs set through whatever stands in between.

Follows an input out of a sub-graph to its host, and an output in; a literal goes where the file keeps it (the node, the
host that shows its widget, a PrimitiveNode of its own). Every change says whether it could be made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from ..node.registry import Registry
from .document import Definition, Document, read_document
from .face import is_wire
from .promoted import promoted_inputs
from .sheet import INSIDE, Sheet
from .ui_node import bare
from .widgets import WidgetSlot, widget_order

__all__ = ["WAYS", "Book", "Way"]

Way = Literal["place", "name", "own"]
WAYS: tuple[Way, ...] = ("place", "name", "own")
"""Ways to write a value: by its place in the list, which every editor reads; by name, where a list does not fit the
node; on the node itself, cutting the wire of a host that shows the widget for several nodes."""

_DEPTH = 64  # of sub-graphs in one another, as the reader allows

Where = tuple[Sheet, str]


class Book:
    """All canvases of one file. `root` is the outermost."""

    def __init__(self, base: Mapping[str, Any], registry: Registry) -> None:
        self._base = base
        self._registry = registry
        self._document: Document = read_document(base)[0]
        self.root = Sheet(base)
        self._inner: dict[str, Sheet] = {}

    def find(self, node_id: str) -> Where | None:
        """Return the canvas and the id of the node that is executed as `node_id`."""
        chain = self._chain(node_id)
        return None if chain is None else chain[-1]

    def is_free(self, node_id: str) -> bool:
        """Tell whether a new node on the outermost canvas could be executed as `node_id`."""
        return node_id not in self.root.nodes and node_id.partition(":")[0] not in self.root.nodes

    def corner(self) -> tuple[int, int]:
        """Return the left and the lower edge of all that is on the outermost canvas."""
        boxes = [(*node.pos, *node.size) for node in self._document.nodes.values()]
        boxes += [group.bounding for group in self._document.groups]
        left = min((box[0] for box in boxes), default=0.0)
        return round(left), round(max((box[1] + box[3] for box in boxes), default=0.0))

    def result(self) -> dict[str, Any]:
        """Return the whole file with all changes."""
        found = dict(self.root.result())
        if self._inner:
            definitions = found["definitions"]
            subgraphs = []
            for raw in definitions["subgraphs"]:
                sheet = self._inner.get(str(raw.get("id"))) if isinstance(raw, Mapping) else None
                subgraphs.append(sheet.result() if sheet is not None and sheet.raw is raw else raw)
            found["definitions"] = {**definitions, "subgraphs": subgraphs}
        return found

    def remove(self, node_ids: Iterable[str], now: Mapping[str, Any]) -> bool:
        """Take nodes out; a host of which nothing is left goes as a whole."""
        gone = set(node_ids)
        kept_hosts = {node_id.partition(":")[0] for node_id in now if node_id not in gone}
        for node_id in gone:
            host = node_id.partition(":")[0]
            if node_id not in self.root.nodes and host not in kept_hosts:
                if host in self.root.nodes:
                    self.root.remove(host)
                continue
            place = self.find(node_id)
            if place is None:
                return False
            place[0].remove(place[1])
        return True

    def entitle(self, node_id: str, title: str) -> bool:
        """Give a node a title."""
        place = self.find(node_id)
        if place is not None:
            place[0].node(place[1])["title"] = title
        return place is not None

    def wire(self, node_id: str, name: str, source: str, slot: int) -> bool:
        """Lead the output `slot` of `source` into an input."""
        target, start = self._outside(node_id, name), self._chain(source)
        if target is None or start is None:
            return False
        (sheet, target_id), name = target
        while start[-1][0] is not sheet:
            (inner, inner_id), start = start[-1], start[:-1]
            shown = self._shown(inner, inner_id, slot) if start else None
            if shown is None:
                return False
            slot = shown
        place = self._socket((sheet, target_id), name)
        if place is None:
            return False
        self._free((sheet, target_id), place)
        return sheet.join(start[-1][1], slot, target_id, place)

    def put(self, node_id: str, name: str, value: Any, way: Way, inputs: Mapping[str, Any]) -> bool:
        """Set a literal; inputs: all that the node is given, for the way by name."""
        value = bare(value)
        own, target = self.find(node_id), self._outside(node_id, name)
        if own is None or target is None:
            return False
        (sheet, target_id), shown_name = target
        inside = own[0] is not sheet
        if way == "own" and inside:
            (sheet, target_id), shown_name, inside = own, name, False
        elif way == "place" and inside and not _has_values(sheet.nodes[target_id]):
            # A host that gives nothing leaves what is inside as it is.
            node = own[0].node(own[1])
            return _set_widget(node, name, value, self._order(node), None)
        place = sheet.input(target_id, shown_name)
        link = sheet.feeds(target_id, place) if place is not None else None
        if place is not None and link is not None:
            source, _ = sheet.origin(link)
            if source in sheet.nodes and self._is_primitive(sheet, source):
                return _set_first(sheet.node(source), value)
            sheet.cut(link)
        node = sheet.node(target_id)
        names = None
        if way == "name":
            given = {key: bare(item) for key, item in inputs.items() if not is_wire(item)}
            names = {shown_name: value} if inside else given
        return _set_widget(node, shown_name, value, self._order(node), names)

    def drop(self, node_id: str, name: str, wired: bool) -> bool:
        """Leave an input open, or a widget without a value."""
        target = self._outside(node_id, name)
        if target is None:
            return False
        (sheet, target_id), name = target
        place = sheet.input(target_id, name)
        if place is not None:
            self._free((sheet, target_id), place)
        if wired and place is not None:
            return True
        node = sheet.node(target_id)
        return _set_widget(node, name, None, self._order(node), None)

    def _chain(self, node_id: str) -> list[Where] | None:
        """Return where the node is and, before it, each host that it is inside of."""
        if node_id in self.root.nodes:
            return [(self.root, node_id)]
        chain: list[Where] = []
        sheet = self.root
        for part in node_id.split(":", _DEPTH + 1):
            if part not in sheet.nodes:
                return None
            chain.append((sheet, part))
            sheet_inside = self._inside(sheet.nodes[part].get("type"))
            if sheet_inside is None:
                break
            sheet = sheet_inside
        return chain if ":".join(part for _, part in chain) == node_id else None

    def _inside(self, kind: Any) -> Sheet | None:
        """Return the canvas of a definition that stands where files of today keep them."""
        definition = self._document.definitions.get(kind) if isinstance(kind, str) else None
        if definition is None or definition.place.count("definitions") != 1:
            return None
        if definition.id not in self._inner:
            self._inner[definition.id] = Sheet(definition.raw)
        return self._inner[definition.id]

    def _outside(self, node_id: str, name: str) -> tuple[Where, str] | None:
        """Return the input that decides what this one gets: its own, or a host's that leads to it."""
        chain = self._chain(node_id)
        while chain:
            sheet, inner_id = chain[-1]
            place = sheet.input(inner_id, name)
            link = sheet.feeds(inner_id, place) if place is not None else None
            source, slot = sheet.origin(link) if link is not None else (None, 0)
            if source != INSIDE or len(chain) < 2:
                return (sheet, inner_id), name
            chain = chain[:-1]
            definition = self._definition(chain[-1])
            if definition is None or not isinstance(slot, int) or not 0 <= slot < len(definition.inputs):
                return None
            name = definition.inputs[slot].name
        return None

    def _definition(self, place: Where) -> Definition | None:
        kind = place[0].nodes[place[1]].get("type")
        return self._document.definitions.get(kind) if isinstance(kind, str) else None

    def _shown(self, sheet: Sheet, node_id: str, slot: int) -> int | None:
        """Return the output of the host that shows output `slot` of an inner node."""
        for definition in self._document.definitions.values():
            if self._inner.get(definition.id) is sheet:
                for place, link in definition.ends.items():
                    if link.origin == node_id and link.origin_slot == slot:
                        return place
        return None

    def _socket(self, place: Where, name: str) -> int | None:
        """Return the input called `name`, made if need be."""
        sheet, node_id = place
        found = sheet.input(node_id, name)
        if found is not None:
            return found
        node = sheet.node(node_id)
        spec = self._registry.spec(str(node.get("type")))
        entry = next((item for item in spec.inputs if item.name == name), None) if spec is not None else None
        slot: dict[str, Any] = {"name": name, "type": entry.types if entry is not None else "*", "link": None}
        if entry is not None and entry.widget is not None:
            slot["widget"] = {"name": name}
        inputs = node.get("inputs")
        node["inputs"] = [*inputs, slot] if isinstance(inputs, list) else [slot]
        return len(node["inputs"]) - 1

    def _free(self, place: Where, number: int) -> None:
        link = place[0].feeds(place[1], number)
        if link is not None:
            place[0].cut(link)

    def _is_primitive(self, sheet: Sheet, node_id: str) -> bool:
        """Tell whether a node is a value that one input alone gets."""
        node = sheet.nodes[node_id]
        outputs = node.get("outputs")
        uses = sum(
            len(slot["links"])
            for slot in (outputs if isinstance(outputs, list) else [])
            if isinstance(slot, Mapping) and isinstance(slot.get("links"), list)
        )
        return node.get("type") == "PrimitiveNode" and uses == 1

    def _order(self, node: Mapping[str, Any]) -> list[tuple[str, int]]:
        """Return the names in the order of the node's list of values, each with the entries that follow it."""
        kind = str(node.get("type"))
        definition = self._document.definitions.get(kind)
        if definition is not None:
            return [(definition.inputs[number].name, 0) for number in promoted_inputs(definition)]
        spec = self._registry.spec(kind)
        slots: list[WidgetSlot] = widget_order(spec) if spec is not None else []
        return [(slot.name, slot.controls) for slot in slots]


def _has_values(node: Mapping[str, Any]) -> bool:
    return bool(node.get("widgets_values") or node.get("widgets_values_named"))


def _set_first(node: dict[str, Any], value: Any) -> bool:
    values = node.get("widgets_values")
    if not isinstance(values, list) or not values:
        return False
    values[0] = value
    return True


def _set_widget(
    node: dict[str, Any], name: str, value: Any, order: list[tuple[str, int]], names: dict[str, Any] | None
) -> bool:
    """Write a value where the node keeps it: in its object, or in its list, and by name where it has names."""
    if isinstance(node.get("widgets_values"), dict):
        node["widgets_values"][name] = value
        return True
    named = node.get("widgets_values_named")
    if names is not None:
        node["widgets_values_named"] = {**(named if isinstance(named, dict) else {}), **names}
    elif isinstance(named, dict) and named:
        if value is None:
            named.pop(name, None)
        else:
            named[name] = value
    place = 0
    for known, controls in order:
        if known == name:
            break
        place += 1 + controls
    else:
        return names is not None or bool(named)
    values = node.get("widgets_values")
    values = node["widgets_values"] = values if isinstance(values, list) else []
    values += [None] * (place + 1 - len(values))
    values[place] = value
    return True
