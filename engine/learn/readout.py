"""Teaches a text encoder what a caption says: from its end states a linear map must read who stands where.

A denoiser alone did not teach it: after 14,000 steps its loss was the same, to 0.0004, for "left of" and "right of",
because the side of a colour follows from three words together and no two of them lower the loss. Read out directly,
the same encoder learns it in minutes, and the denoiser then finds the side as easily as it finds a colour.
The map is thrown away after training. Source of the idea: linear probes (Alain and Bengio 2016), here as a loss.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.clip import CLIPText
from ..shapes.caption import read
from ..shapes.scene import Meaning, Thing
from ..shapes.vocabulary import COLOURS, SHAPES, SIZES
from .data import CaptionTable
from .loop import Hooks, LoopSettings, Trainer
from .optimizer import OptimizerSettings

__all__ = ["SceneReadout", "end_states", "scene_facts", "train_readout"]

SLOTS = ("first", "second", "left", "right", "top", "bottom", "center")
TRAITS = (*COLOURS, *SHAPES, *SIZES)
_SIDES = {
    "left of": ("left", "right"),
    "right of": ("right", "left"),
    "above": ("top", "bottom"),
    "below": ("bottom", "top"),
}


@functools.lru_cache(maxsize=100_000)
def scene_facts(caption: str) -> tuple[int, ...]:
    """Return the numbers, slot * len(TRAITS) + trait, of all that the caption says of each slot.

    Slots are the order of mention and the sides of the picture. Colour and shape are facts of their own, so that
    a pair never met in training is as sayable as any other. Raises: UserError D103 as `read`.
    """
    meaning = read(caption)
    found = []
    for order, thing in enumerate(meaning.things):
        for slot in {SLOTS[order], *_places(meaning, order, thing)}:
            traits = [thing.colour, thing.shape] + ([thing.size] if thing.size is not None else [])
            found += [SLOTS.index(slot) * len(TRAITS) + TRAITS.index(trait) for trait in traits]
    return tuple(sorted(found))


def _places(meaning: Meaning, order: int, thing: Thing) -> list[str]:
    if meaning.relation is not None:
        return [_SIDES[meaning.relation][order]]
    return thing.position.split() if thing.position is not None else []


class SceneReadout(nn.Module):
    """The linear map from a text state [.. d] to one logit per fact, and its loss."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, len(SLOTS) * len(TRAITS))

    def forward(self, states: Tensor, ends: Tensor, captions: Sequence[str]) -> Tensor:
        """Return the loss in nats per slot, a scalar: binary cross entropy over all facts and end states.

        states: [b l d] of the encoder; ends: bool [b l], the end token and the padding after it; captions: b of them,
        an empty one counts for nothing.
        """
        wanted = torch.zeros(len(captions), self.map.out_features)
        counted = ends.clone()
        for row, caption in enumerate(captions):
            if caption:
                wanted[row, list(scene_facts(caption))] = 1
            else:
                counted[row] = False
        at = counted.nonzero()[:, 0]
        if not len(at):
            return states.sum() * 0
        logits = self.map(states[counted]).float()
        return F.binary_cross_entropy_with_logits(logits, wanted.to(logits.device)[at]) * len(TRAITS)

    @torch.no_grad()
    def score(self, states: Tensor, ends: Tensor, captions: Sequence[str]) -> float:
        """Return the share of captions of whose facts, read from the first end state, every one is right."""
        first = states[torch.arange(len(states)), ends.int().argmax(dim=1)]
        said = self.map(first) > 0
        pairs = zip(said, captions, strict=True)
        right = [set(row.nonzero().flatten().tolist()) == set(scene_facts(caption)) for row, caption in pairs]
        return sum(right) / len(right)


def end_states(rows: Tensor) -> Tensor:
    """Return bool [b l]: the end token and all after it. rows: [b l] of a `CaptionTable`; padding is the end token."""
    return rows == rows[:, -1:]


def train_readout(
    text: CLIPText,
    readout: SceneReadout,
    words_of: Callable[[int], list[str]],
    captions: CaptionTable,
    length: int,
    loop: LoopSettings,
    optimizer: OptimizerSettings,
    hooks: Hooks | None = None,
) -> list[float]:
    """Train encoder and readout on captions alone, in place; return the loss of every step.

    words_of: step -> the captions of its batch. length: tokens that are looked at, more than the longest caption has;
    what comes after is padding and costs time. Raises: UserError D001, D011, D012; Cancelled.
    """
    full = text.embeddings.token_embedding
    text.embeddings.token_embedding = captions.shrink(full)

    def loss_of(step: int, _: torch.Generator) -> Tensor:
        words = words_of(step)
        rows = captions.encode(words)
        with torch.autocast("cpu", torch.bfloat16):
            states, _ = text(rows[:, :length])
            return readout(states, end_states(rows)[:, :length], words)

    try:
        trainer = Trainer({"text": text, "readout": readout}, loss_of, loop, optimizer, hooks or Hooks())
        trainer.resume()
        losses = trainer.run()
        trainer.average.store()
        return losses
    finally:
        captions.grow(text.embeddings.token_embedding, full)
        text.embeddings.token_embedding = full
