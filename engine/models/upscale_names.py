"""What upscalers call their weights: each layout's keys turned into our names, and shapes into configurations.

Pure functions on names and shapes; what shapes do not tell follows the layout's rule, stated beside it. A key that is
missing is left for the strict check of keys to report, so configurations fall back on the family's usual numbers.
Sources: the published files of ESRGAN ("old"), BSRGAN and RealSR ("trunk"), BasicSR and Real-ESRGAN ("new"), and the
ESPCN repositories named below.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from .upscale import CompactConfig, ESPCNConfig, RRDBConfig

__all__ = [
    "compact_config",
    "espcn_activation",
    "espcn_config",
    "espcn_names",
    "old_rrdb_names",
    "rrdb_config",
    "trunk_rrdb_names",
]

Shapes = Mapping[str, tuple[int, ...]]

TRUNK = {
    "trunk_conv": "conv_body",
    "upconv1": "conv_up1",
    "upconv2": "conv_up2",
    "upconv3": "conv_up3",
    "HRconv": "conv_hr",
}
# Convolutions of ESPCN in order: Lornatang's ESPCN-PyTorch; yjn870's ESPCN-pytorch; the super_resolution example of
# PyTorch. The first two use tanh as the paper does, the last ReLU.
ESPCN_STEMS = (
    ("feature_maps.0", "feature_maps.2", "sub_pixel.0"),
    ("first_part.0", "first_part.2", "last_part.0"),
    ("conv1", "conv2", "conv3", "conv4"),
)


def old_rrdb_names(keys: Iterable[str]) -> dict[str, str]:
    """Return {key of the first ESRGAN's layout: our key}.

    There the trunk is `model.1.sub`, whose last number is the convolution after the blocks. Every doubling has three
    numbers (upsampling, convolution, rectifier), so that n doublings are 3, 6, ..., 3n, and `conv_hr` and `conv_last`
    follow as 3n + 2 and 3n + 4.
    """
    present = set(keys)
    after = 1 + max((number(r"model\.1\.sub\.(\d+)\.RDB", key) for key in present), default=-1)
    steps = next(n for n in range(len(present) + 1) if f"model.{3 * n + 3}.weight" not in present)
    table = {"model.0": "conv_first", f"model.1.sub.{after}": "conv_body"}
    table |= {f"model.{3 * step}": f"conv_up{step}" for step in range(1, steps + 1)}
    table |= {f"model.{3 * steps + 2}": "conv_hr", f"model.{3 * steps + 4}": "conv_last"}

    def rename(key: str) -> str:
        if match := re.fullmatch(r"model\.1\.sub\.(\d+)\.RDB([123])\.conv([1-5])\.0\.(weight|bias)", key):
            return f"body.{match[1]}.rdb{match[2]}.conv{match[3]}.{match[4]}"
        stem, _, leaf = key.rpartition(".")
        return f"{table[stem]}.{leaf}" if stem in table else key

    return {key: rename(key) for key in present}


def trunk_rrdb_names(keys: Iterable[str]) -> dict[str, str]:
    """Return {key of BSRGAN's and RealSR's layout: our key}."""

    def rename(key: str) -> str:
        if match := re.fullmatch(r"RRDB_trunk\.(\d+)\.RDB([123])\.(.+)", key):
            return f"body.{match[1]}.rdb{match[2]}.{match[3]}"
        stem, _, leaf = key.rpartition(".")
        return f"{TRUNK[stem]}.{leaf}" if stem in TRUNK else key

    return {key: rename(key) for key in keys}


def espcn_names(keys: Iterable[str]) -> dict[str, str]:
    """Return {key of one of three ESPCN repositories: our key}."""
    present = list(keys)
    stems = next((stems for stems in ESPCN_STEMS if f"{stems[0]}.weight" in present), ())
    table = {stem: f"convs.{index}" for index, stem in enumerate(stems)}

    def rename(key: str) -> str:
        stem, _, leaf = key.rpartition(".")
        return f"{table[stem]}.{leaf}" if stem in table else key

    return {key: rename(key) for key in present}


def rrdb_config(shapes: Shapes) -> RRDBConfig:
    """Return the shape of an RRDBNet.

    A first convolution with 4 or 16 times as many inputs as the picture has colours is the pixel-unshuffle head of
    Real-ESRGAN's x2 and x1 files. Raises: ValueError for numbers that are of no such network.
    """
    outputs = dimension(shapes, "conv_last.weight", 0, 3)
    inputs = dimension(shapes, "conv_first.weight", 1, outputs)
    unshuffle = next((factor for factor in (2, 4) if inputs == outputs * factor**2), 1)
    return RRDBConfig(
        channels=inputs // unshuffle**2,
        out_channels=outputs,
        features=dimension(shapes, "conv_first.weight", 0, 64),
        blocks=depth(shapes, r"body\.(\d+)\."),
        growth=dimension(shapes, "body.0.rdb1.conv1.weight", 0, 32),
        doublings=max(0, depth(shapes, r"conv_up(\d+)\.") - 1),  # they count from 1
        unshuffle=unshuffle,
    )


def compact_config(shapes: Shapes) -> CompactConfig:
    """Return the shape of an SRVGGNetCompact. Raises: ValueError when its last convolution is of no whole scale."""
    channels = dimension(shapes, "body.0.weight", 1, 3)
    features = dimension(shapes, "body.0.weight", 0, 64)
    last = max(2, depth(shapes, r"body\.(\d+)\.") - 1)
    last += last % 2  # a file that ends in a rectifier lacks the convolution after it
    width = dimension(shapes, f"body.{last}.weight", 0, 16 * channels)
    if width == features and not whole(width, channels):
        last, width = last + 2, 16 * channels  # one that ends in a convolution of the trunk lacks more
    return CompactConfig(channels, features, layers=(last - 2) // 2, scale=factor_of(width, channels))


def espcn_config(shapes: Shapes) -> ESPCNConfig:
    """Return the shape of an ESPCN with the paper's tanh. Raises: ValueError when its end is of no whole scale."""
    last = depth(shapes, r"convs\.(\d+)\.") - 1
    channels = dimension(shapes, "convs.0.weight", 1, 1)
    return ESPCNConfig(
        channels=channels,
        widths=tuple(dimension(shapes, f"convs.{index}.weight", 0, 32) for index in range(last)),
        kernels=tuple(dimension(shapes, f"convs.{index}.weight", 2, 3) for index in range(last + 1)),
        scale=factor_of(dimension(shapes, f"convs.{last}.weight", 0, 0), channels),
    )


def espcn_activation(keys: Iterable[str]) -> Literal["tanh", "relu"]:
    """Return what an ESPCN file's repository puts between its convolutions: "tanh", or "relu" for PyTorch's example."""
    return "relu" if "conv4.weight" in set(keys) else "tanh"


def depth(shapes: Shapes, pattern: str) -> int:
    """Return one more than the highest number that the pattern finds.

    Raises: ValueError when most of the numbers below it are absent: a lone "body.99999." must not build a network of
    that depth.
    """
    found = {number(pattern, key) for key in shapes} - {-1}
    highest = max(found, default=-1)
    if highest > 2 * len(found):
        raise ValueError(f"the numbers up to {highest} have gaps")
    return highest + 1


def dimension(shapes: Shapes, key: str, axis: int, default: int) -> int:
    """Return one dimension of a convolution's weight; the default when the key is missing."""
    shape = shapes.get(key)
    if shape is None:
        return default
    if len(shape) != 4:
        raise ValueError(f"{key} has {len(shape)} dimensions, a convolution has 4")
    return shape[axis]


def whole(width: int, channels: int) -> int:
    """Return s when a convolution of `width` channels gives the s*s parts of each of `channels`, else 0."""
    scale = math.isqrt(width // channels) if channels else 0
    return scale if scale * scale * channels == width else 0


def factor_of(width: int, channels: int) -> int:
    """Return the scale that the last convolution's channels tell. Raises: ValueError when they tell none."""
    scale = whole(width, channels)
    if not scale:
        raise ValueError(f"{width} channels at the end are no whole scale of {channels}")
    return scale


def number(pattern: str, key: str) -> int:
    """Return the number that the pattern finds at the start of a key, or -1."""
    match = re.match(pattern, key)
    return int(match[1]) if match else -1
