"""What the numbers of a latent mean: channels, scale, size against the picture, and its rough colours.

Raw latents are what the autoencoder gives and what travels on wires; scaled ones have about unit variance and
are what a denoiser sees. Knows nothing of networks or files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

__all__ = ["FLUX_RGB", "SD1_RGB", "SD3_RGB", "SDXL_RGB", "LatentFormat"]

SD1_RGB = ((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473))
"""Least-squares fit of SD1.x pictures in -1..1 to scaled latents, published by K. Turner in 2022."""

# The same for later families: fits that InvokeAI's authors publish (Apache-2.0; step_callback.py).
SDXL_RGB = ((0.3816, 0.4930, 0.5320), (-0.3753, 0.1631, 0.1739), (0.1770, 0.3588, -0.2048), (-0.4350, -0.2644, -0.4289))
SD3_RGB = (
    (-0.0524, 0.0325, 0.0749), (-0.0581, 0.0076, 0.0573), (0.1614, 0.0127, -0.0377), (0.1442, 0.0846, 0.1594),
    (0.0489, 0.0056, -0.0669), (0.0519, 0.1922, 0.0626), (0.1539, 0.0482, 0.0710), (-0.0860, 0.0901, 0.1089),
    (-0.1240, -0.0677, 0.0034), (-0.0440, 0.0783, 0.0226), (0.0310, 0.0638, 0.0775), (-0.0132, 0.0855, -0.0877),
    (0.0646, 0.0591, 0.1326), (-0.0786, -0.0226, -0.1276), (-0.0992, -0.0801, -0.0626), (-0.0339, -0.0804, -0.0608),
)  # fmt: skip
FLUX_RGB = (
    (-0.0412, 0.0149, 0.0521), (0.0056, 0.0291, 0.0768), (0.0342, -0.0681, -0.0427), (-0.0258, 0.0092, 0.0463),
    (0.0863, 0.0784, 0.0547), (-0.0017, 0.0402, 0.0158), (0.0501, 0.1058, 0.1152), (-0.0209, -0.0218, -0.0329),
    (-0.0314, 0.0083, 0.0896), (0.0851, 0.0665, -0.0472), (-0.0534, 0.0238, -0.0024), (0.0452, -0.0026, 0.0048),
    (0.0892, 0.0831, 0.0881), (-0.1117, -0.0304, -0.0789), (0.0027, -0.0479, -0.0043), (-0.1146, -0.0827, -0.0598),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LatentFormat:
    """One family's latent space; the defaults are SD1.x's."""

    channels: int = 4
    scale: float = 0.18215
    shift: float = 0.0
    downscale: int = 8
    """Pixels per latent cell along one axis."""
    rgb_factors: tuple[tuple[float, float, float], ...] = SD1_RGB
    """Per channel, its share of red, green, blue in -1..1, over scaled latents."""
    rgb_bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tiny: str = "taesd"
    """Name of the small autoencoder (TAESD) that was trained for this space; empty where there is none."""

    @property
    def knows_colours(self) -> bool:
        """Whether `preview` can be asked: the factors are those of this space."""
        return len(self.rgb_factors) == self.channels

    def scaled(self, raw: Tensor) -> Tensor:
        """Return what a denoiser sees of a raw latent: (raw - shift) * scale."""
        return raw * self.scale if self.shift == 0 else (raw - self.shift) * self.scale

    def raw(self, scaled: Tensor) -> Tensor:
        """Return the raw latent of a scaled one."""
        return scaled / self.scale if self.shift == 0 else scaled / self.scale + self.shift

    def preview(self, scaled: Tensor) -> Tensor:
        """Return a rough picture [b h w 3] in 0..1, one pixel per cell, of scaled latents [b c h w]."""
        factors = torch.tensor(self.rgb_factors, dtype=torch.float32, device=scaled.device)
        bias = torch.tensor(self.rgb_bias, dtype=torch.float32, device=scaled.device)
        rgb = scaled.float().permute(0, 2, 3, 1) @ factors + bias
        return ((rgb + 1) / 2).clamp(0, 1)

    def rgb_json(self) -> str:
        """Return the colour factors as a file's metadata carries them."""
        return json.dumps({"factors": self.rgb_factors, "bias": self.rgb_bias})

    def with_rgb_json(self, text: str) -> Self:
        """Return this format with the colours of `rgb_json`; unchanged where they do not fit the channels.

        Who states colours has a space of their own, for which no published small autoencoder was trained.
        """
        try:
            data = json.loads(text)
            factors = tuple(colour(row) for row in data["factors"])
            bias = colour(data.get("bias", (0.0, 0.0, 0.0)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return self  # a preview is not worth refusing a model for
        if len(factors) != self.channels:
            return self
        return replace(self, rgb_factors=factors, rgb_bias=bias, tiny="")


def colour(row: Sequence[float]) -> tuple[float, float, float]:
    """Return three numbers. Raises: ValueError or TypeError for anything else."""
    red, green, blue = row
    return float(red), float(green), float(blue)
