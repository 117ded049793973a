"""Photographs of any sizes as an endless, indexed source of square crops, for training.

Crop n is a function of (seed, n): a photograph drawn by its area, a place, one of the eight turns and mirrorings, and
an order of the colours. Implements `learn.data.Pictures` with empty captions. Knows nothing of networks.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError, brief

__all__ = ["Photographs"]


class Photographs:
    """Square crops of photographs.

    pictures: uint8 [h w 3] each, sides of `size` pixels or more. size: side of a crop. turned: whether crops are also
    turned, mirrored, and given another order of colours. Raises: UserError D040 for no picture or an unfit one.
    """

    def __init__(self, pictures: Sequence[NDArray[np.uint8]], size: int, seed: int = 0, turned: bool = True) -> None:
        expected = f"photographs, uint8 [h w 3], of {size} pixels or more on each side"
        if not pictures:
            raise UserError("D040", "photographs", expected, "none", "Put some into the folder.")
        for picture in pictures:
            if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape[:2]) < size:
                raise UserError("D040", "photographs", expected, brief(picture), "Leave it out, or lower the size.")
        self.pictures = tuple(pictures)
        self.size = size
        self.seed = seed
        self.turned = turned
        areas = np.array([(p.shape[0] - size + 1) * (p.shape[1] - size + 1) for p in pictures], dtype=np.float64)
        self._shares = areas / areas.sum()

    def batch(self, index: int, count: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Return `count` crops, uint8 [count size size 3], and as many empty captions."""
        digest = hashlib.sha256(f"photographs:{self.seed}:{index}:{count}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        return np.stack([self._crop(random) for _ in range(count)]), [""] * count

    def _crop(self, random: np.random.Generator) -> NDArray[np.uint8]:
        picture = self.pictures[int(random.choice(len(self.pictures), p=self._shares))]
        top, left = (int(random.integers(0, side - self.size + 1)) for side in picture.shape[:2])
        crop = picture[top : top + self.size, left : left + self.size]
        if self.turned:
            turn, colours = int(random.integers(0, 8)), int(random.integers(0, math.factorial(3)))
            crop = np.rot90(crop[:, ::-1] if turn >= 4 else crop, turn % 4)
            crop = crop[..., ORDERS[colours]]
        return np.ascontiguousarray(crop)


ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
