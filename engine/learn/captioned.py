"""A few pictures with captions as an endless, indexed source: each round shows all of them, in an order of its own.

Implements `learn.data.Pictures`. Knows nothing of networks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError, brief

__all__ = ["Captioned"]


class Captioned:
    """Pictures [n h w 3], uint8, with a caption each or one for all.

    mirrored: half of what is shown is mirrored. Raises: UserError D052 for no pictures or another count of captions.
    """

    def __init__(
        self, pictures: NDArray[np.uint8], captions: Sequence[str], seed: int = 0, mirrored: bool = False
    ) -> None:
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3 or not len(pictures):
            raise UserError("D052", "pictures", "uint8 [n h w 3]", brief(pictures), "Connect pictures.", input="images")
        if len(captions) not in (1, len(pictures)):
            expected = f"one caption, or {len(pictures)}, a line for each picture"
            raise UserError("D052", "captions", expected, f"{len(captions)}", "Add or remove lines.", input="captions")
        self.pictures = pictures
        self.captions = list(captions) if len(captions) == len(pictures) else [captions[0]] * len(pictures)
        self.seed = seed
        self.mirrored = mirrored

    def batch(self, index: int, count: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Return `count` pictures, uint8 [count h w 3], and their captions; equal arguments give equal answers."""
        digest = hashlib.sha256(f"captioned:{self.seed}:{index}:{count}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        rounds = -(-count // len(self.pictures))
        order = np.concatenate([random.permutation(len(self.pictures)) for _ in range(rounds)])[:count]
        chosen = self.pictures[order]
        if self.mirrored:
            turned = random.random(count) < 0.5
            chosen = np.where(turned[:, None, None, None], chosen[:, :, ::-1], chosen)
        return np.ascontiguousarray(chosen), [self.captions[place] for place in order]
