"""The MMDiT of Stable Diffusion 3 and 3.5: picture and text tokens as two streams, joined in every attention.

Attribute names equal the keys of the published files after `model.diffusion_model.`. Knows nothing of files, noise
levels or guidance: timesteps come in, the raw prediction goes out. Source: Esser et al. 2024, section 4 and appendix
B; the modulation is that of Peebles & Xie 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attention
from .layers import timestep_embedding, zeroed
from .patches import NetworkPatch

__all__ = ["MMDiT", "MMDiTConfig"]

EPS = 1e-6  # of every norm
TIME_CHANNELS = 256
MLP_RATIO = 4


@dataclass(frozen=True, slots=True)
class MMDiTConfig:
    """Shape of an MMDiT; the defaults are SD3-medium's."""

    in_channels: int = 16
    out_channels: int = 16
    width: int = 1536
    depth: int = 24
    head_channels: int = 64
    patch: int = 2
    context_dim: int = 4096
    pooled_dim: int = 2048
    grid: int = 192
    """Side of the stored table of positions, in patches; pictures use its middle."""
    qk_norm: bool = False
    dual: tuple[int, ...] = ()
    """Blocks whose picture stream attends to itself a second time (SD3.5-medium: 0 to 12)."""

    def __post_init__(self) -> None:
        if self.width % self.head_channels:
            raise ValueError(f"MMDiTConfig: width {self.width} must divide by {self.head_channels} channels a head")
        if any(not 0 <= block < self.depth for block in self.dual):
            raise ValueError(f"MMDiTConfig: {self.depth} blocks have no number {max(self.dual)}")

    @property
    def heads(self) -> int:
        """Heads of every attention."""
        return self.width // self.head_channels


class MMDiT(nn.Module):
    """Predict the flow's velocity (noise minus picture) in a scaled latent, given its time and the text."""

    def __init__(self, config: MMDiTConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.x_embedder = PatchEmbed(config.in_channels, width, config.patch)
        self.pos_embed: Tensor
        self.register_buffer("pos_embed", position_table(width, config.grid))
        self.context_embedder = nn.Linear(config.context_dim, width)
        self.t_embedder = VectorEmbed(TIME_CHANNELS, width)
        self.y_embedder = VectorEmbed(config.pooled_dim, width)
        last = config.depth - 1
        self.joint_blocks = nn.ModuleList(JointBlock(config, i in config.dual, i == last) for i in range(config.depth))
        self.final_layer = FinalLayer(width, config.patch**2 * config.out_channels)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor,
        control: Sequence[Tensor] | None = None,
        patches: Sequence[NetworkPatch] = (),
    ) -> Tensor:
        """Return the prediction [b c h w].

        x: [b c h w], h and w multiples of the patch, at most the stored grid; timesteps: [b], 0..1000, may be
        fractional; context: [b l d]; y: [b pooled]; control: tokens [b n c] that a ControlNet adds after blocks,
        each after as many blocks as there are to one of them; patches: asked for each block whether it runs.
        Raises: ValueError for a picture that does not fit the grid.
        """
        patch = self.config.patch
        h, w = x.shape[2] // patch, x.shape[3] // patch
        tokens = self.x_embedder(x) + self.positions(h, w).to(x.dtype)
        text = self.context_embedder(context)
        time = timestep_embedding(timesteps, TIME_CHANNELS).to(x.dtype)
        condition = F.silu(self.t_embedder(time) + self.y_embedder(y))  # once: every modulation begins with it
        for i, block in enumerate(self.joint_blocks):
            if not any(each.leaves_out(i) for each in patches):
                tokens, text = block(tokens, text, condition)
            if control and i < len(self.joint_blocks) - 1:
                tokens = tokens + control[i * len(control) // len(self.joint_blocks)]
        return unpatch(self.final_layer(tokens, condition), h, w, patch)

    def positions(self, h: int, w: int) -> Tensor:
        """Return the middle [1 h*w c] of the stored table. Raises: ValueError where it is too small."""
        side = self.config.grid
        if h > side or w > side:
            raise ValueError(f"MMDiT: a picture of {h}x{w} patches does not fit the model's grid of {side}x{side}")
        top, left = (side - h) // 2, (side - w) // 2
        table = self.pos_embed.view(1, side, side, -1)
        return table[:, top : top + h, left : left + w].reshape(1, h * w, -1)


class JointBlock(nn.Module):
    """One block of both streams. The last has no text left to change: its text side only gives keys and values."""

    def __init__(self, config: MMDiTConfig, dual: bool, last: bool) -> None:
        super().__init__()
        self.heads = config.heads
        self.context_block = StreamBlock(config, ends_here=last)
        self.x_block = StreamBlock(config, dual=dual)

    def forward(self, x: Tensor, text: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x: [b n c], text: [b l c], condition: [b c], already through SiLU; returns both streams."""
        text_turn = self.context_block.begin(text, condition)
        turn = self.x_block.begin(x, condition)
        q, k, v = (torch.cat(pair, dim=1) for pair in zip(text_turn.qkv, turn.qkv, strict=True))
        joined = attention(q, k, v, self.heads)
        text_part, part = joined.split([text.shape[1], x.shape[1]], dim=1)
        return self.x_block.end(x, part, turn), self.context_block.end(text, text_part, text_turn)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one stream takes from its norm and modulation into the joint attention and out of it."""

    qkv: tuple[Tensor, Tensor, Tensor]
    modulation: tuple[Tensor, ...]
    own: Tensor | None = None
    """Result of the stream's attention to itself, in dual blocks."""


class StreamBlock(nn.Module):
    """One stream's half of a joint block: modulated norms, its projections, a feed-forward."""

    def __init__(self, config: MMDiTConfig, *, dual: bool = False, ends_here: bool = False) -> None:
        super().__init__()
        width = config.width
        self.ends_here = ends_here
        self.chunks = 2 if ends_here else 9 if dual else 6
        self.norm1 = PlainNorm(width)
        self.attn = StreamAttention(config, project=not ends_here)
        self.attn2 = StreamAttention(config) if dual else None
        if not ends_here:
            self.norm2 = PlainNorm(width)
            self.mlp = MLP(width)
        # Index 0 of the file's (SiLU, linear); the SiLU is applied once, outside.
        self.adaLN_modulation = nn.Sequential(nn.Identity(), zeroed(nn.Linear(width, self.chunks * width)))

    def begin(self, x: Tensor, condition: Tensor) -> Turn:
        """Return queries, keys and values [b n c] of the stream, and its modulation."""
        parts = self.adaLN_modulation(condition).unsqueeze(1).chunk(self.chunks, dim=-1)
        normed = self.norm1(x)
        own = None
        if self.attn2 is not None:
            q, k, v = self.attn2.qkv_of(shifted(normed, parts[6], parts[7]))
            own = self.attn2.proj(attention(q, k, v, self.attn2.heads))
        return Turn(self.attn.qkv_of(shifted(normed, parts[0], parts[1])), parts, own)

    def end(self, x: Tensor, attended: Tensor, turn: Turn) -> Tensor:
        """Return the stream after attention and feed-forward; unchanged where it ends."""
        if self.ends_here:
            return x
        parts = turn.modulation
        x = x + parts[2] * self.attn.proj(attended)
        if turn.own is not None:
            x = x + parts[8] * turn.own
        out: Tensor = x + parts[5] * self.mlp(shifted(self.norm2(x), parts[3], parts[4]))
        return out


class StreamAttention(nn.Module):
    """Projections of one stream around an attention that happens elsewhere."""

    def __init__(self, config: MMDiTConfig, *, project: bool = True) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.ln_q = HeadNorm(config.head_channels) if config.qk_norm else None
        self.ln_k = HeadNorm(config.head_channels) if config.qk_norm else None
        if project:
            self.proj = nn.Linear(config.width, config.width)

    def qkv_of(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each [b n c]."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if self.ln_q is not None and self.ln_k is not None:
            q, k = self.ln_q(q), self.ln_k(k)
        return q, k, v


class HeadNorm(nn.Module):
    """Root-mean-square norm of each head's channels, statistics in float32 (Zhang & Sennrich 2019)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """x: [b n heads*c]."""
        heads = x.unflatten(-1, (-1, len(self.weight))).float()
        heads = heads * torch.rsqrt(heads.square().mean(-1, keepdim=True) + EPS)
        return (heads.to(x.dtype) * self.weight).flatten(-2)


class PlainNorm(nn.Module):
    """Layer norm without weights of its own; statistics in float32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.float(), (self.width,), eps=EPS).to(x.dtype)


class MLP(nn.Module):
    """Feed-forward of four times the width, GELU in its tanh form."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x), approximate="tanh"))
        return out


class PatchEmbed(nn.Module):
    """Patches of a latent as tokens."""

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, stride=patch)

    def forward(self, x: Tensor) -> Tensor:
        """x: [b c h w]; returns [b n width], rows first."""
        out: Tensor = self.proj(x).flatten(2).transpose(1, 2)
        return out


class VectorEmbed(nn.Module):
    """Two linear layers; the file numbers them 0 and 2 (1 is SiLU)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(channels, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mlp(x)
        return out


class FinalLayer(nn.Module):
    """Modulated norm and projection to the pixels of each patch."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.norm_final = PlainNorm(width)
        self.linear = zeroed(nn.Linear(width, out))
        self.adaLN_modulation = nn.Sequential(nn.Identity(), zeroed(nn.Linear(width, 2 * width)))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation(condition).unsqueeze(1).chunk(2, dim=-1)
        out: Tensor = self.linear(shifted(self.norm_final(x), shift, scale))
        return out


def shifted(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Return x * (1 + scale) + shift."""
    return x * (1 + scale) + shift


def unpatch(x: Tensor, h: int, w: int, patch: int) -> Tensor:
    """Return tokens [b h*w p*p*c] as [b c h*p w*p]."""
    grid = x.view(len(x), h, w, patch, patch, -1)
    return grid.permute(0, 5, 1, 3, 2, 4).reshape(len(x), -1, h * patch, w * patch)


def position_table(width: int, side: int) -> Tensor:
    """Return the sinusoids [1 side*side width] of a grid: half the channels for columns, half for rows.

    Within a half first sines, then cosines (Dosovitskiy et al. 2021's grid, in the order of He et al. 2022).
    """
    places = torch.arange(side, dtype=torch.float64)
    rates = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width / 4))
    angles = places[:, None] * rates
    line = torch.cat([angles.sin(), angles.cos()], dim=1).float()  # side, width / 2
    columns = line[None, :].expand(side, side, -1)
    rows = line[:, None].expand(side, side, -1)
    return torch.cat([columns, rows], dim=-1).reshape(1, side * side, width)
