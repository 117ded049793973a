"""Enlarge pictures with a learnt model: by the model's own factor, or to any size."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated, Any

from ..engine.memory.device import pick_device
from ..engine.models.upscale_load import load_upscaler
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.socket import Socket
from ..engine.node.widget import File, Float, Int
from ..engine.pictures.resize import match
from ..engine.values import Image, UpscaleModel
from .images import Method
from .loaders import MODEL_FILES

TILE, OVERLAP = 512, 32  # pixels, as in ComfyUI
MOST = 4  # passes; more than 8 times larger from x2 is invention


@node("UpscaleModelLoader", title="Load Upscale Model", category="loaders", lane="io")
def upscale_model_loader(
    *, model_name: Annotated[str, File("upscale_models", MODEL_FILES)], context: Context
) -> Annotated[Any, Socket("UPSCALE_MODEL")]:
    """Load an upscale model: ESRGAN, Real-ESRGAN, its compact network, or ESPCN.

    model_name: a file of models/upscale_models.
    """
    path = context.files.find("upscale_models", model_name)
    device, pickle = pick_device(context.device), context.allows("pickle")
    return load_upscaler(path, device=device, allow_pickle=pickle, residence=context.residence)


@node("ImageUpscaleWithModel", title="Upscale Image (using Model)", category="image/upscaling")
def image_upscale_with_model(*, upscale_model: UpscaleModel, image: Image, context: Context) -> Image:
    """Enlarge pictures by the factor of an upscale model, in tiles; the tiles shrink when memory runs out."""
    return upscale_model.upscale(image, TILE, OVERLAP, context.progress)


@node("LoomUpscaleToSize", title="Upscale Image to Size (using Model)", category="image/upscaling", aliases=("resize",))
def upscale_to_size(
    *,
    upscale_model: UpscaleModel,
    image: Image,
    width: Annotated[int, Int(0, 16384)] = 0,
    height: Annotated[int, Int(0, 16384)] = 0,
    scale_by: Annotated[float, Float(0.01, 16.0, step=0.01)] = 2.0,
    method: Method = "area",
    tile: Annotated[int, Int(32, 4096, step=32)] = TILE,
    overlap: Annotated[int, Int(0, 512, step=8)] = OVERLAP,
    context: Context,
) -> Image:
    """Enlarge pictures to any size: with an upscale model until they are large enough, then down to the size.

    width: in pixels; 0 keeps the aspect ratio, and 0 for both takes scale_by.
    height: in pixels; 0 keeps the aspect ratio.
    scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
    method: of the last step; "area" and "lanczos" average what becomes smaller.
    tile: side of the pieces that the model is given, in pixels of the picture.
    overlap: how far neighbouring pieces blend, in pixels of the picture.
    """
    width, height = _size(image.shape[2], image.shape[1], width, height, scale_by)
    passes = _passes(max(width / image.shape[2], height / image.shape[1]), upscale_model.scale)
    for done in range(passes):
        image = upscale_model.upscale(image, tile, overlap, partial(_report, context, done, passes))
    return match(image, width, height, method)


def _report(context: Context, before: int, passes: int, done: int, total: int) -> None:
    """Report tiles of one pass as part of all passes. Raises Cancelled."""
    context.progress(before * total + done, passes * total)


def _size(old_width: int, old_height: int, width: int, height: int, scale: float) -> tuple[int, int]:
    """Return the wanted size in pixels."""
    if not width and not height:
        return max(1, round(old_width * scale)), max(1, round(old_height * scale))
    return (
        width or max(1, round(old_width * height / old_height)),
        height or max(1, round(old_height * width / old_width)),
    )


def _passes(factor: float, scale: int) -> int:
    """Return how often a model of that scale must run to reach the factor; a model that only restores runs once."""
    if scale == 1:
        return 1
    return min(MOST, math.ceil(math.log(factor, scale) - 1e-9)) if factor > 1 else 0
