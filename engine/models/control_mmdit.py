"""The ControlNet of Stable Diffusion 3: joint blocks of an MMDiT that see the hint's latent beside the noisy one.

Names are the MMDiT's, and `pos_embed_input` and `controlnet_blocks` as in the published files. Knows nothing of files,
strengths or sampling. Source: the method of Zhang, Rao, Agrawala 2023, as diffusers' SD3ControlNetModel (2024) and
InstantX's and AliMama's files have it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch.nn.functional as F
from torch import Tensor, nn

from .layers import timestep_embedding, zeroed
from .mmdit import TIME_CHANNELS, JointBlock, MMDiT, MMDiTConfig, PatchEmbed, VectorEmbed, position_table

__all__ = ["MMDiTControl", "MMDiTControlConfig"]


@dataclass(frozen=True, slots=True)
class MMDiTControlConfig:
    """Shape of an SD3 ControlNet: of the MMDiT whose first blocks it is made of, and of its hint."""

    mmdit: MMDiTConfig = field(default_factory=lambda: MMDiTConfig(depth=6))
    beside: int = 0
    """Channels of the hint beyond the latent's: 1 for a mask (inpainting)."""


class MMDiTControl(nn.Module):
    """Return what to add to the picture's tokens after blocks of an MMDiT, given what that sees and a hint."""

    def __init__(self, config: MMDiTControlConfig) -> None:
        super().__init__()
        self.form = config
        self.config = form = config.mmdit
        width = form.width
        self.x_embedder = PatchEmbed(form.in_channels, width, form.patch)
        self.pos_embed: Tensor
        self.register_buffer("pos_embed", position_table(width, form.grid))
        self.context_embedder = nn.Linear(form.context_dim, width)
        self.t_embedder = VectorEmbed(TIME_CHANNELS, width)
        self.y_embedder = VectorEmbed(form.pooled_dim, width)
        self.joint_blocks = nn.ModuleList(JointBlock(form, i in form.dual, last=False) for i in range(form.depth))
        self.pos_embed_input = zeroed(PatchEmbed(form.in_channels + config.beside, width, form.patch))
        self.controlnet_blocks = nn.ModuleList(zeroed(nn.Linear(width, width)) for _ in range(form.depth))

    @classmethod
    def of(cls, mmdit: MMDiT, depth: int) -> MMDiTControl:
        """Return one that starts as the first `depth` blocks of an MMDiT, and adds exactly nothing until it has learnt.

        depth: 1 to one less than the network's, whose last block has no text to hand on.
        """
        dual = tuple(block for block in mmdit.config.dual if block < depth)
        control = cls(MMDiTControlConfig(replace(mmdit.config, depth=depth, dual=dual)))
        own = control.state_dict()
        copied = {name: weight for name, weight in mmdit.state_dict().items() if name in own}
        control.load_state_dict(copied, strict=False)
        return control.to(next(mmdit.parameters()).device)

    def forward(self, x: Tensor, hint: Tensor, timesteps: Tensor, context: Tensor, y: Tensor) -> list[Tensor]:
        """Return tokens [b n c] for each of its blocks.

        x, timesteps, context, y: as in `MMDiT`; hint: [b k h w], the scaled latent of a picture, of x's size, and what
        there is beside it.
        """
        form = self.config
        h, w = x.shape[2] // form.patch, x.shape[3] // form.patch
        tokens = self.x_embedder(x) + MMDiT.positions(self, h, w).to(x.dtype)  # type: ignore[arg-type]
        text = self.context_embedder(context)
        time = timestep_embedding(timesteps, TIME_CHANNELS).to(x.dtype)
        condition = F.silu(self.t_embedder(time) + self.y_embedder(y))
        tokens = tokens + self.pos_embed_input(hint)
        out = []
        for block, ending in zip(self.joint_blocks, self.controlnet_blocks, strict=True):
            tokens, text = block(tokens, text, condition)
            out.append(ending(tokens))
        return out
