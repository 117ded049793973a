"""Filters and blend modes on pictures [b h w c].

Knows nothing of files or nodes. Sources: W3C Compositing and Blending Level 1 for the modes; the blur's
kernel is ComfyUI's: a Gaussian whose sigma counts in units of the radius.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

__all__ = ["BLEND_MODES", "blur"]

Blend = Callable[[Tensor, Tensor], Tensor]


def blur(image: Tensor, radius: int, sigma: float) -> Tensor:
    """Return `image` smoothed by a Gaussian over 2 * radius + 1 pixels.

    sigma: in units of the radius, > 0. Edges are mirrored; where the picture is too small for that, repeated.
    """
    if radius < 1:
        return image.clone()
    position = torch.linspace(-1, 1, 2 * radius + 1, device=image.device, dtype=image.dtype)
    weights = torch.exp(-0.5 * (position / sigma) ** 2)
    weights = weights / weights.sum()
    x = rearrange(image, "b h w c -> b c h w")
    channels = x.shape[1]
    mode = "reflect" if radius < min(x.shape[-2:]) else "replicate"
    x = F.pad(x, (radius,) * 4, mode=mode)
    x = F.conv2d(x, weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    x = F.conv2d(x, weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return rearrange(x, "b c h w -> b h w c").contiguous()


def _overlay(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(a <= 0.5, 2 * a * b, 1 - 2 * (1 - a) * (1 - b))


def _soft_light(a: Tensor, b: Tensor) -> Tensor:
    lighter = torch.where(a <= 0.25, ((16 * a - 12) * a + 4) * a, a.clamp(min=0).sqrt())
    return torch.where(b <= 0.5, a - (1 - 2 * b) * a * (1 - a), a + (2 * b - 1) * (lighter - a))


BLEND_MODES: Mapping[str, Blend] = MappingProxyType(
    {
        "normal": lambda _, b: b,
        "multiply": lambda a, b: a * b,
        "screen": lambda a, b: 1 - (1 - a) * (1 - b),
        "overlay": _overlay,
        "soft_light": _soft_light,
        # Differs from the W3C's |a - b|: as in ComfyUI what is darker than b becomes black.
        "difference": lambda a, b: a - b,
    }
)
"""mode -> (backdrop a, source b) -> blended, all [b h w c]; the result may leave 0..1."""
