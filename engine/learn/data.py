"""What training reads: pictures as tensors, captions as rows of a compact token table, encoded latents on disk.

Everything is a function of (seed, index), so a resumed run reads the same. Knows nothing of losses or optimizers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..errors import UserError

__all__ = ["CaptionTable", "LatentShards", "Pictures", "fingerprint", "to_pixels"]


class Pictures(Protocol):
    """An endless, indexed source of captioned pictures, such as `engine.shapes.dataset.ShapeScenes`."""

    def batch(self, index: int, count: int) -> tuple[NDArray[np.uint8], list[str]]:
        """Return uint8 [count h w 3] and as many captions; equal arguments give equal answers."""


def to_pixels(pictures: NDArray[np.uint8]) -> Tensor:
    """Return uint8 [b h w 3] as float32 [b 3 h w] in -1..1, channels-last in memory."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def fingerprint(network: nn.Module) -> str:
    """Return 16 hexadecimal digits that change with any weight of the network."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


class LatentShards:
    """Encoded scenes, in shards kept on disk, and the pool of recent shards that batches are drawn from.

    Encoding a picture costs more than a tenth of a training step, so each is used several times: the pool holds
    `window` shards of `shard` scenes; every `refresh` steps the oldest leaves and a new one enters.
    encode: float32 [b 3 h w] in -1..1 -> scaled latent [b c h w]. key: changes with the encoder's weights.
    """

    def __init__(
        self,
        pictures: Pictures,
        encode: Callable[[Tensor], Tensor],
        *,
        key: str,
        folder: Path | None = None,
        shard: int = 2048,
        window: int = 16,
        refresh: int = 400,
    ) -> None:
        for name, value in (("shard", shard), ("window", window), ("refresh", refresh)):
            if value < 1:
                raise UserError("D001", f'latent cache setting "{name}"', "1 or more", repr(value), "Raise it.")
        self.pictures = pictures
        self.encode = encode
        self.key = key
        self.folder = folder
        self.shard = shard
        self.window = window
        self.refresh = refresh
        self._held: dict[int, tuple[Tensor, list[str]]] = {}

    def prepare(self, step: int, on_shard: Callable[[int, int], None] | None = None) -> None:
        """Bring the pool to what `step` needs; on_shard(done, wanted) is called after each shard."""
        first = step // self.refresh
        wanted = range(first, first + self.window)
        for old in [index for index in self._held if index not in wanted]:
            del self._held[old]
        for done, index in enumerate(wanted):
            if index not in self._held:
                self._held[index] = self._shard(index)
            if on_shard is not None:
                on_shard(done + 1, self.window)

    def draw(self, step: int, count: int, generator: torch.Generator) -> tuple[Tensor, list[str]]:
        """Return `count` latents [count c h w] of the step's pool and their captions, drawn with replacement."""
        rows = [(self._held[index], row) for index, row in self.picks(step, count, generator)]
        return torch.stack([held[0][row] for held, row in rows]), [held[1][row] for held, row in rows]

    def picks(self, step: int, count: int, generator: torch.Generator) -> list[tuple[int, int]]:
        """Return which (shard, row in it) `draw` takes for the same arguments; the pool is prepared."""
        self.prepare(step)
        first = step // self.refresh
        picks = torch.randint(self.window * self.shard, (count,), generator=generator).tolist()
        return [(first + pick // self.shard, pick % self.shard) for pick in picks]

    def _shard(self, index: int) -> tuple[Tensor, list[str]]:
        pictures, captions = self.pictures.batch(index, self.shard)
        path = None if self.folder is None else self.folder / f"{self.key}-{self.shard}-{index:06d}.safetensors"
        if path is not None and path.exists():
            return load_file(path)["latents"], captions
        parts = [self.encode(to_pixels(pictures[at : at + 64])) for at in range(0, self.shard, 64)]
        latents = torch.cat(parts).float().contiguous()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            work = path.with_suffix(f".writing-{os.getpid()}")
            save_file({"latents": latents}, work)
            os.replace(work, path)
        return latents, captions


class CaptionTable:
    """Trains only the rows of a token table that captions use, plus one row for every word never seen.

    CLIP's table has 49,408 rows, captions of a small world some 80: the optimizer would spend more on rows that never
    get a gradient than on the rest of the network. `shrink` puts a small table in place of the large one, `grow` the
    large one back; every row that is not in the table becomes the row of unseen words, so that a prompt with a strange
    word meets a vector that training has met (see `unseen`).
    """

    def __init__(self, tokenize: Callable[[Sequence[str]], Tensor], captions: Iterable[str]) -> None:
        """tokenize: captions -> int64 [b length], with start, end and padding tokens."""
        self.tokenize = tokenize
        used = torch.unique(tokenize(["", *captions])).tolist()
        self.rows: list[int] = [int(token) for token in used]
        self._known: dict[str, Tensor] = {}
        self._place = {token: place for place, token in enumerate(self.rows)}
        self.unseen_row = len(self.rows)

    def encode(self, captions: Sequence[str]) -> Tensor:
        """Return rows of the small table, int64 [b length]; tokens outside it give the row of unseen words."""
        missing = [caption for caption in dict.fromkeys(captions) if caption not in self._known]
        if missing:
            for caption, tokens in zip(missing, self.tokenize(missing).tolist(), strict=True):
                places = [self._place.get(token, self.unseen_row) for token in tokens]
                self._known[caption] = torch.tensor(places)
        if len(self._known) > 200_000:
            self._known = {caption: self._known[caption] for caption in captions}
        return torch.stack([self._known[caption] for caption in captions])

    def shrink(self, table: nn.Embedding) -> nn.Embedding:
        """Return the small table [rows + 1, d], filled from the large one; the last row starts at its mean."""
        small = nn.Embedding(len(self.rows) + 1, table.embedding_dim).to(table.weight)
        with torch.no_grad():
            small.weight[:-1] = table.weight[self.rows]
            others = torch.ones(table.num_embeddings, dtype=torch.bool)
            others[self.rows] = False
            small.weight[-1] = table.weight[others].mean(0)
        return small

    def grow(self, small: nn.Embedding, table: nn.Embedding) -> None:
        """Write the small table back into the large one, unseen words included."""
        with torch.no_grad():
            table.weight[:] = small.weight[self.unseen_row]
            table.weight[self.rows] = small.weight[:-1]

    def with_unseen(self, rows: Tensor, share: float, generator: torch.Generator) -> Tensor:
        """Return `rows` with one to three unseen words put before about `share` of the captions.

        Nothing that carries meaning is lost: the caption moves along, and its last end tokens drop off.
        """
        chosen = torch.rand(len(rows), generator=generator) < share
        counts = torch.randint(1, 4, (len(rows),), generator=generator)
        chosen &= rows[:, 1] != rows[:, -1]  # an empty caption is end tokens from place 1 on
        changed = rows.clone()
        for index in chosen.nonzero().flatten().tolist():
            count = int(counts[index])
            changed[index, 1 + count :] = rows[index, 1:-count]
            changed[index, 1 : 1 + count] = self.unseen_row
        return changed
