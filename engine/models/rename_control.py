"""Key names of diffusers' ControlNets turned into ldm's, which our networks use.

Pure functions on names. Knows nothing of tensors' values or files. Source: the two layouts' published files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from .piece import Piece
from .rename import index, unet_names
from .rename_dit import mmdit_sources

__all__ = ["control_names", "mmdit_control_sources", "union_names"]


def control_names(keys: Iterable[str]) -> dict[str, str]:
    """Return {diffusers key: ldm key} of a ControlNet for a UNet; keys that no rule covers map to themselves."""
    present = list(keys)
    trunk = unet_names(present)
    last = 2 * (max((index(r"controlnet_cond_embedding\.blocks\.(\d+)\.", key) for key in present), default=-1) + 2)

    def rename(key: str) -> str:
        if match := re.fullmatch(r"controlnet_cond_embedding\.(conv_in|conv_out|blocks\.(\d+))\.(.+)", key):
            place = {"conv_in": 0, "conv_out": last}.get(match[1], 2 * (int(match[2] or 0) + 1))
            return f"input_hint_block.{place}.{match[3]}"
        if match := re.fullmatch(r"controlnet_down_blocks\.(\d+)\.(.+)", key):
            return f"zero_convs.{match[1]}.0.{match[2]}"
        if key.startswith("controlnet_mid_block."):
            return key.replace("controlnet_mid_block", "middle_block_out.0", 1)
        return trunk[key]

    return {key: rename(key) for key in present}


def union_names(keys: Iterable[str]) -> dict[str, str]:
    """Return {file key: our key} of a union in ldm's layout, whose attention some writers name one level deeper."""
    return {key: key.replace(".attn.in_proj.", ".attn.in_proj_") for key in keys}


def mmdit_control_sources(keys: Iterable[str]) -> Mapping[str, Piece]:
    """Return {our key: how it is made} for diffusers' SD3 ControlNet; each of its blocks hands its text on."""
    return {ours: replace(made, swapped=False) for ours, made in mmdit_sources(keys).items()}
