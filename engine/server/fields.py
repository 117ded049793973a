"""Reads fields of a JSON request and parameters of a query, each with its type and range; refuses the rest clearly.

Every limit a client can meet is an argument here, so that the published description can say the same. Knows nothing of
jobs or graphs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.requests import Request

from ..errors import brief
from ..node.registry import nearest
from .problems import bad_field, bad_parameter

__all__ = ["Fields", "query_choice", "query_choices", "query_whole"]

_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Fields:
    """The fields of one JSON object; `where` names it in messages. A field that is null counts as absent."""

    def __init__(self, document: Any, known: Iterable[str], where: str = "request") -> None:
        """Keep the object. Raises UserError P010 when it is none, or has a field that is not `known`."""
        if not isinstance(document, dict):
            raise bad_field(where, "a JSON object", document)
        self.where = where
        names = tuple(known)
        for name in document:
            if name not in names:
                near = nearest(name, names, 1) if len(name) < 100 else ()
                fix = f'Did you mean "{near[0]}"?' if near else f"Known are: {', '.join(names)}."
                raise bad_field(where, "known fields", name, fix)
        self._values = {name: value for name, value in document.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str) -> Any:
        """Return the value as it is, or None."""
        return self._values.get(name)

    def text(self, name: str, longest: int, *, empty: bool = True) -> str | None:
        """Return a printable text of at most `longest` characters."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > longest or _UNPRINTABLE.search(value) or not (value or empty):
            raise self._unfit(name, f"printable text, {0 if empty else 1} to {longest} characters")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true or false."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self._unfit(name, "true or false")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """Return a finite number in low..high."""
        value = self._values.get(name)
        if value is None:
            return None
        # Compared before it becomes a float: a whole number of 400 digits would not fit one.
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._unfit(name, f"a number from {low:g} to {high:g}")
        return float(value)

    def whole(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number in low..high."""
        value = self.number(name, low, high)
        if value is not None and not math.isclose(value, int(value), rel_tol=0, abs_tol=0):
            raise self._unfit(name, f"a whole number from {low} to {high}")
        return None if value is None else int(self._values[name])

    def choice(self, name: str, options: Sequence[str]) -> str | None:
        """Return one of `options`."""
        value = self._values.get(name)
        if value is not None and (not isinstance(value, str) or value not in options):
            raise self._unfit(name, "one of " + ", ".join(options))
        return value

    def texts(self, name: str, most: int, longest: int = 256, *, least: int = 1) -> tuple[str, ...] | None:
        """Return a list of least..most texts, each of 1 to `longest` characters."""
        value = self._values.get(name)
        if value is None:
            return None
        if (
            not isinstance(value, list)
            or not least <= len(value) <= most
            or not all(isinstance(item, str) and 0 < len(item) <= longest for item in value)
        ):
            raise self._unfit(name, f"a list of {least} to {most:,} texts")
        return tuple(value)

    def table(self, name: str) -> dict[str, Any] | None:
        """Return a JSON object."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, dict):
            raise self._unfit(name, "a JSON object")
        return value

    def _unfit(self, name: str, expected: str) -> Exception:
        return bad_field(f'{self.where}, "{name}"', expected, brief(self._values[name]))


def query_whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Return the parameter `name` as a whole number in low..high. Raises UserError P011."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _DIGITS.fullmatch(text) or not low <= int(text) <= high:
        raise bad_parameter(name, f"a whole number from {low} to {high}", text)
    return int(text)


def query_choice(request: Request, name: str, options: Sequence[str]) -> str | None:
    """Return the parameter `name`, one of `options`, or None when it is not given. Raises UserError P011."""
    word = request.query_params.get(name)
    if word is not None and word not in options:
        raise bad_parameter(name, "one of " + ", ".join(options), word)
    return word


def query_choices(request: Request, name: str, options: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a parameter given more than once or with commas, e.g. `state=done,failed`; may be empty.

    Raises UserError P011 for a word that is none of `options`.
    """
    words = [word for text in request.query_params.getlist(name) for word in text.split(",")]
    for word in words:
        if word not in options:
            raise bad_parameter(name, "words of " + ", ".join(options), word)
    return tuple(dict.fromkeys(words))
