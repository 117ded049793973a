"""CLIP's text transformer: token numbers to one state per token and one for the whole text.

Attribute names equal Hugging Face's keys after `text_model.`; `text_projection`, where there is one, stands beside
that prefix in their files. Knows nothing of strings, weights or files. Source: Radford et al. 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attention
from .layers import LayerNorm

__all__ = ["CLIPText", "CLIPTextConfig"]


@dataclass(frozen=True, slots=True)
class CLIPTextConfig:
    """Shape of a text encoder; the defaults are CLIP-L's, as in SD1.x."""

    vocab: int = 49408
    width: int = 768
    layers: int = 12
    heads: int = 12
    mlp: int = 3072
    length: int = 77
    activation: str = "quick_gelu"
    """`quick_gelu` (OpenAI's L) or `gelu` (OpenCLIP's H and bigG)."""
    projection: int | None = None
    """Width of the projected pooled state (H 1024, bigG 1280), or None: pooled is left as the transformer gives it."""

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"CLIPTextConfig: width {self.width} does not divide into {self.heads} heads")
        if self.activation not in ("quick_gelu", "gelu"):
            raise ValueError(f'CLIPTextConfig: activation is "quick_gelu" or "gelu", got {self.activation!r}')

    @property
    def eos(self) -> int:
        """The end token: the last of the vocabulary (49407)."""
        return self.vocab - 1


class CLIPText(nn.Module):
    """Causal transformer over tokens."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.final_layer_norm = LayerNorm(config.width)
        if config.projection is not None:
            self.text_projection = nn.Linear(config.width, config.projection, bias=False)

    def forward(
        self, tokens: Tensor, *, skip: int = 1, embeddings: Tensor | None = None, norm: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Return the states [b l d] of layer -skip and the pooled state [b d], or [b projection] where it is projected.

        tokens: [b l] integers, l up to the configured length. skip: 1 is the last layer ("clip skip" k is k).
        embeddings: [b l d] in place of the token table's rows, for learned words.
        norm: whether the states pass the final norm (SD1.x, SD2.x); SDXL and SD3 take them before it.
        The pooled state is that of the last layer at the first end token, after the final norm in any case.

        Raises: ValueError for a `skip` that is no layer.
        """
        if not 1 <= skip <= self.config.layers:
            raise ValueError(f"CLIPText: skip must be 1 to {self.config.layers}, got {skip}")
        x = self.embeddings(tokens, embeddings)
        wanted = self.config.layers - skip
        hidden = x
        for i, layer in enumerate(self.encoder.layers):
            x = layer(x)
            if i == wanted:
                hidden = x
        last = self.final_layer_norm(x)
        if norm:
            hidden = last if skip == 1 else self.final_layer_norm(hidden)
        end = (tokens == self.config.eos).int().argmax(dim=-1)  # first of them
        pooled = last[torch.arange(len(end), device=end.device), end]
        if self.config.projection is not None:
            pooled = self.text_projection(pooled)
        return hidden, pooled


class Embeddings(nn.Module):
    """Token table plus position table."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab, config.width)
        self.position_embedding = nn.Embedding(config.length, config.width)
        nn.init.normal_(self.token_embedding.weight, std=0.02)  # CLIP's own start values
        nn.init.normal_(self.position_embedding.weight, std=0.01)

    def forward(self, tokens: Tensor, embeddings: Tensor | None = None) -> Tensor:
        x = self.token_embedding(tokens) if embeddings is None else embeddings
        out: Tensor = x + self.position_embedding.weight[: x.shape[1]]
        return out


class Encoder(nn.Module):
    """The stack of layers, under the name the files use."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))


class Layer(nn.Module):
    """Causal self-attention and a feed-forward, each after its norm and around a skip."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.self_attn = SelfAttention(config.width, config.heads)
        self.layer_norm1 = LayerNorm(config.width)
        self.mlp = MLP(config)
        self.layer_norm2 = LayerNorm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        out: Tensor = x + self.mlp(self.layer_norm2(x))
        return out


class SelfAttention(nn.Module):
    """Each token attends to itself and those before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = attention(self.q_proj(x), self.k_proj(x), self.v_proj(x), self.heads, causal=True)
        out: Tensor = self.out_proj(y)
        return out


class MLP(nn.Module):
    """Two linear layers around the activation."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.quick = config.activation == "quick_gelu"
        self.fc1 = nn.Linear(config.width, config.mlp)
        self.fc2 = nn.Linear(config.mlp, config.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        x = x * torch.sigmoid(1.702 * x) if self.quick else F.gelu(x)
        out: Tensor = self.fc2(x)
        return out
