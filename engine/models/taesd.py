"""TAESD: a tiny autoencoder trained to do what a family's large one does, in a hundredth of the time.

It works on scaled latents. Attribute names equal the keys of files that hold both halves. Knows nothing of files.
Source: O. Boer Bohan 2023, the published weights (TAESD, TAESDXL, TAESD3, TAEF1).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["TAESD", "TAESDConfig", "TAESDDecoder", "TAESDEncoder"]

LEVELS = 3  # each halves the picture
BLOCKS = 3  # of a level
BOUND = 3.0  # scaled latents are squeezed softly into -3..3


@dataclass(frozen=True, slots=True)
class TAESDConfig:
    """Shape of the network, and what raw latents are over scaled ones; the defaults are those of SD1.x."""

    latent_channels: int = 4
    width: int = 64
    scale: float = 0.18215
    shift: float = 0.0

    @property
    def downscale(self) -> int:
        """Pixels per latent cell along one axis."""
        return int(2**LEVELS)


class TAESD(nn.Module):
    """Both halves, with the face of `AutoencoderKL`: raw latents on both sides."""

    def __init__(self, config: TAESDConfig) -> None:
        super().__init__()
        self.config = config
        self.taesd_encoder = TAESDEncoder(config)
        self.taesd_decoder = TAESDDecoder(config)

    def encode(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, each [b z h/8 w/8]; the latter is -30, as there is no spread.

        pixels: [b 3 h w] in -1..1, h and w multiples of 8.
        """
        mean = self.taesd_encoder(pixels) / self.config.scale + self.config.shift
        return mean, torch.full_like(mean, -30.0)

    def decode(self, z: Tensor) -> Tensor:
        """Return pixels [b 3 8h 8w], about -1..1 (not clamped), of raw latents z [b z h w]."""
        out: Tensor = self.taesd_decoder((z - self.config.shift) * self.config.scale)
        return out


class TAESDEncoder(nn.Sequential):
    """Pixels [b 3 h w] in -1..1 to scaled latents [b z h/8 w/8]."""

    def __init__(self, config: TAESDConfig) -> None:
        width = config.width
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), Block(width)]
        for _ in range(LEVELS):
            layers.append(nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False))
            layers += [Block(width) for _ in range(BLOCKS)]
        super().__init__(*layers, nn.Conv2d(width, config.latent_channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward((x + 1) / 2)
        return out


class TAESDDecoder(nn.Sequential):
    """Scaled latents [b z h w] to pixels [b 3 8h 8w], about -1..1."""

    def __init__(self, config: TAESDConfig) -> None:
        width = config.width
        first = nn.Conv2d(config.latent_channels, width, 3, padding=1)
        layers: list[nn.Module] = [Squeeze(), first, nn.ReLU(inplace=True)]
        for _ in range(LEVELS):
            layers += [Block(width) for _ in range(BLOCKS)]
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1, bias=False)]
        super().__init__(*layers, Block(width), nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward(x)
        return out * 2 - 1

    def preview(self, scaled: Tensor) -> Tensor:
        """Return pictures [b 8h 8w 3] in 0..1, float32, of scaled latents [b c h w] on any device."""
        weight = next(self.parameters())
        with torch.no_grad():
            pixels = self(scaled.to(device=weight.device, dtype=weight.dtype))
        return ((pixels.float() + 1) / 2).clamp(0, 1).movedim(1, -1)


class Block(nn.Module):
    """Three convolutions with ReLU around a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        convolutions = [nn.Conv2d(width, width, 3, padding=1) for _ in range(3)]
        layers: list[nn.Module] = [convolutions[0]]
        for _, convolution in pairwise(convolutions):
            layers += [nn.ReLU(inplace=True), convolution]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv(x) + x)


class Squeeze(nn.Module):
    """Bring latents softly into -3..3; index 0 of the decoder in the files, without weights."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / BOUND) * BOUND
