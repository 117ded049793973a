"""How far two pictures are apart, in steps of 8-bit levels. Numpy only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Difference", "compare"]


class Difference(NamedTuple):
    """max, mean: absolute difference over pixels and channels, 0 to 255. different: pixels that differ at all."""

    max: int
    mean: float
    different: int
    pixels: int


def compare(one: np.ndarray, other: np.ndarray) -> Difference | None:
    """Compare uint8 pictures [h w c]; None when their shapes differ."""
    if one.shape != other.shape:
        return None
    apart = np.abs(one.astype(np.int16) - other.astype(np.int16))
    return Difference(
        int(apart.max(initial=0)),
        float(apart.mean()) if apart.size else 0.0,
        int(apart.any(axis=-1).sum()),
        one.shape[0] * one.shape[1],
    )
