"""Lists of widget values without names, laid along the widgets they belong to.

Beside the widgets' own values such lists hold what follows a seed or a combo (control, filter), placeholders of inputs
that take only a wire, entries of buttons and null holes; they may be too short or too long. Knows no files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..node.widget import Bool, Choice

__all__ = ["CONTROL_WORDS", "Aligned", "Place", "align"]

CONTROL_WORDS = frozenset(("fixed", "increment", "decrement", "randomize", "increment-wrap"))

Place = tuple[str, int, Any]
"""Name, entries that follow, and the widget (None when it is not known)."""


class Aligned(NamedTuple):
    """Values by name (null where the list has null), how many were left over, and what follows the seeds, by name."""

    values: dict[str, Any]
    surplus: int
    controls: dict[str, Any]


def align(values: Sequence[Any], places: Sequence[Place], wider: Sequence[Place] = ()) -> Aligned:
    """Lay `values` along `places`; along `wider` when only its count is met. Time is linear."""
    expected = _count(places)
    if len(values) > expected:
        solid = [value for value in values if value is not None]
        if len(wider) > len(places) and len(values) == _count(wider):
            places = wider
        elif len(solid) == expected:
            values = solid  # widgets that keep nothing left holes before the others
    return _walk(values, places)


def _count(places: Sequence[Place]) -> int:
    return len(places) + sum(controls for _, controls, _ in places)


def _walk(values: Sequence[Any], places: Sequence[Place]) -> Aligned:
    found: dict[str, Any] = {}
    words: dict[str, Any] = {}
    at = 0
    remaining = _count(places)
    exact = len(values) == remaining
    for number, (name, controls, widget) in enumerate(places):
        if at >= len(values):
            break
        found[name] = values[at]
        at += 1
        remaining -= 1 + controls
        if at >= len(values):
            break
        following = places[number + 1][2] if number + 1 < len(places) else None
        if controls:
            if _is_control(values[at], following, exact):
                words[name] = values[at]
                at += 1
        elif isinstance(widget, Choice) and len(values) - at > remaining and _is_word(values[at], following):
            at += 1
            if len(values) - at > remaining and isinstance(values[at], str):
                at += 1  # the filter
    return Aligned(found, sum(value is not None for value in values[at:]), words)


def _is_control(value: Any, following: Any, exact: bool) -> bool:
    """Tell whether an entry after a seed is its control; old files have true and false there."""
    if isinstance(value, bool):
        return not isinstance(following, Bool) or exact
    return exact if value is None else _is_word(value, following)


def _is_word(value: Any, following: Any) -> bool:
    if not isinstance(value, str) or value not in CONTROL_WORDS:
        return False
    return not (isinstance(following, Choice) and value in following.options)
