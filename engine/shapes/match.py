"""Say what shape and size a part is, by laying templates of every shape over it.

A template is drawn at the part's centroid with the radius that its area asks for, a little smaller and
larger, sharp and softened. "soft" compares grey coverage; "strict" compares binary masks and their boxes,
and so fails the blurred small objects that a decoder draws. Knows nothing of colours or captions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from .draw import distance
from .vocabulary import SHAPES, UNIT

__all__ = ["Match", "Mode", "match"]

Floats = NDArray[np.float32]
Mode = Literal["soft", "strict"]

# Area of a shape of radius 1 (cross: two bars 2.1 by 0.72, their middle counted once).
AREAS: Final = {"circle": np.pi, "square": np.pi, "triangle": 0.75 * 3**0.5 * 1.44, "cross": 2.5056}
SCALES: Final = np.array([0.94, 1.0, 1.06], np.float32)[:, None, None]
SOFTNESS: Final = (1.0, 3.0)  # width in pixels (at 64) of a template's edge: sharp, blurred by about a pixel
SOFT_FLOOR: Final = 0.84  # a diamond has 0.834 as a circle; the worst of 1,000 scenes blurred by 1.2 px 0.90
STRICT_FLOOR: Final = 0.88  # of binary masks; sharp scenes stay above 0.90
BOX_FLOOR: Final = 0.85


@dataclass(frozen=True, slots=True)
class Match:
    """The best template: shape (None where none fits), overlap 0..1, centroid and radius in window pixels."""

    shape: str | None
    overlap: float
    x: float
    y: float
    radius: float


def match(cover: Floats, side: int, mode: Mode = "soft") -> Match:
    """Match the templates to a part's coverage [h w] 0..1, cut from a picture `side` pixels wide."""
    if mode == "strict":
        cover = (cover > 0.5).astype(np.float32)
    area = float(cover.sum())
    if area < 1.0:  # a patch of opposite colours, which lie along no line from the background
        return Match(None, 0.0, cover.shape[1] / 2, cover.shape[0] / 2, 0.0)
    rows = np.arange(cover.shape[0], dtype=np.float32)[:, None] + np.float32(0.5)
    columns = np.arange(cover.shape[1], dtype=np.float32)[None, :] + np.float32(0.5)
    x, y = float((cover * columns).sum()) / area, float((cover * rows).sum()) / area
    right, down = (columns - np.float32(x))[None], (rows - np.float32(y))[None]
    best = Match(None, -1.0, x, y, 0.0)
    for shape in SHAPES:
        radii = SCALES * np.float32((area / AREAS[shape]) ** 0.5)  # [scale 1 1]
        away = distance(shape, right, down, radii)  # [scale h w]
        if mode == "strict":
            templates = (away < 0).astype(np.float32)
        else:
            widths = np.array(SOFTNESS, np.float32)[:, None, None, None] * max(1.0, side * UNIT)
            templates = np.clip(0.5 - away / widths, 0.0, 1.0)  # [softness scale h w]
        union = np.maximum(templates, cover).sum((-1, -2))
        overlaps = np.minimum(templates, cover).sum((-1, -2)) / union
        at = np.unravel_index(int(overlaps.argmax()), overlaps.shape)
        overlap = float(overlaps[at])
        if overlap > best.overlap:
            fits = overlap >= SOFT_FLOOR
            if mode == "strict":
                fits = overlap >= STRICT_FLOOR and _box_overlap(cover, templates[at]) >= BOX_FLOOR
            best = Match(shape if fits else None, overlap, x, y, float(radii[at[-1], 0, 0]))
    return best


def _box_overlap(first: Floats, second: Floats) -> float:
    """Return intersection over union of two masks' bounding boxes."""
    shared = 1.0
    areas = [1.0, 1.0]
    for axis in (0, 1):
        low, high = zip(*((int(at[0]), int(at[-1]) + 1) for at in _spans(first, second, axis)), strict=True)
        shared *= max(0, min(high) - max(low))
        areas = [area * (end - start) for area, start, end in zip(areas, low, high, strict=True)]
    return shared / (sum(areas) - shared)


def _spans(first: Floats, second: Floats, axis: int) -> list[NDArray[np.intp]]:
    return [np.flatnonzero(mask.any(axis)) for mask in (first, second)]
