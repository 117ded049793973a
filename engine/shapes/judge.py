"""ShapeEval: does a picture show what its caption means? GenEval's manner, fact by fact, classical vision.

The picture is cut into parts (`segment`), each part named by colour, shape, size and place (`match`), and
the facts of the caption checked against the best assignment of parts to the things it mentions. Knows
nothing of how pictures are made. Source: Ghosh et al. 2023, "GenEval"; the detector is replaced by templates
of the shape world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError, brief
from .match import Mode, match
from .scene import Meaning, Thing
from .segment import Part, background_of, parts_of
from .vocabulary import BACKGROUNDS, CENTRE_BAND, COLOURS, RGB, SIZE_BORDER, UNIT

__all__ = ["Found", "Mode", "Verdict", "find", "judge"]

# Farther from every word than this (levels in RGB) a colour has no name. Half the way between the nearest two
# colours is 51 and between the nearest two backgrounds 41, and a shift of 10 levels per channel moves one by
# 17.
COLOUR_LIMIT = 60.0
BACKGROUND_LIMIT = 45.0
# A relation must hold along its axis by this much, and stand across it by no more than 1 / ASKEW of that.
APART = 5 * UNIT
ASKEW = 0.75
MOST = 6  # parts considered when assigning; any number beyond the caption's already fails it


@dataclass(frozen=True, slots=True)
class Found:
    """One part as named: None where no word fits. x, y, radius are shares of the picture's side."""

    colour: str | None
    shape: str | None
    size: str
    position: str
    x: float
    y: float
    radius: float
    overlap: float

    def __str__(self) -> str:
        return f"{self.size} {self.colour or 'odd-coloured'} {self.shape or 'blob'} at {self.position}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """score: share of the caption's facts that hold, 1.0 exactly if `passed`; reasons: those that do not."""

    passed: bool
    score: float
    found: tuple[Found, ...]
    reasons: tuple[str, ...]
    background: str | None


def judge(image: NDArray[np.uint8], meaning: Meaning, mode: Mode = "soft") -> Verdict:
    """Judge a picture against a caption's meaning.

    image: uint8 [h w 3]. Facts: the number of objects in the picture; of each thing its colour and shape,
    and its size and position where stated; the relation; the background where stated.
    Raises: UserError D105 for anything but a uint8 RGB picture of at least 16 pixels a side, D106 for
    another mode.
    """
    found, background = find(image, mode)
    wanted = [thing for thing in meaning.things for _ in range(thing.count)]
    facts: list[tuple[bool, str]] = []
    facts.append((len(found) == len(wanted), f"{len(wanted)} wanted, {len(found)} found"))
    if meaning.background is not None:
        right = background == meaning.background
        facts.append((right, f"background {meaning.background} wanted, {background or 'none known'} found"))
    facts += _best_assignment(meaning, wanted, found[:MOST])
    held = sum(holds for holds, _ in facts)
    reasons = tuple(reason for holds, reason in facts if not holds)
    return Verdict(not reasons, held / len(facts), found, reasons, background)


def find(image: NDArray[np.uint8], mode: Mode = "soft") -> tuple[tuple[Found, ...], str | None]:
    """Return the objects in a picture, the largest first, and the background's name or None.

    Raises: UserError D105, D106 as `judge`.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < 16:
        expected = "uint8 [h w 3], 16 pixels or more"
        raise UserError("D105", "judged picture", expected, brief(image), "Convert it.")
    if mode not in ("soft", "strict"):
        raise UserError("D106", "judge's mode", "soft or strict", repr(mode), "Choose one of these.")
    picture = image.astype(np.float32)
    background = background_of(picture)
    side = min(image.shape[:2])
    found = tuple(_named(part, side, mode) for part in parts_of(picture, background))
    return found, _nearest(background, BACKGROUNDS, BACKGROUND_LIMIT)


def _named(part: Part, side: int, mode: Mode) -> Found:
    fit = match(part.cover, side, mode)
    x, y, radius = (part.left + fit.x) / side, (part.top + fit.y) / side, fit.radius / side
    colour = _nearest(np.array(part.rgb, np.float32), COLOURS, COLOUR_LIMIT)
    size = "small" if radius < SIZE_BORDER else "large"
    return Found(colour, fit.shape, size, _position(x, y), x, y, radius, fit.overlap)


def _nearest(rgb: NDArray[np.float32], words: Mapping[str, RGB], limit: float) -> str | None:
    distances = {word: float(np.linalg.norm(rgb - np.array(level))) for word, level in words.items()}
    word = min(distances, key=distances.__getitem__)
    return word if distances[word] <= limit else None


def _position(x: float, y: float) -> str:
    low, high = CENTRE_BAND
    across = "left" if x < low else "right" if x > high else ""
    along = "top" if y < low else "bottom" if y > high else ""
    return f"{along} {across}".strip() or "center"


def _best_assignment(meaning: Meaning, wanted: list[Thing], found: tuple[Found, ...]) -> list[tuple[bool, str]]:
    """Return the facts under the assignment of found objects to wanted ones that makes most of them true."""
    candidates: list[Found | None] = list(found)
    candidates += [None] * (len(wanted) - len(found))
    rows = [{id(item): _facts(thing, item) for item in candidates} for thing in wanted]
    best: list[tuple[bool, str]] = []
    most = -1
    for chosen in permutations(candidates, len(wanted)):
        facts = [fact for row, item in zip(rows, chosen, strict=True) for fact in row[id(item)]]
        if meaning.relation is not None:
            facts.append(_relation(meaning.relation, meaning.things, chosen))
        held = sum(holds for holds, _ in facts)
        if held > most:
            best, most = facts, held
    return best


def _facts(thing: Thing, item: Found | None) -> list[tuple[bool, str]]:
    """Return one fact per word that the caption spends on the thing."""
    name = f"{thing.colour} {thing.shape}"
    stated = [(word, getattr(thing, word)) for word in ("colour", "shape", "size", "position")]
    facts = []
    for word, value in stated:
        if value is not None:
            actual = None if item is None else getattr(item, word)
            facts.append((actual == value, f"{name}: {word} {value} wanted, {actual or 'none'} found"))
    return facts


def _relation(relation: str, things: tuple[Thing, ...], items: tuple[Found | None, ...]) -> tuple[bool, str]:
    """Say whether the stated relation holds; each object must be its thing by colour or by shape."""
    reason = f"{things[0].colour} {things[0].shape} {relation} {things[1].colour} {things[1].shape} wanted"
    first, second = items
    if first is None or second is None:
        return False, f"{reason}, one is missing"
    for thing, item in ((things[0], first), (things[1], second)):
        if item.colour != thing.colour and item.shape != thing.shape:
            return False, f"{reason}, one is something else"
    across, along = second.x - first.x, second.y - first.y
    ahead, aside = {
        "left of": (across, along),
        "right of": (-across, along),
        "above": (along, across),
        "below": (-along, across),
    }[relation]
    return ahead >= APART and ahead >= ASKEW * abs(aside), f"{reason}, it does not hold"
