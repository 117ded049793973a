"""Scenes: what is in a picture, where, and which of those facts its caption will state.

`sample_scene` places objects directly (no endless retries), so that what is said is always true and objects
never touch. Lengths are shares of the picture's side, y grows downwards, (x, y) is an object's centroid.
Knows nothing of pixels or wording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..errors import UserError
from .vocabulary import (
    BACKGROUNDS,
    CENTRE_BAND,
    EXTENTS,
    GAP,
    HELD_OUT,
    KINDS,
    LARGE,
    MARGIN,
    NUMBERS,
    PAIRS,
    POSITIONS,
    RELATIONS,
    SIZES,
    SMALL,
    TRAINED,
    UNIT,
)

__all__ = ["Meaning", "Object", "Scene", "Thing", "pick", "sample_scene"]

T = TypeVar("T")
# Training mix: two objects most often, because which colour belongs to which shape is what a small model
# learns last.
MIX = (("one_object", 0.25), ("two_objects", 0.325), ("relation", 0.325), ("count", 0.10))
# |offset across| / |offset along| of a stated relation: a judge asking for 0.75 the other way round never
# agrees.
SLANT = 1 / 1.5
CELL = 3 * UNIT  # a stated position keeps this far from the border between two positions


@dataclass(frozen=True, slots=True)
class Thing:
    """What a caption says of one kind of object; None where it says nothing."""

    colour: str
    shape: str
    count: int = 1
    size: str | None = None
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a caption says. `relation` holds from the first thing to the second, in order of mention."""

    things: tuple[Thing, ...]
    relation: str | None = None
    background: str | None = None

    @property
    def kind(self) -> str:
        """Return the caption's kind, one of `KINDS`."""
        if self.relation is not None:
            return "relation"
        if len(self.things) > 1:
            return "two_objects"
        return "count" if self.things[0].count > 1 else "one_object"

    @property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Return the (colour, shape) pairs that are mentioned."""
        return frozenset((thing.colour, thing.shape) for thing in self.things)


@dataclass(frozen=True, slots=True)
class Object:
    """One drawn thing: centroid (x, y) and radius as shares of the picture's side."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom."""
        side, up, down = EXTENTS[self.shape]
        r = self.radius
        return self.x - side * r, self.y - up * r, self.x + side * r, self.y + down * r


@dataclass(frozen=True, slots=True)
class Scene:
    """Objects on a plain background, in order of mention, and what the caption will say of them."""

    objects: tuple[Object, ...]
    background: str
    said: Meaning


def pick(choices: Sequence[T], rng: np.random.Generator) -> T:
    """Return one of `choices`, all equally likely (a tenth of the cost of `Generator.choice`)."""
    return choices[int(rng.random() * len(choices))]


def sample_scene(
    rng: np.random.Generator, split: str = "train", kind: str | None = None, *, held_out: bool | None = None
) -> Scene:
    """Draw a scene.

    split: "train" never holds a pair of `HELD_OUT`; any other name may. kind: one of `KINDS`, else by the
    training mix. held_out: True for at least one held-out pair, False for none, None as the split allows.
    Raises: UserError D101 for an unknown kind or a held-out pair asked of the training split.
    """
    if kind is None:
        kind = _mixed(rng.random())
    if kind not in KINDS:
        raise UserError("D101", "scene", f"a kind of {', '.join(KINDS)}", repr(kind), "Choose one of these.")
    if split == "train" and held_out:
        raise UserError("D101", "scene", "a split other than train", "held-out pairs", "Use split='test'.")
    number = 2 if kind in ("two_objects", "relation") else 1
    pairs = _pairs(rng, number, split, held_out)
    background = pick(tuple(BACKGROUNDS), rng)
    says_background = rng.random() < (0.4 if number == 1 else 0.3)
    said_background = background if says_background else None
    if kind == "one_object":
        found, things, relation = _one(rng, pairs[0])
    elif kind == "count":
        found, things, relation = _several(rng, pairs[0])
    else:
        found, things, relation = _two(rng, pairs, kind == "relation")
    return Scene(found, background, Meaning(things, relation, said_background))


Placed = tuple[tuple[Object, ...], tuple[Thing, ...], str | None]


def _mixed(at: float) -> str:
    for kind, share in MIX:
        at -= share
        if at < 0:
            return kind
    return MIX[-1][0]


def _pairs(rng: np.random.Generator, number: int, split: str, held_out: bool | None) -> list[tuple[str, str]]:
    """Draw `number` different (colour, shape) pairs, in random order."""
    pool = TRAINED if split == "train" or held_out is False else PAIRS
    drawn = [pick(HELD_OUT if held_out else pool, rng)]
    while len(drawn) < number:
        pair = pick(pool, rng)
        if pair not in drawn:
            drawn.append(pair)
    if rng.random() < 0.5:
        drawn.reverse()
    return drawn


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(rng.random())


def _radius(rng: np.random.Generator, chance: float, widest: float) -> tuple[float, str | None]:
    """Draw a radius and, with this chance, a word for it; an unnamed radius is anything up to `widest`."""
    if rng.random() >= chance:
        return _between(rng, SMALL[0], widest), None
    size = pick(SIZES, rng)
    low, high = SMALL if size == "small" else LARGE
    return _between(rng, low, min(high, max(low, widest))), size


def _one(rng: np.random.Generator, pair: tuple[str, str]) -> Placed:
    colour, shape = pair
    radius, size = _radius(rng, 0.4, LARGE[1])
    position = pick(POSITIONS, rng) if rng.random() < 0.4 else None
    side, up, down = (reach * radius + MARGIN for reach in EXTENTS[shape])
    across, along = (side, 1 - side), (up, 1 - down)
    if position is not None:
        across = _cell(across, "left" in position, "right" in position)
        along = _cell(along, "top" in position, "bottom" in position)
    placed = Object(shape, colour, _between(rng, *across), _between(rng, *along), radius)
    return (placed,), (Thing(colour, shape, 1, size, position),), None


def _cell(room: tuple[float, float], low: bool, high: bool) -> tuple[float, float]:
    """Return the part of `room` that is clearly in the low, high or middle band."""
    if low:
        return room[0], CENTRE_BAND[0] - CELL
    if high:
        return CENTRE_BAND[1] + CELL, room[1]
    return CENTRE_BAND[0] + CELL, CENTRE_BAND[1] - CELL


def _two(rng: np.random.Generator, pairs: list[tuple[str, str]], related: bool) -> Placed:
    """Place two objects apart along one axis; a stated relation also keeps them from standing askew."""
    widest = LARGE[0]  # two of this radius stand beside each other whatever their shapes
    drawn = [(pair, *_radius(rng, 0.15, widest)) for pair in pairs]
    things = tuple(Thing(colour, shape, 1, size) for (colour, shape), _, size in drawn)
    relation = pick(RELATIONS, rng)
    axis = 0 if relation in ("left of", "right of") else 1
    first = 0 if relation in ("left of", "above") else 1  # which one stands at the low end of the axis
    reach = [_reach(shape, radius) for (_, shape), radius, _ in drawn]
    low, high = reach[first][axis], reach[1 - first][axis]
    slack = 1 - 2 * MARGIN - GAP - sum(low) - sum(high)
    before = _between(rng, 0, slack)
    apart = _between(rng, 0, slack - before)
    at_low = MARGIN + before + low[0]
    at_high = at_low + low[1] + GAP + apart + high[0]
    other = 1 - axis
    room = [(MARGIN + reach[i][other][0], 1 - MARGIN - reach[i][other][1]) for i in (first, 1 - first)]
    cross_low = _between(rng, *room[0])
    if related:
        lean = SLANT * (at_high - at_low)
        # Both rooms hold the picture's middle, so the window below is never empty once `cross_low` is near
        # enough.
        cross_low = min(max(cross_low, room[1][0] - lean), room[1][1] + lean)
        room[1] = max(room[1][0], cross_low - lean), min(room[1][1], cross_low + lean)
    cross_high = _between(rng, *room[1])
    spots = [(at_low, cross_low), (at_high, cross_high)]
    if first == 1:
        spots.reverse()
    objects = tuple(
        Object(shape, colour, *(spot if axis == 0 else spot[::-1]), radius)
        for ((colour, shape), radius, _), spot in zip(drawn, spots, strict=True)
    )
    return objects, things, relation if related else None


def _reach(shape: str, radius: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return ((left, right), (up, down)) from the centroid."""
    side, up, down = (reach * radius for reach in EXTENTS[shape])
    return (side, side), (up, down)


def _several(rng: np.random.Generator, pair: tuple[str, str]) -> Placed:
    """Place two or three alike: draw many layouts at once and take the first without a collision."""
    colour, shape = pair
    count = pick(tuple(NUMBERS.values()), rng)
    radius = _between(rng, SMALL[0], SMALL[1] if count == 3 else LARGE[0] - 2 * UNIT)
    side, up, down = (reach * radius for reach in EXTENTS[shape])
    low = np.array([side, up]) + MARGIN
    high = 1 - np.array([side, down]) - MARGIN
    while True:
        spots = low + (high - low) * rng.random((48, count, 2))
        # Alike boxes are apart when their centroids are, along either axis.
        offsets = np.abs(spots[:, :, None] - spots[:, None]) - np.array([2 * side, up + down]) - GAP
        free = (offsets.max(-1) >= 0) | np.eye(count, dtype=bool)
        fitting = np.flatnonzero(free.all((1, 2)))
        if fitting.size:
            chosen = spots[fitting[0]]
            objects = tuple(Object(shape, colour, float(x), float(y), radius) for x, y in chosen)
            return objects, (Thing(colour, shape, count),), None
