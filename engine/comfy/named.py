"""A UI file as the editor opens it: format 0.4, and the widget values of every node by name beside the list.

Lists of values mean something only beside the declaration they were written by; by name they outlive its changes. What
the file says stays: names are added, fields nobody knows are kept, and reading the result gives the same prompt. Knows
no layout and no file system.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph.migrate import outdated, versions_in
from ..graph.uncollected import uncollected
from ..node.registry import Registry
from ..node.spec import NodeSpec
from .document import read_document
from .groups import group_name
from .parts import Document, UiNode
from .plugin_ids import engine_id
from .positional import CONTROL_WORDS, align
from .promoted import host_values
from .ui_versions import KEY
from .virtual import PRIMITIVE, is_virtual
from .widgets import widget_order, widget_values

__all__ = ["CONTROL", "with_names"]

CONTROL = "control_after_generate"
"""The name under which a node's "fixed", "randomize", ... stands; the editor's own widget, which no node declares."""

_TEXTS = ("Note", "MarkdownNote")  # nodes whose one value is their text
_LINK = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


def with_names(data: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return the file (parsed JSON, `is_ui`) with names, in format 0.4. Never raises, never changes `data`."""
    with uncollected():
        document, _ = read_document(data)
        older = outdated(versions_in(document.extra.get(KEY)), registry)
        changed: dict[int, dict[str, Any]] = {}  # by the identity of the raw entry: ids may stand twice
        for layer in (document, *document.definitions.values()):
            for node in layer.nodes.values():
                changed[id(node.raw)] = _node(node, document, registry, older)
        return _root(_rebuilt(data, changed))


def _node(node: UiNode, document: Document, registry: Registry, older: frozenset[str]) -> dict[str, Any]:
    """Return the node's entry with names; its own type where the file has the one of our pack in ComfyUI."""
    entry = dict(node.raw)
    entry["type"] = kind = engine_id(node.type, registry)
    named = _merged(node.named, _names(node, kind, document, registry, older))
    if named:
        entry["widgets_values_named"] = named
    for name, pair in (("pos", node.pos), ("size", node.size)):
        if isinstance(entry.get(name), Mapping):  # {"0": x, "1": y}, as some versions write it
            entry[name] = list(pair)
    return entry


def _names(node: UiNode, kind: str, document: Document, registry: Registry, older: frozenset[str]) -> Mapping[str, Any]:
    definition = document.definitions.get(node.type)
    if definition is not None:
        given, _ = host_values(node, definition)
        # What the host says of widgets deeper inside has no name here, and names would hide it.
        return {} if given.inner else {definition.inputs[place].name: value for place, value in given.inputs.items()}
    if node.type in _TEXTS:
        return _first(node, "text", str)
    if node.type == PRIMITIVE:
        return {**_first(node, "value", object), **_control(node.values, 1)}
    if is_virtual(node.type) or (group_name(node.type) is not None and registry.resolve(node.type) is None):
        return {}
    if node.type in older and node.named is not None:
        return {}  # by names of an older version, which are brought up to date when it runs
    spec = registry.spec(kind)
    values, _ = widget_values(node, spec)
    return {**values, **_chosen(node, spec)}


def _merged(own: Mapping[str, Any] | None, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file's own names with those found; where it has null, what stands for it."""
    merged = dict(own or {})
    merged |= {name: value for name, value in found.items() if merged.get(name) is None}
    return merged


def _first(node: UiNode, name: str, kind: type) -> dict[str, Any]:
    values = node.values
    if isinstance(values, list) and values and values[0] is not None and isinstance(values[0], kind):
        return {name: values[0]}
    return {}


def _chosen(node: UiNode, spec: NodeSpec | None) -> dict[str, Any]:
    """Return what stands after a seed in a list of values: how it changes after a run."""
    if not isinstance(node.values, list):
        return {}
    if spec is None:
        places = [place for place, value in enumerate(node.values) if type(value) is int]
        return next((found for place in places if (found := _control(node.values, place + 1))), {})
    order = widget_order(spec)
    found = align(node.values, [(slot.name, slot.controls, slot.input.widget) for slot in order]).controls
    return _control(list(found.values()), 0)


def _control(values: Any, place: int) -> dict[str, Any]:
    value = values[place] if isinstance(values, list) and place < len(values) else None
    if isinstance(value, bool):  # as old files have it
        value = "randomize" if value else "fixed"
    return {CONTROL: value} if isinstance(value, str) and value in CONTROL_WORDS else {}


def _rebuilt(owner: Mapping[str, Any], changed: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """Return a canvas with the changed nodes, and those inside its definitions. As deep as the file is."""
    found = dict(owner)
    found["nodes"] = [changed.get(id(entry), entry) for entry in _entries(owner.get("nodes"))]
    if "links" in found:
        found["links"] = _entries(found["links"])
    definitions = owner.get("definitions")
    inner = definitions.get("subgraphs") if isinstance(definitions, Mapping) else None
    if isinstance(definitions, Mapping) and isinstance(inner, list):
        listed = [_rebuilt(entry, changed) if isinstance(entry, Mapping) else entry for entry in inner]
        found["definitions"] = {**definitions, "subgraphs": listed}
    return found


def _root(found: dict[str, Any]) -> dict[str, Any]:
    """Bring the root of format 1.0 to 0.4: links as lists, and what is told of them under "extra"."""
    given = found.get("extra")
    extra = dict(given) if isinstance(given, Mapping) else {}
    bent = [
        {"id": link.get("id"), "parentId": link["parentId"]}
        for link in found.get("links", ())
        if isinstance(link, Mapping) and link.get("parentId") is not None
    ]
    if bent:
        extra["linkExtensions"] = bent
    if isinstance(found.get("reroutes"), list):
        extra["reroutes"] = found.pop("reroutes")
    state = found.pop("state", None)
    if isinstance(state, Mapping):
        for name, old in (("lastNodeId", "last_node_id"), ("lastLinkId", "last_link_id")):
            if type(state.get(name)) is int:
                found.setdefault(old, state[name])
    links = found.get("links", [])
    found["links"] = [[link.get(name) for name in _LINK] if isinstance(link, Mapping) else link for link in links]
    return {**found, "extra": extra, "version": 0.4}


def _entries(value: Any) -> list[Any]:
    """Return the entries of a list, which some tools write as an object; holes are left out."""
    if isinstance(value, Mapping):
        value = list(value.values())
    return [entry for entry in value if entry is not None] if isinstance(value, list) else []
