"""Changes of an API prompt put into the UI file that it came from, so that the rest of the file stays as it is.

What was put in is read again and compared; a change that the file's own shape cannot say (a wire out of a sub-graph
that has no such output, a node of a definition that stands twice) is refused as a whole. Knows no layout but where
new nodes go.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..graph.codec import read_api, write_api
from ..node.registry import Registry
from .arrange import arrange, faces
from .convert import to_api
from .face import TITLE, Face, is_wire
from .find_ui import WAYS, Book, Way
from .ui_node import new_node
from .ui_versions import KEY, stamp

__all__ = ["edited"]

_BELOW = 100  # pixels between what was there and what is new


def edited(api: Mapping[str, Any], base: Mapping[str, Any], registry: Registry) -> dict[str, Any] | None:
    """Return `base` with the changes that make it say `api` (sound: types, inputs, texts for ids); None if it cannot.

    Without a difference the result equals `base`. Changes neither.
    """
    now = _read(base, registry)
    if _same(now, api):
        return dict(base)
    for way in WAYS:
        found = _attempt(api, now, base, registry, way)
        if found is not None and _same(_read(found, registry), api):
            return found
    return None


def _attempt(
    api: Mapping[str, Any], now: dict[str, Any], base: Mapping[str, Any], registry: Registry, way: Way
) -> dict[str, Any] | None:
    gone = [node_id for node_id in now if node_id not in api]
    retyped = [k for k, entry in api.items() if k in now and entry["class_type"] != now[k]["class_type"]]
    added = {k: entry for k, entry in api.items() if k not in now}
    if gone or retyped or added:
        book = Book(base, registry)
        shown = faces(api, registry)
        if not book.remove(gone, now):
            return None
        if not all(_retype(book, k, api[k], shown[k], registry) for k in retyped):
            return None
        if added and not _add(book, added, shown, registry):
            return None
        base = _stamped(book.result(), added, registry)
        now = _read(base, registry)
    book = Book(base, registry)
    for node_id, entry in api.items():
        before = now.get(node_id)
        if before is None or not _settle(book, node_id, before, entry, way):
            return None
    return book.result()


def _settle(book: Book, node_id: str, before: Mapping[str, Any], entry: Mapping[str, Any], way: Way) -> bool:
    """Bring one node's inputs and title to what is wanted."""
    old, new = before["inputs"], entry["inputs"]
    changed = {name: value for name, value in new.items() if name not in old or not same_value(old[name], value)}
    absent = [name for name in old if name not in new]
    for name, value in changed.items():
        if is_wire(value):
            done = book.wire(node_id, name, value[0], value[1])
        else:
            done = book.put(node_id, name, value, way, new)
        if not done:
            return False
    if not all(book.drop(node_id, name, is_wire(old[name])) for name in absent):
        return False
    title = _title(entry)
    return not title or title == _title(before) or book.entitle(node_id, title)


def _retype(book: Book, node_id: str, entry: Mapping[str, Any], shown: Face, registry: Registry) -> bool:
    """Put a node of another type in the place of one."""
    place = book.find(node_id)
    if place is None:
        return False
    sheet, name = place
    old = sheet.nodes[name]
    sheet.detach(name)
    node = new_node(name, entry, shown, registry, 0)
    kept: dict[str, Any] = {key: old[key] for key in ("id", "pos", "order", "color", "bgcolor", "flags") if key in old}
    sheet.add(name, {**node, **kept})
    return True


def _add(book: Book, added: Mapping[str, Any], shown: Mapping[str, Face], registry: Registry) -> bool:
    """Put new nodes below everything that is there."""
    left, bottom = book.corner()
    for number, (node_id, place) in enumerate(arrange(added, registry).items()):
        if not book.is_free(node_id):
            return False
        node = new_node(node_id, added[node_id], shown[node_id], registry, len(book.root.nodes) + number)
        node["pos"] = [left + place.x, bottom + _BELOW + TITLE + place.y]
        node["size"] = [place.width, place.height]
        book.root.add(node_id, node)
    return True


def _stamped(data: dict[str, Any], added: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Say which versions the new nodes have; what is said of the others stays, as it is what they were read by."""
    if not added:
        return data
    extra = data.get("extra")
    fresh = stamp(added, registry)
    table = dict(extra) if isinstance(extra, Mapping) else {}
    old = table.get(KEY)
    versions = old.get("node_versions") if isinstance(old, Mapping) else None
    if isinstance(old, Mapping):
        fresh = {KEY: {**old, **fresh[KEY]}}
    if isinstance(versions, Mapping):
        fresh[KEY]["node_versions"] = {**fresh[KEY]["node_versions"], **versions}
    return {**data, "extra": {**table, **fresh}}


def _read(data: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    return write_api(read_api(to_api(dict(data), registry).api, registry), registry)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two prompts say the same; a title that `other` leaves out is no difference."""
    if len(one) != len(other):
        return False
    for node_id, entry in other.items():
        found = one.get(node_id)
        if found is None or found["class_type"] != entry["class_type"]:
            return False
        old, new = found["inputs"], entry["inputs"]
        if len(old) != len(new) or not all(name in old and same_value(old[name], new[name]) for name in new):
            return False
        if _title(entry) and _title(entry) != _title(found):
            return False
    return True


def same_value(one: Any, other: Any) -> bool:
    """Tell whether two literals are the same to a file: 1, 1.0 and true are three."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, dict)):
        write: Callable[[Any], str] = json.JSONEncoder(sort_keys=True).encode
        return write(one) == write(other)
    return bool(one == other) or one is other


def _title(entry: Mapping[str, Any]) -> str:
    meta = entry.get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    return title if isinstance(title, str) else ""
