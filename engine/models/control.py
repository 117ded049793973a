"""The ControlNet of Stable Diffusion 1.x, 2.x and XL: a copy of the UNet's way down that sees a picture, the hint.

Attribute names equal the keys of ldm files after `control_model.`; what a union of several kinds of hints has besides
is named as its published files do. Knows nothing of files, strengths or sampling.
Source: Zhang, Rao, Agrawala, "Adding Conditional Control to Text-to-Image Diffusion Models" (2023), section 3;
the union: xinsir's ControlNet++ (2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import LayerNorm, timestep_embedding, zeroed
from .unet import UNet, UNetConfig, UNetEncoder

__all__ = ["ControlNet", "ControlNetConfig"]

TYPE_CHANNELS = 256  # sinusoids of each kind's switch in a union
UNION_HEADS = 8


@dataclass(frozen=True, slots=True)
class ControlNetConfig:
    """Shape of a ControlNet: the UNet whose way down it copies, and what becomes of the hint."""

    unet: UNetConfig = field(default_factory=UNetConfig)
    hint_channels: int = 3
    hint_widths: tuple[int, ...] = (16, 32, 96, 256)
    """Channels at each size of the hint; it is halved between two of them."""
    kinds: int = 0
    """Kinds of hints that a union tells apart; 0 is a plain ControlNet."""
    union_layers: int = 1
    """Transformer layers in which a union's hints see each other."""

    def __post_init__(self) -> None:
        if not self.hint_widths:
            raise ValueError("ControlNetConfig: a hint needs at least one width")
        if self.kinds and self.unet.model_channels % UNION_HEADS:
            raise ValueError(f"ControlNetConfig: width {self.unet.model_channels} must divide by {UNION_HEADS} heads")

    @property
    def downscale(self) -> int:
        """Pixels of the hint for each cell of the latent, along one axis."""
        return int(2 ** (len(self.hint_widths) - 1))


class ControlNet(UNetEncoder):
    """Return what to add to each of a UNet's skips and to its middle, given what the UNet sees and a hint."""

    def __init__(self, config: ControlNetConfig) -> None:
        super().__init__(config.unet)
        self.form = config
        ch = config.unet.model_channels
        self.input_hint_block = hint_block(config, ch)
        self.zero_convs = nn.ModuleList(nn.Sequential(zeroed(nn.Conv2d(w, w, 1))) for w in self.skip_widths)
        middle = self.skip_widths[-1]
        self.middle_block_out = nn.Sequential(zeroed(nn.Conv2d(middle, middle, 1)))
        if config.kinds:
            self.task_embedding = nn.Parameter(torch.randn(config.kinds, ch) * ch**-0.5)
            self.transformer_layes = nn.ModuleList(UnionLayer(ch) for _ in range(config.union_layers))
            self.spatial_ch_projs = zeroed(nn.Linear(ch, ch))
            self.control_add_embedding = KindEmbed(config.kinds, 4 * ch)

    @classmethod
    def beside(cls, unet: UNet, hint_widths: tuple[int, ...] = (16, 32, 96, 256)) -> ControlNet:
        """Return a ControlNet that starts as the method says: the UNet's own way down behind zero convolutions.

        It adds exactly nothing until it has learnt. A UNet with further input channels gives those of its latent.
        """
        form = replace(unet.config, in_channels=unet.config.out_channels)
        control = cls(ControlNetConfig(form, hint_widths=hint_widths))
        own = control.state_dict()
        copied = {name: weight for name, weight in unet.state_dict().items() if name in own}
        first = "input_blocks.0.0.weight"
        copied[first] = copied[first][:, : unet.config.out_channels]
        control.load_state_dict(copied, strict=False)
        return control.to(next(unet.parameters()).device)

    def forward(
        self,
        x: Tensor,
        hint: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor | None = None,
        kinds: Sequence[int] = (),
    ) -> list[Tensor]:
        """Return one tensor for each input block, then the middle's.

        x, timesteps, context, y: as in `UNet`; hint: [b 3 H W] in 0..1, `downscale` times the size of x, of which each
        kind in `kinds` has one in a union; kinds: which kind of hint it is, none where that is left open.
        """
        emb = self.embed(timesteps, y, x.dtype)
        if self.form.kinds:
            emb = emb + self.control_add_embedding(kinds, emb)
        emb = F.silu(emb)
        x = self.input_blocks[0](x, emb, context)
        x = x + (self.merged(x, hint, kinds) if self.form.kinds and kinds else self.input_hint_block(hint))
        out = [self.zero_convs[0](x)]
        for block, ending in zip(self.input_blocks[1:], self.zero_convs[1:], strict=True):
            x = block(x, emb, context)
            out.append(ending(x))
        out.append(self.middle_block_out(self.middle_block(x, emb, context)))
        return out

    def merged(self, x: Tensor, hint: Tensor, kinds: Sequence[int]) -> Tensor:
        """Return what the hint of a named kind adds to the first block's output x: itself and a weight per channel."""
        seen = self.input_hint_block(hint)
        rows = [seen.mean(dim=(2, 3)) + self.task_embedding[kind].to(x.dtype) for kind in kinds]
        rows.append(x.mean(dim=(2, 3)))
        tokens = torch.stack(rows, dim=1)  # b, kinds + 1, c
        for layer in self.transformer_layes:
            tokens = layer(tokens)
        total = torch.zeros_like(x)
        for place in range(len(kinds)):
            total = total + seen + self.spatial_ch_projs(tokens[:, place])[:, :, None, None]
        return total


def hint_block(config: ControlNetConfig, channels: int) -> nn.Sequential:
    """Return the convolutions that bring a hint to the latent's size; odd places are the file's SiLUs."""
    widths = config.hint_widths
    layers: list[nn.Module] = [nn.Conv2d(config.hint_channels, widths[0], 3, padding=1)]
    for width, following in pairwise(widths):
        layers += [nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)]
        layers += [nn.SiLU(), nn.Conv2d(width, following, 3, padding=1, stride=2)]
    return nn.Sequential(*layers, nn.SiLU(), zeroed(nn.Conv2d(widths[-1], channels, 3, padding=1)))


class KindEmbed(nn.Module):
    """The switches of a union's kinds as part of the time embedding."""

    def __init__(self, kinds: int, width: int) -> None:
        super().__init__()
        self.kinds = kinds
        self.linear_1 = nn.Linear(kinds * TYPE_CHANNELS, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, kinds: Sequence[int], like: Tensor) -> Tensor:
        """Return [1 e] in the type and on the device of `like`."""
        switches = torch.zeros(self.kinds, device=like.device)
        for kind in kinds:
            switches[kind] = 1.0
        waves = timestep_embedding(switches, TYPE_CHANNELS).reshape(1, -1).to(like.dtype)
        out: Tensor = self.linear_2(F.silu(self.linear_1(waves)))
        return out


class UnionLayer(nn.Module):
    """A transformer layer over one token a hint and one of the picture; named as in CLIP, whose layer it is.

    Differs: diffusers attends over the items of a batch instead, so that its result depends on who shares a call.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, UNION_HEADS, batch_first=True)
        self.ln_1 = LayerNorm(width)
        self.mlp = QuickMLP(width)
        self.ln_2 = LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """x: [b n c]."""
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class QuickMLP(nn.Module):
    """Feed-forward of four times the width with CLIP's approximate GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.c_fc(x)
        out: Tensor = self.c_proj(x * torch.sigmoid(1.702 * x))
        return out
