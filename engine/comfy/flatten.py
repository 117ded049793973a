"""Subgraphs written out: every node that is on some canvas, with its execution id (ids joined by ":").

Each host opens a scope of its own, so that hosts of one definition differ in their values; muted and bypassed hosts
stay closed. Iterative; what contains itself, is nested too deep or grows too large is left out and noted. Follows no
wire.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..node.registry import Registry
from .groups import group_definition, group_name
from .parts import BYPASSED, MUTED, Definition, Document, Layer, UiNode
from .promoted import HostValues, host_values, promoted_inputs
from .report import Note

__all__ = ["MAX_DEPTH", "MAX_SIZE", "Flat", "Place", "Scope", "flatten"]

MAX_DEPTH = 64  # of subgraphs inside one another
MAX_SIZE = 1_000_000  # entries of all scopes below the root; sixty definitions of two hosts each would make 2**60


@dataclass(slots=True, eq=False)
class Scope:
    """One canvas as it is run: the root, or a definition as one host uses it.

    path: what its nodes' ids begin with ("57:8:"). values: what the host gives, see `HostValues`. shown: which widget
    each of the definition's inputs ends in, see `promoted_inputs`.
    """

    layer: Layer
    path: str = ""
    host: UiNode | None = None
    outer: Scope | None = None
    values: HostValues = field(default_factory=HostValues)
    children: dict[str, Scope] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)  # node id -> execution id, of the nodes that are in `Flat`
    depth: int = 0
    shown: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    _host_inputs: dict[str, int] | None = None
    _host_outputs: dict[str, int] | None = None

    def host_input(self, number: int) -> int | None:
        """Return which of the host's inputs belongs to the definition's input `number`: by name, as slots move."""
        if self.host is None or not isinstance(self.layer, Definition) or number >= len(self.layer.inputs):
            return None
        if self._host_inputs is None:
            self._host_inputs = {}
            for place, slot in enumerate(self.host.inputs):
                self._host_inputs.setdefault(slot.name, place)
        found = self._host_inputs.get(self.layer.inputs[number].name)
        if found is None and len(self.host.inputs) == len(self.layer.inputs):
            return number
        return found

    def host_output(self, number: int) -> int:
        """Return which of the definition's outputs belongs to the host's output `number`: by name, as slots move."""
        if self.host is None or not isinstance(self.layer, Definition) or number >= len(self.host.outputs):
            return number
        name = self.host.outputs[number].name
        outputs = self.layer.outputs
        if number < len(outputs) and outputs[number].name == name:
            return number
        if self._host_outputs is None:
            self._host_outputs = {}
            for place, slot in enumerate(outputs):
                self._host_outputs.setdefault(slot.name, place)
        return self._host_outputs.get(name, number)


@dataclass(frozen=True, slots=True)
class Place:
    """A node in its scope: one to be run, or virtual or bypassed, which only its mode and type say."""

    id: str
    scope: Scope
    node: UiNode


@dataclass(slots=True)
class Flat:
    """What `flatten` returns: all nodes in file order, hosts replaced by their insides, muted ones left out."""

    root: Scope
    places: list[Place] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)


def flatten(document: Document, registry: Registry) -> Flat:
    """Write out all subgraphs and legacy group nodes. Time is linear in what results. Never raises."""
    return _Flattening(document, registry).run()


class _Flattening:
    def __init__(self, document: Document, registry: Registry) -> None:
        self.document = document
        self.registry = registry
        self.flat = Flat(Scope(document))
        self.used: set[str] = set()
        self.size = 0
        self.groups: dict[str, Definition | None] = {}
        self.facts: dict[
            str, tuple[int, dict[int, tuple[str, str]]]
        ] = {}  # of each definition: its size, its promoted inputs

    def run(self) -> Flat:
        flat = self.flat
        flat.scopes.append(flat.root)
        stack: list[tuple[Scope, Iterator[UiNode]]] = [(flat.root, iter(self.document.nodes.values()))]
        while stack:
            scope, waiting = stack[-1]
            node = next(waiting, None)
            if node is None:
                stack.pop()
                continue
            definition = self._definition(node)
            if definition is None:
                self._place(scope, node)
            elif node.mode not in (MUTED, BYPASSED):
                child = self._open(scope, node, definition)
                if child is not None:
                    scope.children[node.id] = child
                    stack.append((child, iter(child.layer.nodes.values())))
        return flat

    def _definition(self, node: UiNode) -> Definition | None:
        """Return the definition that a host names; None for any other node."""
        found = self.document.definitions.get(node.type)
        if found is not None:
            return found
        name = group_name(node.type)
        if name is None or self.registry.resolve(node.type) is not None:
            return None
        if name not in self.groups:
            self.groups[name], notes = group_definition(self.document, name, self.registry)
            self.flat.notes += notes
            if self.groups[name] is None:
                text = f'the file has no definition of the group "{name[:80]}"'
                self.flat.notes.append(Note("error", "C014", node.id, node.type, text))
        return self.groups[name]

    def _place(self, scope: Scope, node: UiNode) -> None:
        if node.mode == MUTED:
            return
        name = f"{scope.path}{node.id}"
        if node.mode != BYPASSED:
            free = self._free(name)
            if free != name:
                self._note(name, node, "C003", f'another node runs under this id; this one is "{free[:80]}"', "warning")
            scope.ids[node.id] = name = free
        self.flat.places.append(Place(name, scope, node))

    def _free(self, name: str) -> str:
        """Return `name`, or a name like it that no node has: an id may itself hold a colon."""
        number = 2
        free = name
        while free in self.used:
            free = f"{name}~{number}"
            number += 1
        self.used.add(free)
        return free

    def _open(self, scope: Scope, host: UiNode, definition: Definition) -> Scope | None:
        """Return the scope inside a host; None with a note when it must stay closed."""
        name = f"{scope.path}{host.id}"
        size, promoted = self._facts(definition)
        at: Scope | None = scope
        while at is not None:
            if at.layer is definition:
                self._note(name, host, "C011", f'the subgraph "{definition.name[:80]}" contains itself')
                return None
            at = at.outer
        if scope.depth >= MAX_DEPTH:
            self._note(name, host, "C012", f"subgraphs are nested more than {MAX_DEPTH} deep")
            return None
        if self.size + size > MAX_SIZE:
            self._note(name, host, "C013", f"the subgraphs written out have more than {MAX_SIZE:,} entries")
            return None
        self.size += size
        values, notes = host_values(host, definition, promoted)
        self.flat.notes += [replace(note, node=name) for note in notes]
        self._take_outer(scope, host, definition, values)
        child = Scope(definition, f"{name}:", host, scope, values, depth=scope.depth + 1, shown=promoted)
        self.flat.scopes.append(child)
        return child

    def _take_outer(self, scope: Scope, host: UiNode, definition: Definition, values: HostValues) -> None:
        """Put what the scope's own host says of this inner host's widgets over what it says itself."""
        inner = scope.values.inner
        for number, slot in enumerate(definition.inputs if inner else ()):
            if (host.id, slot.name) in inner:
                values.inputs[number] = inner[host.id, slot.name]

    def _facts(self, definition: Definition) -> tuple[int, dict[int, tuple[str, str]]]:
        if definition.id not in self.facts:
            self.facts[definition.id] = (definition.size, promoted_inputs(definition))
        return self.facts[definition.id]

    def _note(self, name: str, node: UiNode, code: str, text: str, level: Any = "error") -> None:
        self.flat.notes.append(Note(level, code, name, node.type, text))
