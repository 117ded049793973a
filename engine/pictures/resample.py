"""Plain operators that change the size of feature maps [b c h w]: shuffling, convolving, pooling, and their inverses.

What torch has is torch's own, with its parameters; here are the checks whose messages a user understands, and the sizes
that torch leaves to the caller. Inputs are never changed. Knows nothing of files or nodes.
Sources: Shi et al. 2016, eq. 4 (PixelShuffle); Dumoulin and Visin, "A guide to convolution arithmetic for deep
learning" (2016), relationship 14 (transposed convolution); Zeiler et al., "Adaptive Deconvolutional Networks" (2011),
section 3.2 (unpooling).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError

__all__ = [
    "Kernel",
    "Pooled",
    "kernel_named",
    "kernel_written",
    "max_pool",
    "max_unpool",
    "pixel_shuffle",
    "pixel_unshuffle",
    "transposed_convolution",
]

Kernel = Literal["bilinear", "box", "gaussian"]
LARGEST = 2**28  # numbers of a result: 1 GiB as float32, of which torch needs several


class Pooled(NamedTuple):
    """The largest number of each window [b c h w], and where in the flattened map [b c] it was (int64)."""

    maxima: Tensor
    indices: Tensor


def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """Return [b c f*h f*w] of x [b c*f*f h w]. Raises: UserError V172 unless f*f divides the channels."""
    if x.shape[1] % factor**2:
        raise unfit(f"channels in a multiple of {factor**2}", str(x.shape[1]), "Choose another factor.")
    return F.pixel_shuffle(x, factor)


def pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    """Return [b c*f*f h w] of x [b c f*h f*w]. Raises: UserError V172 unless f divides both sides."""
    if x.shape[-1] % factor or x.shape[-2] % factor:
        raise unfit(f"sides in multiples of {factor}", sides(x), "Crop it, or choose another factor.")
    return F.pixel_unshuffle(x, factor)


def transposed_convolution(
    x: Tensor, kernel: Tensor, stride: int = 2, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> Tensor:
    """Return every channel of x [b c h w] convolved backwards with one kernel [kh kw].

    A side n becomes (n - 1) * stride - 2 * padding + dilation * (k - 1) + output_padding + 1.
    Raises: UserError V172 when that is below 1, or output_padding reaches both stride and dilation.
    """
    if output_padding >= max(stride, dilation):
        raise unfit(
            f"an output padding below the stride or the dilation, {max(stride, dilation)}",
            str(output_padding),
            "Lower it.",
        )
    size = [
        (side - 1) * stride - 2 * padding + dilation * (taps - 1) + output_padding + 1
        for side, taps in zip(x.shape[-2:], kernel.shape, strict=True)
    ]
    if min(size) < 1 or x.shape[0] * x.shape[1] * size[0] * size[1] > LARGEST:
        raise unfit(f"a result of 1 to {LARGEST} numbers", f"{size[1]}x{size[0]}", "Change padding or stride.")
    channels = x.shape[1]
    weight = kernel.to(x).expand(channels, 1, *kernel.shape)
    return F.conv_transpose2d(x, weight, None, stride, padding, output_padding, groups=channels, dilation=dilation)


def max_pool(x: Tensor, kernel: int, stride: int, padding: int = 0) -> Pooled:
    """Return the maxima of windows of x [b c h w], and where they were.

    Raises: UserError V172 when the padding is above half the kernel or the map is smaller than a window.
    """
    if padding > kernel // 2:
        raise unfit(f"a padding of at most half the window, {kernel // 2}", str(padding), "Lower it.")
    if min(x.shape[-2:]) + 2 * padding < kernel:
        raise unfit(f"sides of {kernel - 2 * padding} or more", sides(x), "Use a smaller window.")
    maxima, indices = F.max_pool2d(x, kernel, stride, padding, return_indices=True)
    return Pooled(maxima, indices)


def max_unpool(x: Tensor, indices: Tensor, height: int, width: int) -> Tensor:
    """Return [b c height width] with x [b c h w] at the places that `max_pool` noted, and 0 elsewhere.

    Raises: UserError V172 when the indices are not of x's shape or lie outside the result.
    """
    if indices.shape != x.shape:
        raise unfit(f"indices of the shape {list(x.shape)}", str(list(indices.shape)), "Connect those of its pooling.")
    if x.shape[0] * x.shape[1] * height * width > LARGEST:
        raise unfit(f"a result of at most {LARGEST} numbers", f"{width}x{height}", "Lower the size.")
    flat = indices.reshape(*indices.shape[:2], -1)
    if flat.numel() and not 0 <= int(flat.min()) <= int(flat.max()) < height * width:
        raise unfit(f"indices inside {width}x{height}", str(int(flat.max())), "Give the size from before pooling.")
    result = x.new_zeros(*x.shape[:2], height * width)
    # Where windows overlap an index may occur twice, always with the same number.
    return result.scatter(2, flat, x.reshape(*x.shape[:2], -1)).reshape(*x.shape[:2], height, width)


def kernel_named(name: Kernel, size: int, stride: int) -> Tensor:
    """Return a kernel [size size] for `transposed_convolution`.

    box: ones, which repeats every number stride times when size is the stride. bilinear: interpolates linearly when
    size is 2 * stride and the padding half the stride. gaussian: a bell of a sixth of the size, scaled so that a flat
    map keeps its level on average.
    """
    if name == "box":
        return torch.ones(size, size)
    position = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    if name == "bilinear":
        line = (1 - position.abs() / stride).clamp(min=0)
    else:
        line = torch.exp(-0.5 * (position / (size / 6)).square())
        line = line * (stride / line.sum())
    return torch.outer(line, line).float()


def kernel_written(text: str) -> Tensor:
    """Return a kernel [kh kw] of numbers: blanks or commas between them, a line or a semicolon for each row.

    Raises: UserError V173 for anything else.
    """
    rows = [row.replace(",", " ").split() for row in text.replace(";", "\n").splitlines() if row.strip(" ,\t")]
    try:
        kernel = torch.tensor([[float(number) for number in row] for row in rows])
    except ValueError:
        kernel = torch.empty(0)
    if kernel.ndim != 2 or not kernel.numel() or not bool(kernel.isfinite().all()):
        raise UserError(
            "V173",
            'input "weights"',
            "rows of numbers, equally long",
            repr(text[:60]),
            'Write it like "1 2 1; 2 4 2; 1 2 1".',
            input="weights",
        )
    return kernel


def sides(x: Tensor) -> str:
    """Return the size of a map as text."""
    return f"{x.shape[-1]}x{x.shape[-2]}"


def unfit(expected: str, got: str, fix: str) -> UserError:
    """Return the error for a map that an operator cannot take."""
    return UserError("V172", "feature maps", expected, got, fix)
