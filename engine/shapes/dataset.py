"""The endless, reproducible set of captioned scenes, and the captions a model is examined on.

Every picture is a function of (seed, split, index, place in the batch) alone: no global generator, the same
on every process and machine. Splits draw from unrelated streams; "train" never holds a pair of
`vocabulary.HELD_OUT`.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .caption import write
from .draw import render
from .scene import Scene, sample_scene

__all__ = ["ShapeScenes", "held_out_captions"]


def _stream(*keys: int | str) -> np.random.Generator:
    """Return the generator of one stream; the words are hashed by CRC-32, which no process salts."""
    numbers = [zlib.crc32(key.encode()) if isinstance(key, str) else key for key in keys]
    if any(number < 0 for number in numbers):
        raise UserError("D104", "data stream", "a seed and index of at least 0", str(keys), "Raise them to 0.")
    return np.random.default_rng(numbers)


class ShapeScenes:
    """Captioned scenes of one size, seed and split ("train", "test" or any other name)."""

    def __init__(self, size: int = 64, seed: int = 0, split: str = "train", keep_unplaced: float = 1.0) -> None:
        """keep_unplaced: share, 0 to 1, kept of the scenes whose captions say nothing of place (57 % of all do).

        Colours and shapes are learnt first and place last, so fewer of these teach more.
        Raises: UserError D108 for a share outside 0 to 1.
        """
        if not 0 <= keep_unplaced <= 1:
            got = str(keep_unplaced)
            raise UserError("D108", "shape scenes", "keep_unplaced from 0 to 1", got, "Choose a share.")
        self.size = size
        self.seed = seed
        self.split = split
        self.keep_unplaced = keep_unplaced

    def described(self, index: int, count: int) -> tuple[list[Scene], list[str]]:
        """Return `count` scenes of batch `index` and their captions."""
        rng = _stream("scenes", self.split, self.seed, index)
        scenes: list[Scene] = []
        captions: list[str] = []
        while len(scenes) < count:
            scene = sample_scene(rng, self.split)
            caption = write(scene, rng)
            if self.keep_unplaced < 1 and not _is_placed(scene) and rng.random() >= self.keep_unplaced:
                continue
            scenes.append(scene)
            captions.append(caption)
        return scenes, captions

    def batch(self, index: int, count: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Return batch number `index`: uint8 [count size size 3] and the captions.

        Different indices give unrelated batches; a shorter `count` gives the start of the longer one.
        Raises: UserError D104 for a negative seed or index.
        """
        scenes, captions = self.described(index, count)
        pictures = np.empty((count, self.size, self.size, 3), np.uint8)
        for place, scene in enumerate(scenes):
            pictures[place] = render(scene, self.size)
        return pictures, captions


def _is_placed(scene: Scene) -> bool:
    """Tell whether the caption says where something is, by itself or beside another thing."""
    return scene.said.relation is not None or any(thing.position is not None for thing in scene.said.things)


def held_out_captions(n: int, kind: str, seed: int = 0) -> list[str]:
    """Return `n` different examination captions of one kind, from a stream that training never draws.

    A tenth of them (at least one) mentions a (colour, shape) pair that training never shows; the others
    mention none, so that both figures can be told apart by `read(caption).pairs & HELD_OUT`. Where a kind
    runs out of different captions, some come twice.
    Raises: UserError D101 for an unknown kind, D104 for a negative seed.
    """
    rng = _stream("examination", kind, seed)
    novel = np.zeros(n, bool)
    novel[: max(1, round(n / 10))] = True
    rng.shuffle(novel)
    captions: dict[str, None] = {}
    again: list[str] = []
    for flag in novel:
        for _ in range(50):
            scene = sample_scene(rng, "examination", kind, held_out=bool(flag))
            caption = write(scene, rng)
            if caption not in captions:
                break
            # Fresh wording of a fresh scene; after 50 misses the kind is exhausted and a repeat is honest.
        else:
            again.append(caption)
        captions[caption] = None
    return [*captions, *again]
