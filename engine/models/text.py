"""A text encoder as a CLIP wire carries it: prompts to token states; weights, long prompts, learned words.

Weights follow ComfyUI: each token's state is interpolated against the state that the empty prompt has at its
place. Prompts beyond 75 tokens are encoded in pieces that are joined along the tokens. Knows nothing of
files' layouts (embedding.py reads those) or of nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from .clip import CLIPText
from .embedding import load_embedding
from .patched import PatchedWeights
from .prompt import Span, parse
from .tokenize import Tokenizer

__all__ = ["TextEncoder"]

AT_ONCE = 64  # chunks in one call of the network: a novel pasted as a prompt must not exhaust memory
BIG_G = 1280  # width of OpenCLIP's bigG
UNBROKEN = 8  # a unit of fewer tokens than this is not split between two chunks


@dataclass(frozen=True, slots=True)
class Token:
    """One place in a chunk: a token, or a learned vector in place of one."""

    number: int
    weight: float = 1.0
    vector: Tensor | None = None


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """A text network with its tokenizer; `with_` and `with_skip` give changed copies that share both."""

    base: CLIPText
    """The network as it was loaded or trained, without what is laid over it; see `network`."""
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    skip: int = 1
    """1 is the last layer, 2 the one before it ("clip skip 2"), and so on."""
    embedding_folders: tuple[Path, ...] = ()
    """Where `embedding:name` is looked up, in this order."""
    allow_pickle: bool = False
    """Whether embeddings may come from pickles (.pt, .bin), read by the restricted loader."""
    weights: PatchedWeights = field(default_factory=PatchedWeights)
    """What is laid over the base while it runs: LoRAs."""

    @property
    def network(self) -> CLIPText:
        """The network as it runs: the base itself, or one that shares its weights where no LoRA changes them."""
        return self.weights.network(self.base)

    @property
    def parts(self) -> Mapping[str, TextEncoder]:
        """The encoders by their place in the family: this one alone, "g" by bigG's width, else "l"."""
        return {"g" if self.base.config.width == BIG_G else "l": self}

    def with_parts(self, parts: Mapping[str, Self]) -> Self:
        """Return the encoder of that place."""
        (part,) = parts.values()
        return part

    @property
    def device(self) -> torch.device:
        """Where the network is now."""
        return next(self.base.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return next(self.base.parameters()).dtype

    def with_(self, **changes: Any) -> Self:
        """Return a copy with these fields replaced; `network=` gives it another one, with nothing laid over it."""
        if "network" in changes:
            changes |= {"base": changes.pop("network"), "weights": PatchedWeights()}
        return replace(self, **changes)

    def with_skip(self, skip: int) -> Self:
        """Return an encoder that stops `skip` layers from the end, 1 being the last.

        More than the network has means the last one, as in ComfyUI.
        """
        return replace(self, skip=skip if 1 <= skip <= self.base.config.layers else 1)

    def encode(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Return the states [1 77*k d] of k chunks and the pooled state [1 d] of the first, both float32.

        Raises: UserError M020 for an embedding that is not found, M021 for one that does not fit.
        """
        chunks = self.chunks(prompt)
        weights = torch.tensor([[token.weight for token in chunk] for chunk in chunks], device=self.device)
        weighted = any(token.weight != 1.0 for chunk in chunks for token in chunk)
        states, pooled = self._run([*chunks, self._chunk([])] if weighted else chunks)
        if weighted:
            empty = states[-1:]
            states = empty + (states[:-1] - empty) * weights[:, :, None]
        return states.flatten(0, 1)[None], pooled[:1]

    def encode_batch(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return states [b 77 d] and pooled states [b d] of plain texts, cut to one chunk; for training.

        No syntax is read: parentheses are text. Gradients flow into the network where they are enabled.
        """
        room = self.base.config.length - 2
        texts = [self._chunk([Token(n) for n in self.tokenizer.encode(text)[:room]]) for text in prompts]
        return self._run(texts)

    def chunks(self, prompt: str) -> list[list[Token]]:
        """Return the prompt as chunks of exactly 77 tokens, start and end included; at least one chunk."""
        room = self.base.config.length - 2
        chunks: list[list[Token]] = [[]]
        for span in parse(prompt):
            unit = self._tokens(span)
            if len(unit) < UNBROKEN and len(chunks[-1]) + len(unit) > room and len(unit) <= room:
                chunks.append([])
            while unit:
                space = room - len(chunks[-1])
                if not space:
                    chunks.append([])
                    continue
                chunks[-1].extend(unit[:space])
                unit = unit[space:]
        return [self._chunk(tokens) for tokens in chunks]

    def _tokens(self, span: Span) -> list[Token]:
        """Return the tokens of one span; an embedding gives one per vector."""
        if not span.embedding:
            return [Token(number, span.weight) for number in self.tokenizer.encode(span.text)]
        width = self.base.config.width
        found = load_embedding(span.text, self.embedding_folders, width, allow_pickle=self.allow_pickle)
        tokens = [Token(0, span.weight, vector) for vector in found.vectors]
        return tokens + [Token(number, span.weight) for number in self.tokenizer.encode(found.rest)]

    def _chunk(self, tokens: list[Token]) -> list[Token]:
        """Return the tokens between start and end, padded to the network's length."""
        padding = self.base.config.length - 2 - len(tokens)
        start, end, pad = Token(self.tokenizer.bos), Token(self.tokenizer.eos), Token(self.tokenizer.pad)
        return [start, *tokens, end, *[pad] * padding]

    def _run(self, chunks: list[list[Token]]) -> tuple[Tensor, Tensor]:
        """Return states [k 77 d] and pooled states [k d] of k chunks, float32."""
        numbers = torch.tensor([[token.number for token in chunk] for chunk in chunks], device=self.device)
        embeddings = None
        if any(token.vector is not None for chunk in chunks for token in chunk):
            embeddings = self.network.embeddings.token_embedding(numbers)
            for k, chunk in enumerate(chunks):
                for place, token in enumerate(chunk):
                    if token.vector is not None:
                        embeddings[k, place] = token.vector.to(embeddings)
        parts = [
            self.network(
                numbers[k : k + AT_ONCE],
                skip=self.skip,
                embeddings=None if embeddings is None else embeddings[k : k + AT_ONCE],
            )
            for k in range(0, len(numbers), AT_ONCE)
        ]
        states, pooled = (torch.cat(items).float() for items in zip(*parts, strict=True))
        return states, pooled
