"""The encoder of T5 v1.1: token numbers to one state per token, every token seeing every other.

Attribute names equal Hugging Face's keys of a T5EncoderModel. Knows nothing of strings, weights or files.
Sources: Raffel et al. 2020 (T5, relative positions in section 2.1), Shazeer 2020 (the gated feed-forward of v1.1),
Zhang & Sennrich 2019 (root-mean-square norm).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attention

__all__ = ["T5Config", "T5Text"]

EPS = 1e-6


@dataclass(frozen=True, slots=True)
class T5Config:
    """Shape of an encoder; the defaults are T5-XXL v1.1's, which SD3 and Flux read."""

    vocab: int = 32128
    width: int = 4096
    layers: int = 24
    heads: int = 64
    head_channels: int = 64
    mlp: int = 10240
    buckets: int = 32
    """Kinds of distance between two tokens, half of them for each direction."""
    furthest: int = 128
    """Distance in tokens from which on all share the last bucket."""

    def __post_init__(self) -> None:
        if self.buckets % 4:
            raise ValueError(f"T5Config: buckets must be a multiple of 4, got {self.buckets}")


class T5Text(nn.Module):
    """Transformer over tokens without a mask: padding takes part, as SD3 and Flux were trained.

    The stream between the blocks is float32 whatever the weights are: at XXL's size it leaves float16's range.
    """

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab, config.width)
        self.encoder = Encoder(config)

    def forward(self, tokens: Tensor, embeddings: Tensor | None = None) -> Tensor:
        """Return the states [b l d] after the final norm, float32.

        tokens: [b l] integers below the vocabulary, of any length. embeddings: [b l d] in place of the table's rows.
        """
        x = self.shared(tokens) if embeddings is None else embeddings
        out: Tensor = self.encoder(x.float())
        return out


class Encoder(nn.Module):
    """The stack of blocks, under the names the files use."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.block = nn.ModuleList(Block(config, first=i == 0) for i in range(config.layers))
        self.final_layer_norm = RMSNorm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        """x: [b l d] float32."""
        bias: Tensor | None = None  # the first block makes it, all share it
        for block in self.block:
            x, bias = block(x, bias)
        out: Tensor = self.final_layer_norm(x)
        return out


class Block(nn.Module):
    """Self-attention, then a feed-forward; `layer` holds the two."""

    def __init__(self, config: T5Config, *, first: bool) -> None:
        super().__init__()
        self.layer = nn.ModuleList([AttentionLayer(config, first=first), FeedForwardLayer(config)])

    def forward(self, x: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """x: [b l d] float32; returns the same and the bias of the distances, which it makes where there is none."""
        x, bias = self.layer[0](x, bias)
        return self.layer[1](x), bias


class AttentionLayer(nn.Module):
    """Self-attention after its norm and around a skip."""

    def __init__(self, config: T5Config, *, first: bool) -> None:
        super().__init__()
        self.SelfAttention = SelfAttention(config, first=first)
        self.layer_norm = RMSNorm(config.width)

    def forward(self, x: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        y, bias = self.SelfAttention(self.layer_norm(x), bias)
        return x + y, bias


class FeedForwardLayer(nn.Module):
    """Feed-forward after its norm and around a skip."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.DenseReluDense = GatedMLP(config)
        self.layer_norm = RMSNorm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.DenseReluDense(self.layer_norm(x))
        return out


class SelfAttention(nn.Module):
    """Attention whose logits are not scaled but carry a learned bias for the distance of the two tokens."""

    def __init__(self, config: T5Config, *, first: bool) -> None:
        super().__init__()
        self.config = config
        inner = config.heads * config.head_channels
        self.q = nn.Linear(config.width, inner, bias=False)
        self.k = nn.Linear(config.width, inner, bias=False)
        self.v = nn.Linear(config.width, inner, bias=False)
        self.o = nn.Linear(inner, config.width, bias=False)
        if first:
            self.relative_attention_bias = nn.Embedding(config.buckets, config.heads)

    def forward(self, x: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """x: [b l d] float32, bias: [1 heads l l]; returns [b l d] in the weights' precision, and the bias."""
        x = x.to(self.q.weight.dtype)
        if bias is None:
            bias = self.biases(x.shape[1], x.device)
        y = attention(self.q(x), self.k(x), self.v(x), self.config.heads, bias=bias, scale=1.0)
        return self.o(y), bias

    def biases(self, length: int, device: torch.device) -> Tensor:
        """Return the first block's biases [1 heads l l]."""
        place = torch.arange(length, device=device)
        kinds = bucket(place[None, :] - place[:, None], self.config.buckets, self.config.furthest)
        out: Tensor = self.relative_attention_bias(kinds).permute(2, 0, 1).unsqueeze(0)
        return out


class GatedMLP(nn.Module):
    """Gated feed-forward: gelu(wi_0 x) * wi_1 x, then wo; GELU in its tanh form."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.wi_0 = nn.Linear(config.width, config.mlp, bias=False)
        self.wi_1 = nn.Linear(config.width, config.mlp, bias=False)
        self.wo = nn.Linear(config.mlp, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: [b l d] float32; returns the same."""
        x = x.to(self.wi_0.weight.dtype)
        hidden = F.gelu(self.wi_0(x).float(), approximate="tanh") * self.wi_1(x).float()
        if x.dtype != torch.float16:
            out: Tensor = self.wo(hidden.to(x.dtype))
            return out.float()
        # The products and what wo makes of them pass 65504; each token is brought to at most 1 and back.
        largest = hidden.abs().amax(-1, keepdim=True).clamp(min=1.0)
        return self.wo((hidden / largest).to(x.dtype)).float() * largest


class RMSNorm(nn.Module):
    """Division by the root mean square over the last axis; no mean is taken away, no bias added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """x: [... d] float32; returns the same."""
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * self.weight


def bucket(offset: Tensor, buckets: int, furthest: int) -> Tensor:
    """Return which bucket a distance falls into, 0 to buckets - 1.

    offset: integers, the other token's place minus one's own. The second half of the buckets is for tokens that
    follow. Of a half, the first half holds one distance each, the rest grow geometrically up to `furthest`.
    """
    half = buckets // 2
    exact = half // 2
    distance = offset.abs()
    ratio = torch.log(distance.clamp(min=1) / exact) / math.log(furthest / exact)
    grown = (exact + (ratio * (half - exact)).long()).clamp(max=half - 1)
    return torch.where(distance < exact, distance, grown) + half * (offset > 0)
