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

__all__ = ["SD1_RGB", "LatentFormat"]

SD1_RGB = ((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473))
"""Least-squares fit of SD1.x pictures in -1..1 to scaled latents, published by K. Turner in 2022."""


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
        """Return this format with the colours of `rgb_json`; unchanged where they do not fit the channels."""
        try:
            data = json.loads(text)
            factors = tuple(colour(row) for row in data["factors"])
            bias = colour(data.get("bias", (0.0, 0.0, 0.0)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return self  # a preview is not worth refusing a model for
        if len(factors) != self.channels:
            return self
        return replace(self, rgb_factors=factors, rgb_bias=bias)


def colour(row: Sequence[float]) -> tuple[float, float, float]:
    """Return three numbers. Raises: ValueError or TypeError for anything else."""
    red, green, blue = row
    return float(red), float(green), float(blue)
