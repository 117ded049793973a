"""Telling what a file of weights is by its keys and shapes, and explaining why when nothing fits.

A condition is data: it can be asked how much of it holds, so the nearest family and the missing keys can be
named. Guarantee: no false negatives for files that hold every key of an entry. Knows nothing of bytes or
networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..errors import UserError

if TYPE_CHECKING:  # arch.py is the table over these conditions
    from .arch import Architecture

__all__ = [
    "All",
    "Any",
    "Condition",
    "Dim",
    "Has",
    "Lone",
    "Match",
    "Not",
    "Rank",
    "Suffix",
    "detect",
    "nearness",
    "unrecognised",
]

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Match:
    """How much of a condition holds."""

    accepted: int
    total: int
    missing: tuple[str, ...] = ()
    """What does not hold, as text."""

    @property
    def full(self) -> bool:
        """Whether all of it holds."""
        return self.accepted == self.total


class Condition(Protocol):
    """Something a file's keys and shapes fulfil, in whole or in part."""

    def match(self, shapes: Shapes) -> Match:
        """Return how much of the condition holds."""


@dataclass(frozen=True, slots=True)
class Has:
    """The file has this key."""

    key: str

    def match(self, shapes: Shapes) -> Match:
        return single(self.key in shapes, f'"{self.key}"')


@dataclass(frozen=True, slots=True)
class Rank:
    """The file has this key, with that many dimensions."""

    key: str
    rank: int

    def match(self, shapes: Shapes) -> Match:
        there = shapes.get(self.key)
        return single(there is not None and len(there) == self.rank, f'"{self.key}" with {self.rank} dimensions')


@dataclass(frozen=True, slots=True, init=False)
class Dim:
    """The file has this key, and that dimension of it is one of those sizes."""

    key: str
    axis: int
    sizes: tuple[int, ...]

    def __init__(self, key: str, axis: int, *sizes: int) -> None:
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "axis", axis)
        object.__setattr__(self, "sizes", sizes)

    def match(self, shapes: Shapes) -> Match:
        there = shapes.get(self.key, ())
        holds = len(there) > self.axis and there[self.axis] in self.sizes
        return single(holds, f'"{self.key}" with {" or ".join(map(str, self.sizes))} in dimension {self.axis}')


@dataclass(frozen=True, slots=True)
class Suffix:
    """Some key of the file ends so."""

    end: str

    def match(self, shapes: Shapes) -> Match:
        return single(any(key.endswith(self.end) for key in shapes), f'a key ending in "{self.end}"')


@dataclass(frozen=True, slots=True)
class Lone:
    """The file has one tensor and no other, with that many dimensions, under a name that begins so."""

    rank: int
    start: str

    def match(self, shapes: Shapes) -> Match:
        holds = len(shapes) == 1 and all(len(shapes[key]) == self.rank and key.startswith(self.start) for key in shapes)
        return single(holds, f'one tensor alone, "{self.start}..." with {self.rank} dimensions')


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold. Speaks against a file, never for it: what is absent everywhere is no likeness."""

    condition: Condition

    def match(self, shapes: Shapes) -> Match:
        if self.condition.match(shapes).full:
            return Match(0, 1, (f"the absence of {self.condition}",))
        return Match(0, 0)


@dataclass(frozen=True, slots=True, init=False)
class All:
    """Every one of the conditions holds."""

    conditions: tuple[Condition, ...]

    def __init__(self, *conditions: Condition) -> None:
        object.__setattr__(self, "conditions", conditions)

    def match(self, shapes: Shapes) -> Match:
        parts = [condition.match(shapes) for condition in self.conditions]
        missing = tuple(text for part in parts for text in part.missing)
        return Match(sum(part.accepted for part in parts), sum(part.total for part in parts), missing)


@dataclass(frozen=True, slots=True, init=False)
class Any:
    """At least one of the conditions holds; the nearest of them speaks for it."""

    conditions: tuple[Condition, ...]

    def __init__(self, *conditions: Condition) -> None:
        object.__setattr__(self, "conditions", conditions)

    def match(self, shapes: Shapes) -> Match:
        return max((condition.match(shapes) for condition in self.conditions), key=nearness)


def single(holds: bool, text: str) -> Match:
    """Return the match of a condition that is one check."""
    return Match(1, 1) if holds else Match(0, 1, (text,))


def nearness(match: Match) -> tuple[bool, int]:
    """Return what orders matches from far to near: whether all holds, then by how much what holds outweighs the rest.

    A share would call a whole checkpoint that lacks two keys a bare network that lacks one of its few.
    """
    return match.full, 2 * match.accepted - match.total


def detect(table: Iterable[Architecture], shapes: Shapes, name: str) -> Architecture:
    """Return the first entry of the table whose condition holds.

    Raises: UserError M002 when none does, naming the nearest and what it lacks.
    """
    entries = tuple(table)
    for entry in entries:
        if entry.condition.match(shapes).full:
            return entry
    raise unrecognised(entries, shapes, name)


def unrecognised(entries: Iterable[Architecture], shapes: Shapes, name: str) -> UserError:
    """Return the error that says which entry comes nearest, and why it is not that."""
    matches = [(nearness(match), entry, match) for entry in entries for match in [entry.condition.match(shapes)]]
    _, entry, match = max(matches, key=lambda item: item[0])
    got = f"{len(shapes)} keys that match no known architecture"
    if match.accepted:
        listed = ", ".join(match.missing[:2]) + (", ..." if len(match.missing) > 2 else "")
        got += f"; nearest: {entry.name} ({match.accepted} of {match.total} keys; missing {listed})"
    return UserError(
        "M002",
        where=f'"{name}"',
        expected="a known kind of model file",
        got=got,
        fix="Check that the file is whole and of a supported family.",
    )
