"""The autoencoder of Stable Diffusion: pixels in -1..1 to a latent an eighth the size, and back.

Attribute names equal the keys of ldm files after `first_stage_model.`. Knows nothing of files, tiles or scale
factors.
Source: Esser et al. 2021 (VQGAN), Rombach et al. 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attention
from .layers import GroupNorm, Pointwise, silu, to_image, to_tokens

__all__ = ["AutoencoderKL", "VAEConfig"]

EPS = 1e-6  # of every GroupNorm in the autoencoder; the UNet's residual blocks use 1e-5


@dataclass(frozen=True, slots=True)
class VAEConfig:
    """Shape of an autoencoder; the defaults are SD1.x's."""

    in_channels: int = 3
    channels: int = 128
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    """Width of each level over `channels`; each level after the first halves the picture."""
    res_blocks: int = 2
    latent_channels: int = 4
    quant_conv: bool = True
    attention: bool = True

    def __post_init__(self) -> None:
        if self.channels % 32:
            raise ValueError(f"VAEConfig: channels must be a multiple of 32 (group norm), got {self.channels}")

    @property
    def downscale(self) -> int:
        """Pixels per latent cell along one axis."""
        return int(2 ** (len(self.channel_mult) - 1))


class AutoencoderKL(nn.Module):
    """Encoder to a diagonal Gaussian and decoder from a point of it."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        z = config.latent_channels
        if config.quant_conv:
            self.quant_conv = nn.Conv2d(2 * z, 2 * z, 1)
            self.post_quant_conv = nn.Conv2d(z, z, 1)

    def encode(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, each [b z h/8 w/8]; log-variance within -30..20.

        pixels: [b 3 h w] in -1..1, h and w multiples of the downscale.
        """
        moments = self.encoder(pixels)
        if self.config.quant_conv:
            moments = self.quant_conv(moments)
        mean, logvar = moments.chunk(2, dim=1)
        return mean, logvar.clamp(-30.0, 20.0)

    def decode(self, z: Tensor) -> Tensor:
        """Return pixels [b 3 8h 8w], about -1..1 (not clamped), of raw latents z [b z h w]."""
        if self.config.quant_conv:
            z = self.post_quant_conv(z)
        out: Tensor = self.decoder(z)
        return out


class ResBlock(nn.Module):
    """Two normed convolutions around a skip; `nin_shortcut` widens the skip when widths differ."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.norm1 = GroupNorm(channels_in, eps=EPS)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm2 = GroupNorm(channels_out, eps=EPS)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.widens = channels_in != channels_out
        if self.widens:
            self.nin_shortcut = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(silu(self.norm1(x)))
        y = self.conv2(silu(self.norm2(y)))
        return (self.nin_shortcut(x) if self.widens else x) + y


class AttnBlock(nn.Module):
    """Single-head self-attention over all cells."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = GroupNorm(channels, eps=EPS)
        self.q = Pointwise(channels, channels)
        self.k = Pointwise(channels, channels)
        self.v = Pointwise(channels, channels)
        self.proj_out = Pointwise(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = to_tokens(self.norm(x))
        y = self.proj_out(attention(self.q(y), self.k(y), self.v(y), heads=1))
        return x + to_image(y, like=x)


class Middle(nn.Module):
    """Residual block, attention, residual block at the coarsest level."""

    def __init__(self, channels: int, attention: bool) -> None:
        super().__init__()
        self.block_1 = ResBlock(channels, channels)
        self.attn_1 = AttnBlock(channels) if attention else nn.Identity()
        self.block_2 = ResBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return out


class Downsample(nn.Module):
    """Halve the picture: one row and column of zeros at the far edge, then a strided convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return out


class Upsample(nn.Module):
    """Double the picture: repeat each cell, then convolve."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return out


class Level(nn.Module):
    """The blocks of one resolution, and the change to the next where there is one."""

    def __init__(
        self, channels_in: int, channels_out: int, blocks: int, *, down: bool = False, up: bool = False
    ) -> None:
        super().__init__()
        widths = [channels_in] + [channels_out] * blocks
        self.block = nn.Sequential(*(ResBlock(a, b) for a, b in pairwise(widths)))
        self.downsample = Downsample(channels_out) if down else nn.Identity()
        self.upsample = Upsample(channels_out) if up else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.upsample(self.downsample(self.block(x)))
        return out


class Encoder(nn.Module):
    """Pixels [b 3 h w] to moments [b 2z h/8 w/8]."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = [config.channels * mult for mult in config.channel_mult]
        self.conv_in = nn.Conv2d(config.in_channels, config.channels, 3, padding=1)
        last = len(widths) - 1
        self.down = nn.ModuleList(
            Level(before, width, config.res_blocks, down=i < last)
            for i, (before, width) in enumerate(zip([config.channels, *widths], widths, strict=False))
        )
        self.mid = Middle(widths[-1], config.attention)
        self.norm_out = GroupNorm(widths[-1], eps=EPS)
        self.conv_out = nn.Conv2d(widths[-1], 2 * config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        out: Tensor = self.conv_out(silu(self.norm_out(self.mid(x))))
        return out


class Decoder(nn.Module):
    """Latents [b z h w] to pixels [b 3 8h 8w]; `up` is indexed as the encoder's levels and run backwards."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = [config.channels * mult for mult in config.channel_mult]
        self.conv_in = nn.Conv2d(config.latent_channels, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1], config.attention)
        self.up = nn.ModuleList(
            Level(before, width, config.res_blocks + 1, up=i > 0)
            for i, (before, width) in enumerate(zip([*widths[1:], widths[-1]], widths, strict=True))
        )
        self.norm_out = GroupNorm(widths[0], eps=EPS)
        self.conv_out = nn.Conv2d(widths[0], config.in_channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            x = level(x)
        out: Tensor = self.conv_out(silu(self.norm_out(x)))
        return out
