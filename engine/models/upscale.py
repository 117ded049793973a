"""Networks that enlarge pictures: RRDBNet (ESRGAN, Real-ESRGAN), SRVGGNetCompact, ESPCN.

All take and give [b c h w] in about 0..1 and enlarge by a whole factor `config.scale`. Shapes to configurations are in
upscale_names.py. Knows nothing of files or of pictures on wires.
Sources: Wang et al., "ESRGAN" (2018), figures 3 and 4; Wang et al., "Real-ESRGAN" (2021), figure 4 (the pixel-unshuffle
head) and the compact network of its repository; Shi et al., "Real-Time Single Image and Video Super-Resolution Using an
Efficient Sub-Pixel Convolutional Neural Network" (2016), eqs. 1 to 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "ESPCN",
    "CompactConfig",
    "ESPCNConfig",
    "RRDBConfig",
    "RRDBNet",
    "SRVGGNetCompact",
    "UpscaleNetwork",
]

RESIDUAL = 0.2  # share of what a block adds, ESRGAN section 3.1
SLOPE = 0.2  # of the leaky rectifier in RRDBNet


@dataclass(frozen=True, slots=True)
class RRDBConfig:
    """Shape of an RRDBNet.

    channels: of the picture that goes in; out_channels: of the one that comes out. features: width of the trunk.
    blocks: residual-in-residual dense blocks. growth: channels that each convolution of a dense block adds.
    doublings: steps of nearest-neighbour x2 and convolution at the end, 0 to 3. unshuffle: 1, 2 or 4, the factor by
    which the picture is first folded into channels.
    """

    channels: int = 3
    out_channels: int = 3
    features: int = 64
    blocks: int = 23
    growth: int = 32
    doublings: int = 2
    unshuffle: int = 1

    def __post_init__(self) -> None:
        if min(self.channels, self.out_channels, self.features, self.growth) < 1 or not 1 <= self.blocks <= 256:
            raise ValueError("an RRDBNet has one channel and one block or more")
        if not 0 <= self.doublings <= 3 or self.unshuffle not in (1, 2, 4) or 2**self.doublings % self.unshuffle:
            raise ValueError(f"no RRDBNet enlarges by {2**self.doublings}/{self.unshuffle}")

    @property
    def scale(self) -> int:
        """Pixels of the result per pixel of the picture, along one axis."""
        return int(2**self.doublings) // self.unshuffle

    @property
    def multiple(self) -> int:
        """Sides of a picture are padded to a multiple of this."""
        return self.unshuffle


@dataclass(frozen=True, slots=True)
class CompactConfig:
    """Shape of an SRVGGNetCompact: `layers` convolutions of `features` channels after the first one."""

    channels: int = 3
    features: int = 64
    layers: int = 16
    scale: int = 4

    def __post_init__(self) -> None:
        if min(self.channels, self.features, self.scale) < 1 or not 0 <= self.layers <= 256:
            raise ValueError("a compact upscaler has one channel or more")

    @property
    def out_channels(self) -> int:
        """Channels of the result, as many as go in."""
        return self.channels

    @property
    def multiple(self) -> int:
        """1: any size goes in."""
        return 1


@dataclass(frozen=True, slots=True)
class ESPCNConfig:
    """Shape of an ESPCN: widths and odd kernel sizes of its convolutions but the last, and the last one's kernel."""

    channels: int = 1
    widths: tuple[int, ...] = (64, 32)
    kernels: tuple[int, ...] = (5, 3, 3)
    scale: int = 3
    activation: Literal["tanh", "relu"] = "tanh"

    def __post_init__(self) -> None:
        if len(self.kernels) != len(self.widths) + 1 or not all(kernel % 2 for kernel in self.kernels):
            raise ValueError("an ESPCN has an odd kernel for each convolution")
        if min(self.channels, self.scale, *self.widths) < 1:
            raise ValueError("an ESPCN has one channel or more")

    @property
    def out_channels(self) -> int:
        """Channels of the result, as many as go in."""
        return self.channels

    @property
    def multiple(self) -> int:
        """1: any size goes in."""
        return 1


class RRDBNet(nn.Module):
    """The network of ESRGAN and Real-ESRGAN, keys as in BasicSR."""

    def __init__(self, config: RRDBConfig) -> None:
        super().__init__()
        self.config = config
        width = config.features
        self.conv_first = conv(config.channels * config.unshuffle**2, width)
        self.body = nn.Sequential(*[RRDB(width, config.growth) for _ in range(config.blocks)])
        self.conv_body = conv(width, width)
        for step in range(1, config.doublings + 1):
            self.add_module(f"conv_up{step}", conv(width, width))
        self.conv_hr = conv(width, width)
        self.conv_last = conv(width, config.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return [b out_channels s*h s*w] of x [b channels h w], s being the scale."""
        height, width = x.shape[-2:]
        fold = self.config.unshuffle
        if fold > 1:
            x = F.pixel_unshuffle(grown(x, fold), fold)
        first = self.conv_first(x)
        x = first + self.conv_body(self.body(first))
        for step in range(1, self.config.doublings + 1):
            x = leaky(self.get_submodule(f"conv_up{step}")(F.interpolate(x, scale_factor=2, mode="nearest")))
        x = self.conv_last(leaky(self.conv_hr(x)))
        return x[..., : height * self.config.scale, : width * self.config.scale]


class RRDB(nn.Module):
    """Three dense blocks in a row, their sum added to what came in at a fifth."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(features, growth)
        self.rdb2 = DenseBlock(features, growth)
        self.rdb3 = DenseBlock(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [b features h w] and a fifth of what the blocks make of it."""
        return x + RESIDUAL * self.rdb3(self.rdb2(self.rdb1(x)))


class DenseBlock(nn.Module):
    """Five convolutions, each seeing what came in and what all before it made."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.conv1 = conv(features, growth)
        self.conv2 = conv(features + growth, growth)
        self.conv3 = conv(features + 2 * growth, growth)
        self.conv4 = conv(features + 3 * growth, growth)
        self.conv5 = conv(features + 4 * growth, features)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [b features h w] and a fifth of the fifth convolution's result."""
        seen = [x]
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen.append(leaky(layer(torch.cat(seen, 1))))
        return x + RESIDUAL * self.conv5(torch.cat(seen, 1))


class SRVGGNetCompact(nn.Module):
    """A plain stack of convolutions at the small size, PixelShuffle, and the enlarged picture added."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        width = config.features
        layers: list[nn.Module] = [conv(config.channels, width), nn.PReLU(width)]
        for _ in range(config.layers):
            layers += [conv(width, width), nn.PReLU(width)]
        self.body = nn.Sequential(*layers, conv(width, config.channels * config.scale**2))

    def forward(self, x: Tensor) -> Tensor:
        """Return [b channels s*h s*w] of x [b channels h w], s being the scale."""
        scale = self.config.scale
        base = F.interpolate(x, scale_factor=scale, mode="nearest")
        return F.pixel_shuffle(self.body(x), scale) + base


class ESPCN(nn.Module):
    """Convolutions at the small size whose last channels are the pixels of the large one. Usually of luma only."""

    def __init__(self, config: ESPCNConfig) -> None:
        super().__init__()
        self.config = config
        widths = (config.channels, *config.widths, config.channels * config.scale**2)
        self.convs = nn.ModuleList(
            conv(before, after, kernel)
            for before, after, kernel in zip(widths[:-1], widths[1:], config.kernels, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return [b channels s*h s*w] of x [b channels h w], s being the scale."""
        *inner, last = self.convs
        for layer in inner:
            x = torch.tanh(layer(x)) if self.config.activation == "tanh" else F.relu(layer(x))
        return F.pixel_shuffle(last(x), self.config.scale)


UpscaleNetwork: TypeAlias = RRDBNet | SRVGGNetCompact | ESPCN


def conv(before: int, after: int, kernel: int = 3) -> nn.Conv2d:
    """Return a convolution that keeps the size."""
    return nn.Conv2d(before, after, kernel, padding=kernel // 2)


def leaky(x: Tensor) -> Tensor:
    """Return the leaky rectifier of RRDBNet."""
    return F.leaky_relu(x, SLOPE)


def grown(x: Tensor, multiple: int) -> Tensor:
    """Return x with its right and bottom mirrored outward to a multiple; a side too short for a mirror is repeated."""
    down, across = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    if not down and not across:
        return x
    mode = "reflect" if down < x.shape[-2] and across < x.shape[-1] else "replicate"
    return F.pad(x, (0, across, 0, down), mode=mode)
