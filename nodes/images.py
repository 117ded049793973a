"""Load, resize, crop and extend pictures. Inputs are never changed; results stay on their device."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F

from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.widget import File, Float, Int
from ..engine.pictures.read import EXTENSIONS, read_channel, read_picture
from ..engine.pictures.resize import match
from ..engine.values import Image, Mask

Method = Literal["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
Size = Annotated[int, Int(1, 16384)]
Offset = Annotated[int, Int(0, 16384)]
Border = Annotated[int, Int(0, 16384, step=8)]
InputPicture = Annotated[str, File("input", EXTENSIONS, upload=True)]

MEGAPIXEL = 1024 * 1024
GREY = 0.5  # of the border that an outpainting model is to fill


class Loaded(NamedTuple):
    """A picture and its transparency."""

    IMAGE: Image
    MASK: Mask


@node("LoadImage", title="Load Image", category="image", lane="io")
def load_image(*, image: InputPicture, context: Context) -> Loaded:
    """Load a picture from the input folder; an animation becomes a batch.

    image: a file of the input folder; "name.png [output]" takes it from the output folder.
    MASK: 1 where the picture is transparent.
    """
    return Loaded(*read_picture(context.files.find("input", image)))


@node("LoadImageMask", title="Load Image (as Mask)", category="mask", lane="io")
def load_image_mask(
    *,
    image: InputPicture,
    channel: Literal["alpha", "red", "green", "blue"] = "alpha",
    context: Context,
) -> Mask:
    """Load one channel of a picture as a mask.

    image: a file of the input folder.
    channel: "alpha" gives 1 where the picture is transparent.
    """
    return read_channel(context.files.find("input", image), channel)


@node("LoadImageOutput", title="Load Image (from Outputs)", category="image", lane="io", experimental=True)
def load_image_output(*, image: Annotated[str, File("output", EXTENSIONS, upload=True)], context: Context) -> Loaded:
    """Load a picture that was saved before.

    image: a file of the output folder.
    """
    return Loaded(*read_picture(context.files.find("output", image)))


@node("ImageScale", title="Upscale Image", category="image/upscaling", aliases=("resize",))
def image_scale(
    *,
    image: Image,
    upscale_method: Method = "nearest-exact",
    width: Offset = 512,
    height: Offset = 512,
    crop: Literal["disabled", "center"] = "disabled",
) -> Image:
    """Resize pictures.

    width: in pixels; 0 keeps the aspect ratio, and 0 for both changes nothing.
    height: in pixels; 0 keeps the aspect ratio.
    crop: "center" cuts the sides off instead of distorting.
    """
    if width == 0 and height == 0:
        return image
    if width == 0:
        width = max(1, round(image.shape[2] * height / image.shape[1]))
    elif height == 0:
        height = max(1, round(image.shape[1] * width / image.shape[2]))
    return match(image, width, height, upscale_method, crop)


@node("ImageScaleBy", title="Upscale Image By", category="image/upscaling", aliases=("resize",))
def image_scale_by(
    *,
    image: Image,
    upscale_method: Method = "nearest-exact",
    scale_by: Annotated[float, Float(0.01, 8.0, step=0.01)] = 1.0,
) -> Image:
    """Resize pictures by a factor.

    scale_by: 2 makes them twice as wide and twice as high.
    """
    width, height = (max(1, round(image.shape[axis] * scale_by)) for axis in (2, 1))
    return match(image, width, height, upscale_method)


@node("ImageScaleToTotalPixels", title="Scale Image to Total Pixels", category="image/upscaling")
def image_scale_to_total_pixels(
    *,
    image: Image,
    upscale_method: Method = "nearest-exact",
    megapixels: Annotated[float, Float(0.01, 16.0, step=0.01)] = 1.0,
) -> Image:
    """Resize pictures to a number of pixels, keeping the aspect ratio.

    megapixels: 1 is 1024 x 1024.
    """
    factor = math.sqrt(megapixels * MEGAPIXEL / (image.shape[1] * image.shape[2]))
    width, height = (max(1, round(image.shape[axis] * factor)) for axis in (2, 1))
    return match(image, width, height, upscale_method)


@node("ImageInvert", title="Invert Image", category="image")
def image_invert(*, image: Image) -> Image:
    """Turn light into dark and every colour into its opposite."""
    return 1.0 - image


@node("ImageBatch", title="Batch Images", category="image")
def image_batch(*, image1: Image, image2: Image) -> Image:
    """Join two batches of pictures.

    image2: resized, and given an opaque alpha channel, when it differs from image1.
    """
    first, second = _same_channels(image1, image2.to(image1))
    return torch.cat([first, match(second, first.shape[2], first.shape[1], "bilinear", "center")])


def _same_channels(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    most = max(a.shape[-1], b.shape[-1])
    grown = [F.pad(x, (0, most - x.shape[-1]), value=1.0) for x in (a, b)]
    return grown[0], grown[1]


class Padded(NamedTuple):
    """A picture with a border, and what of it is border."""

    IMAGE: Image
    MASK: Mask


@node("ImagePadForOutpaint", title="Pad Image for Outpainting", category="image")
def image_pad_for_outpaint(
    *,
    image: Image,
    left: Border = 0,
    top: Border = 0,
    right: Border = 0,
    bottom: Border = 0,
    feathering: Offset = 40,
) -> Padded:
    """Put a grey border around a picture, for a model to fill.

    feathering: how far the mask fades into the picture, in pixels.
    MASK: 1 on the border, 0 inside.
    """
    _, height, width, _ = image.shape
    grown = F.pad(image, (0, 0, left, right, top, bottom), value=GREY)
    inside = torch.zeros(height, width, device=image.device)
    if feathering > 0 and feathering * 2 < height and feathering * 2 < width:
        down = _distance(height, top > 0, bottom > 0, image.device)
        across = _distance(width, left > 0, right > 0, image.device)
        near = torch.minimum(down[:, None], across[None, :])
        inside = ((feathering - near) / feathering).clamp(min=0.0).square()
    mask = F.pad(inside, (left, right, top, bottom), value=1.0)
    return Padded(grown, mask[None])


def _distance(size: int, at_start: bool, at_end: bool, device: torch.device) -> torch.Tensor:
    """Return how far each pixel of a row lies from the ends that get a border; infinite without one."""
    index = torch.arange(size, dtype=torch.float32, device=device)
    far = torch.full_like(index, math.inf)
    return torch.minimum(index if at_start else far, size - index if at_end else far)


@node("EmptyImage", title="Empty Image", category="image")
def empty_image(
    *,
    width: Size = 512,
    height: Size = 512,
    batch_size: Annotated[int, Int(1, 4096)] = 1,
    color: Annotated[int, Int(0, 0xFFFFFF)] = 0,
) -> Image:
    """Make pictures of one colour.

    color: as a number, 0xRRGGBB.
    """
    rgb = torch.tensor([color >> 16 & 255, color >> 8 & 255, color & 255], dtype=torch.float32) / 255
    return rgb.expand(batch_size, height, width, 3).contiguous()


@node("ImageCrop", title="Image Crop", category="image/transform")
def image_crop(*, image: Image, width: Size = 512, height: Size = 512, x: Offset = 0, y: Offset = 0) -> Image:
    """Cut a rectangle out of pictures. It ends where the picture ends.

    x: left edge.
    y: top edge.
    """
    left, top = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
    return image[:, top : top + height, left : left + width].clone()
