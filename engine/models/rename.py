"""Key names of diffusers' networks turned into ldm's, which our networks use.

Pure functions on names. Knows nothing of tensors' values or files. Source: the two layouts' published
checkpoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["clip_names", "unet_names", "vae_names"]

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "class_embedding.linear_1": "label_emb.0.0",
    "class_embedding.linear_2": "label_emb.0.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
    "query": "q", "key": "k", "value": "v", "proj_attn": "proj_out",  # before diffusers 0.13
}  # fmt: skip


def unet_names(keys: Iterable[str]) -> dict[str, str]:
    """Return {diffusers key: ldm key}; keys that no rule covers map to themselves."""
    present = list(keys)
    per_level = 1 + max((index(r"down_blocks\.\d+\.resnets\.(\d+)\.", key) for key in present), default=-1)
    attended = {index(r"up_blocks\.(\d+)\.attentions\.", key) for key in present}
    n = per_level + 1

    def rename(key: str) -> str:
        if match := re.fullmatch(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", key):
            way, i, part, j, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
            block = f"input_blocks.{1 + i * n + j}" if way == "down" else f"output_blocks.{i * n + j}"
            return f"{block}.0.{resnet(rest)}" if part == "resnets" else f"{block}.1.{rest}"
        if match := re.fullmatch(r"down_blocks\.(\d+)\.downsamplers\.0\.conv\.(.+)", key):
            return f"input_blocks.{(int(match[1]) + 1) * n}.0.op.{match[2]}"
        if match := re.fullmatch(r"up_blocks\.(\d+)\.upsamplers\.0\.conv\.(.+)", key):
            i = int(match[1])
            return f"output_blocks.{i * n + per_level}.{2 if i in attended else 1}.conv.{match[2]}"
        if match := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", key):
            if match[1] == "attentions":
                return f"middle_block.1.{match[3]}"
            return f"middle_block.{2 * int(match[2])}.{resnet(match[3])}"
        stem, _, leaf = key.rpartition(".")
        return f"{UNET_ENDS[stem]}.{leaf}" if stem in UNET_ENDS else key

    return {key: rename(key) for key in present}


def vae_names(keys: Iterable[str]) -> dict[str, str]:
    """Return {diffusers key: ldm key} of an autoencoder; its decoder counts levels from the other end."""
    present = list(keys)
    last = max((index(r"decoder\.up_blocks\.(\d+)\.", key) for key in present), default=0)

    def rename(key: str) -> str:
        key = re.sub(r"\bconv_norm_out\b", "norm_out", key).replace("conv_shortcut", "nin_shortcut")
        key = re.sub(r"\bdown_blocks\.(\d+)\.resnets\.", r"down.\1.block.", key)
        key = re.sub(r"\bdown_blocks\.(\d+)\.downsamplers\.0\.", r"down.\1.downsample.", key)
        key = re.sub(r"\bup_blocks\.(\d+)\.resnets\.", lambda m: f"up.{last - int(m[1])}.block.", key)
        key = re.sub(r"\bup_blocks\.(\d+)\.upsamplers\.0\.", lambda m: f"up.{last - int(m[1])}.upsample.", key)
        key = re.sub(r"\bmid_block\.resnets\.(\d+)\.", lambda m: f"mid.block_{int(m[1]) + 1}.", key)
        if match := re.fullmatch(r"(.*)\bmid_block\.attentions\.0\.(.+)\.(weight|bias)", key):
            return f"{match[1]}mid.attn_1.{VAE_ATTENTION.get(match[2], match[2])}.{match[3]}"
        return key

    return {key: rename(key) for key in present}


def clip_names(keys: Iterable[str]) -> dict[str, str]:
    """Return {file key: our key} of a text encoder: without the `text_model.` that some writers keep."""
    return {key: key.removeprefix("text_model.") for key in keys}


def resnet(rest: str) -> str:
    """Return the ldm name of a residual block's layer."""
    stem, _, leaf = rest.rpartition(".")
    return f"{RESNET[stem]}.{leaf}" if stem in RESNET else rest


def index(pattern: str, key: str) -> int:
    """Return the number that the pattern finds at the start of a key, or -1."""
    match = re.match(pattern, key)
    return int(match[1]) if match else -1
