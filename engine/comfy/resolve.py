"""What really feeds an input: wires followed through reroutes, subgraph ends, named wires and bypassed nodes.

Iterative, remembers every step and stops at rings, so the time is linear however long or tangled the wires are. Changes
nothing and reads no literal but those that wires carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from ..node.registry import Registry
from .bypass import bypass_input
from .flatten import Flat, Scope
from .parts import BYPASSED, INPUT_NODE, MUTED, OUTPUT_NODE, Definition, UiNode
from .virtual import GETTERS, PASSES, PRIMITIVE, SETTERS, Wireless, wire_name
from .widgets import widget_values

__all__ = ["Resolver", "Source"]

_STEPS = 8  # times the size of the file; those of ComfyUI take less than one, only files made to be tangled more


class Source(NamedTuple):
    """What feeds an input. `code` and `text` say why nothing does.

    kind: "link" to output `slot` of execution id `node`; "value": the literal `value`; "spare": the literal `value` for
    an input that has none of its own; "keep": nothing, the node's own value stands; "drop": the wire is cut, so the
    input is left out.
    """

    kind: Literal["link", "value", "spare", "keep", "drop"]
    node: str = ""
    slot: int = 0
    value: Any = None
    code: str = ""
    text: str = ""


_KEEP = Source("keep")
_At = tuple[Scope, str, int]  # an output: scope, node, slot


class Resolver:
    """Answers for one flattened file; see `input`."""

    def __init__(self, flat: Flat, registry: Registry) -> None:
        self._registry = registry
        self._values: dict[tuple[int, str], Mapping[str, Any]] = {}
        self._found: dict[tuple[Scope, str, int, str], Source] = {}
        self._wireless: dict[Scope, Wireless] = {}
        self._budget = 10_000 + _STEPS * sum(1 + _width(place.node) for place in flat.places)
        self._budget += _STEPS * sum(len(scope.children) + len(scope.layer.links) for scope in flat.scopes)

    def wireless(self, scope: Scope) -> Wireless:
        """Return the wires of a scope that have no line."""
        if scope not in self._wireless:
            self._wireless[scope] = Wireless(scope.layer)
        return self._wireless[scope]

    def input(self, scope: Scope, node: UiNode, slot: int) -> Source | None:
        """Return what feeds input `slot` of a node; None for an input that no wire enters."""
        at = self._wire(scope, node, slot)
        if not isinstance(at, tuple) or isinstance(at, Source):
            return at
        return self._follow(at, node.inputs[slot].type)

    def _wire(self, scope: Scope, node: UiNode, slot: int) -> _At | Source | None:
        """Return the output at the other end of the wire that enters a slot, None for no wire."""
        if slot >= len(node.inputs):
            return None
        name = node.inputs[slot].link
        link = scope.layer.links.get(name) if name is not None else None
        if link is not None:
            return scope, link.origin, link.origin_slot
        open_wires = self.wireless(scope)
        found = open_wires.source(node, slot) if open_wires else None
        if found is not None:
            return scope, found[0], found[1]
        if name is None:
            return None
        return Source("keep", code="C005", text=f"its link {name[:40]} is not in the file")

    def _follow(self, at: _At, wanted: str) -> Source:
        """Walk from an output to what really feeds it, and remember the answer for all that was passed."""
        passed: dict[tuple[Scope, str, int, str], Any] = {}
        found: Source | None = None
        while found is None:
            place = (*at, wanted)
            if place in self._found:
                found = self._found[place]
                break
            if place in passed:
                found = Source("keep", code="C016", text="the wire runs in a ring")
                break
            passed[place] = None
            self._budget -= 1
            if self._budget < 0:
                return Source("drop", code="C013", text="the wires are too tangled to be followed")
            step, fallback = self._step(at, wanted)
            if fallback is not None:
                passed[place] = fallback
            if isinstance(step, Source):
                found = step
            else:
                at = step
        for place in reversed(passed):
            fallback = passed[place]
            if fallback is not None and (found.kind == "keep" or (found.kind, fallback.kind) == ("spare", "value")):
                found = fallback
            self._found[place] = found
        return found

    def _step(self, at: _At, wanted: str) -> tuple[_At | Source, Source | None]:
        """Return what feeds an output: a source or another output; and the value that stands if that gives nothing."""
        scope, name, slot = at
        if scope.outer is not None and name == INPUT_NODE:
            return self._out_of(scope, slot)
        if name == OUTPUT_NODE and isinstance(scope.layer, Definition):
            end = scope.layer.ends.get(slot)
            return (_KEEP if end is None else (scope, end.origin, end.origin_slot)), None
        node = scope.layer.nodes.get(name)
        if node is None:
            return Source("keep", code="C005", text=f"node {name[:40]}, which should feed it, is not in the file"), None
        if node.type == PRIMITIVE:
            return _primitive(scope, node), None
        if node.mode == MUTED:
            return Source("drop", code="C017", text=f"node {name[:40]}, which feeds it, is muted"), None
        child = scope.children.get(name)
        if child is not None:
            return (child, OUTPUT_NODE, child.host_output(slot)), None
        if node.type in PASSES or node.type in SETTERS:
            return self._wire(scope, node, 0) or _KEEP, None
        if node.type in GETTERS:
            return self._named(scope, node), None
        if node.mode == BYPASSED:
            return self._bypass(scope, node, slot, wanted), None
        running = scope.ids.get(name)
        if running is None:
            return Source("drop", code="C034", text=f"node {name[:40]}, which feeds it, is left out"), None
        return Source("link", running, slot), None

    def _out_of(self, scope: Scope, number: int) -> tuple[_At | Source, Source | None]:
        """Leave a subgraph through its input `number`: the host's wire, else the value that the host gives."""
        assert scope.outer is not None and scope.host is not None
        given = scope.values.inputs.get(number)
        fallback = self._shown(scope, number) if given is None else Source("value", value=given)
        slot = scope.host_input(number)
        wire = self._wire(scope.outer, scope.host, slot) if slot is not None else None
        if wire is None:
            return _KEEP, fallback
        return wire, fallback

    def _shown(self, scope: Scope, number: int) -> Source | None:
        """Return the value of the widget inside that a host's input shows: sockets beside it get the same."""
        at: Scope | None = scope
        while at is not None:
            node_id, widget = at.shown.get(number, ("", ""))
            if (node_id, widget) in at.values.inner:
                return Source("spare", value=at.values.inner[node_id, widget])
            child = at.children.get(node_id)
            if child is None:
                value = self._widgets(at, node_id).get(widget)
                return None if value is None else Source("spare", value=value)
            assert isinstance(child.layer, Definition)
            number = next((n for n, slot in enumerate(child.layer.inputs) if slot.name == widget), -1)
            self._budget -= len(child.layer.inputs)
            if number in child.values.inputs:
                return Source("spare", value=child.values.inputs[number])
            at = child
        return None

    def _widgets(self, scope: Scope, node_id: str) -> Mapping[str, Any]:
        """Return the values of a node inside a definition, asked once for all of its hosts."""
        key = (id(scope.layer), node_id)
        if key not in self._values:
            node = scope.layer.nodes.get(node_id)
            self._values[key] = {} if node is None else widget_values(node, self._registry.spec(node.type))[0]
        return self._values[key]

    def _bypass(self, scope: Scope, node: UiNode, slot: int, wanted: str) -> _At | Source:
        self._budget -= len(node.inputs)
        number = bypass_input(node, slot, wanted)
        if number is None:
            text = f"node {node.id[:40]}, which feeds it, is bypassed and has no input of type {wanted[:40]}"
            return Source("drop", code="C018", text=text)
        return self._wire(scope, node, number) or _KEEP

    def _named(self, scope: Scope, node: UiNode) -> _At | Source:
        """Return what feeds the setter of a getter's name, on the same canvas or on one around it."""
        name = wire_name(node)
        at: Scope | None = scope
        while at is not None and name is not None:
            setter = self.wireless(at).setters.get(name)
            if setter is not None:
                if setter.mode == MUTED:
                    return Source("drop", code="C017", text=f"node {setter.id[:40]}, which feeds it, is muted")
                return self._wire(at, setter, 0) or _KEEP
            at = at.outer
        return Source("drop", code="C019", text=f'nobody sets "{(name or "")[:80]}"')


def _primitive(scope: Scope, node: UiNode) -> Source:
    """Return the literal of a PrimitiveNode; its group's host may give another."""
    value = scope.values.inner.get((node.id, "value"))
    if value is None and node.named:
        value = node.named.get("value")
    if value is None and isinstance(node.values, dict):
        value = node.values.get("value")
    if value is None and isinstance(node.values, list) and node.values:
        value = node.values[0]
    return _KEEP if value is None else Source("value", value=value)


def _width(node: UiNode) -> int:
    return len(node.inputs) + len(node.outputs)
