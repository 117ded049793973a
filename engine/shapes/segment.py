"""Cut a picture of plain objects on a plain background into parts, by colour alone.

Anti-aliasing and blur move a pixel along the straight line from the background to its object's colour, so
each pixel is given to the vocabulary colour whose line passes nearest, and is an object's where it is past
half way. Connected pixels of one colour make a part. Knows nothing of shapes, captions or scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .vocabulary import COLOURS, UNIT

__all__ = ["Part", "background_of", "components", "parts_of"]

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
# A part below this share of the picture (30 pixels at 64; the smallest object covers 187) is a speck, and so
# is one without a kernel: the thin halo that a decoder leaves round an edge is long but has no inside.
SPECK = 30 * UNIT * UNIT
KERNEL = 5 * UNIT * UNIT
# Levels off the background that no plain background drifts by; half the weakest contrast of an object is 53.
STRAY = 48.0


@dataclass(frozen=True, slots=True)
class Part:
    """One connected patch of colour.

    cover: [h w] 0..1, how far each pixel of the window is from the background to the part's colour; left,
    top: the window's place in the picture, in pixels; rgb: the colour inside, away from the edge.
    """

    cover: Floats
    left: int
    top: int
    rgb: tuple[float, float, float]


def background_of(picture: Floats) -> Floats:
    """Return the background colour [3] of a picture [h w 3]: the median of a frame two pixels wide."""
    wide = max(2, round(2 * UNIT * min(picture.shape[:2])))
    inner = picture[wide:-wide]
    frame = np.concatenate(
        [edge.reshape(-1, 3) for edge in (picture[:wide], picture[-wide:], inner[:, :wide], inner[:, -wide:])]
    )
    return np.asarray(np.median(frame, axis=0), np.float32)


def parts_of(picture: Floats, background: Floats) -> list[Part]:
    """Return the parts of a picture [h w 3] (levels 0..255): the coloured ones, then odd ones, largest first.

    An odd part is a patch well off the background that is past half way to no colour of the vocabulary (a
    ghost of an object, a stain, a second background): it has no right to be there, so it counts as an object
    without a name.
    """
    offset = picture - background
    scale = min(picture.shape[:2]) * UNIT
    coloured, kept, kernel = _sizeable(_nearest_line(offset, background))
    parts = [_part(index, coloured, kept, kernel, offset, background, scale) for index in _names(kept)]
    halo = _grow(kept != 0, max(2, round(2 * scale)))
    stray = (np.einsum("hwc,hwc->hw", offset, offset) > STRAY**2) & ~halo
    if np.count_nonzero(stray) >= SPECK * stray.size:
        odd, kept, kernel = _sizeable(stray.astype(np.int8))
        parts += [_part(index, odd, kept, kernel, offset, background, scale) for index in _names(kept)]
    return parts


def _sizeable(labels: NDArray[np.int8]) -> tuple[NDArray[np.int32], NDArray[np.int32], Bools]:
    """Return the patches of a label picture, the same without specks, and the pixels inside patches."""
    names = components(labels)
    kernel = _shrink(names)
    areas = np.bincount(names.ravel())
    inside = np.bincount(names[kernel], minlength=areas.size)
    lasting = (areas >= SPECK * names.size) & (inside >= KERNEL * names.size)
    lasting[0] = False
    return names, np.where(lasting[names], names, 0), kernel


def _names(kept: NDArray[np.int32]) -> list[int]:
    """Return the numbers of the patches, the largest first."""
    areas = np.bincount(kept.ravel())
    areas[0] = 0
    return [int(index) for index in np.argsort(-areas, kind="stable")[: np.count_nonzero(areas)]]


def components(labels: NDArray[np.int8]) -> NDArray[np.int32]:
    """Number the 4-connected patches of equal label in `labels` [h w] from 1; label 0 stays 0.

    Works on horizontal runs joined by union-find, so the cost grows with the runs, not with a patch's
    winding.
    """
    height, width = labels.shape
    flat = labels.ravel()
    starts = np.flatnonzero((np.diff(flat, prepend=flat[0] - 1) != 0) | (np.arange(flat.size) % width == 0))
    stops = np.append(starts[1:], flat.size)
    filled = flat[starts] != 0
    starts, stops = starts[filled], stops[filled]
    values = flat[starts].tolist()
    begin, end = starts.tolist(), stops.tolist()
    parent = list(range(len(begin)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    above = 0  # the first run of the row above that may still touch
    for run, (first, last) in enumerate(zip(begin, end, strict=True)):
        while end[above] <= first - width:
            above += 1
        other = above
        while begin[other] < last - width:
            if values[other] == values[run]:
                parent[root(run)] = root(other)
            other += 1
    roots = np.array([root(run) for run in range(len(begin))], np.int32)
    _, numbers = np.unique(roots, return_inverse=True)
    named = np.zeros(flat.size, np.int32)
    named[flat != 0] = np.repeat(numbers.astype(np.int32) + 1, stops - starts)
    return named.reshape(height, width)


def _nearest_line(offset: Floats, background: Floats) -> NDArray[np.int8]:
    """Label each pixel 1 + the place in `COLOURS` of the line it lies nearest, or 0 short of its middle."""
    lines = np.array(list(COLOURS.values()), np.float32) - background  # [colour 3]
    lengths = np.maximum((lines * lines).sum(1), 1.0)
    along = offset.reshape(-1, 3) @ lines.T  # [pixel colour]
    share = np.clip(along / lengths, 0.0, 1.0)
    # |offset - share * line|^2 without |offset|^2, which is the same for every line.
    nearest = (share * (share * lengths - 2.0 * along)).argmin(1)
    past = np.take_along_axis(share, nearest[:, None], 1)[:, 0] > 0.5
    return np.where(past, nearest + 1, 0).astype(np.int8).reshape(offset.shape[:2])


def _shrink(names: NDArray[np.int32]) -> Bools:
    """Return the pixels whose four neighbours belong to the same patch."""
    inside = np.zeros(names.shape, np.bool_)
    core = names[1:-1, 1:-1]
    inside[1:-1, 1:-1] = (
        (core != 0)
        & (core == names[:-2, 1:-1])
        & (core == names[2:, 1:-1])
        & (core == names[1:-1, :-2])
        & (core == names[1:-1, 2:])
    )
    return inside


def _grow(mask: Bools, steps: int) -> Bools:
    """Return the mask with its 4-neighbours added, `steps` times."""
    for _ in range(steps):
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
        grown[:, 1:] |= mask[:, :-1]
        grown[:, :-1] |= mask[:, 1:]
        mask = grown
    return mask


def _part(
    index: int,
    names: NDArray[np.int32],
    kept: NDArray[np.int32],
    kernel: Bools,
    offset: Floats,
    background: Floats,
    scale: float,
) -> Part:
    """Measure one patch: its colour inside, and its grey coverage in a window three pixels wider than it."""
    pad = max(3, round(3 * scale))
    rows = np.flatnonzero((names == index).any(1))
    columns = np.flatnonzero((names == index).any(0))
    top, left = max(int(rows[0]) - pad, 0), max(int(columns[0]) - pad, 0)
    window = (slice(top, int(rows[-1]) + pad + 1), slice(left, int(columns[-1]) + pad + 1))
    own = names[window] == index
    inner = offset[window][own & kernel[window]]
    line = np.median(inner, axis=0).astype(np.float32)
    cover = np.clip(offset[window] @ line / max(float(line @ line), 1.0), 0.0, 1.0)
    # Blur reaches two pixels out; what lies farther, or in another part, is not this one's.
    cover *= _grow(own, max(2, round(2 * scale))) & (own | (kept[window] == 0))
    red, green, blue = (float(level) for level in background + line)
    return Part(cover, left, top, (red, green, blue))
