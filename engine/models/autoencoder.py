"""An autoencoder as a VAE wire carries it: pictures [b h w 3] in 0..1 to raw latents [b c h w], and back.

Converts layout and range, crops to whole cells, batches and tiles; tiles also where memory does not suffice for the
whole, and computes again in float32 what float16 cannot hold. Knows nothing of scale factors, files or nodes.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, partial

import torch
from torch import Tensor

from ..errors import UserError
from ..memory.device import host_bytes
from ..memory.residency import InPlace, Residence
from ..memory.shortage import first_that_fits
from .taesd import TAESD
from .tile import tiled
from .vae import AutoencoderKL
from .vae_strips import decode_in_strips, encode_in_strips

__all__ = ["Autoencoder"]

log = logging.getLogger("latentloom.models")

Network = AutoencoderKL | TAESD
SPARE_TILES = ((512, 64), (256, 64), (128, 32))
"""Sizes and overlaps, in pixels, of the tiles that are tried when memory does not suffice for a whole picture."""
LAYERS = 3
"""Layers of the whole picture that wait in the host's memory at once, in strips: before, within, after a block."""
BATCH_PX = 2**20  # pictures are run in groups of about so many pixels, which bounds memory at four 512x512 ones


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """A network and the conventions around it; holds no other state than the network in float32, once it is needed."""

    network: Network
    residence: Residence = field(default_factory=InPlace)
    """Where the network computes, and how its weights get there."""

    @property
    def full(self) -> AutoencoderKL:
        """The network, for whoever trains it or on it. Raises: UserError V136 where it is but a TAESD."""
        if isinstance(self.network, TAESD):
            raise UserError(
                "V136",
                where="VAE",
                expected="a full autoencoder",
                got="TAESD, a small one",
                fix="Use the autoencoder that it stands in for.",
            )
        return self.network

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
        """Where the network computes."""
        return self.residence.device_of(self.network)

    @property
    def _at_home(self) -> bool:
        """Whether the network computes in the host's memory, which strips do not spare."""
        return self.device.type == "cpu"

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in."""
        return next(self.network.parameters()).dtype

    def encode(self, image: Tensor) -> Tensor:
        """Return the mean latent [b c h/8 w/8], float32, raw (not multiplied by a scale factor).

        image: [b h w 3] in 0..1 (further channels are dropped); sizes that are no multiple of the downscale
        are cropped around the centre. When memory runs out it is made in pieces, see `decode_tiled`.
        Raises: UserError M090 when even small tiles do not fit.
        """
        pixels = self._pixels(image)

        def whole() -> Tensor:
            return torch.cat([self._mean(part) for part in pixels.split(group(pixels.shape[-2:]))])

        return sparing(whole, partial(self.encode_tiled, image, blend=self._at_home), "encoding a picture")

    def encode_tiled(self, image: Tensor, tile: int = 512, overlap: int = 64, *, blend: bool = False) -> Tensor:
        """Return what `encode` does, in pieces; see `decode_tiled`."""
        cells = self.downscale
        pixels = self._pixels(image)
        numbers = None if blend else self._strip(pixels.shape[-2:], tile)
        if numbers is not None:
            return torch.cat([self._mean(one, numbers) for one in pixels.split(1)])
        tile, overlap = rounded(tile, overlap, cells)
        ratio = Fraction(1, cells)
        return torch.cat([tiled(self._mean, one, tile * cells, overlap * cells, ratio) for one in pixels.split(1)])

    def decode(self, latent: Tensor) -> Tensor:
        """Return pictures [b 8h 8w 3], float32 in 0..1, of raw latents [b c h w].

        When memory runs out they are made in pieces, see `decode_tiled`.
        Raises: UserError M090 when even small tiles do not fit.
        """
        side = self.downscale
        height, width = latent.shape[-2:]

        def whole() -> Tensor:
            parts = latent.split(group((height * side, width * side)))
            return torch.cat([picture(self._decoded(part)) for part in parts])

        return sparing(whole, partial(self.decode_tiled, latent, blend=self._at_home), "decoding a latent")

    def decode_tiled(self, latent: Tensor, tile: int = 512, overlap: int = 64, *, blend: bool = False) -> Tensor:
        """Return what `decode` does, in pieces of about tile x tile pixels on the device.

        The result is that of the whole, as every layer is run over all pieces before the next, unless its layers
        would take more than half of the machine's memory, or `blend`: then tiles run on their own, and blend over
        `overlap` pixels of the picture, rounded to cells. They differ in tone, since each is normalised for itself.
        """
        side = self.downscale
        numbers = None if blend else self._strip((latent.shape[-2] * side, latent.shape[-1] * side), tile)
        if numbers is not None:
            return torch.cat([picture(self._decoded(one, numbers)) for one in latent.split(1)])
        tile, overlap = rounded(tile, overlap, side)
        return torch.cat([picture(tiled(self._decoded, one, tile, overlap, Fraction(side))) for one in latent.split(1)])

    def _strip(self, size: tuple[int, ...], tile: int) -> int | None:
        """Return how many activations a piece has, for a picture of that size; None where strips are not for it."""
        if isinstance(self.network, TAESD) or max(size) <= tile:
            return None
        channels = self.network.config.channels
        whole_bytes = LAYERS * size[0] * size[1] * channels * torch.float32.itemsize
        return tile * tile * channels if whole_bytes <= host_bytes() // 2 else None

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

    def _mean(self, pixels: Tensor, numbers: int | None = None) -> Tensor:
        """Return the mean latent, in strips of that many activations where they are given."""

        def call(network: Network, x: Tensor) -> Tensor:
            if numbers is None or isinstance(network, TAESD):
                return network.encode(x)[0]
            return encode_in_strips(network, x, numbers)[0]

        return self._finite(call, pixels, "encoding")

    def _decoded(self, latent: Tensor, numbers: int | None = None) -> Tensor:
        """Return pixels, in strips of that many activations where they are given."""

        def call(network: Network, x: Tensor) -> Tensor:
            if numbers is None or isinstance(network, TAESD):
                return network.decode(x)
            return decode_in_strips(network, x, numbers)

        if latent.shape[1] != self.latent_channels:
            raise UserError(
                "V131",
                where="latent to decode",
                expected=f"{self.latent_channels} channels, which this autoencoder has",
                got=f"{latent.shape[1]}",
                fix="Use the autoencoder of the model that made the latent.",
            )
        return self._finite(call, latent, "decoding")

    def _finite(self, call: Callable[[Network, Tensor], Tensor], x: Tensor, what: str) -> Tensor:
        """Return `call(network, x)` in float32; computed in it too where float16 overflows, as SDXL's own VAE does."""
        x = x.to(self.device)
        half = x.to(self.dtype)
        out = self.residence.run(self.network, lambda network: call(network, half), what=what, shrink=False).float()
        if self.dtype != torch.float16 or out.isfinite().all() or not x.isfinite().all():
            return out
        whole = x.float()
        return self.residence.run(self._wide, lambda network: call(network, whole), what=what, shrink=False)

    @cached_property
    def _wide(self) -> Network:
        """The network in float32."""
        log.info("this VAE overflows in float16: what does is computed again in float32")
        return copy.deepcopy(self.network).float()


def sparing(whole: Callable[[], Tensor], in_tiles: Callable[[int, int], Tensor], what: str) -> Tensor:
    """Return `whole()`, or the same from `in_tiles(size, overlap)`, as large as memory allows."""
    tiles: list[Callable[[], Tensor]] = [partial(in_tiles, *sizes) for sizes in SPARE_TILES]
    return first_that_fits([whole, *tiles], what)


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
