"""Resize pictures and latents [b c h w]: nearest, bilinear, area, bicubic, lanczos, and bislerp.

All run on the tensor's own device and never mutate it. Knows nothing of files or nodes.
Sources: torch's interpolate; Duchon 1979 for the Lanczos window; Shoemake 1985 for spherical interpolation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

__all__ = ["IMAGE_METHODS", "LATENT_METHODS", "bislerp", "center_crop", "lanczos", "match", "resize"]

IMAGE_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
LATENT_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp")

_LOBES = 3  # of the Lanczos window, as in Pillow
_ALIGNED = 1.0 - 1e-5  # |cosine| beyond which an arc is a straight line within float32


def resize(x: Tensor, width: int, height: int, method: str, crop: str = "disabled") -> Tensor:
    """Return `x` [b c h w] at `width` by `height`.

    method: one of IMAGE_METHODS or LATENT_METHODS. crop: "center" first cuts to the wanted aspect ratio.
    Differs: as in ComfyUI, bilinear and bicubic do not smooth when shrinking; area and lanczos do.
    """
    if crop == "center":
        x = center_crop(x, width, height)
    if x.shape[-2:] == (height, width):
        return x
    own = _OWN.get(method)
    if own is not None:
        return own(x, width, height)
    return F.interpolate(x, size=(height, width), mode=method)


def center_crop(x: Tensor, width: int, height: int) -> Tensor:
    """Return the largest middle part of `x` [b c h w] with the aspect ratio width : height (a view)."""
    old_height, old_width = x.shape[-2:]
    old, new = old_width / old_height, width / height
    left = round((old_width - old_width * (new / old)) / 2) if old > new else 0
    top = round((old_height - old_height * (old / new)) / 2) if old < new else 0
    return x[..., top : old_height - top, left : old_width - left]


def match(image: Tensor, width: int, height: int, method: str, crop: str = "disabled") -> Tensor:
    """Do the same as `resize` for a picture in wire layout [b h w c]."""
    scaled = resize(rearrange(image, "b h w c -> b c h w"), width, height, method, crop)
    return rearrange(scaled, "b c h w -> b h w c").contiguous()


def lanczos(x: Tensor, width: int, height: int, lobes: int = _LOBES, clip: bool = True) -> Tensor:
    """Resample with a Lanczos window, widened when shrinking.

    x: [b c h w] in 0..1; the result is clipped to 0..1, because the window overshoots at edges. clip: False takes and
    gives any range. lobes: of the window on each side, 1 or more.
    Differs: ComfyUI goes through Pillow's 8 bits, which also clip between the two passes.
    """
    across = _windows(x.shape[-1], width, x, lobes)
    down = _windows(x.shape[-2], height, x, lobes)
    resampled = torch.einsum("oh,bchw,pw->bcop", down, x, across)
    return resampled.clamp(0.0, 1.0) if clip else resampled


def _windows(old: int, new: int, like: Tensor, lobes: int) -> Tensor:
    """Return the weights [new old] of the Lanczos window; each row sums to one."""
    scale = max(old / new, 1.0)
    center = (torch.arange(new, dtype=torch.float64) + 0.5) * (old / new)
    position = torch.arange(old, dtype=torch.float64) + 0.5
    distance = (position[None, :] - center[:, None]) / scale
    # Pillow takes the pixels whose index lies in round(center - support) .. round(center + support).
    first = (center - lobes * scale + 0.5).floor().clamp(min=0)[:, None]
    last = (center + lobes * scale + 0.5).floor().clamp(max=old)[:, None]
    inside = (position - 0.5 >= first) & (position - 0.5 < last) & (distance.abs() < lobes)
    weights = torch.where(inside, torch.sinc(distance) * torch.sinc(distance / lobes), 0.0)
    return (weights / weights.sum(dim=1, keepdim=True)).to(like.device, like.dtype)


def bislerp(x: Tensor, width: int, height: int) -> Tensor:
    """Resample so that the vector of channels turns along an arc between neighbours.

    x: [b c h w], any range. Each pixel's channels are one vector: its direction is interpolated spherically,
        its
    length linearly, first along the width and then along the height. Keeps a latent's variance where bilinear
    interpolation would shrink it.
    """
    wide = _slerp_last(x.float(), width)
    return _slerp_last(wide.transpose(-1, -2), height).transpose(-1, -2).to(x.dtype).contiguous()


def _slerp_last(x: Tensor, size: int) -> Tensor:
    old = x.shape[-1]
    position = ((torch.arange(size, dtype=torch.float64) + 0.5) * (old / size) - 0.5).clamp(0, old - 1)
    low = position.floor().long()
    part = (position - low).to(x.device, x.dtype)
    low = low.to(x.device)
    high = (low + 1).clamp(max=old - 1)
    return _slerp(x[..., low], x[..., high], part)


def _slerp(a: Tensor, b: Tensor, part: Tensor) -> Tensor:
    """Interpolate vectors along dim 1; `part` 0 gives a, 1 gives b."""
    length_a = a.norm(dim=1, keepdim=True)
    length_b = b.norm(dim=1, keepdim=True)
    tiny = torch.finfo(a.dtype).tiny
    unit_a, unit_b = a / length_a.clamp(min=tiny), b / length_b.clamp(min=tiny)
    cosine = (unit_a * unit_b).sum(dim=1, keepdim=True)
    angle = cosine.clamp(-_ALIGNED, _ALIGNED).acos()
    turned = (torch.sin((1 - part) * angle) * unit_a + torch.sin(part * angle) * unit_b) / angle.sin()
    arc = turned * torch.lerp(length_a, length_b, part)
    # No arc is defined between parallel, opposite or zero vectors; there a straight line is as good.
    straight = (cosine.abs() > _ALIGNED) | (length_a == 0) | (length_b == 0)
    return torch.where(straight, torch.lerp(a, b, part), arc)


_OWN: dict[str, Callable[[Tensor, int, int], Tensor]] = {"lanczos": lanczos, "bislerp": bislerp}
