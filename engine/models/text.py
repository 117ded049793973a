"""A text encoder as a CLIP wire carries it: prompts to token states; weights, long prompts, learned words.

One CLIP here: OpenAI's L, OpenCLIP's H or bigG; several together are a `TextStack`. Weights follow ComfyUI: each
token's state is interpolated against the state that the empty prompt has at its place. Prompts beyond 75 tokens are
encoded in pieces that are joined along the tokens. Knows nothing of files' layouts (embedding.py reads those) or of
nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn

from ..memory.residency import InPlace, Residence
from .clip import CLIPText
from .embedding import load_embedding
from .patched import PatchedWeights
from .prompt import Span, parse
from .tokenize import Tokenizer

__all__ = ["TextEncoder", "Token", "read_tokens", "replaced", "weighted"]

AT_ONCE = 64  # chunks in one call of the network: a novel pasted as a prompt must not exhaust memory
BIG_G = 1280  # width of OpenCLIP's bigG
UNBROKEN = 8  # a unit of fewer tokens than this is not split between two chunks


@dataclass(frozen=True, slots=True)
class Token:
    """One place in a prompt: a token, or a learned vector in place of one."""

    number: int
    weight: float = 1.0
    vector: Tensor | None = None


class Vocabulary(Protocol):
    """What turns plain text into numbers."""

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, without start and end."""


def read_tokens(
    span: Span, vocabulary: Vocabulary, width: int, place: str, folders: Sequence[Path], *, allow_pickle: bool
) -> list[Token]:
    """Return the tokens of one span of a prompt; an embedding gives one per vector, of `width`, made for `place`.

    Raises: UserError M020 for an embedding that is not found, M021 for one that does not fit.
    """
    if not span.embedding:
        return [Token(number, span.weight) for number in vocabulary.encode(span.text)]
    found = load_embedding(span.text, folders, width, place=place, allow_pickle=allow_pickle)
    tokens = [Token(0, span.weight, vector) for vector in found.vectors]
    return tokens + [Token(number, span.weight) for number in vocabulary.encode(found.rest)]


def replaced(table: nn.Module, numbers: Tensor, rows: Sequence[Sequence[Token]]) -> Tensor | None:
    """Return the embeddings [k l d] of tokens [k l] with learned vectors in their places; None if there are none."""
    if not any(token.vector is not None for row in rows for token in row):
        return None
    embeddings: Tensor = table(numbers)
    for k, row in enumerate(rows):
        for place, token in enumerate(row):
            if token.vector is not None:
                embeddings[k, place] = token.vector.to(embeddings)
    return embeddings


def weighted(states: Tensor, empty: Tensor, rows: Sequence[Sequence[Token]]) -> Tensor:
    """Return states [k l d] moved away from those of the empty prompt [1 l d], each by its token's weight."""
    weights = torch.tensor([[token.weight for token in row] for row in rows], device=states.device)
    return empty + (states - empty) * weights[:, :, None]


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """A text network with its tokenizer; `with_` and `with_skip` give changed copies that share both."""

    base: CLIPText
    """The network as it was loaded or trained, without what is laid over it; see `network`."""
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    skip: int = 1
    """1 is the last layer, 2 the one before it ("clip skip 2"), and so on."""
    norm: bool = True
    """Whether the states pass the network's final norm: SD1.x and SD2.x; SDXL and SD3 take them before it."""
    embedding_folders: tuple[Path, ...] = ()
    """Where `embedding:name` is looked up, in this order."""
    allow_pickle: bool = False
    """Whether embeddings may come from pickles (.pt, .bin), read by the restricted loader."""
    weights: PatchedWeights = field(default_factory=PatchedWeights)
    """What is laid over the base while it runs: LoRAs."""
    residence: Residence = field(default_factory=InPlace)
    """Where the network computes, and how its weights get there."""

    @property
    def network(self) -> CLIPText:
        """The network as it runs: the base itself, or one that shares its weights where no LoRA changes them."""
        return self.weights.network(self.base)

    @property
    def parts(self) -> Mapping[str, TextEncoder]:
        """The encoders by their place in the family: this one alone, "g" by bigG's width, else "l"."""
        return {"g" if self.base.config.width == BIG_G else "l": self}

    def with_parts(self, parts: Mapping[str, Any]) -> Self:
        """Return the encoder of that place."""
        part: Self
        (part,) = parts.values()
        return part

    @property
    def pad(self) -> int:
        """What fills a chunk: OpenAI's encoders were trained with the end token there, OpenCLIP's with 0."""
        return self.tokenizer.pad if self.base.config.activation == "quick_gelu" else 0

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

    def with_skip(self, skip: int) -> Self:
        """Return an encoder that stops `skip` layers from the end, 1 being the last.

        More than the network has means the last one after its final norm, as in ComfyUI.
        """
        if 1 <= skip <= self.base.config.layers:
            return replace(self, skip=skip)
        return replace(self, skip=1, norm=True)

    def encode(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Return the states [1 77*k d] of k chunks and the pooled state [1 d] of the first, both float32.

        Raises: UserError M020 for an embedding that is not found, M021 for one that does not fit.
        """
        return self.encode_chunks(self.chunks(prompt))

    def encode_chunks(self, chunks: Sequence[list[Token]]) -> tuple[Tensor, Tensor]:
        """Return what `encode` does, of chunks that are there."""
        if all(token.weight == 1.0 for chunk in chunks for token in chunk):
            states, pooled = self._run(chunks)
        else:
            states, pooled = self._run([*chunks, self.chunk()])
            states = weighted(states[:-1], states[-1:], chunks)
        return states.flatten(0, 1)[None], pooled[:1]

    def encode_batch(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return states [b 77 d] and pooled states [b d] of plain texts, cut to one chunk; for training.

        No syntax is read: parentheses are text. Gradients flow into the network where they are enabled.
        """
        room = self.base.config.length - 2
        return self._run([self.chunk([Token(n) for n in self.tokenizer.encode(text)[:room]]) for text in prompts])

    def chunks(self, prompt: str, place: str | None = None) -> list[list[Token]]:
        """Return the prompt as chunks of exactly 77 tokens, start and end included; at least one chunk.

        place: of this encoder among several, by which it finds its vectors in an embedding; its own, if None.
        """
        (own,) = self.parts
        width, folders = self.base.config.width, self.embedding_folders
        room = self.base.config.length - 2
        chunks: list[list[Token]] = [[]]
        for span in parse(prompt):
            unit = read_tokens(span, self.tokenizer, width, place or own, folders, allow_pickle=self.allow_pickle)
            if len(unit) < UNBROKEN and len(chunks[-1]) + len(unit) > room and len(unit) <= room:
                chunks.append([])
            while unit:
                space = room - len(chunks[-1])
                if not space:
                    chunks.append([])
                    continue
                chunks[-1].extend(unit[:space])
                unit = unit[space:]
        return [self.chunk(tokens) for tokens in chunks]

    def chunk(self, tokens: Sequence[Token] = ()) -> list[Token]:
        """Return tokens between start and end, filled up to the network's length; none are the empty prompt."""
        padding = self.base.config.length - 2 - len(tokens)
        start, end, pad = Token(self.tokenizer.bos), Token(self.tokenizer.eos), Token(self.pad)
        return [start, *tokens, end, *[pad] * padding]

    def _run(self, chunks: Sequence[list[Token]]) -> tuple[Tensor, Tensor]:
        """Return states [k 77 d] and pooled states [k d] of k chunks, float32."""
        return self.residence.run(
            self.base, lambda network: self._states(network, chunks), self.weights, what="encoding text"
        )

    def _states(self, network: CLIPText, chunks: Sequence[list[Token]]) -> tuple[Tensor, Tensor]:
        numbers = torch.tensor([[token.number for token in chunk] for chunk in chunks], device=self.device)
        embeddings = replaced(network.embeddings.token_embedding, numbers, chunks)
        parts = [
            network(
                numbers[k : k + AT_ONCE],
                skip=self.skip,
                norm=self.norm,
                embeddings=None if embeddings is None else embeddings[k : k + AT_ONCE],
            )
            for k in range(0, len(numbers), AT_ONCE)
        ]
        states, pooled = (torch.cat(items).float() for items in zip(*parts, strict=True))
        return states, pooled
