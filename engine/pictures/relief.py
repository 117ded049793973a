"""What a picture's brightness suggests of depth and surfaces: the nearer the brighter, as a bas-relief has it.

Pictures come as [b h w c] in 0..1. A network that knows scenes does this better; this one needs no weights. Knows
nothing of files or nodes. Source: for the normals, Horn 1986 chapter 11 (surface from gradients p, q).
"""

from __future__ import annotations

import torch
from kornia.filters import spatial_gradient
from torch import Tensor

from .edges import luminance, smoothed

__all__ = ["depth_from_light", "normals_from_light"]


def depth_from_light(image: Tensor, radius: float = 4.0, invert: bool = False) -> Tensor:
    """Return a depth map [b h w], near white, far black, each picture stretched to 0..1; a flat one is grey.

    radius: standard deviation of the smoothing in pixels, 0 or more; invert: dark things are near.
    """
    light = luminance(image)
    light = smoothed(light, radius) if radius > 0 else light
    low, high = light.amin((1, 2), keepdim=True), light.amax((1, 2), keepdim=True)
    flat = high - low < 1e-4
    depth = torch.where(flat, torch.full_like(light, 0.5), (light - low) / (high - low).clamp(min=1e-4))
    return 1 - depth if invert else depth


def normals_from_light(image: Tensor, strength: float = 4.0, radius: float = 1.0) -> Tensor:
    """Return a normal map [b h w 3] in 0..1: red to the right, green up, blue to the viewer; flat is (0.5, 0.5, 1).

    Bright is high. strength: how steep a full step of brightness a pixel is; radius: smoothing before, in pixels.
    """
    light = luminance(image)
    light = smoothed(light, radius) if radius > 0 else light
    slope = spatial_gradient(light[:, None], normalized=True)[:, 0]  # b, (x, y), h, w
    across, down = slope[:, 0] * strength, slope[:, 1] * strength
    # A slope that rises to the right looks to the left.
    normal = torch.stack([-across, down, torch.ones_like(across)], dim=-1)
    return torch.nn.functional.normalize(normal, dim=-1) / 2 + 0.5
