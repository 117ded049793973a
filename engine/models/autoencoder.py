"""An autoencoder as a VAE wire carries it: pictures [b h w 3] in 0..1 to raw latents [b c h w], and back.

Converts layout and range, crops to whole cells, batches and tiles. Knows nothing of scale factors, files or
nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from ..errors import UserError
from .tile import tiled
from .vae import AutoencoderKL

__all__ = ["Autoencoder"]

BATCH_PX = 2**20  # pictures are run in groups of about so many pixels, which bounds memory at four 512x512 ones


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """A network and the conventions around it; holds no other state."""

    network: AutoencoderKL

    @property
    def downscale(self) -> int:
        """Pixels per latent cell along one axis."""
        return self.network.config.downscale

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return self.network.config.latent_channels

    @property
    def device(self) -> torch.device:
        """Where the network is now."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return next(self.network.parameters()).dtype

    def encode(self, image: Tensor) -> Tensor:
        """Return the mean latent [b c h/8 w/8], float32, raw (not multiplied by a scale factor).

        image: [b h w 3] in 0..1 (further channels are dropped); sizes that are no multiple of the downscale
        are cropped around the centre.
        """
        pixels = self._pixels(image)
        return torch.cat([self._mean(part) for part in pixels.split(group(pixels.shape[-2:]))])

    def encode_tiled(self, image: Tensor, tile: int = 512, overlap: int = 64) -> Tensor:
        """Return what `encode` does, computed in tiles. tile, overlap: pixels, rounded to whole cells."""
        cells = self.downscale
        tile, overlap = rounded(tile, overlap, cells)
        ratio = Fraction(1, cells)
        pixels = self._pixels(image)
        return torch.cat([tiled(self._mean, one, tile * cells, overlap * cells, ratio) for one in pixels.split(1)])

    def decode(self, latent: Tensor) -> Tensor:
        """Return pictures [b 8h 8w 3], float32 in 0..1, of raw latents [b c h w]."""
        side = self.downscale
        height, width = latent.shape[-2:]
        parts = latent.split(group((height * side, width * side)))
        return torch.cat([picture(self._decoded(part)) for part in parts])

    def decode_tiled(self, latent: Tensor, tile: int = 512, overlap: int = 64) -> Tensor:
        """Return what `decode` does, in tiles. tile, overlap: pixels of the picture, rounded to cells."""
        tile, overlap = rounded(tile, overlap, self.downscale)
        ratio = Fraction(self.downscale)
        return torch.cat([picture(tiled(self._decoded, one, tile, overlap, ratio)) for one in latent.split(1)])

    def _pixels(self, image: Tensor) -> Tensor:
        """Return [b 3 h w] in -1..1, cropped to whole cells, on the picture's own device."""
        cells = self.downscale
        top, left = image.shape[1] % cells // 2, image.shape[2] % cells // 2
        height, width = image.shape[1] // cells * cells, image.shape[2] // cells * cells
        if not height or not width:
            raise UserError(
                "V130",
                where="picture to encode",
                expected=f"at least {cells}x{cells} pixels",
                got=f"{image.shape[2]}x{image.shape[1]}",
                fix="Use a larger picture.",
            )
        cropped = image[:, top : top + height, left : left + width, :3]
        return cropped.movedim(-1, 1) * 2 - 1

    def _mean(self, pixels: Tensor) -> Tensor:
        mean, _ = self.network.encode(pixels.to(device=self.device, dtype=self.dtype))
        return mean.float()

    def _decoded(self, latent: Tensor) -> Tensor:
        if latent.shape[1] != self.latent_channels:
            raise UserError(
                "V131",
                where="latent to decode",
                expected=f"{self.latent_channels} channels, which this autoencoder has",
                got=f"{latent.shape[1]}",
                fix="Use the autoencoder of the model that made the latent.",
            )
        return self.network.decode(latent.to(device=self.device, dtype=self.dtype)).float()


def group(size: tuple[int, ...]) -> int:
    """Return how many pictures of that many pixels to run at once."""
    return max(1, BATCH_PX // max(1, size[0] * size[1]))


def rounded(tile_px: int, overlap_px: int, cells: int) -> tuple[int, int]:
    """Return tile and overlap in cells: a tile of one cell or more, an overlap of at most a quarter of it."""
    tile = max(1, tile_px // cells)
    return tile, max(0, min(overlap_px // cells, tile // 4))


def picture(pixels: Tensor) -> Tensor:
    """Return [b h w 3] in 0..1 of [b 3 h w] in -1..1."""
    return ((pixels + 1) / 2).clamp(0, 1).movedim(1, -1)
