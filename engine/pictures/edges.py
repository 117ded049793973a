"""Lines found in pictures: Canny's edges, soft edges, drawn lines, scribbles; and how well two sets of edges agree.

Pictures come as [b h w c] in 0..1, lines go out white on black as [b h w]. Knows nothing of files or nodes.
Sources: Canny 1986 (kornia's implementation); Winnemöller, Kyprianidis, Olsen 2012 (extended difference of Gaussians).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from kornia.filters import canny, gaussian_blur2d, spatial_gradient
from torch import Tensor

__all__ = ["canny_edges", "edge_agreement", "line_drawing", "luminance", "scribble", "soft_edges"]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
LINE_SPREAD = 1.6  # of the wider Gaussian against the narrower, the ratio that comes nearest a Laplacian (Marr 1980)
LOUD = 0.99  # the share of pixels that a picture's full white lies above
FAINT = 0.01  # the weakest slope that may become white: less is the rounding of 8 bits


def luminance(image: Tensor) -> Tensor:
    """Return brightness [b h w] of [b h w c]; alpha is left out."""
    if image.shape[-1] < len(LUMA):
        return image[..., 0]
    return image[..., :3] @ torch.tensor(LUMA, dtype=image.dtype, device=image.device)


def canny_edges(image: Tensor, low: float = 0.4, high: float = 0.8) -> Tensor:
    """Return thin edges [b h w], 0 or 1.

    low, high: 0 to 1, low at most high; edges above high count, and those above low that touch them.
    """
    pixels = image[..., :3].permute(0, 3, 1, 2)
    if pixels.shape[1] == 2:
        pixels = pixels[:, :1]
    return canny(pixels, low, high)[1][:, 0]


def soft_edges(image: Tensor, radius: float = 1.0) -> Tensor:
    """Return the strength of edges [b h w] in 0..1, smooth, the strongest of each picture near 1.

    radius: standard deviation, in pixels, of the Gaussian before the derivative; above 0.
    """
    slope = spatial_gradient(smoothed(luminance(image), radius)[:, None])[:, 0]
    return evened(torch.linalg.vector_norm(slope, dim=1)).sqrt()


def line_drawing(image: Tensor, radius: float = 1.0, threshold: float = 0.05) -> Tensor:
    """Return dark strokes and outlines as white lines [b h w] in 0..1.

    radius: of a line in pixels, above 0. threshold: how much darker than its surroundings a line must be, 0 to 1.
    """
    light = luminance(image)
    dark = smoothed(light, LINE_SPREAD * radius) - smoothed(light, radius)
    # Twice the threshold is white; Gaussians halve an edge's step before they differ.
    return ((dark - threshold / 2) / max(threshold, 1e-6)).clamp(0, 1)


def scribble(image: Tensor, width: int = 3, detail: float = 0.3) -> Tensor:
    """Return broad strokes [b h w], 0 or 1, along the stronger edges.

    width: of the strokes in pixels, 1 or more; detail: how strong an edge must be, 0 to 1, as in Canny's thresholds.
    """
    return widened(canny_edges(image, detail / 2, detail), (width - 1) / 2)


def edge_agreement(found: Tensor, wanted: Tensor, reach: float = 2.0) -> tuple[float, float, float]:
    """Return precision, recall and F1 of edges against others, each in 0..1.

    found, wanted: [b h w], edges above 0.5; reach: pixels by which an edge may lie off, 0 or more. Two pictures
    without edges agree wholly. Source: Martin, Fowlkes, Malik 2004, with any edge within reach for a match.
    """
    have, want = found > 0.5, wanted > 0.5
    precision = share(have, widened(want.float(), reach) > 0)
    recall = share(want, widened(have.float(), reach) > 0)
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


def share(edges: Tensor, near: Tensor) -> float:
    """Return which part of the edges lies where `near` is; 1.0 where there are none."""
    count = int(edges.sum())
    return float((edges & near).sum()) / count if count else 1.0


def widened(lines: Tensor, reach: float) -> Tensor:
    """Return lines [b h w] grown by `reach` pixels, Euclidean."""
    size = int(reach)
    if size < 1:
        return lines
    place = torch.arange(-size, size + 1, device=lines.device)
    disc = (place[:, None] ** 2 + place[None] ** 2 <= reach**2).to(lines.dtype)
    return (F.conv2d(lines[:, None], disc[None, None], padding=size)[:, 0] > 0).to(lines.dtype)


def smoothed(light: Tensor, radius: float) -> Tensor:
    """Return brightness [b h w] under a Gaussian of that standard deviation, picture edges repeated."""
    reach = max(1, math.ceil(3 * radius))
    padded = F.pad(light[:, None], (reach,) * 4, mode="replicate")
    blurred: Tensor = gaussian_blur2d(padded, 2 * reach + 1, (radius, radius))
    return blurred[:, 0, reach:-reach, reach:-reach]


def evened(strength: Tensor) -> Tensor:
    """Return [b h w] scaled so that each picture's loud pixels are 1, and clipped there; a blank one stays blank."""
    top = torch.quantile(strength.flatten(1).float(), LOUD, dim=1)
    top = torch.where(top > FAINT, top, strength.flatten(1).amax(1).float()).clamp(min=FAINT)
    return (strength / top[:, None, None].to(strength.dtype)).clamp(0, 1)
