"""The denoising UNet of Stable Diffusion 1.x, 2.x and XL: residual blocks, cross-attention to text, skips.

Attribute names equal the keys of ldm files after `model.diffusion_model.`. Knows nothing of files, noise
levels or guidance: timesteps come in, the raw prediction goes out. Source: Dhariwal & Nichol 2021; Rombach et
al. 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import (
    GroupNorm,
    Pointwise,
    TransformerBlock,
    silu,
    timestep_embedding,
    to_image,
    to_tokens,
    zeroed,
)
from .patches import NetworkPatch

__all__ = ["UNet", "UNetConfig", "UNetEncoder"]


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """Shape of a UNet; the defaults are SD1.x's."""

    in_channels: int = 4
    out_channels: int = 4
    model_channels: int = 320
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    res_blocks: int | tuple[int, ...] = 2
    """Residual blocks of a level on the way down, one number or one a level; the way up has one more."""
    transformer_depth: tuple[int, ...] = (1, 1, 1, 0)
    """Transformer blocks after each residual block of a level; 0 is none."""
    middle_depth: int | None = 1
    """Transformer blocks in the middle; None is a middle of one residual block alone (SSD-1B, Vega)."""
    output_depth: tuple[int, ...] | None = None
    """Transformer blocks of each output block, in the file's order, where they are not those of its level."""
    context_dim: int = 768
    heads: int = 8
    head_channels: int | None = None
    """Channels per head where a family fixes those (SD2.x, SDXL: 64); overrides `heads`."""
    linear_projection: bool = False
    adm_channels: int | None = None
    """Width of the vector condition `y` (SDXL 2816), or none."""

    def __post_init__(self) -> None:
        if len(self.transformer_depth) != len(self.channel_mult):
            raise ValueError(
                f"UNetConfig: {len(self.channel_mult)} levels need as many transformer depths, "
                f"got {len(self.transformer_depth)}"
            )
        if not isinstance(self.res_blocks, int) and len(self.res_blocks) != len(self.channel_mult):
            raise ValueError(
                f"UNetConfig: {len(self.channel_mult)} levels need as many counts, got {len(self.res_blocks)}"
            )
        if self.output_depth is not None and len(self.output_depth) != sum(self.blocks) + len(self.blocks):
            raise ValueError(
                f"UNetConfig: {sum(self.blocks) + len(self.blocks)} output blocks need as many depths, "
                f"got {len(self.output_depth)}"
            )
        for mult in self.channel_mult:
            width = self.model_channels * mult
            if width % 32 or width % self.heads_at(width):
                raise ValueError(
                    f"UNetConfig: a width must divide by 32 (group norm) and by its "
                    f"{self.heads_at(width)} heads, got {width}"
                )

    @property
    def blocks(self) -> tuple[int, ...]:
        """Residual blocks of each level on the way down."""
        if isinstance(self.res_blocks, int):
            return (self.res_blocks,) * len(self.channel_mult)
        return self.res_blocks

    @property
    def output_depths(self) -> tuple[int, ...]:
        """Transformer blocks of each output block, in the file's order: the coarsest level first."""
        if self.output_depth is not None:
            return self.output_depth
        levels = zip(self.blocks, self.transformer_depth, strict=True)
        return tuple(depth for count, depth in reversed(list(levels)) for _ in range(count + 1))

    def heads_at(self, width: int) -> int:
        """Heads of an attention layer of that width."""
        return self.heads if self.head_channels is None else width // self.head_channels


class UNetEncoder(nn.Module):
    """The way down and the middle of a UNet, with its embedding of time and vector: what a ControlNet copies too."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        ch = config.model_channels
        emb = 4 * ch
        self.time_embed = nn.Sequential(nn.Linear(ch, emb), nn.SiLU(), nn.Linear(emb, emb))
        if config.adm_channels is not None:
            embed_y = nn.Sequential(nn.Linear(config.adm_channels, emb), nn.SiLU(), nn.Linear(emb, emb))
            self.label_emb = nn.Sequential(embed_y)

        downs: list[Block] = [Block(nn.Conv2d(config.in_channels, ch, 3, padding=1))]
        self.skip_widths = [ch]
        """Channels of what each input block gives."""
        width = ch
        levels = zip(config.channel_mult, config.blocks, config.transformer_depth, strict=True)
        for i, (mult, count, depth) in enumerate(levels):
            for _ in range(count):
                downs.append(Block(ResBlock(width, mult * ch, emb), *attend(config, mult * ch, depth)))
                width = mult * ch
                self.skip_widths.append(width)
            if i < len(config.channel_mult) - 1:
                downs.append(Block(Downsample(width)))
                self.skip_widths.append(width)
        self.input_blocks = nn.ModuleList(downs)

        middle: list[nn.Module] = [ResBlock(width, width, emb)]
        if config.middle_depth is not None:
            middle += [*attend(config, width, config.middle_depth), ResBlock(width, width, emb)]
        self.middle_block = Block(*middle)

    def embed(self, timesteps: Tensor, y: Tensor | None, dtype: torch.dtype) -> Tensor:
        """Return the embedding [b e] of time and vector, not yet through its last SiLU."""
        emb: Tensor = self.time_embed(timestep_embedding(timesteps, self.config.model_channels).to(dtype))
        if self.config.adm_channels is not None:
            if y is None:
                raise ValueError(f"{type(self).__name__}: this model needs y of width {self.config.adm_channels}")
            emb = emb + self.label_emb(y)
        return emb


class UNet(UNetEncoder):
    """Predict the noise (or v) in a scaled latent, given its timestep and the text."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config)
        ch = config.model_channels
        emb = 4 * ch
        skips = list(self.skip_widths)
        width = skips[-1]
        levels = list(zip(config.channel_mult, config.blocks, strict=True))
        depths = iter(config.output_depths)
        ups: list[Block] = []
        for i, (mult, count) in reversed(list(enumerate(levels))):
            for j in range(count + 1):
                parts = [ResBlock(width + skips.pop(), mult * ch, emb), *attend(config, mult * ch, next(depths))]
                width = mult * ch
                if i and j == count:
                    parts.append(Upsample(width))
                ups.append(Block(*parts))
        self.output_blocks = nn.ModuleList(ups)
        self.out = nn.Sequential(
            GroupNorm(width, eps=1e-5), nn.SiLU(), zeroed(nn.Conv2d(width, config.out_channels, 3, padding=1))
        )

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor | None = None,
        control: Sequence[Tensor] | None = None,
        patches: Sequence[NetworkPatch] = (),
    ) -> Tensor:
        """Return the prediction [b c h w].

        x: [b c h w], any h and w; timesteps: [b], 0..999, may be fractional; context: [b l d];
        y: [b adm] where the configuration has a vector condition; control: what a ControlNet adds to the output of
        each input block, then of the middle one; patches: asked where blocks join their skips, and at the middle.
        """
        emb = F.silu(self.embed(timesteps, y, x.dtype))  # once here: every residual block begins its branch with it
        skips: list[Tensor] = []
        for block in self.input_blocks:
            x = block(x, emb, context)
            skips.append(x)
        itself = any(patch.attends_to_itself() for patch in patches)
        x = self.middle_block(x, emb, context, itself=itself)
        if control is not None:
            *beside, middle = control
            skips = [skip + more for skip, more in zip(skips, beside, strict=True)]
            x = x + middle
        for block in self.output_blocks:
            skip = skips.pop()
            for patch in patches:
                x, skip = patch.joins(x, skip, self.config.model_channels)
            x = torch.cat([x, skip], dim=1)
            x = block(x, emb, context, like=skips[-1] if skips else None)
        out: Tensor = self.out(x)
        return out


def attend(config: UNetConfig, width: int, depth: int) -> list[nn.Module]:
    """Return the transformer that follows a residual block, or nothing where the level has none."""
    return [SpatialTransformer(config, width, depth)] if depth else []


class Block(nn.Sequential):
    """Layers run in turn, each given of (emb, context, next skip) what it takes; indices are the file's."""

    def forward(  # type: ignore[override]
        self, x: Tensor, emb: Tensor, context: Tensor, like: Tensor | None = None, *, itself: bool = False
    ) -> Tensor:
        for layer in self:
            if isinstance(layer, ResBlock):
                x = layer(x, emb)
            elif isinstance(layer, SpatialTransformer):
                x = layer(x, context, itself=itself)
            elif isinstance(layer, Upsample):
                x = layer(x, like)
            else:
                x = layer(x)
        return x


class ResBlock(nn.Module):
    """Two normed convolutions around a skip, the timestep added between them."""

    def __init__(self, channels_in: int, channels_out: int, emb: int) -> None:
        super().__init__()
        # The unused SiLU and dropout of the file's numbering are identities here.
        self.in_layers = nn.Sequential(
            GroupNorm(channels_in, eps=1e-5),
            nn.Identity(),
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
        )
        self.emb_layers = nn.Sequential(nn.Identity(), nn.Linear(emb, channels_out))
        self.out_layers = nn.Sequential(
            GroupNorm(channels_out, eps=1e-5),
            nn.Identity(),
            nn.Identity(),
            zeroed(nn.Conv2d(channels_out, channels_out, 3, padding=1)),
        )
        same = channels_in == channels_out
        self.skip_connection = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """x: [b c h w]; emb: [b e], already through SiLU."""
        y = self.in_layers[2](silu(self.in_layers[0](x)))
        y = y + self.emb_layers(emb)[:, :, None, None]
        y = self.out_layers[3](silu(self.out_layers[0](y)))
        out: Tensor = self.skip_connection(x) + y
        return out


class SpatialTransformer(nn.Module):
    """Transformer blocks over the cells of a picture, between two projections and around a skip."""

    def __init__(self, config: UNetConfig, channels: int, depth: int) -> None:
        super().__init__()
        project = nn.Linear if config.linear_projection else Pointwise
        self.norm = GroupNorm(channels, eps=1e-6)
        self.proj_in = project(channels, channels)
        self.transformer_blocks = nn.ModuleList(
            TransformerBlock(channels, config.context_dim, config.heads_at(channels)) for _ in range(depth)
        )
        self.proj_out = zeroed(project(channels, channels))

    def forward(self, x: Tensor, context: Tensor, *, itself: bool = False) -> Tensor:
        y = self.proj_in(to_tokens(self.norm(x)))
        for block in self.transformer_blocks:
            y = block(y, context, itself=itself)
        return x + to_image(self.proj_out(y), like=x)


class Downsample(nn.Module):
    """Halve the picture by a strided convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.op(x)
        return out


class Upsample(nn.Module):
    """Repeat cells to the size of the next skip (twice, less one where that is odd), then convolve."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, like: Tensor | None) -> Tensor:
        size = [2 * side for side in x.shape[-2:]] if like is None else like.shape[-2:]
        out: Tensor = self.conv(F.interpolate(x, size=size, mode="nearest"))
        return out
