"""Paste one picture or mask onto another.

Works on planes [b c h w]; never mutates. Knows nothing of files or nodes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .resize import resize

__all__ = ["fit_mask", "paste", "repeat_to"]


def paste(base: Tensor, patch: Tensor, x: int, y: int, mask: Tensor | None = None) -> Tensor:
    """Return `base` with `patch` at (x, y), which may lie partly outside.

    base: [b c h w]. patch: [n c h2 w2], its batch repeated to b. mask: [m h w] of any size, fitted to the
    patch; its white part is pasted.
    """
    out = base.clone()
    patch = repeat_to(patch.to(base), base.shape[0])
    weight = torch.ones_like(patch[:, :1]) if mask is None else fit_mask(mask.to(base), patch)
    left, top = max(0, -x), max(0, -y)  # what of the patch lies left of or above the base
    x, y = max(0, x), max(0, y)
    window = out[..., y : y + patch.shape[-2] - top, x : x + patch.shape[-1] - left]
    height, width = window.shape[-2:]
    if not window.numel():
        return out
    part = (..., slice(top, top + height), slice(left, left + width))
    window.copy_(torch.lerp(window, patch[part], weight[part].expand_as(window)))
    return out


def fit_mask(mask: Tensor, like: Tensor) -> Tensor:
    """Return `mask` ([m h w] or [h w]) as [b 1 h w] at the size and batch of `like` [b c h w]."""
    planes = mask.reshape(-1, 1, mask.shape[-2], mask.shape[-1])
    return repeat_to(resize(planes, like.shape[-1], like.shape[-2], "bilinear"), like.shape[0])


def repeat_to(x: Tensor, count: int) -> Tensor:
    """Repeat the batch of `x` from its beginning until it holds `count`."""
    if x.shape[0] == count:
        return x
    return x.repeat(-(-count // x.shape[0]), *[1] * (x.ndim - 1))[:count]
