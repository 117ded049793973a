"""Grow, shrink and feather masks [b h w].

Knows nothing of nodes. Source: greyscale dilation and erosion (Serra 1982) by a square or a diamond.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["feather", "grow"]


def grow(mask: Tensor, pixels: int, tapered: bool = True) -> Tensor:
    """Return the mask grown by `pixels`, or shrunk when negative; beyond the edge lies nothing.

    tapered: True grows into a diamond, one step in four directions at a time; False into a square.
    """
    if pixels == 0:
        return mask.clone()
    if pixels < 0:
        return -_dilate(-mask, -pixels, tapered)
    return _dilate(mask, pixels, tapered)


def _dilate(mask: Tensor, pixels: int, tapered: bool) -> Tensor:
    x = mask[:, None]
    height, width = mask.shape[-2:]
    if not tapered:
        down, across = min(pixels, height - 1), min(pixels, width - 1)  # beyond that there is nothing
        x = F.max_pool2d(_padded(x, 0, down), (2 * down + 1, 1), stride=1)
        return F.max_pool2d(_padded(x, across, 0), (1, 2 * across + 1), stride=1)[:, 0]
    for _ in range(min(pixels, height + width - 2)):
        vertical = F.max_pool2d(_padded(x, 0, 1), (3, 1), stride=1)
        horizontal = F.max_pool2d(_padded(x, 1, 0), (1, 3), stride=1)
        x = torch.maximum(vertical, horizontal)
    return x[:, 0]


def _padded(x: Tensor, across: int, down: int) -> Tensor:
    """Surround with minus infinity, which never wins a maximum (max_pool2d itself pads by half a window
    at most).
    """
    return F.pad(x, (across, across, down, down), value=-torch.inf)


def feather(mask: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """Return the mask faded linearly towards its edges, over so many pixels from each."""
    height, width = mask.shape[-2:]
    across = _ramp(width, left, mask) * _ramp(width, right, mask).flip(0)
    down = _ramp(height, top, mask) * _ramp(height, bottom, mask).flip(0)
    return mask * down[:, None] * across[None, :]


def _ramp(size: int, soft: int, like: Tensor) -> Tensor:
    """Return [size] weights 1/soft, 2/soft, ... 1, 1, ...; no wider than the mask."""
    soft = min(soft, size)
    step = torch.arange(1, size + 1, device=like.device, dtype=like.dtype)
    return (step / soft).clamp(max=1.0) if soft else torch.ones_like(step)
