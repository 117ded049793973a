"""An API prompt as a file of ComfyUI's editor (UI format 0.4), drawn anew or put into the file it came from.

With a base, what did not change stays as it is, to the byte; what cannot be said in the base's own shape (a node inside
a sub-graph that stands twice, say) is drawn flat, with the base's notes and colours. Knows no paths and no torch.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from ..graph.codec import read_api, write_api
from ..node.registry import Registry
from .arrange import Place, arrange, faces
from .edit_ui import edited
from .face import TITLE, wires
from .ui_node import file_id, new_node, new_note
from .ui_versions import FORMAT, stamp

__all__ = ["FORMAT", "to_ui", "ui_text"]

_NOTES = ("Note", "MarkdownNote")
_MARGIN = 60
_NOTE_WIDTH = 420
_DRAWN = ("nodes", "links", "groups", "definitions", "floatingLinks", "last_node_id", "last_link_id", "version")
_WIRED = ("reroutes", "linkExtensions", "groupNodes", "ue_links", "ds", "node_versions")  # of "extra"
_KEPT = ("color", "bgcolor", "flags")  # of a node


def to_ui(
    api: Mapping[str, Any],
    registry: Registry,
    *,
    base: Mapping[str, Any] | None = None,
    title_notes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the workflow in UI format; reading it gives an equal prompt, but for defaults that are written out.

    base: the UI file that the prompt came from. title_notes: further notes, title and text, put above the nodes.
    Never changes what it is given; equal arguments give equal files.
    """
    sound = write_api(read_api(api, registry), registry)  # mends what it can: every entry has a type and inputs
    for node_id, entry in sound.items():
        meta = api[node_id].get("_meta") if isinstance(api.get(node_id), Mapping) else None
        if isinstance(meta, Mapping):
            entry["_meta"] = dict(meta)
    if base is not None:
        found = edited(sound, base, registry)
        if found is not None:
            return found
    return _drawn(sound, registry, base or {}, title_notes or {})


def _drawn(
    api: dict[str, Any], registry: Registry, base: Mapping[str, Any], title_notes: Mapping[str, str]
) -> dict[str, Any]:
    """Draw all nodes anew."""
    shown, places = faces(api, registry), arrange(api, registry)
    before = _root_nodes(base)
    nodes: dict[str, dict[str, Any]] = {}
    for number, (node_id, entry) in enumerate(api.items()):
        node = nodes[node_id] = new_node(node_id, entry, shown[node_id], registry, number)
        place = places[node_id]
        node["pos"], node["size"] = [place.x + _MARGIN, place.y + _MARGIN + TITLE], [place.width, place.height]
        _keep(node, before.get(node_id))
    links = _joined(api, nodes)
    last = max((node["id"] for node in nodes.values() if isinstance(node["id"], int)), default=0)
    notes = [_moved(note, last + number) for number, note in enumerate(_notes_of(base), 1)]
    for number, (title, text) in enumerate(title_notes.items(), last + len(notes) + 1):
        notes.append(new_note(number, title, text, 0, 0, _NOTE_WIDTH))
    _above(notes, places)
    extra = {key: value for key, value in _table(base.get("extra")).items() if key not in _WIRED}
    return {
        "id": _table(base).get("id") or _uuid(api),
        "revision": 0,
        **{key: value for key, value in base.items() if key not in _DRAWN and key not in ("id", "extra")},
        "last_node_id": last + len(notes),
        "last_link_id": len(links),
        "nodes": [*nodes.values(), *notes],
        "links": links,
        "groups": [],
        "config": _table(base.get("config")),
        "extra": {**extra, "ds": {"scale": 1, "offset": [0, 0]}, **stamp(api, registry)},
        "version": 0.4,
    }


def _joined(api: Mapping[str, Any], nodes: Mapping[str, dict[str, Any]]) -> list[list[Any]]:
    """Attach all wires to the nodes and return the list of them."""
    links: list[list[Any]] = []
    for node_id, found in wires(api).items():
        target = nodes[node_id]
        slots = {entry["name"]: number for number, entry in enumerate(target["inputs"])}
        for name, source, slot in found:
            if slot >= len(nodes[source]["outputs"]):
                continue
            number = len(links) + 1
            output, place = nodes[source]["outputs"][slot], slots[name]
            output["links"].append(number)
            target["inputs"][place]["link"] = number
            links.append([number, file_id(source), slot, file_id(node_id), place, output["type"]])
    return links


def _keep(node: dict[str, Any], old: Mapping[str, Any] | None) -> None:
    """Take over what the base says of a node's looks and origin."""
    if old is None or old.get("type") != node["type"]:
        return
    node.update({key: old[key] for key in _KEPT if key in old})
    node["properties"] = {**_table(old.get("properties")), **node["properties"]}


def _root_nodes(base: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    nodes = base.get("nodes")
    entries = nodes if isinstance(nodes, list) else []
    return {str(entry.get("id")): entry for entry in entries if isinstance(entry, Mapping)}


def _notes_of(base: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [entry for entry in _root_nodes(base).values() if entry.get("type") in _NOTES]


def _moved(note: Mapping[str, Any], number: int) -> dict[str, Any]:
    size = note.get("size")
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(side, (int, float)) for side in size)):
        size = [_NOTE_WIDTH, 100]
    return {**note, "id": number, "size": [max(min(side, 2000), 60) for side in size]}


def _above(notes: list[dict[str, Any]], places: Mapping[str, Place]) -> None:
    """Stand the notes side by side above the nodes."""
    top = min((place.y for place in places.values()), default=0) + _MARGIN
    x = _MARGIN
    for note in notes:
        width, height = note["size"]
        note["pos"] = [x, top - height - _MARGIN]
        x += width + 40


def _table(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _uuid(api: Mapping[str, Any]) -> str:
    """Return an id that follows from the prompt, so that writing twice gives the same file."""
    text = json.dumps(api, sort_keys=True, default=str)
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def ui_text(data: Mapping[str, Any]) -> str:
    """Return a UI file's text: a line for each node, link and group, so that versions of it can be compared.

    Raises ValueError, TypeError or RecursionError for what JSON cannot hold.
    """
    write = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    rows = []
    for name, value in data.items():
        text = write(value)
        if name in ("nodes", "links", "groups") and isinstance(value, list) and value:
            text = "[\n" + ",\n".join(f"    {write(entry)}" for entry in value) + "\n  ]"
        rows.append(f"  {write(name)}: {text}")
    return "{\n" + ",\n".join(rows) + "\n}\n"
