"""Make, combine and change masks. A mask is [b h w]; a single plane [h w] counts as a batch of one."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from einops import repeat

from ..engine.node.declare import node
from ..engine.node.widget import Float, Int
from ..engine.pictures.composite import fit_mask, repeat_to
from ..engine.pictures.grow import feather, grow
from ..engine.values import Image, Mask

Size = Annotated[int, Int(1, 16384)]
Offset = Annotated[int, Int(0, 16384)]
Unit = Annotated[float, Float(0.0, 1.0, step=0.01)]


class Split(NamedTuple):
    """Colours and transparency apart."""

    IMAGE: Image
    MASK: Mask


@node("MaskToImage", title="Convert Mask to Image", category="mask")
def mask_to_image(*, mask: Mask) -> Image:
    """Show a mask as a grey picture."""
    return repeat(_batched(mask), "b h w -> b h w c", c=3).contiguous()


@node("ImageToMask", title="Convert Image to Mask", category="mask")
def image_to_mask(*, image: Image, channel: Literal["red", "green", "blue", "alpha"] = "red") -> Mask:
    """Take one channel of a picture as a mask.

    channel: a picture without alpha counts as opaque.
    """
    index = ("red", "green", "blue", "alpha").index(channel)
    if index >= image.shape[-1]:
        return torch.ones_like(image[..., 0]) if channel == "alpha" else image[..., 0].clone()
    return image[..., index].clone()


@node("SolidMask", title="Solid Mask", category="mask")
def solid_mask(*, value: Unit = 1.0, width: Size = 512, height: Size = 512) -> Mask:
    """Make a mask of one value."""
    return torch.full((1, height, width), value)


@node("InvertMask", title="Invert Mask", category="mask")
def invert_mask(*, mask: Mask) -> Mask:
    """Select what was not selected."""
    return 1.0 - _batched(mask)


@node("CropMask", title="Crop Mask", category="mask")
def crop_mask(*, mask: Mask, x: Offset = 0, y: Offset = 0, width: Size = 512, height: Size = 512) -> Mask:
    """Cut a rectangle out of a mask. It ends where the mask ends.

    x: left edge.
    y: top edge.
    """
    planes = _batched(mask)
    left, top = min(x, planes.shape[2] - 1), min(y, planes.shape[1] - 1)
    return planes[:, top : top + height, left : left + width].clone()


@node("MaskComposite", title="Mask Composite", category="mask")
def mask_composite(
    *,
    destination: Mask,
    source: Mask,
    x: Offset = 0,
    y: Offset = 0,
    operation: Literal["multiply", "add", "subtract", "and", "or", "xor"] = "multiply",
) -> Mask:
    """Combine a mask with another, laid on it at a place.

    x: left edge of the source, in pixels.
    y: top edge of the source, in pixels.
    operation: "and", "or" and "xor" first round both masks to 0 or 1.
    """
    out = _batched(destination).clone()
    window = out[:, y:, x:]
    patch = repeat_to(_batched(source).to(out), out.shape[0])[:, : window.shape[1], : window.shape[2]]
    goal = window[:, : patch.shape[1], : patch.shape[2]]
    goal.copy_(_combined(goal, patch, operation))
    return out.clamp(0.0, 1.0)


def _combined(a: torch.Tensor, b: torch.Tensor, operation: str) -> torch.Tensor:
    if operation == "multiply":
        return a * b
    if operation == "add":
        return a + b
    if operation == "subtract":
        return a - b
    p, q = a.round().bool(), b.round().bool()
    return ((p & q) if operation == "and" else (p | q) if operation == "or" else (p ^ q)).to(a)


@node("FeatherMask", title="Feather Mask", category="mask")
def feather_mask(*, mask: Mask, left: Offset = 0, top: Offset = 0, right: Offset = 0, bottom: Offset = 0) -> Mask:
    """Fade a mask towards its edges, over so many pixels from each side."""
    return feather(_batched(mask), left, top, right, bottom)


@node("GrowMask", title="Grow Mask", category="mask")
def grow_mask(*, mask: Mask, expand: Annotated[int, Int(-16384, 16384)] = 0, tapered_corners: bool = True) -> Mask:
    """Make the selected part larger, or smaller when negative.

    expand: by how many pixels.
    tapered_corners: cut the corners instead of growing in squares.
    """
    return grow(_batched(mask), expand, tapered_corners)


@node("ThresholdMask", title="Threshold Mask", category="mask")
def threshold_mask(*, mask: Mask, value: Unit = 0.5) -> Mask:
    """Select all that is above a value, fully."""
    return (_batched(mask) > value).to(mask.dtype)


@node("JoinImageWithAlpha", title="Join Image with Alpha", category="mask/compositing")
def join_image_with_alpha(*, image: Image, alpha: Mask) -> Image:
    """Give pictures an alpha channel.

    alpha: 1 becomes transparent; resized when its size differs.
    """
    count = max(image.shape[0], 1 if alpha.ndim == 2 else alpha.shape[0])
    colours = repeat_to(image[..., :3], count)
    weight = fit_mask(alpha.to(colours), colours.movedim(-1, 1))[:, 0]
    return torch.cat([colours, 1.0 - weight[..., None]], dim=-1)


@node("SplitImageWithAlpha", title="Split Image with Alpha", category="mask/compositing")
def split_image_with_alpha(*, image: Image) -> Split:
    """Take pictures and their transparency apart.

    MASK: 1 where transparent; zeros for pictures without alpha.
    """
    alpha = image[..., 3] if image.shape[-1] > 3 else torch.ones_like(image[..., 0])
    return Split(image[..., :3].clone(), 1.0 - alpha)


def _batched(mask: torch.Tensor) -> torch.Tensor:
    return mask if mask.ndim == 3 else mask.reshape(-1, mask.shape[-2], mask.shape[-1])
