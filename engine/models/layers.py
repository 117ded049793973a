"""Layers the networks share: norms with float32 statistics, token views, sinusoids, transformer blocks.

Knows nothing of files, prefixes or samplers. Sources: Rombach et al. 2022 (latent diffusion),
Ho et al. 2020 (sinusoids), Shazeer 2020 (GEGLU).
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attention

__all__ = [
    "CrossAttention",
    "GroupNorm",
    "LayerNorm",
    "Pointwise",
    "TransformerBlock",
    "silu",
    "timestep_embedding",
    "to_image",
    "to_tokens",
    "zeroed",
]

M = TypeVar("M", bound=nn.Module)
HALF = (torch.float16, torch.bfloat16)


class GroupNorm(nn.GroupNorm):
    """Group normalisation whose mean and variance are float32 under half precision.

    x: [b c h w]. torch's kernels round mean and 1/std to the input's type, which costs up to 2^-8 in
    bfloat16.
    """

    def __init__(self, channels: int, *, eps: float, groups: int = 32) -> None:
        if channels % groups:
            raise ValueError(f"GroupNorm: {channels} channels do not divide into {groups} groups")
        super().__init__(groups, channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype not in HALF:
            return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
        y = F.group_norm(x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps)
        return y.to(x.dtype)


class LayerNorm(nn.LayerNorm):
    """Layer normalisation over the last axis, statistics float32 under half precision; eps 1e-5."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype not in HALF:
            return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        y = F.layer_norm(x.float(), self.normalized_shape, self.weight.float(), self.bias.float(), self.eps)
        return y.to(x.dtype)


class Pointwise(nn.Conv2d):
    """A 1x1 convolution, stored as [c c 1 1], applied to tokens [b l c] as the matrix product that it is."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.flatten(1), self.bias)


class CrossAttention(nn.Module):
    """Attention from tokens to a context; q, k and v carry no bias, the output does."""

    def __init__(self, channels: int, context_dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context_dim, channels, bias=False)
        self.to_v = nn.Linear(context_dim, channels, bias=False)
        self.to_out = nn.Sequential(nn.Linear(channels, channels))  # index 0 of the file's (linear, dropout)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """x: [b l c], context: [b m d]; returns [b l c]."""
        out: Tensor = self.to_out(attention(self.to_q(x), self.to_k(context), self.to_v(context), self.heads))
        return out


class GEGLU(nn.Module):
    """Gated linear unit: value * gelu(gate), the two halves of one projection."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels_in, 2 * channels_out)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    """GEGLU to four times the width and back; the file names the layers net.0 and net.2 (1 was dropout)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = nn.Sequential(GEGLU(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


class TransformerBlock(nn.Module):
    """Self-attention, attention to the text, feed-forward, each after its norm and around a skip."""

    def __init__(self, channels: int, context_dim: int, heads: int) -> None:
        super().__init__()
        self.attn1 = CrossAttention(channels, channels, heads)
        self.attn2 = CrossAttention(channels, context_dim, heads)
        self.ff = FeedForward(channels)
        self.norm1 = LayerNorm(channels)
        self.norm2 = LayerNorm(channels)
        self.norm3 = LayerNorm(channels)

    def forward(self, x: Tensor, context: Tensor, *, itself: bool = False) -> Tensor:
        """x: [b l c], context: [b m d]; returns [b l c]. itself: tokens attend to nothing but themselves."""
        y = self.norm1(x)
        x = x + (self.attn1.to_out(self.attn1.to_v(y)) if itself else self.attn1(y, y))
        x = x + self.attn2(self.norm2(x), context)
        out: Tensor = x + self.ff(self.norm3(x))
        return out


def silu(x: Tensor) -> Tensor:
    """Return x * sigmoid(x); overwrites `x` when no gradient is recorded, so pass only a fresh tensor."""
    return F.silu(x, inplace=not torch.is_grad_enabled())


def to_tokens(x: Tensor) -> Tensor:
    """Return [b c h w] as [b h*w c]; a view when the tensor is channels-last."""
    b, c, h, w = x.shape
    return x.permute(0, 2, 3, 1).reshape(b, h * w, c)


def to_image(x: Tensor, like: Tensor) -> Tensor:
    """Return tokens [b h*w c] as [b c h w] with the height and width of `like`; a view, channels-last."""
    b, _, c = x.shape
    return x.view(b, like.shape[2], like.shape[3], c).permute(0, 3, 1, 2)


def timestep_embedding(timesteps: Tensor, width: int) -> Tensor:
    """Return sinusoids [b width] in float32, cosines first, frequencies 10000^(-i/half).

    timesteps: [b], may be fractional. Source: Ho et al. 2020; the order of the halves is SD's.
    """
    half = width // 2
    step = torch.arange(half, dtype=torch.float32, device=timesteps.device)
    angle = timesteps.float()[:, None] * torch.exp(step * (-math.log(10000) / half))
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def zeroed(module: M) -> M:
    """Set every parameter of a fresh layer to zero, so that the branch it ends starts as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module
