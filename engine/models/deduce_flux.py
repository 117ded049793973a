"""Configurations of Flux and of the T5 beside it, read from the shapes of their weights, keys in the networks' names.

Knows nothing of prefixes, files or the weights' values. What shapes do not tell follows the published networks'
rules, stated beside each.
"""

from __future__ import annotations

from .deduce import Shapes, count
from .flux import PATCH, FluxConfig
from .t5 import T5Config

__all__ = ["flux_config", "t5_config"]


def flux_config(shapes: Shapes) -> FluxConfig:
    """Return the shape of a Flux network.

    Axes of the rotary positions: an eighth of a head's channels and twice seven sixteenths (16, 56, 56 of 128).
    Raises: KeyError or ValueError when the keys are not its.
    """
    width, inputs = shapes["img_in.weight"]
    head = shapes["double_blocks.0.img_attn.norm.query_norm.scale"][0]
    return FluxConfig(
        in_channels=inputs // PATCH**2,
        out_channels=shapes["final_layer.linear.weight"][0] // PATCH**2,
        width=width,
        heads=width // head,
        double=count(shapes, "double_blocks"),
        single=count(shapes, "single_blocks"),
        mlp=shapes["double_blocks.0.img_mlp.0.weight"][0],
        context_dim=shapes["txt_in.weight"][1],
        pooled_dim=shapes["vector_in.in_layer.weight"][1],
        axes=(head // 8, head * 7 // 16, head * 7 // 16),
        guidance="guidance_in.in_layer.weight" in shapes,
    )


def t5_config(shapes: Shapes) -> T5Config:
    """Return the shape of a T5 v1.1 encoder in Hugging Face's names; distances beyond 128 share a bucket in all.

    Raises: KeyError or ValueError when the keys are not its.
    """
    vocab, width = shapes["shared.weight"]
    attention = "encoder.block.0.layer.0.SelfAttention"
    buckets, heads = shapes[f"{attention}.relative_attention_bias.weight"]
    return T5Config(
        vocab=vocab,
        width=width,
        layers=count(shapes, "encoder.block"),
        heads=heads,
        head_channels=shapes[f"{attention}.q.weight"][0] // heads,
        mlp=shapes["encoder.block.0.layer.1.DenseReluDense.wi_0.weight"][0],
        buckets=buckets,
    )
