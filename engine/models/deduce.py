"""Configurations of networks read from the shapes of their weights, keys in the networks' own names.

Knows nothing of prefixes, files or the weights' values. What shapes do not tell (heads, activation) follows
the families' rules, stated beside each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .clip import CLIPTextConfig
from .unet import UNetConfig
from .vae import VAEConfig

__all__ = ["clip_config", "unet_config", "vae_config"]

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
        middle_depth=count(shapes, "middle_block.1.transformer_blocks"),
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
    )


def count(shapes: Shapes, stem: str) -> int:
    """Return how many numbers follow `stem.` in the keys. Raises: ValueError unless they are 0, 1, 2, ..."""
    pattern = re.compile(re.escape(stem) + r"\.(\d+)\.")
    found = {int(match[1]) for key in shapes for match in [pattern.match(key)] if match}
    # A lone "layers.999999999." must not build a network of that depth.
    if found != set(range(len(found))):
        raise ValueError(f"the numbers after {stem} have gaps")
    return len(found)
