"""ComfyUI's UI format to a `Document`: every field looked at, nothing trusted.

Takes version 0.4 (links as lists) and 1.0 (links as objects) at either level. What cannot be read is left out of the
view and noted; the raw file keeps it. Knows no registry, follows no wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from .parts import OUTPUT_NODE, Definition, Document, Layer, UiGroup, UiLink, UiNode, UiSlot, number
from .report import Note, describe

__all__ = ["Definition", "Document", "Layer", "UiGroup", "UiLink", "UiNode", "UiSlot", "is_ui", "read_document"]

_MAX_SLOT = 1_000_000
Part = TypeVar("Part", UiNode, UiLink)


def is_ui(data: Any) -> bool:
    """Tell whether parsed JSON is in the UI format rather than the API format, even if it is spoilt."""
    if not isinstance(data, Mapping) or "nodes" not in data:
        return False
    nodes = data["nodes"]
    if isinstance(nodes, list):
        return True
    looks_api = isinstance(nodes, Mapping) and "class_type" in nodes  # a node whose id is "nodes"
    return not looks_api and any(key in data for key in ("links", "last_node_id", "version"))


def read_document(data: Any) -> tuple[Document, list[Note]]:
    """Return the view of a UI file (parsed JSON) and what could not be read. Never raises, never changes `data`."""
    notes: list[Note] = []
    if not isinstance(data, Mapping):
        notes.append(Note("error", "C001", None, None, f"expected a JSON object, got {describe(data)}"))
        data = {}
    definitions: dict[str, Definition] = {}
    for place, entry in _definition_entries(data, notes):
        definition = _definition(entry, place, notes)
        if definition is None:
            continue
        if definition.id in definitions:
            text = f'{place}: another definition has the id "{definition.id[:80]}"; the first one counts'
            notes.append(Note("warning", "C006", None, None, text))
            continue
        definitions[definition.id] = definition
    return Document(**_layer(data, "", notes), definitions=definitions), notes


def _layer(data: Mapping[str, Any], place: str, notes: list[Note]) -> dict[str, Any]:
    """Return the fields that the root and a definition share."""
    links = _table(data.get("links"), f"{place}links", "C004", _link, notes)
    into = _Targets(links)
    nodes = _table(data.get("nodes"), f"{place}nodes", "C002", lambda entry, index: _node(entry, index, into), notes)
    groups = tuple(group for entry in _listed(data.get("groups")) if (group := _group(entry)) is not None)
    return {
        "raw": data,
        "nodes": nodes,
        "links": links,
        "groups": groups,
        "place": place,
        "extra": _mapping(data.get("extra")),
    }


def _definition_entries(data: Mapping[str, Any], notes: list[Note]) -> Iterator[tuple[str, Any]]:
    """Yield (place, raw definition); definitions may hold further ones."""
    waiting = [("", data)]
    while waiting:
        place, owner = waiting.pop()
        found = owner.get("definitions")
        listed = found.get("subgraphs") if isinstance(found, Mapping) else None
        wrong = found if not isinstance(found, Mapping) else listed
        if wrong is not None and not isinstance(listed, list):
            text = f"{place}definitions: expected subgraphs, got {describe(wrong)}"
            notes.append(Note("warning", "C006", None, None, text))
        for index, entry in enumerate(_listed(listed)):
            inner = f"{place}definitions.subgraphs[{index}]"
            yield inner, entry
            if isinstance(entry, Mapping) and "definitions" in entry:
                waiting.append((f"{inner}.", entry))


def _definition(entry: Any, place: str, notes: list[Note]) -> Definition | None:
    name = key(entry.get("id")) if isinstance(entry, Mapping) else None
    if name is None:
        notes.append(Note("warning", "C006", None, None, f"{place}: expected an object with an id"))
        return None
    fields = _layer(entry, f"{place}.", notes)
    ends: dict[int, UiLink] = {}
    for link in fields["links"].values():
        if link.target == OUTPUT_NODE:
            ends.setdefault(link.target_slot, link)
    return Definition(
        **fields,
        id=name,
        name=text(entry.get("name")),
        inputs=slots(entry.get("inputs")),
        outputs=slots(entry.get("outputs")),
        ends=ends,
    )


def _table(
    data: Any, place: str, code: str, read: Callable[[Any, int], Part | None], notes: list[Note]
) -> dict[str, Part]:
    """Return what `read` makes of a list's entries, by id; null entries are passed over in silence."""
    found: dict[str, Part] = {}
    if isinstance(data, Mapping) and data:  # some tools write the list as an object
        data = list(data.values())
    elif data is not None and not isinstance(data, (list, Mapping)):
        notes.append(Note("error", "C001", None, None, f"{place}: expected a list, got {describe(data)}"))
    for index, entry in enumerate(_listed(data)):
        if entry is None:
            continue
        part = read(entry, index)
        if part is None:
            notes.append(Note("warning", code, None, None, f"{place}[{index}] cannot be read: {describe(entry)}"))
        elif part.id not in found:
            found[part.id] = part
        elif isinstance(part, UiNode):
            node = f'{place}[{index}]: another node has the id "{part.id[:80]}"; this one is left out'
            notes.append(Note("error", "C003", None, part.type, node))
    return found


class _Targets:
    """Which link enters a slot, for files whose inputs do not say so; looked up only when it is needed."""

    def __init__(self, links: Mapping[str, UiLink]) -> None:
        self._links = links
        self._found: dict[tuple[str, int], str] | None = None

    def link(self, node: str, slot: int) -> str | None:
        if self._found is None:
            self._found = {(link.target, link.target_slot): link.id for link in self._links.values()}
        return self._found.get((node, slot))


def _node(entry: Any, index: int, into: _Targets) -> UiNode | None:
    if not isinstance(entry, dict):
        return None
    name, kind, mode = key(entry.get("id")), entry.get("type"), entry.get("mode")
    if name is None or not isinstance(kind, str) or not kind:
        return None
    named = entry.get("widgets_values_named")
    return UiNode(
        id=name,
        type=kind,
        mode=mode if type(mode) is int else 0,
        inputs=slots(entry.get("inputs"), lambda slot: into.link(name, slot)),
        outputs=slots(entry.get("outputs")),
        values=entry.get("widgets_values"),
        named=named if isinstance(named, dict) else None,
        properties=_mapping(entry.get("properties")),
        title=text(entry.get("title")),
        index=index,
        raw=entry,
    )


def slots(data: Any, missing: Callable[[int], str | None] | None = None) -> tuple[UiSlot, ...]:
    """Return a node's inputs or outputs; an entry that is none keeps its place, as links count them."""
    return tuple(_slot(entry, index, missing) for index, entry in enumerate(_listed(data)))


def _slot(entry: Any, index: int, missing: Callable[[int], str | None] | None) -> UiSlot:
    if not isinstance(entry, dict):
        return UiSlot("")
    link = key(entry.get("link"))
    if missing is not None and "link" not in entry:
        link = missing(index)
    widget = entry.get("widget")
    if isinstance(widget, dict):
        widget = widget.get("name")
    elif widget is True:
        widget = entry.get("name")
    marked = widget if isinstance(widget, str) and widget else None
    return UiSlot(text(entry.get("name")), wire_type(entry.get("type")), link, marked, entry)


def _link(entry: Any, _: int) -> UiLink | None:
    if isinstance(entry, dict):
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
        parts: list[Any] = [entry.get(name) for name in names] + [entry.get("type")]
    elif isinstance(entry, list) and len(entry) >= 5:
        parts = [*entry[:6], None]
    else:
        return None
    name, origin, target = key(parts[0]), key(parts[1]), key(parts[3])
    origin_slot, target_slot = slot_number(parts[2]), slot_number(parts[4])
    if name is None or origin is None or target is None or origin_slot is None or target_slot is None:
        return None
    return UiLink(name, origin, origin_slot, target, target_slot, wire_type(parts[5]))


def _group(entry: Any) -> UiGroup | None:
    if not isinstance(entry, Mapping):
        return None
    box = [number(value) for value in _listed(entry.get("bounding"))[:4]]
    left, top, width, height = [*box, 0.0, 0.0, 0.0, 0.0][:4]
    return UiGroup(text(entry.get("title")), (left, top, width, height), entry)


def key(value: Any) -> str | None:
    """Return an id as text: 7, 7.0 and "7" are one; None for what is no id."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else None
    return str(value) if isinstance(value, int) and abs(value) < 2**63 else None


def slot_number(value: Any) -> int | None:
    """Return a slot's number, None for what is none; old files have texts here."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 8:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < _MAX_SLOT else None


def wire_type(value: Any) -> str:
    """Return a slot's type: old files have 0 or -1 for any, and a combo's choices for a combo."""
    if isinstance(value, str):
        return value if value not in ("", "0", "-1") else "*"
    return "COMBO" if isinstance(value, list) else "*"


def text(value: Any) -> str:
    """Return a text, "" for anything else."""
    return value if isinstance(value, str) else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
