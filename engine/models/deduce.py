"""Configurations of networks read from the shapes of their weights, keys in the networks' own names.

Knows nothing of prefixes, files or the weights' values. What shapes do not tell (heads, activation) follows
the families' rules, stated beside each.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from .clip import CLIPTextConfig
from .mmdit import MMDiTConfig
from .unet import UNetConfig
from .vae import VAEConfig

__all__ = ["clip_config", "mmdit_config", "unet_config", "vae_config"]

Shapes = Mapping[str, tuple[int, ...]]


def unet_config(shapes: Shapes) -> UNetConfig:
    """Return the shape of an ldm UNet.

    Heads: 8 with convolutional projections (SD1.x), else 64 channels each.
    Raises: KeyError or ValueError when the keys are not those of a UNet.
    """
    channels, inputs = shapes["input_blocks.0.0.weight"][:2]
    mult: list[int] = []
    blocks: list[int] = []
    depth: list[int] = []
    fresh = True  # the next residual block opens a level
    for n in range(1, count(shapes, "input_blocks")):
        if f"input_blocks.{n}.0.op.weight" in shapes:
            fresh = True
            continue
        width = shapes[f"input_blocks.{n}.0.in_layers.2.weight"][0]
        if fresh:
            mult.append(width // channels)
            blocks.append(0)
            depth.append(count(shapes, f"input_blocks.{n}.1.transformer_blocks"))
            fresh = False
        blocks[-1] += 1
    outputs = tuple(
        count(shapes, f"output_blocks.{n}.1.transformer_blocks") for n in range(count(shapes, "output_blocks"))
    )
    per_level = tuple(d for number, d in reversed([*zip(blocks, depth, strict=True)]) for _ in range(number + 1))
    middle = any(key.startswith("middle_block.1.") for key in shapes)
    context = next(shape[1] for key, shape in shapes.items() if key.endswith(".attn2.to_k.weight"))
    linear = any(len(shape) == 2 for key, shape in shapes.items() if key.endswith(".proj_in.weight"))
    adm = shapes.get("label_emb.0.0.weight")
    return UNetConfig(
        in_channels=inputs,
        out_channels=shapes["out.2.weight"][0],
        model_channels=channels,
        channel_mult=tuple(mult),
        res_blocks=blocks[0] if len(set(blocks)) == 1 else tuple(blocks),
        transformer_depth=tuple(depth),
        middle_depth=count(shapes, "middle_block.1.transformer_blocks") if middle else None,
        output_depth=None if outputs in (per_level, ()) else outputs,  # none: a ControlNet
        context_dim=context,
        heads=8,
        head_channels=64 if linear else None,
        linear_projection=linear,
        adm_channels=None if adm is None else adm[1],
    )


def vae_config(shapes: Shapes) -> VAEConfig:
    """Return the shape of an ldm autoencoder. Raises: KeyError or ValueError when the keys are not its."""
    channels = shapes["encoder.conv_in.weight"][0]
    levels = count(shapes, "encoder.down")
    widths = [shapes[f"encoder.down.{i}.block.0.conv1.weight"][0] for i in range(levels)]
    return VAEConfig(
        in_channels=shapes["encoder.conv_in.weight"][1],
        channels=channels,
        channel_mult=tuple(width // channels for width in widths),
        res_blocks=count(shapes, "encoder.down.0.block"),
        latent_channels=shapes["decoder.conv_in.weight"][1],
        quant_conv="post_quant_conv.weight" in shapes,
        attention="decoder.mid.attn_1.q.weight" in shapes,
    )


def clip_config(shapes: Shapes) -> CLIPTextConfig:
    """Return the shape of a CLIP text encoder in Hugging Face's names.

    Heads: 64 channels each, in every published one. Activation: gelu at OpenCLIP's widths (1024, 1280), else
    OpenAI's quick_gelu. Raises: KeyError or ValueError when the keys are not its.
    """
    vocab, width = shapes["embeddings.token_embedding.weight"]
    return CLIPTextConfig(
        vocab=vocab,
        width=width,
        layers=count(shapes, "encoder.layers"),
        heads=max(1, width // 64),
        mlp=shapes["encoder.layers.0.mlp.fc1.weight"][0],
        length=shapes["embeddings.position_embedding.weight"][0],
        activation="gelu" if width in (1024, 1280) else "quick_gelu",
        projection=projection[0] if (projection := shapes.get("text_projection.weight")) else None,
    )


def mmdit_config(shapes: Shapes) -> MMDiTConfig:
    """Return the shape of an MMDiT in the names of SD3's files.

    Channels a head: those of the norms of queries, else 64, as in every published one.
    Raises: KeyError or ValueError when the keys are not its.
    """
    width, inputs, patch = shapes["x_embedder.proj.weight"][:3]
    depth = count(shapes, "joint_blocks")
    side = math.isqrt(shapes["pos_embed"][1])
    if side * side != shapes["pos_embed"][1]:
        raise ValueError(f"the table of positions is no square: {shapes['pos_embed'][1]}")
    head = shapes.get("joint_blocks.0.x_block.attn.ln_q.weight")
    return MMDiTConfig(
        in_channels=inputs,
        out_channels=shapes["final_layer.linear.weight"][0] // patch**2,
        width=width,
        depth=depth,
        head_channels=64 if head is None else head[0],
        patch=patch,
        context_dim=shapes["context_embedder.weight"][1],
        pooled_dim=shapes["y_embedder.mlp.0.weight"][1],
        grid=side,
        qk_norm=head is not None,
        dual=tuple(i for i in range(depth) if f"joint_blocks.{i}.x_block.attn2.qkv.weight" in shapes),
    )


def count(shapes: Shapes, stem: str) -> int:
    """Return how many numbers follow `stem.` in the keys. Raises: ValueError unless they are 0, 1, 2, ..."""
    pattern = re.compile(re.escape(stem) + r"\.(\d+)\.")
    found = {int(match[1]) for key in shapes for match in [pattern.match(key)] if match}
    # A lone "layers.999999999." must not build a network of that depth.
    if found != set(range(len(found))):
        gap = next(number for number in range(len(found)) if number not in found)
        raise ValueError(f'nothing under "{stem}.{gap}.", where there is more after it')
    return len(found)
