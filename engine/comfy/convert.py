"""A saved workflow, in either of ComfyUI's formats, to what runs: the API format, and from it a `Graph`.

The only place where this conversion exists. It reports instead of raising, changes nothing it is given and never
fetches, imports or executes anything. Knows no files and no network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..graph.codec import read_api
from ..graph.graph import Graph
from ..graph.migrate import migrate, outdated, versions_in
from ..graph.uncollected import uncollected
from ..node.registry import Registry, nearest
from ..node.spec import NodeSpec
from ..node.widget import Text
from .document import is_ui, read_document
from .flatten import Flat, Place, flatten
from .only_known import without
from .parts import BYPASSED
from .plugin_ids import engine_id
from .prefix import FileNameTokens
from .report import Note, Report, describe
from .resolve import Resolver, Source
from .ui_versions import KEY
from .virtual import is_virtual
from .widgets import widget_values

__all__ = ["Converted", "Opened", "open_workflow", "to_api"]

WRAP = "__value__"
_ALTERNATIVES = re.compile(r"(?<!\\)\{[^{}]*\|")  # of a dynamic prompt
_COMMENT = re.compile(r"/\*|(?<!:)//")  # not the // of an address


@dataclass(frozen=True, slots=True)
class Converted:
    """What `to_api` returns.

    unknown: node types that nobody declares. origin: execution id -> where the node is in the file, as "nodes[3]".
    """

    api: dict[str, Any]
    report: Report = ()
    unknown: tuple[str, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """What `open_workflow` returns: the graph, the API data it was read from, and the format of the file."""

    graph: Graph
    api: dict[str, Any]
    report: Report
    format: Literal["ui", "api"]


def open_workflow(data: Any, registry: Registry) -> Opened:
    """Read a parsed workflow file of either format. Never raises: what is no workflow gives an empty graph and C001.

    A body that holds the graph under "prompt" is opened. Faults inside an API file are the graph's (`Graph.faults`).
    """
    if is_ui(data):
        converted = to_api(data, registry)
        return Opened(read_api(converted.api, registry), converted.api, converted.report, "ui")
    if not isinstance(data, Mapping):
        note = Note("error", "C001", None, None, f"expected a JSON object, got {describe(data)}")
        return Opened(Graph(), {}, (note,), "api")
    inner = data.get("prompt")
    table = inner if isinstance(inner, Mapping) and "class_type" not in inner else data
    if is_ui(table):
        return open_workflow(table, registry)
    notes = [
        _unknown(str(node_id), entry["class_type"], registry)
        for node_id, entry in table.items()
        if isinstance(entry, Mapping)
        and isinstance(entry.get("class_type"), str)
        and registry.resolve(entry["class_type"]) is None
    ]
    return Opened(read_api(table, registry), dict(table), tuple(notes), "api")


def to_api(data: Any, registry: Registry, *, keep_unknown: bool = True) -> Converted:
    """Convert a UI file (parsed JSON) to the API format. Never raises and never changes `data`; time is linear.

    keep_unknown: False leaves out nodes of unknown type and all that they feed, so that the rest can run.
    """
    with uncollected():
        return _converted(data, registry, keep_unknown)


def _converted(data: Any, registry: Registry, keep_unknown: bool) -> Converted:
    document, notes = read_document(data)
    flat = flatten(document, registry)
    notes += flat.notes
    versions = versions_in(document.extra.get(KEY))
    conversion = _Conversion(flat, registry, notes, outdated(versions, registry))
    for place in flat.places:
        if place.node.mode != BYPASSED and not is_virtual(place.node.type):
            conversion.add(place)
    for scope in flat.scopes:
        for node in conversion.resolver.wireless(scope).unfollowed:
            text = "the nodes it broadcasts to are chosen by patterns, which are not followed"
            notes.append(Note("warning", "C032", f"{scope.path}{node.id}", node.type, text))
    migrated = migrate(conversion.api, versions, registry)
    notes += [Note(*finding) for finding in migrated.findings]
    api = dict(migrated.api)
    if conversion.unknown and not keep_unknown:
        api, left_out = without(api, conversion.unknown)
        notes += left_out
    origin = {name: place for name, place in conversion.origin.items() if name in api}
    return Converted(api, tuple(notes), tuple(sorted(conversion.unknown)), origin)


class _Conversion:
    """The API data while nodes are added to it."""

    def __init__(self, flat: Flat, registry: Registry, notes: list[Note], outdated: frozenset[str]) -> None:
        self.registry = registry
        self.notes = notes
        self.outdated = outdated  # types whose inputs may have older names, which are read as they stand
        self.resolver = Resolver(flat, registry)
        self.tokens = FileNameTokens(flat.places, registry)
        self.api: dict[str, Any] = {}
        self.origin: dict[str, str] = {}
        self.unknown: set[str] = set()

    def add(self, place: Place) -> None:
        """Add one node: its literals, then what its wires bring."""
        node = place.node
        kind = engine_id(node.type, self.registry)  # saved where we are a pack, our KSampler is a LoomKSampler
        spec = self.registry.spec(kind)
        if spec is None:
            self.unknown.add(node.type)
            self.notes.append(_unknown(place.id, node.type, self.registry))
        older = node.type in self.outdated and node.named is not None
        values, notes = widget_values(node, None if older else spec)
        self.notes += [replace(note, node=place.id) for note in notes]
        given = place.scope.values.inner
        if given:
            values |= {name: given[node.id, name] for name in values if (node.id, name) in given}
        inputs = {name: _literal(value) for name, value in values.items()}
        for number, slot in enumerate(node.inputs):
            found = self.resolver.input(place.scope, node, number)
            if found is not None:
                self._connect(place, inputs, _input_name(slot.name, slot.widget, inputs), found)
        self._texts(place, spec, inputs)
        title = node.title or (spec.title if spec is not None else "") or node.type
        self.api[place.id] = {"inputs": inputs, "class_type": kind, "_meta": {"title": title}}
        self.origin[place.id] = f"{place.scope.layer.place}nodes[{node.index}]"

    def _connect(self, place: Place, inputs: dict[str, Any], name: str, found: Source) -> None:
        if found.kind == "link":
            inputs[name] = [found.node, found.slot]
        elif found.kind == "value" or (found.kind == "spare" and name not in inputs):
            inputs[name] = _literal(found.value)
        elif found.kind == "drop":
            inputs.pop(name, None)
        if found.code:
            text = f'input "{name[:80]}": {found.text}'
            self.notes.append(Note("warning", found.code, place.id, place.node.type, text))

    def _texts(self, place: Place, spec: NodeSpec | None, inputs: dict[str, Any]) -> None:
        """Replace tokens in a file name; tell of text that the editor would have changed at random."""
        prefix = inputs.get("filename_prefix")
        if isinstance(prefix, str):
            inputs["filename_prefix"], notes = self.tokens.replaced(prefix, place)
            self.notes += notes
        for entry in spec.inputs if spec is not None else ():
            if isinstance(entry.widget, Text) and entry.widget.prompt:
                value = inputs.get(entry.name)
                if isinstance(value, str) and (_ALTERNATIVES.search(value) or _COMMENT.search(value)):
                    text = f'input "{entry.name}": alternatives or comments stand as they are'
                    self.notes.append(Note("info", "C030", place.id, place.node.type, text))


def _literal(value: Any) -> Any:
    """Return a value as API data holds it: a bare list would be a link."""
    wrapped = isinstance(value, (list, tuple)) or (isinstance(value, Mapping) and WRAP in value)
    return {WRAP: value} if wrapped else value


def _input_name(name: str, widget: str | None, inputs: Mapping[str, Any]) -> str:
    """Return the input's name; a slot that was renamed still belongs to its widget."""
    return widget if widget is not None and name not in inputs and widget in inputs else name


def _unknown(node_id: str, kind: str, registry: Registry) -> Note:
    near = registry.derived("comfy near")
    if kind not in near:
        # Beyond some hundreds of unknown types hints help nobody and would cost seconds.
        near[kind] = nearest(kind, registry.ids, 1) if len(near) < 200 and len(kind) < 80 else ()
    hint = f"; did you mean {near[kind][0]}?" if near[kind] else ""
    return Note("warning", "C010", node_id, kind, f"no pack declares this node type{hint}")
