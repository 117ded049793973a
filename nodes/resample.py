"""The plain operators that change the size of feature maps, each with its parameters. Learns nothing.

Feature maps travel as FEATURES, float32 [b c h w] of any range and number of channels; pictures become such maps and
such maps pictures again.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import torch
import torch.nn.functional as F

from ..engine.errors import UserError
from ..engine.node.declare import node
from ..engine.node.socket import Socket
from ..engine.node.widget import Float, Int, Text
from ..engine.pictures import resample
from ..engine.pictures.resize import lanczos
from ..engine.values import Features, Image

PoolIndices = Annotated[dict[str, Any], Socket("POOL_INDICES")]
"""{"indices": int64 [b c h w], "height": int, "width": int}: where maxima were in a map of that size."""

Side = Annotated[int, Int(0, 16384)]
Factor = Annotated[float, Float(0.01, 16.0, step=0.01)]
Whole = Annotated[int, Int(1, 16)]
Width = Annotated[int, Int(1, 64)]
Pad = Annotated[int, Int(0, 64)]

CATEGORY = "image/upscaling/operators"


class MaxPooled(NamedTuple):
    """What max-pooling gives."""

    features: Features
    indices: PoolIndices


@node("LoomImageToFeatures", title="Image to Features", category=CATEGORY)
def image_to_features(*, image: Image) -> Features:
    """Make feature maps of pictures: one channel for each colour, in 0 to 1."""
    return image.movedim(-1, 1).contiguous()


@node("LoomFeaturesToImage", title="Features to Image", category=CATEGORY)
def features_to_image(*, features: Features) -> Image:
    """Make pictures of feature maps with 1, 3 or 4 channels; what lies outside 0 to 1 is cut off."""
    if features.shape[1] not in (1, 3, 4):
        raise UserError(
            "V172", "feature maps", "1, 3 or 4 channels", str(features.shape[1]), "Shuffle or convert them first."
        )
    return features.clamp(0, 1).movedim(1, -1).contiguous()


@node("LoomPixelShuffle", title="Pixel Shuffle", category=CATEGORY, aliases=("depth to space", "ESPCN"))
def pixel_shuffle(*, features: Features, factor: Whole = 2) -> Features:
    """Turn groups of channels into pixels: a map becomes larger and has fewer channels.

    factor: how many times wider and higher; its square divides the channels.
    """
    return resample.pixel_shuffle(features, factor)


@node("LoomPixelUnshuffle", title="Pixel Unshuffle", category=CATEGORY, aliases=("space to depth",))
def pixel_unshuffle(*, features: Features, factor: Whole = 2) -> Features:
    """Turn pixels into groups of channels: a map becomes smaller and has more channels.

    factor: how many times narrower and lower; it divides both sides.
    """
    return resample.pixel_unshuffle(features, factor)


@node("LoomResizeNearest", title="Resize (Nearest)", category=CATEGORY)
def resize_nearest(
    *, features: Features, width: Side = 0, height: Side = 0, scale_by: Factor = 2.0, exact: bool = True
) -> Features:
    """Resize feature maps by repeating or leaving out numbers.

    width: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
    height: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
    scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
    exact: takes the number whose centre is nearest, as Pillow does; off, the one at the upper left.
    """
    size = _size(features, width, height, scale_by)
    return F.interpolate(features, size=size, mode="nearest-exact" if exact else "nearest")


@node("LoomResizeBilinear", title="Resize (Bilinear)", category=CATEGORY)
def resize_bilinear(
    *,
    features: Features,
    width: Side = 0,
    height: Side = 0,
    scale_by: Factor = 2.0,
    align_corners: bool = False,
    antialias: bool = False,
) -> Features:
    """Resize feature maps linearly between neighbours.

    width: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
    height: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
    scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
    align_corners: the outermost numbers' centres stay where they are.
    antialias: averages when shrinking, as Pillow does.
    """
    return _interpolated(features, width, height, scale_by, "bilinear", align_corners, antialias)


@node("LoomResizeBicubic", title="Resize (Bicubic)", category=CATEGORY)
def resize_bicubic(
    *,
    features: Features,
    width: Side = 0,
    height: Side = 0,
    scale_by: Factor = 2.0,
    align_corners: bool = False,
    antialias: bool = False,
) -> Features:
    """Resize feature maps with cubic pieces through four neighbours, which may overshoot.

    width: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
    height: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
    scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
    align_corners: the outermost numbers' centres stay where they are.
    antialias: averages when shrinking, and takes Pillow's softer curve (a = -0.5 instead of -0.75).
    """
    return _interpolated(features, width, height, scale_by, "bicubic", align_corners, antialias)


@node("LoomResizeArea", title="Resize (Area)", category=CATEGORY)
def resize_area(*, features: Features, width: Side = 0, height: Side = 0, scale_by: Factor = 0.5) -> Features:
    """Resize feature maps by the average of what each new cell covers.

    width: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
    height: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
    scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
    """
    return F.interpolate(features, size=_size(features, width, height, scale_by), mode="area")


@node("LoomResizeLanczos", title="Resize (Lanczos)", category=CATEGORY)
def resize_lanczos(
    *,
    features: Features,
    width: Side = 0,
    height: Side = 0,
    scale_by: Factor = 2.0,
    lobes: Annotated[int, Int(1, 8)] = 3,
    clip: bool = False,
) -> Features:
    """Resize feature maps with a windowed sinc, widened when shrinking.

    width: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
    height: 0 for both sides takes scale_by; 0 for one keeps the aspect ratio.
    scale_by: 2 makes them twice as wide and twice as high, where width and height are 0.
    lobes: of the window on each side; more are sharper and ring more. Pillow has 3.
    clip: cuts off what lies outside 0 to 1, as for pictures.
    """
    high, wide = _size(features, width, height, scale_by)
    return lanczos(features, wide, high, lobes, clip)


@node("LoomTransposedConvolution", title="Transposed Convolution", category=CATEGORY, aliases=("deconvolution",))
def transposed_convolution(
    *,
    features: Features,
    kernel: Literal["bilinear", "box", "gaussian", "written"] = "bilinear",
    kernel_size: Width = 4,
    stride: Whole = 2,
    padding: Pad = 1,
    output_padding: Annotated[int, Int(0, 15)] = 0,
    dilation: Whole = 1,
    weights: Annotated[str, Text(multiline=True)] = "",
) -> Features:
    """Enlarge feature maps by adding a copy of a kernel for each number, every channel alone.

    kernel: "bilinear" interpolates linearly with size 2 x stride and padding stride / 2; "box" repeats with size stride
        and no padding; "written" takes weights.
    kernel_size: side of the kernel, unless it is written.
    stride: how far apart the copies lie.
    padding: cells cut off on each side.
    output_padding: cells added at the right and at the bottom.
    dilation: how far apart a kernel's own numbers lie.
    weights: the numbers of a written kernel, rows between semicolons or on lines of their own.
    """
    found = (
        resample.kernel_written(weights) if kernel == "written" else resample.kernel_named(kernel, kernel_size, stride)
    )
    return resample.transposed_convolution(features, found, stride, padding, output_padding, dilation)


@node("LoomMaxPool", title="Max Pool", category=CATEGORY)
def max_pool(*, features: Features, kernel_size: Width = 2, stride: Pad = 0, padding: Pad = 0) -> MaxPooled:
    """Keep the largest number of each window, and where it was.

    kernel_size: side of a window.
    stride: how far apart the windows lie; 0 takes the side of a window.
    padding: cells around the map that never win.
    """
    found = resample.max_pool(features, kernel_size, stride or kernel_size, padding)
    place = {"indices": found.indices, "height": features.shape[-2], "width": features.shape[-1]}
    return MaxPooled(found.maxima, place)


@node("LoomMaxUnpool", title="Max Unpool", category=CATEGORY)
def max_unpool(*, features: Features, indices: PoolIndices, width: Side = 0, height: Side = 0) -> Features:
    """Put numbers back where max-pooling found them, and 0 elsewhere.

    indices: of the pooling that made the map small.
    width: of the result; 0 takes the width from before pooling.
    height: of the result; 0 takes the height from before pooling.
    """
    return resample.max_unpool(features, indices["indices"], height or indices["height"], width or indices["width"])


def _interpolated(
    features: torch.Tensor, width: int, height: int, scale: float, mode: str, align_corners: bool, antialias: bool
) -> torch.Tensor:
    size = _size(features, width, height, scale)
    return F.interpolate(features, size=size, mode=mode, align_corners=align_corners, antialias=antialias)


def _size(features: torch.Tensor, width: int, height: int, scale: float) -> tuple[int, int]:
    """Return (height, width) of the result; a scale rounds down, as torch's does."""
    old_height, old_width = features.shape[-2:]
    if not width and not height:
        return max(1, int(old_height * scale)), max(1, int(old_width * scale))
    return (
        height or max(1, round(old_height * width / old_width)),
        width or max(1, round(old_width * height / old_height)),
    )
