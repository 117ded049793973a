"""Make, cut, join and resize latents. Inputs are never changed; keys a node does not know travel on."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor

from ..engine.node.declare import node
from ..engine.node.widget import Float, Int
from ..engine.pictures.resize import resize
from ..engine.values import Latent, Mask

Method = Literal["nearest-exact", "bilinear", "area", "bicubic", "bislerp"]
Place = Annotated[int, Int(0, 16384, step=8)]

CELL_PX = 8  # pixels to a latent cell in every size these nodes are given, as in ComfyUI
SMALLEST_PX = 64


@node("EmptyLatentImage", title="Empty Latent Image", category="latent", lane="cpu")
def empty_latent_image(
    *,
    width: Annotated[int, Int(16, 16384, step=8)] = 512,
    height: Annotated[int, Int(16, 16384, step=8)] = 512,
    batch_size: Annotated[int, Int(1, 4096)] = 1,
) -> Latent:
    """Make an empty latent: where a picture from text alone begins. It says how large and how many.

    width: of the picture, in pixels.
    height: of the picture, in pixels.
    batch_size: how many pictures to make at once.
    """
    return {"samples": torch.zeros(batch_size, 4, height // CELL_PX, width // CELL_PX)}


@node("EmptySD3LatentImage", title="EmptySD3LatentImage", category="latent/sd3", lane="cpu")
def empty_sd3_latent_image(
    *,
    width: Annotated[int, Int(16, 16384, step=16)] = 1024,
    height: Annotated[int, Int(16, 16384, step=16)] = 1024,
    batch_size: Annotated[int, Int(1, 4096)] = 1,
) -> Latent:
    """Make an empty latent of 16 channels, for SD3 and Flux.

    width: of the picture, in pixels.
    height: of the picture, in pixels.
    batch_size: how many pictures to make at once.
    """
    return {"samples": torch.zeros(batch_size, 16, height // CELL_PX, width // CELL_PX)}


@node("LatentUpscale", title="Upscale Latent", category="latent")
def latent_upscale(
    *,
    samples: Latent,
    upscale_method: Method = "nearest-exact",
    width: Annotated[int, Int(0, 16384, step=8)] = 512,
    height: Annotated[int, Int(0, 16384, step=8)] = 512,
    crop: Literal["disabled", "center"] = "disabled",
) -> Latent:
    """Resize a latent, for instance between two sampling passes.

    width: of the picture, in pixels; 0 keeps the aspect ratio, and 0 for both changes nothing.
    height: of the picture, in pixels; 0 keeps the aspect ratio.
    crop: "center" cuts the sides off instead of distorting.
    """
    old = samples["samples"]
    if width == 0 and height == 0:
        return samples
    if width == 0:
        height = max(SMALLEST_PX, height)
        width = max(SMALLEST_PX, round(old.shape[-1] * height / old.shape[-2]))
    elif height == 0:
        width = max(SMALLEST_PX, width)
        height = max(SMALLEST_PX, round(old.shape[-2] * width / old.shape[-1]))
    else:
        width, height = max(SMALLEST_PX, width), max(SMALLEST_PX, height)
    new = resize(old, width // CELL_PX, height // CELL_PX, upscale_method, crop)
    return {**samples, "samples": new}


@node("LatentUpscaleBy", title="Upscale Latent By", category="latent")
def latent_upscale_by(
    *,
    samples: Latent,
    upscale_method: Method = "nearest-exact",
    scale_by: Annotated[float, Float(0.01, 8.0, step=0.01)] = 1.5,
) -> Latent:
    """Resize a latent by a factor.

    scale_by: 2 makes it twice as wide and twice as high.
    """
    old = samples["samples"]
    width, height = (max(1, round(old.shape[axis] * scale_by)) for axis in (-1, -2))
    return {**samples, "samples": resize(old, width, height, upscale_method)}


@node("LatentComposite", title="Latent Composite", category="latent")
def latent_composite(
    *,
    samples_to: Latent,
    samples_from: Latent,
    x: Place = 0,
    y: Place = 0,
    feather: Place = 0,
) -> Latent:
    """Paste one latent into another.

    x: left edge of the paste, in pixels.
    y: top edge of the paste, in pixels.
    feather: width of the soft border in pixels; edges that lie on the picture's own border stay hard.
    """
    base = samples_to["samples"]
    left, top, soft = x // CELL_PX, y // CELL_PX, feather // CELL_PX
    out = base.clone()
    window = out[..., top:, left:]
    patch = samples_from["samples"].to(base)[..., : window.shape[-2], : window.shape[-1]]
    height, width = patch.shape[-2:]
    if not patch.numel():
        return {**samples_to, "samples": out}
    goal = window[..., :height, :width]
    down = _ramp(height, soft, top > 0, top + height < base.shape[-2], base)
    across = _ramp(width, soft, left > 0, left + width < base.shape[-1], base)
    weight = down[:, None] * across[None, :]
    goal.copy_(patch * weight + goal * (1 - weight))
    return {**samples_to, "samples": out}


def _ramp(size: int, soft: int, at_start: bool, at_end: bool, like: Tensor) -> Tensor:
    """Return weights [size] that rise over `soft` cells at the start and fall over as many at the end."""
    step = torch.arange(1, size + 1, device=like.device, dtype=like.dtype)
    weight = torch.ones_like(step)
    if soft and at_start:
        weight = weight * (step / soft).clamp(max=1)
    if soft and at_end:
        weight = weight * (step.flip(0) / soft).clamp(max=1)
    return weight


@node("LatentBlend", title="Latent Blend", category="_for_testing")
def latent_blend(
    *,
    samples1: Latent,
    samples2: Latent,
    blend_factor: Annotated[float, Float(0, 1, step=0.01)] = 0.5,
) -> Latent:
    """Blend two latents linearly.

    samples2: resized when its size differs.
    blend_factor: weight of samples1; 1 gives samples1, 0 gives samples2.
    """
    a = samples1["samples"]
    b = resize(samples2["samples"].to(a), a.shape[-1], a.shape[-2], "bicubic", "center")
    return {**samples1, "samples": a * blend_factor + b * (1 - blend_factor)}


@node("LatentCrop", title="Crop Latent", category="latent/transform")
def latent_crop(
    *,
    samples: Latent,
    width: Annotated[int, Int(64, 16384, step=8)] = 512,
    height: Annotated[int, Int(64, 16384, step=8)] = 512,
    x: Place = 0,
    y: Place = 0,
) -> Latent:
    """Cut a rectangle, given in pixels, out of a latent. It ends where the latent ends."""
    old = samples["samples"]
    # The last 64 pixels stay reachable: a crop is never narrower than that unless the latent is.
    left = min(x // CELL_PX, max(0, old.shape[-1] - SMALLEST_PX // CELL_PX))
    top = min(y // CELL_PX, max(0, old.shape[-2] - SMALLEST_PX // CELL_PX))
    part = old[..., top : top + height // CELL_PX, left : left + width // CELL_PX]
    return {**samples, "samples": part.clone()}


@node("LatentFlip", title="Flip Latent", category="latent/transform")
def latent_flip(
    *,
    samples: Latent,
    flip_method: Literal["x-axis: vertically", "y-axis: horizontally"] = "x-axis: vertically",
) -> Latent:
    """Mirror a latent.

    flip_method: about which axis.
    """
    return {**samples, "samples": samples["samples"].flip(-2 if flip_method.startswith("x") else -1)}


@node("LatentRotate", title="Rotate Latent", category="latent/transform")
def latent_rotate(
    *,
    samples: Latent,
    rotation: Literal["none", "90 degrees", "180 degrees", "270 degrees"] = "none",
) -> Latent:
    """Turn a latent clockwise.

    rotation: by how much.
    """
    turns = ("none", "90 degrees", "180 degrees", "270 degrees").index(rotation)
    return {**samples, "samples": torch.rot90(samples["samples"], k=turns, dims=(-1, -2)).contiguous()}


@node("SetLatentNoiseMask", title="Set Latent Noise Mask", category="latent/inpaint")
def set_latent_noise_mask(*, samples: Latent, mask: Mask) -> Latent:
    """Let the sampler change a latent only where a mask is white.

    mask: of any size; the sampler fits it to the latent.
    """
    return {**samples, "noise_mask": mask.reshape(-1, 1, mask.shape[-2], mask.shape[-1])}
