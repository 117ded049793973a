"""Draw a scene: anti-aliased by the signed distance to each shape's edge, inside each object's own box.

A pixel's coverage is 0.5 minus its centre's distance in pixels, clipped to 0..1, which is exact for a
straight upright edge. The judge draws its templates with the same function. Knows nothing of captions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .scene import Scene
from .vocabulary import BACKGROUNDS, COLOURS, EXTENTS

__all__ = ["coverage", "distance", "render"]

Floats = NDArray[np.float32]
_SLOPE = math.sqrt(3) / 2
_ARM = 0.36  # half the width of the cross's arms, in radii


def distance(shape: str, x: Floats, y: Floats, radius: Floats | float) -> Floats:
    """Return the signed distance to the edge, negative inside; x, y from the centroid, in any unit.

    Raises: KeyError for an unknown shape. Differs: outside a corner the distance is to the nearer edge's
    line, which keeps corners sharp.
    """
    if shape == "circle":
        return np.asarray(np.sqrt(x * x + y * y) - radius, np.float32)
    side = EXTENTS[shape][0] * radius
    if shape == "square":
        return np.asarray(np.maximum(np.abs(x), np.abs(y)) - side, np.float32)
    if shape == "triangle":
        inner = EXTENTS[shape][2] * radius
        return np.asarray(np.maximum(y, _SLOPE * np.abs(x) - 0.5 * y) - inner, np.float32)
    ax, ay = np.abs(x), np.abs(y)
    arm = _ARM * radius
    upright = np.maximum(ax - arm, ay - side)
    return np.asarray(np.minimum(upright, np.maximum(ax - side, ay - arm)), np.float32)


def coverage(shape: str, x: Floats, y: Floats, radius: Floats | float) -> Floats:
    """Return how much of each pixel the shape covers, 0..1; x, y, radius in pixels, pixel centres."""
    return np.clip(0.5 - distance(shape, x, y, radius), 0.0, 1.0)


def render(scene: Scene, size: int = 64) -> NDArray[np.uint8]:
    """Draw the scene: uint8 [size size 3], RGB.

    Raises: UserError D102 for a size below 16.
    """
    if size < 16:
        raise UserError("D102", "picture size", "16 or more", str(size), "Draw it larger.")
    picture = np.empty((size, size, 3), np.float32)
    picture[:] = BACKGROUNDS[scene.background]
    for item in scene.objects:
        left, top, right, bottom = (edge * size for edge in item.box)
        x0, y0 = max(int(left) - 1, 0), max(int(top) - 1, 0)
        x1, y1 = min(int(right) + 2, size), min(int(bottom) + 2, size)
        x = np.arange(x0, x1, dtype=np.float32)[None, :] + np.float32(0.5 - item.x * size)
        y = np.arange(y0, y1, dtype=np.float32)[:, None] + np.float32(0.5 - item.y * size)
        window = picture[y0:y1, x0:x1]
        cover = coverage(item.shape, x, y, item.radius * size)
        window += cover[..., None] * (np.array(COLOURS[item.colour], np.float32) - window)
    return (picture + 0.5).astype(np.uint8)
