"""Run a picture-to-picture function over overlapping tiles and blend the seams.

Knows nothing of what the function does; it may change the size by a fixed ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import torch
from torch import Tensor

__all__ = ["tiled"]


def tiled(function: Callable[[Tensor], Tensor], x: Tensor, tile: int, overlap: int, scale: Fraction) -> Tensor:
    """Return `function(x)` computed in tiles, blended smoothly where they overlap.

    x: [b c h w]; tile, overlap: cells of x; scale: output cells per input cell. When the whole of x fits into
    one tile the result is exactly `function(x)`. Memory for activations is that of one tile. The rims of x
    count fully.
    Raises: ValueError unless 0 <= overlap < tile.
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"tiled: overlap must be 0 to {tile - 1}, got {overlap}")
    h, w = x.shape[-2:]
    if h <= tile and w <= tile:
        return function(x)
    total: Tensor | None = None
    weight: Tensor | None = None
    for top in starts(h, tile, overlap):
        for left in starts(w, tile, overlap):
            part = function(x[..., top : top + tile, left : left + tile])
            height, width = part.shape[-2:]
            y, z = int(top * scale), int(left * scale)
            if total is None or weight is None:
                size = (int(h * scale), int(w * scale))
                total = part.new_zeros(*part.shape[:2], *size)
                weight = part.new_zeros(*size)
            rim = int(overlap * scale)
            fade = ramp(part, height, rim)[:, None] * ramp(part, width, rim)[None, :]
            total[..., y : y + height, z : z + width] += part * fade
            weight[y : y + height, z : z + width] += fade
    assert total is not None
    assert weight is not None
    return total / weight


def starts(length: int, tile: int, overlap: int) -> Iterator[int]:
    """Yield where tiles begin; the last one is moved back to end at the edge."""
    step = tile - overlap
    position = 0
    while position + tile < length:
        yield position
        position += step
    yield max(length - tile, 0)


def ramp(like: Tensor, length: int, rim: int) -> Tensor:
    """Return weights [length] that rise over `rim` cells from both ends and are 1 between; all above 0.

    They rise as 3t^2 - 2t^3: where a straight line has its two corners, tiles of different tone would show.
    """
    position = torch.arange(length, dtype=like.dtype, device=like.device)
    nearest = torch.minimum(position, length - 1 - position)
    t = ((nearest + 1) / (rim + 1)).clamp(max=1)
    return t * t * (3 - 2 * t)
