"""Tokens in file names: `%KSampler.seed%` is replaced by that node's widget, as the editor does before it submits.

Dates stay as they are, since they are of the moment of the run. Knows no links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..node.registry import Registry
from .flatten import Place
from .report import Note
from .widgets import widget_values

__all__ = ["FileNameTokens"]

_TOKEN = re.compile(r"%([^%]+)%")
_FORBIDDEN = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')
_OURS = frozenset(("width", "height", "year", "month", "day", "hour", "minute", "second", "batch_num"))  # at saving


class FileNameTokens:
    """Replaces tokens for one flattened file; looks for nodes only once a token asks for one."""

    def __init__(self, places: Iterable[Place], registry: Registry) -> None:
        self._places = places
        self._registry = registry
        self._tables: tuple[dict[str, Place], dict[str, Place]] | None = None
        self._values: dict[str, Mapping[str, Any]] = {}

    def replaced(self, text: str, place: Place) -> tuple[str, list[Note]]:
        """Return `text` of a node with its tokens replaced, and a note for each kind that stays."""
        if text.count("%") < 2:
            return text, []
        left: dict[str, None] = {}

        def value_of(match: re.Match[str]) -> str:
            name, dot, widget = match[1].partition(".")
            value = self._value(name, widget) if dot and "." not in widget else None
            if value is not None:
                return _FORBIDDEN.sub("_", _as_text(value))
            if match[1] not in _OURS:
                left[match[1][:60]] = None
            return match[0]

        done = _TOKEN.sub(value_of, text)
        named = ", ".join(list(left)[:8])
        notes = [Note("info", "C031", place.id, place.node.type, f"these tokens stand: {named}")] if left else []
        return done, notes

    def _value(self, name: str, widget: str) -> Any:
        if self._tables is None:
            self._tables = self._index()
        by_name, by_title = self._tables
        place = by_name.get(name) or by_title.get(name)
        if place is None:
            return None
        if place.id not in self._values:
            self._values[place.id] = widget_values(place.node, self._registry.spec(place.node.type))[0]
        inner = place.scope.values.inner.get((place.node.id, widget))
        return self._values[place.id].get(widget) if inner is None else inner

    def _index(self) -> tuple[dict[str, Place], dict[str, Place]]:
        by_name: dict[str, Place] = {}
        by_title: dict[str, Place] = {}
        for place in self._places:
            known = place.node.properties.get("Node name for S&R")
            if isinstance(known, str):
                by_name.setdefault(known, place)
            spec = self._registry.spec(place.node.type)
            by_title.setdefault(place.node.title or (spec.title if spec else "") or place.node.type, place)
        return by_name, by_title


def _as_text(value: Any) -> str:
    """Return a value as a browser writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, (str, int, float)) else ""
