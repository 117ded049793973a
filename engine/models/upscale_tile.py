"""Run a function that enlarges pictures over overlapping tiles, without seams, in as much memory as there is.

Where tiles overlap, the quarter next to a tile's own rim is not used, because there the function has seen padding
instead of picture; the rest is blended linearly. A function that looks no further than a quarter of the overlap gives
exactly what it gives of the whole picture. Knows nothing of what the function does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import UserError
from ..memory.device import empty_caches
from ..memory.shortage import out_of_memory

__all__ = ["LEAST_TILE", "OnTile", "upscale_tiled", "windows"]

OnTile = Callable[[int, int], None]
"""Called after each tile with (tiles done, tiles in all); raises to stop."""

LEAST_TILE = 32  # pixels; below this most of a tile is overlap


class Window(NamedTuple):
    """Where a tile lies along one axis, and the share that it has in each pixel of the result."""

    start: int
    end: int
    share: Tensor


def upscale_tiled(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    scale: int,
    *,
    tile: int = 512,
    overlap: int = 32,
    multiple: int = 1,
    on_tile: OnTile | None = None,
) -> Tensor:
    """Return `function(x)`, computed tile by tile and picture by picture; on x's device, in float32.

    function: [1 c h w] to [1 d scale*h scale*w]. x: [b c h w]. tile, overlap: pixels of x; an overlap above half a tile
    counts as half. multiple: tiles begin at multiples of it, so that a function that folds pixels into channels finds
    them as in the whole. A picture that fits into one tile is given to the function whole. When memory runs out the
    tiles are halved, down to 32 pixels.
    Raises: ValueError for a tile below 1 or a negative overlap; UserError V170 when even the smallest tile does not
    fit; whatever `on_tile` raises.
    """
    if tile < 1 or overlap < 0:
        raise ValueError(f"upscale_tiled: tile must be 1 or more and overlap 0 or more, got {tile} and {overlap}")
    while True:
        try:
            return attempt(function, x, scale, tile, overlap, multiple, on_tile)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        tile = min(tile, max(x.shape[-2:]))
        # Only here, after the handler, are the tensors of the failed attempt free.
        empty_caches()
        if tile <= LEAST_TILE:
            raise UserError(
                "V170",
                where="upscaling",
                expected=f"memory for a tile of {tile} pixels",
                got=reason,
                fix="Close what else uses the device, use a smaller upscale model, or run on the CPU.",
            )
        tile = max(LEAST_TILE, tile // 2)


def attempt(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    scale: int,
    tile: int,
    overlap: int,
    multiple: int,
    on_tile: OnTile | None,
) -> Tensor:
    """Do the work of `upscale_tiled` with tiles of one size."""
    height, width = x.shape[-2:]
    rows = windows(height, tile, overlap, multiple, scale)
    columns = windows(width, tile, overlap, multiple, scale)
    whole = len(rows) == len(columns) == 1
    total = len(x) * len(rows) * len(columns)
    done = 0
    result: Tensor | None = None
    for index, picture in enumerate(x.split(1)):
        for row in rows:
            for column in columns:
                part = function(picture[..., row.start : row.end, column.start : column.end]).to(x.device).float()
                if result is None:
                    result = part.new_zeros(len(x), part.shape[1], height * scale, width * scale)
                place = result[
                    index : index + 1,
                    :,
                    row.start * scale : row.end * scale,
                    column.start * scale : column.end * scale,
                ]
                if whole:
                    place.copy_(part)
                else:
                    place.add_(part * row.share[:, None].to(part) * column.share[None, :].to(part))
                done += 1
                if on_tile is not None:
                    on_tile(done, total)
    assert result is not None
    return result


def windows(length: int, tile: int, overlap: int, multiple: int = 1, scale: int = 1) -> list[Window]:
    """Return where tiles lie along a side of `length` pixels; the shares of all add up to 1 in every pixel.

    Neighbours share `overlap` pixels or a little more; tile and overlap are rounded to multiples.
    """
    if length <= tile:
        return [Window(0, length, torch.ones(length * scale))]
    tile = max(multiple, tile // multiple * multiple)
    overlap = min(-(-overlap // multiple) * multiple, tile // 2 // multiple * multiple)
    last = -(-(length - tile) // multiple) * multiple
    starts = [*range(0, last, tile - overlap), last]
    found = []
    total = torch.zeros(length * scale, dtype=torch.float64)
    for start in starts:
        end = min(start + tile, length)
        share = torch.ones((end - start) * scale, dtype=torch.float64)
        rise = ramp(overlap * scale)
        if start > 0:
            share[: len(rise)] *= rise
        if end < length:
            share[len(share) - len(rise) :] *= rise.flip(0)
        total[start * scale : end * scale] += share
        found.append((start, end, share))
    return [Window(start, end, (share / total[start * scale : end * scale]).float()) for start, end, share in found]


def ramp(length: int) -> Tensor:
    """Return weights over an overlap: 0 in its first quarter, 1 in its last, rising linearly between."""
    position = torch.arange(length, dtype=torch.float64) + 0.5
    rim = length / 4
    return ((position - rim) / max(length - 2 * rim, 1.0)).clamp(0, 1)
