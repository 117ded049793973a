"""T5's encoder as a part of a CLIP wire: prompts to token states, with weights and without a limit of length.

The whole prompt is one row of tokens with an end token, filled up to a least length; nothing is masked, so the padding
takes part, as SD3 and Flux were trained. Weights follow ComfyUI, as those of `TextEncoder` do. Knows nothing of files.
Differs: diffusers fills up to a fixed 256 (SD3) or 512 (Flux) tokens and cuts what is longer, ComfyUI fills up to 77
(SD3) or 256 (Flux) and cuts nothing; here it is as in ComfyUI, and `min_length` says how long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from ..errors import UserError
from ..memory.residency import InPlace, Residence
from .patched import PatchedWeights
from .prompt import parse
from .t5 import T5Text
from .text import Token, read_tokens, replaced, weighted
from .tokenize_t5 import T5Tokenizer

__all__ = ["FLUX_LENGTH", "SD3_LENGTH", "T5Encoder"]

SD3_LENGTH, FLUX_LENGTH = 77, 256


@dataclass(frozen=True, eq=False)
class T5Encoder:
    """A T5 network with its tokenizer; `with_` gives changed copies that share both."""

    base: T5Text
    """The network as it was loaded or trained, without what is laid over it; see `network`."""
    tokenizer: T5Tokenizer
    min_length: int = SD3_LENGTH
    """Shorter prompts are filled up to so many tokens, end included."""
    embedding_folders: tuple[Path, ...] = ()
    """Where `embedding:name` is looked up, in this order."""
    allow_pickle: bool = False
    """Whether embeddings may come from pickles (.pt, .bin), read by the restricted loader."""
    weights: PatchedWeights = field(default_factory=PatchedWeights)
    """What is laid over the base while it runs: LoRAs."""
    residence: Residence = field(default_factory=InPlace)
    """Where the network computes, and how its weights get there."""

    @property
    def network(self) -> T5Text:
        """The network as it runs: the base itself, or one that shares its weights where no LoRA changes them."""
        return self.weights.network(self.base)

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.residence.device_of(self.base)

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return next(self.base.parameters()).dtype

    def with_(self, **changes: Any) -> Self:
        """Return a copy with these fields replaced; `network=` gives it another one, with nothing laid over it."""
        if "network" in changes:
            changes |= {"base": changes.pop("network"), "weights": PatchedWeights()}
        return replace(self, **changes)

    def with_skip(self, _skip: int) -> Self:
        """Return this encoder: which layer is taken is a choice for CLIP alone."""
        return self

    def encode(self, prompt: str) -> tuple[Tensor, None]:
        """Return the states [1 l d], float32, of at least `min_length` tokens; T5 has no pooled state.

        Raises: UserError M020 for an embedding that is not found.
        """
        tokens = self.tokens(prompt)
        if all(token.weight == 1.0 for token in tokens):
            return self._run([tokens]), None
        states = self._run([tokens, self._row((), len(tokens))])
        return weighted(states[:1], states[1:], [tokens]), None

    def encode_batch(self, prompts: Sequence[str]) -> tuple[Tensor, None]:
        """Return the states [b l d] of plain texts, all as long as the longest; for training. No syntax is read."""
        rows = [[Token(number) for number in self.tokenizer.encode(text)] for text in prompts]
        length = max(self.min_length, *(len(row) + 1 for row in rows))
        return self._run([self._row(row, length) for row in rows]), None

    def tokens(self, prompt: str) -> list[Token]:
        """Return the prompt as tokens, end and padding included."""
        tokens: list[Token] = []
        width, folders = self.base.config.width, self.embedding_folders
        for span in parse(prompt):
            try:
                tokens += read_tokens(span, self.tokenizer, width, "t5", folders, allow_pickle=self.allow_pickle)
            except UserError as error:
                # Learned words are made for CLIP; T5 reads the rest of the prompt without them.
                if error.code != "M021":
                    raise
        return self._row(tokens, self.min_length)

    def _row(self, tokens: Sequence[Token], length: int) -> list[Token]:
        """Return tokens with an end, filled up to `length`."""
        padding = max(0, length - 1 - len(tokens))
        return [*tokens, Token(self.tokenizer.eos), *[Token(self.tokenizer.pad)] * padding]

    def _run(self, rows: Sequence[Sequence[Token]]) -> Tensor:
        """Return the states [k l d], float32, of k rows of one length."""
        numbers = torch.tensor([[token.number for token in row] for row in rows], device=self.device)
        return self.residence.run(
            self.base,
            lambda network: network(numbers, embeddings=replaced(network.shared, numbers, rows)).float(),
            self.weights,
            what="encoding text",
        )
