"""What validation needs of each node type, looked up once per registry instead of once per node.

A literal that is already in its canonical form is accepted by one type test and one comparison; anything else takes the
slow road through `literal`. Knows nothing of graphs.
"""

from __future__ import annotations

import re
from typing import Any

from ..node.registry import Registry
from ..node.socket import accepts
from ..node.spec import MISSING, InputSpec, NodeSpec
from ..node.widget import Bool, Choice, Float, Int, Seed, Text
from .literal import widget_of

__all__ = ["RANGE", "SET", "SURE", "TEXT", "InputRule", "NodeRules", "rules_of"]

SURE, RANGE, SET, TEXT = range(4)  # what remains to be asked of a literal of the right class


class InputRule:
    """One input: `exact` is the class of a canonical literal (None: ask `literal`), `mode` what to ask of it."""

    __slots__ = ("exact", "fits", "high", "low", "mode", "options", "spec")

    def __init__(self, spec: InputSpec) -> None:
        self.spec = spec
        self.fits: set[str] = {spec.types}  # wire types known to fit; grows as they are met
        self.exact: type | None = None
        self.mode = SURE
        self.low: float = 0
        self.high: float = 0
        self.options: frozenset[Any] = frozenset()
        widget = widget_of(spec)
        if isinstance(widget, (Int, Seed, Float)):
            self.exact = float if isinstance(widget, Float) else int
            self.mode, self.low, self.high = RANGE, widget.min, widget.max
        elif isinstance(widget, Text):
            self.exact, self.mode = str, TEXT
        elif isinstance(widget, Bool):
            self.exact = bool
        elif isinstance(widget, Choice):
            self.exact, self.mode = str, SET
            self.options = frozenset(option for option in widget.options if isinstance(option, str))

    def takes(self, wire: str) -> bool:
        """Tell whether a wire of this type may enter."""
        if wire in self.fits:
            return True
        if accepts(self.spec.types, wire):
            self.fits.add(wire)
            return True
        return False


class NodeRules:
    """One node type. `full`: how many inputs a node has that gives all; fewer means some must be filled or missed."""

    __slots__ = (
        "defaults",
        "faceted",
        "full",
        "hidden",
        "inputs",
        "needed",
        "repeat",
        "repeat_pattern",
        "repeated",
        "spec",
        "wires",
    )

    def __init__(self, spec: NodeSpec) -> None:
        self.spec = spec
        shown = [entry for entry in spec.inputs if entry.hidden is None]
        self.inputs = {entry.name: InputRule(entry) for entry in shown}
        self.hidden = frozenset(entry.name for entry in spec.inputs if entry.hidden is not None)
        self.defaults: dict[str, Any] = {entry.name: entry.default for entry in shown if entry.default is not MISSING}
        self.needed = tuple(entry.name for entry in shown if entry.required and entry.default is MISSING)
        self.full = len(shown) if spec.repeat is None else -1  # repeats are always counted
        self.wires: dict[str | int, str] = {output.name: output.types for output in spec.outputs}
        self.faceted = any(entry.facets for entry in shown) or any(o.facets or o.facets_from for o in spec.outputs)
        self.repeat: InputRule | None = None
        self.repeated: set[str] = set()  # names found to be repeats; matching a pattern is slow
        self.repeat_pattern: re.Pattern[str] | None = None
        if spec.repeat is not None:
            self.repeat = InputRule(InputSpec("", spec.repeat.types, required=False))
            if "{n}" in spec.repeat.pattern:
                before, after = spec.repeat.pattern.split("{n}", 1)
                self.repeat_pattern = re.compile(f"{re.escape(before)}[1-9][0-9]{{0,5}}{re.escape(after)}")

    def repeats(self, name: str) -> bool:
        """Tell whether `name` is one of the inputs that may be given any number of times."""
        if name in self.repeated:
            return True
        if self.repeat is None or name in self.hidden:
            return False
        fits = self.repeat_pattern is None or self.repeat_pattern.fullmatch(name) is not None
        if fits and len(self.repeated) < 10_000:
            self.repeated.add(name)
        return fits


def rules_of(kind: str, registry: Registry) -> NodeRules | None:
    """Return the rules of a node type, or None when the registry does not know it."""
    table = registry.derived("rules")
    rules: NodeRules | None = table.get(kind)
    if rules is None:
        spec = registry.spec(kind)
        if spec is not None:
            rules = table[kind] = NodeRules(spec)
    return rules
