"""Pictures with holes to latents and conditioning."""

from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple

import torch
import torch.nn.functional as F

from ..engine.node.declare import node
from ..engine.node.widget import Int
from ..engine.pictures.composite import repeat_to
from ..engine.pictures.resize import resize
from ..engine.values import Conditioning, Image, Latent, Mask, Vae

GREY = 0.5  # what an inpainting model was trained to see in a hole


@node("VAEEncodeForInpaint", title="VAE Encode (for Inpainting)", category="latent/inpaint")
def vae_encode_for_inpaint(
    *, pixels: Image, vae: Vae, mask: Mask, grow_mask_by: Annotated[int, Int(0, 64)] = 6
) -> Latent:
    """Turn pictures into latents whose masked part is blank and will be filled anew. Use it at denoise 1.

    mask: white is filled; resized when its size differs.
    grow_mask_by: widens the part the sampler may change, in pixels, so that it blends in.
    """
    pixels, hole = _cropped(pixels, mask, vae.downscale)
    height, width = hole.shape[-2:]
    change = hole.round()
    if grow_mask_by > 0:
        margin = math.ceil((grow_mask_by - 1) / 2)  # an even width reaches one pixel further up and left
        change = F.max_pool2d(F.pad(change, (margin,) * 4), grow_mask_by, stride=1)[..., :height, :width]
    return {"samples": vae.encode(_blanked(pixels, hole)), "noise_mask": change}


class InpaintParts(NamedTuple):
    """What an inpainting model's sampler takes."""

    positive: Conditioning
    negative: Conditioning
    latent: Latent


@node("InpaintModelConditioning", title="InpaintModelConditioning", category="conditioning/inpaint")
def inpaint_model_conditioning(
    *,
    positive: Conditioning,
    negative: Conditioning,
    vae: Vae,
    pixels: Image,
    mask: Mask,
    noise_mask: bool = True,
) -> InpaintParts:
    """Show an inpainting model the picture around the hole it is to fill.

    mask: white is filled; resized when its size differs.
    noise_mask: also keep the sampler from changing anything outside the mask.
    """
    pixels, hole = _cropped(pixels, mask, vae.downscale)
    seen = {"concat_latent_image": vae.encode(_blanked(pixels, hole)), "concat_mask": hole}
    latent = {"samples": vae.encode(pixels)}
    if noise_mask:
        latent["noise_mask"] = hole
    shown = [_with(given, **seen) for given in (positive, negative)]
    return InpaintParts(shown[0], shown[1], latent)


@node("InstructPixToPixConditioning", title="InstructPixToPixConditioning", category="conditioning/instructpix2pix")
def instruct_pix_to_pix_conditioning(
    *, positive: Conditioning, negative: Conditioning, vae: Vae, pixels: Image
) -> InpaintParts:
    """Show an instruct-pix2pix model the picture that the prompt tells it to change.

    pixels: cut, around the centre, to whole latent cells.
    latent: an empty one of the picture's size.
    """
    pixels = _centred(pixels, vae.downscale)
    encoded = vae.encode(pixels[..., :3])
    shown = [_with(given, concat_latent_image=encoded) for given in (positive, negative)]
    return InpaintParts(shown[0], shown[1], {"samples": torch.zeros_like(encoded)})


def _with(conditioning: Conditioning, **facts: Any) -> Conditioning:
    return [[cond, {**own, **facts}] for cond, own in conditioning]


def _cropped(pixels: torch.Tensor, mask: torch.Tensor, cell: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pictures and mask [m 1 h w] cut, around the centre, to whole latent cells."""
    planes = mask.to(pixels).reshape(-1, 1, mask.shape[-2], mask.shape[-1])
    hole = resize(planes, pixels.shape[2], pixels.shape[1], "bilinear")
    if hole.shape[0] > 1:
        hole = repeat_to(hole, pixels.shape[0])
    return _centred(pixels, cell), _centred(hole.movedim(1, -1), cell).movedim(-1, 1)


def _centred(pixels: torch.Tensor, cell: int) -> torch.Tensor:
    """Return pictures [b h w c] cut, around the centre, to whole latent cells."""
    height, width = (size // cell * cell for size in pixels.shape[1:3])
    top, left = (size % cell // 2 for size in pixels.shape[1:3])
    return pixels[:, top : top + height, left : left + width]


def _blanked(pixels: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
    keep = 1.0 - hole.round().movedim(1, -1)  # m h w 1
    return (pixels[..., :3] - GREY) * keep + GREY
