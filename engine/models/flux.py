"""The transformer of Flux: picture and text as two streams first, then as one.

Attribute names equal the keys of Black Forest Labs' files. Knows nothing of files, noise levels or of how strongly
a prompt is followed: timesteps come in, the raw prediction goes out. Sources: the published checkpoints; Esser et
al. 2024 (two streams), Dehghani et al. 2023 (attention and feed-forward side by side), Su et al. 2021 (rotary
positions), Peebles & Xie 2023 (modulation).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attention
from .layers import timestep_embedding

__all__ = ["Flux", "FluxConfig"]

EPS = 1e-6  # of every norm
TIME_CHANNELS = 256
PATCH = 2
THETA = 10000.0  # of the rotary positions
GUIDANCE_SCALE = 1000.0  # the files expect guidance as they expect time: 3.5 as 3500


@dataclass(frozen=True, slots=True)
class FluxConfig:
    """Shape of a Flux network; the defaults are those of dev."""

    in_channels: int = 16
    """Of the latent; 96 where a masked picture and its mask come along (Fill), 32 with a control picture."""
    out_channels: int = 16
    width: int = 3072
    heads: int = 24
    double: int = 19
    single: int = 38
    mlp: int = 12288
    context_dim: int = 4096
    pooled_dim: int = 768
    axes: tuple[int, int, int] = (16, 56, 56)
    """Channels of a head that turn with a token's three coordinates: 0, row, column."""
    guidance: bool = True
    """Whether the network was distilled to read the guidance as a number (dev) or not (schnell)."""

    def __post_init__(self) -> None:
        if self.width != self.heads * sum(self.axes):
            raise ValueError(f"FluxConfig: width {self.width} is not {self.heads} heads of {sum(self.axes)} channels")
        if any(axis % 2 for axis in self.axes):
            raise ValueError(f"FluxConfig: channels turn in pairs, so axes must be even, got {self.axes}")


class Flux(nn.Module):
    """Predict the flow's velocity (noise minus picture) in a scaled latent, given its time and the text."""

    def __init__(self, config: FluxConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.img_in = nn.Linear(PATCH**2 * config.in_channels, width)
        self.txt_in = nn.Linear(config.context_dim, width)
        self.time_in = VectorEmbed(TIME_CHANNELS, width)
        self.vector_in = VectorEmbed(config.pooled_dim, width)
        if config.guidance:
            self.guidance_in = VectorEmbed(TIME_CHANNELS, width)
        self.double_blocks = nn.ModuleList(DoubleBlock(config) for _ in range(config.double))
        self.single_blocks = nn.ModuleList(SingleBlock(config) for _ in range(config.single))
        self.final_layer = FinalLayer(width, PATCH**2 * config.out_channels)

    def forward(
        self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor, guidance: Tensor | None = None
    ) -> Tensor:
        """Return the prediction [b c h w].

        x: [b c h w], odd sides are filled up by wrapping around; timesteps: [b], 0..1000, may be fractional;
        context: [b l d], T5's states; y: [b pooled], CLIP's; guidance: [b], about 1..5, for networks that read it
        and only for those. Raises: ValueError where guidance is given to a network without it, or missing.
        """
        if self.config.guidance != (guidance is not None):
            raise ValueError(f"Flux: this network {'needs' if self.config.guidance else 'reads no'} guidance")
        height, width = x.shape[2:]
        tokens = packed(F.pad(x, (0, width % PATCH, 0, height % PATCH), mode="circular"))
        h, w = -(-height // PATCH), -(-width // PATCH)
        condition = self.time_in(sinusoids(timesteps, x)) + self.vector_in(y)
        if guidance is not None:
            condition = condition + self.guidance_in(sinusoids(guidance * GUIDANCE_SCALE, x))
        condition = F.silu(condition)  # once: every modulation begins with it
        image, text = self.img_in(tokens), self.txt_in(context)
        turns = rotations(text.shape[1], h, w, self.config.axes, x.device)
        for block in self.double_blocks:
            image, text = block(image, text, condition, turns)
        joined = torch.cat([text, image], dim=1)
        for block in self.single_blocks:
            joined = block(joined, condition, turns)
        image = self.final_layer(joined[:, text.shape[1] :], condition)
        return unpacked(image, h, w)[..., :height, :width]


class DoubleBlock(nn.Module):
    """Both streams through weights of their own, joined in the attention."""

    def __init__(self, config: FluxConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.img_mod = Modulation(config.width, 6)
        self.img_attn = StreamAttention(config)
        self.img_mlp = feed_forward(config)
        self.txt_mod = Modulation(config.width, 6)
        self.txt_attn = StreamAttention(config)
        self.txt_mlp = feed_forward(config)

    def forward(self, image: Tensor, text: Tensor, condition: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
        """image: [b n c], text: [b l c], condition: [b c], already through SiLU; returns both streams."""
        text_parts, image_parts = self.txt_mod(condition), self.img_mod(condition)
        text_qkv = self.txt_attn.qkv_of(shifted(text, text_parts[0], text_parts[1]))
        image_qkv = self.img_attn.qkv_of(shifted(image, image_parts[0], image_parts[1]))
        q, k, v = (torch.cat(pair, dim=1) for pair in zip(text_qkv, image_qkv, strict=True))
        joined = attention(turned(q, turns), turned(k, turns), v, self.heads)
        text_part, image_part = joined.split([text.shape[1], image.shape[1]], dim=1)
        image = image + image_parts[2] * self.img_attn.proj(image_part)
        image = image + image_parts[5] * self.img_mlp(shifted(image, image_parts[3], image_parts[4]))
        text = text + text_parts[2] * self.txt_attn.proj(text_part)
        text = text + text_parts[5] * self.txt_mlp(shifted(text, text_parts[3], text_parts[4]))
        return bounded(image), bounded(text)


class SingleBlock(nn.Module):
    """One stream; attention and feed-forward side by side between two linear layers."""

    def __init__(self, config: FluxConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.sizes = [3 * config.width, config.mlp]
        self.linear1 = nn.Linear(config.width, sum(self.sizes))
        self.linear2 = nn.Linear(config.width + config.mlp, config.width)
        self.norm = HeadNorms(sum(config.axes))
        self.modulation = Modulation(config.width, 3)

    def forward(self, x: Tensor, condition: Tensor, turns: Tensor) -> Tensor:
        """x: [b n c], text first."""
        shift, scale, gate = self.modulation(condition)
        qkv, hidden = self.linear1(shifted(x, shift, scale)).split(self.sizes, dim=-1)
        q, k, v = qkv.chunk(3, dim=-1)
        q, k = self.norm(q, k)
        attended = attention(turned(q, turns), turned(k, turns), v, self.heads)
        x = x + gate * self.linear2(torch.cat([attended, F.gelu(hidden, approximate="tanh")], dim=-1))
        return bounded(x)


class StreamAttention(nn.Module):
    """Projections of one stream around an attention that happens elsewhere."""

    def __init__(self, config: FluxConfig) -> None:
        super().__init__()
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.norm = HeadNorms(sum(config.axes))
        self.proj = nn.Linear(config.width, config.width)

    def qkv_of(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each [b n heads*c], queries and keys normed."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return *self.norm(q, k), v


class HeadNorms(nn.Module):
    """The norms of queries and keys, head by head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query_norm = HeadNorm(channels)
        self.key_norm = HeadNorm(channels)

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        return self.query_norm(q), self.key_norm(k)


class HeadNorm(nn.Module):
    """Root-mean-square norm of each head's channels, statistics in float32 (Zhang & Sennrich 2019)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """x: [b n heads*c]."""
        heads = x.unflatten(-1, (-1, len(self.scale))).float()
        heads = heads * torch.rsqrt(heads.square().mean(-1, keepdim=True) + EPS)
        return (heads.to(x.dtype) * self.scale).flatten(-2)


class Modulation(nn.Module):
    """Shift, scale and gate, once or twice, from the condition."""

    def __init__(self, width: int, chunks: int) -> None:
        super().__init__()
        self.chunks = chunks
        self.lin = nn.Linear(width, chunks * width)

    def forward(self, condition: Tensor) -> tuple[Tensor, ...]:
        """condition: [b c]; returns each [b 1 c]."""
        return self.lin(condition).unsqueeze(1).chunk(self.chunks, dim=-1)


class VectorEmbed(nn.Module):
    """Two linear layers around SiLU."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.in_layer = nn.Linear(channels, width)
        self.out_layer = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out_layer(F.silu(self.in_layer(x)))
        return out


class FinalLayer(nn.Module):
    """Modulated norm and projection to the cells of each patch."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, out)
        # Index 0 of the file's (SiLU, linear); the SiLU is applied once, outside.
        self.adaLN_modulation = nn.Sequential(nn.Identity(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation(condition).unsqueeze(1).chunk(2, dim=-1)
        out: Tensor = self.linear(shifted(x, shift, scale))
        return out


def feed_forward(config: FluxConfig) -> nn.Sequential:
    """Return the feed-forward of a stream."""
    return nn.Sequential(
        nn.Linear(config.width, config.mlp), nn.GELU(approximate="tanh"), nn.Linear(config.mlp, config.width)
    )


def bounded(x: Tensor) -> Tensor:
    """Return a stream within float16's range where it is float16; published networks leave it in their text stream."""
    limit = torch.finfo(torch.float16).max
    return x.clamp(-limit, limit) if x.dtype == torch.float16 else x


def shifted(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Return norm(x) * (1 + scale) + shift; the norm has no weights, its statistics are float32."""
    return F.layer_norm(x.float(), x.shape[-1:], eps=EPS).to(x.dtype) * (1 + scale) + shift


def sinusoids(values: Tensor, like: Tensor) -> Tensor:
    """Return the embedding [b 256] of numbers [b], in the precision of `like`."""
    return timestep_embedding(values, TIME_CHANNELS).to(like.dtype)


def rotations(text: int, h: int, w: int, axes: tuple[int, int, int], device: torch.device) -> Tensor:
    """Return the turns [text + h*w, 1, c/2] of all tokens as unit complex numbers.

    Text stands at (0, 0, 0), the picture's tokens at (0, row, column). Angles are computed in float64.
    """
    rows = torch.arange(h, dtype=torch.float64, device=device).repeat_interleave(w)
    columns = torch.arange(w, dtype=torch.float64, device=device).repeat(h)
    places = torch.stack([torch.zeros_like(rows), rows, columns], dim=1)
    places = torch.cat([places.new_zeros(text, 3), places])
    angles = [
        places[:, i : i + 1] * THETA ** (-torch.arange(0, axis, 2, dtype=torch.float64, device=device) / axis)
        for i, axis in enumerate(axes)
    ]
    angle = torch.cat(angles, dim=1).unsqueeze(1)
    return torch.complex(angle.cos().float(), angle.sin().float())


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Return tokens [b n heads*c] with neighbouring pairs of channels turned; in float32 between."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, turns.shape[-1], 2)))  # b n heads c/2
    return torch.view_as_real(pairs * turns).flatten(2).to(x.dtype)


def packed(x: Tensor) -> Tensor:
    """Return [b c h w] as tokens [b h/2*w/2 c*2*2], rows first."""
    b, c, h, w = x.shape
    grid = x.reshape(b, c, h // PATCH, PATCH, w // PATCH, PATCH).permute(0, 2, 4, 1, 3, 5)
    return grid.reshape(b, h // PATCH * (w // PATCH), c * PATCH**2)


def unpacked(x: Tensor, h: int, w: int) -> Tensor:
    """Return tokens [b h*w c*2*2] as [b c 2h 2w]."""
    grid = x.view(len(x), h, w, -1, PATCH, PATCH).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(len(x), -1, h * PATCH, w * PATCH)
