"""Supervised training of upscalers on crops of photographs, and how well one enlarges photographs it has not seen.

A crop is made small by a bicubic filter or by averaging; the network learns to give the crop back. Knows nothing of
nodes or files. Sources: Shi et al. 2016 (learning at the small size); Lim et al., "Enhanced Deep Residual Networks for
Single Image Super-Resolution" (2017), section 3.2 (the absolute error rather than the squared one).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import UserError
from ..models.upscale import SRVGGNetCompact
from .data import Pictures
from .loop import Hooks, LoopSettings, Trainer
from .optimizer import OptimizerSettings

__all__ = [
    "FILTERS",
    "Filter",
    "UpscaleSettings",
    "bicubic",
    "psnr",
    "score",
    "shrink",
    "start_compact",
    "train_upscaler",
]

Filter = Literal["bicubic", "area"]
FILTERS: tuple[Filter, ...] = ("bicubic", "area")
"""How pictures are made small: bicubic as most programs do, or the plain average, as cameras and browsers do."""

# Bilinear x2 as four 3-tap pairs: a pixel of the large picture lies a quarter of a cell off the small one's.
NEAR, FAR = 0.75, 0.25


@dataclass(frozen=True)
class UpscaleSettings:
    """How an upscaler is trained.

    batch: crops a step, 1 or more. l1, l2: weights, 0 or more, of the absolute and the squared error. rim: pixels of
    the large crop left out of the error on each side; 0 teaches the network what to do at a picture's edge. filters:
    how crops are made small; each draws one, because a network that knows one filter alone sharpens too little or too
    much after another. precision: bf16 is faster where the processor has it; weights stay float32.
    """

    batch: int = 16
    l1: float = 1.0
    l2: float = 0.0
    rim: int = 0
    filters: tuple[Filter, ...] = FILTERS
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("l1", 0), ("l2", 0), ("rim", 0)):
            value = getattr(self, name)
            if value < least:
                raise UserError("D001", f'setting "{name}"', f"{least} or more", repr(value), "Raise it.")
        if not self.filters or not set(self.filters) <= set(FILTERS):
            raise UserError("D001", 'setting "filters"', " or ".join(FILTERS), repr(self.filters), "Choose of these.")
        if self.l1 + self.l2 <= 0:
            raise UserError("D001", 'settings "l1" and "l2"', "one of them above 0", "both 0", "Raise one.")


def train_upscaler(
    network: nn.Module,
    scale: int,
    pictures: Pictures,
    settings: UpscaleSettings,
    loop: LoopSettings,
    optimizer: OptimizerSettings,
    hooks: Hooks | None = None,
) -> list[float]:
    """Train in place and return the loss of every step; the network ends with its averaged weights.

    network: [b c h w] in 0..1 to [b c s*h s*w], s being `scale`; c is 3, or 1 for luma. Step n reads batch n of
    `pictures`, whose sides are multiples of the scale. Resumes from `loop.checkpoint_folder` when that holds a
    checkpoint. Raises: UserError D001, D010, D011, D012, D041 for a side that is no multiple; Cancelled.
    """
    first = next(network.parameters())
    side = pictures.batch(0, 1)[0].shape[1]
    if side % scale or side <= 2 * settings.rim:
        expected = f"crops whose side is a multiple of {scale} and above {2 * settings.rim}"
        raise UserError("D041", "data set", expected, f"{side}", "Choose another size of crops.", input="dataset")
    luma = first.shape[1] == 1

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        large = unit(pictures.batch(step, settings.batch)[0]).to(first.device)
        if luma:
            large = brightness(large)
        kinds = torch.randint(len(settings.filters), (len(large), 1, 1, 1), generator=generator).to(first.device)
        small = shrink(large, scale, settings.filters[0])
        for index, kind in enumerate(settings.filters[1:], 1):
            small = torch.where(kinds == index, shrink(large, scale, kind), small)
        with torch.autocast(first.device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            made = network(small)
        away = inner(made.float(), settings.rim) - inner(large, settings.rim)
        return settings.l1 * away.abs().mean() + settings.l2 * away.square().mean()

    trainer = Trainer({"upscaler": network}, loss_of, loop, optimizer, hooks or Hooks())
    trainer.resume()
    losses = trainer.run()
    trainer.average.store()
    return losses


def start_compact(network: SRVGGNetCompact, seed: int) -> None:
    """Give a compact network start values from which it already interpolates bilinearly, where it enlarges by 2.

    The picture's channels travel through every layer unchanged; the other channels start as usual and their share of
    the result small. Without this the first thousand steps are spent on learning to interpolate.
    """
    config = network.config
    generator = torch.Generator().manual_seed(seed)
    layers = [layer for layer in network.body if isinstance(layer, nn.Conv2d)]
    through = config.channels if config.features > config.channels else 0
    with torch.no_grad():
        for layer in layers:
            spread = (2.0 / layer.weight[0].numel()) ** 0.5  # He et al. 2015, eq. 10
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * spread)
            assert layer.bias is not None
            layer.bias.zero_()
        layers[-1].weight.mul_(0.01)
        for prelu in network.body:
            if isinstance(prelu, nn.PReLU):
                prelu.weight.fill_(0.2)
                prelu.weight[:through] = 1.0
        for layer in layers[:-1]:
            layer.weight[:through].zero_()
            for channel in range(through):
                layer.weight[channel, channel, 1, 1] = 1.0
        if through and config.scale == 2:
            layers[-1].weight[:, :through] += bilinear_residual(through).to(layers[-1].weight)


def bilinear_residual(channels: int) -> Tensor:
    """Return the convolution [4c c 3 3] that, shuffled, is bilinear x2 less nearest x2."""
    taps = {0: torch.tensor([FAR, NEAR, 0.0]), 1: torch.tensor([0.0, NEAR, FAR])}
    weight = torch.zeros(4 * channels, channels, 3, 3)
    for channel in range(channels):
        for y in (0, 1):
            for x in (0, 1):
                kernel = torch.outer(taps[y], taps[x])
                kernel[1, 1] -= 1.0
                weight[channel * 4 + y * 2 + x, channel] = kernel
    return weight


def shrink(large: Tensor, scale: int, kind: Filter = "bicubic") -> Tensor:
    """Return pictures [b c h w] smaller by a whole factor: clipped bicubic (a = -0.5) widened to it, or averaged."""
    if kind == "area":
        return F.avg_pool2d(large, scale)
    size = (large.shape[-2] // scale, large.shape[-1] // scale)
    return F.interpolate(large, size=size, mode="bicubic", antialias=True).clamp(0, 1)


def bicubic(small: Tensor, scale: int, sharp: bool = False) -> Tensor:
    """Return pictures [b c h w] larger by a whole factor, clipped to 0..1.

    sharp: with a = -0.75, torch's and ComfyUI's; else with a = -0.5, Keys' (1981), Pillow's and Matlab's.
    """
    size = (small.shape[-2] * scale, small.shape[-1] * scale)
    return F.interpolate(small, size=size, mode="bicubic", antialias=not sharp).clamp(0, 1)


def psnr(made: Tensor, wanted: Tensor, rim: int) -> float:
    """Return 10 log10(1 / mean squared error) in dB of pictures in 0..1, `rim` pixels of each side left out."""
    return float(-10 * (inner(made.double(), rim) - inner(wanted.double(), rim)).square().mean().log10())


def score(
    enlarge: Callable[[Tensor], Tensor],
    photographs: Sequence[NDArray[np.uint8]],
    scale: int,
    kind: Filter = "bicubic",
) -> list[tuple[float, float]]:
    """Return (PSNR of `enlarge`, PSNR of the better bicubic) in dB for each photograph, uint8 [h w 3].

    Each is cut to a multiple of the scale, made small by the filter `kind`, rounded to 8 bits as a file would be, and
    enlarged again; results are rounded to 8 bits too. `scale` pixels of each side are left out, as the field does. All
    three colours count.
    """
    found = []
    for photograph in photographs:
        height, width = (side // scale * scale for side in photograph.shape[:2])
        large = unit(photograph[None, :height, :width])
        small = eight_bits(shrink(large, scale, kind))
        rivals = [psnr(eight_bits(bicubic(small, scale, sharp)), large, scale) for sharp in (False, True)]
        with torch.no_grad():
            made = enlarge(small)
        found.append((psnr(eight_bits(made), large, scale), max(rivals)))
    return found


def unit(pictures: NDArray[np.uint8]) -> Tensor:
    """Return uint8 [b h w c] as float32 [b c h w] in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float().div_(255)


def eight_bits(pictures: Tensor) -> Tensor:
    """Return pictures in 0..1 rounded to the 256 levels of a file."""
    return pictures.clamp(0, 1).mul(255).round().div(255)


def brightness(pictures: Tensor) -> Tensor:
    """Return the luma [b 1 h w] of pictures [b 3 h w], weights of ITU-R BT.601."""
    weights = pictures.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (pictures * weights).sum(1, keepdim=True)


def inner(pictures: Tensor, rim: int) -> Tensor:
    """Return pictures [b c h w] without `rim` pixels of each side."""
    return pictures[..., rim : pictures.shape[-2] - rim, rim : pictures.shape[-1] - rim]
