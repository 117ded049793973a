"""Blend, blur, sharpen and composite pictures. Inputs are never changed."""

from __future__ import annotations

from typing import Annotated, Literal

import torch.nn.functional as F
from einops import rearrange

from ..engine.node.declare import node
from ..engine.node.widget import Float, Int
from ..engine.pictures.composite import paste, repeat_to
from ..engine.pictures.filters import BLEND_MODES, blur
from ..engine.pictures.resize import match, resize
from ..engine.values import Image, Mask

Offset = Annotated[int, Int(0, 16384)]
Radius = Annotated[int, Int(1, 31)]


@node("ImageBlend", title="Image Blend", category="image/postprocessing")
def image_blend(
    *,
    image1: Image,
    image2: Image,
    blend_factor: Annotated[float, Float(0.0, 1.0, step=0.01)] = 0.5,
    blend_mode: Literal["normal", "multiply", "screen", "overlay", "soft_light", "difference"] = "normal",
) -> Image:
    """Blend one picture over another.

    image2: the upper picture; resized when its size differs.
    blend_factor: 0 gives image1, 1 the blend.
    blend_mode: how the colours combine.
    """
    top = match(image2.to(image1)[..., : image1.shape[-1]], image1.shape[2], image1.shape[1], "bicubic", "center")
    blended = BLEND_MODES[blend_mode](image1, top)
    return (image1 * (1 - blend_factor) + blended * blend_factor).clamp(0, 1)


@node("ImageBlur", title="Image Blur", category="image/postprocessing")
def image_blur(
    *,
    image: Image,
    blur_radius: Radius = 1,
    sigma: Annotated[float, Float(0.1, 10.0, step=0.1)] = 1.0,
) -> Image:
    """Soften a picture.

    blur_radius: how far it looks, in pixels.
    sigma: how evenly it weighs what it sees, in units of the radius.
    """
    return blur(image, blur_radius, sigma)


@node("ImageSharpen", title="Image Sharpen", category="image/postprocessing")
def image_sharpen(
    *,
    image: Image,
    sharpen_radius: Radius = 1,
    sigma: Annotated[float, Float(0.1, 10.0, step=0.01)] = 1.0,
    alpha: Annotated[float, Float(0.0, 5.0, step=0.01)] = 1.0,
) -> Image:
    """Strengthen what differs from its surroundings.

    sharpen_radius: how far it looks, in pixels.
    sigma: how evenly it weighs what it sees, in units of the radius.
    alpha: how much; 0 changes nothing.
    """
    gain = 10 * alpha  # the factor is ComfyUI's
    return (image + gain * (image - blur(image, sharpen_radius, sigma))).clamp(0, 1)


@node("ImageCompositeMasked", title="Image Composite Masked", category="image")
def image_composite_masked(
    *,
    destination: Image,
    source: Image,
    x: Offset = 0,
    y: Offset = 0,
    resize_source: bool = False,
    mask: Mask | None = None,
) -> Image:
    """Paste one picture onto another.

    x: left edge of the paste, in pixels.
    y: top edge of the paste, in pixels.
    resize_source: fit the source to the destination first.
    mask: only its white part is pasted.
    """
    base = rearrange(destination, "b h w c -> b c h w")
    patch = rearrange(repeat_to(source, destination.shape[0]), "b h w c -> b c h w")[:, : base.shape[1]]
    missing = base.shape[1] - patch.shape[1]
    patch = F.pad(patch, (0, 0, 0, 0, 0, missing), value=1.0)  # a picture without alpha is opaque
    if resize_source:
        patch = resize(patch, base.shape[-1], base.shape[-2], "bilinear")
    return rearrange(paste(base, patch, x, y, mask), "b c h w -> b h w c").contiguous()
