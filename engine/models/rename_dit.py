"""Key names of diffusers' SD3 and Flux transformers turned into the published files', which our networks use.

Their queries, keys and values are three tensors where ours are rows of one, and some of their modulations keep
(scale, shift) where the files keep (shift, scale). Pure functions on names; the tensors are joined by whoever has
them. Source: the two layouts' published checkpoints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from .piece import Piece

__all__ = ["flux_sources", "mmdit_sources"]

Rename = Callable[[str, str], tuple[str, int]]
"""A file's key, as stem and leaf, to our key and the place of its rows in our tensor."""

OUT = "final_layer.adaLN_modulation.1"
MMDIT_ENDS = {
    "pos_embed.proj": "x_embedder.proj",
    "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
    "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    "norm_out.linear": OUT,
    "proj_out": "final_layer.linear",
}
MMDIT_BLOCK = {
    "norm1.linear": ("x_block.adaLN_modulation.1", 0),
    "norm1_context.linear": ("context_block.adaLN_modulation.1", 0),
    **{f"attn.to_{letter}": ("x_block.attn.qkv", i) for i, letter in enumerate("qkv")},
    **{f"attn2.to_{letter}": ("x_block.attn2.qkv", i) for i, letter in enumerate("qkv")},
    **{f"attn.add_{letter}_proj": ("context_block.attn.qkv", i) for i, letter in enumerate("qkv")},
    **{f"{name}.norm_{letter}": (f"x_block.{name}.ln_{letter}", 0) for name in ("attn", "attn2") for letter in "qk"},
    **{f"attn.norm_added_{letter}": (f"context_block.attn.ln_{letter}", 0) for letter in "qk"},
    "attn.to_out.0": ("x_block.attn.proj", 0),
    "attn2.to_out.0": ("x_block.attn2.proj", 0),
    "attn.to_add_out": ("context_block.attn.proj", 0),
    "ff.net.0.proj": ("x_block.mlp.fc1", 0),
    "ff.net.2": ("x_block.mlp.fc2", 0),
    "ff_context.net.0.proj": ("context_block.mlp.fc1", 0),
    "ff_context.net.2": ("context_block.mlp.fc2", 0),
}
FLUX_ENDS = {
    "x_embedder": "img_in",
    "context_embedder": "txt_in",
    **{
        f"time_text_embed.{theirs}_embedder.linear_{number}": f"{ours}_in.{layer}_layer"
        for theirs, ours in (("timestep", "time"), ("text", "vector"), ("guidance", "guidance"))
        for number, layer in ((1, "in"), (2, "out"))
    },
    "norm_out.linear": OUT,
    "proj_out": "final_layer.linear",
}
FLUX_DOUBLE = {
    "norm1.linear": ("img_mod.lin", 0),
    "norm1_context.linear": ("txt_mod.lin", 0),
    **{f"attn.to_{letter}": ("img_attn.qkv", i) for i, letter in enumerate("qkv")},
    **{f"attn.add_{letter}_proj": ("txt_attn.qkv", i) for i, letter in enumerate("qkv")},
    "attn.norm_q": ("img_attn.norm.query_norm", 0),
    "attn.norm_k": ("img_attn.norm.key_norm", 0),
    "attn.norm_added_q": ("txt_attn.norm.query_norm", 0),
    "attn.norm_added_k": ("txt_attn.norm.key_norm", 0),
    "attn.to_out.0": ("img_attn.proj", 0),
    "attn.to_add_out": ("txt_attn.proj", 0),
    "ff.net.0.proj": ("img_mlp.0", 0),
    "ff.net.2": ("img_mlp.2", 0),
    "ff_context.net.0.proj": ("txt_mlp.0", 0),
    "ff_context.net.2": ("txt_mlp.2", 0),
}
FLUX_SINGLE = {
    "norm.linear": ("modulation.lin", 0),
    **{f"attn.to_{letter}": ("linear1", i) for i, letter in enumerate("qkv")},
    "proj_mlp": ("linear1", 3),
    "proj_out": ("linear2", 0),
    "attn.norm_q": ("norm.query_norm", 0),
    "attn.norm_k": ("norm.key_norm", 0),
}


def mmdit_sources(keys: Iterable[str]) -> dict[str, Piece]:
    """Return {our key: how it is made} for an SD3 or SD3.5 transformer; keys that no rule covers stay themselves."""
    present = list(keys)
    numbers = [int(match[1]) for key in present for match in [re.match(r"transformer_blocks\.(\d+)\.", key)] if match]
    last = f"joint_blocks.{max(numbers, default=-1)}.context_block.adaLN_modulation.1"  # it ends the text's stream

    def rename(stem: str, leaf: str) -> tuple[str, int]:
        if match := re.fullmatch(r"transformer_blocks\.(\d+)\.(.+)", stem):
            rest, place = MMDIT_BLOCK.get(match[2], (None, 0))
            return (f"joint_blocks.{match[1]}.{rest}.{leaf}", place) if rest else (f"{stem}.{leaf}", 0)
        if stem == "pos_embed" and leaf == "pos_embed":
            return leaf, 0
        return f"{MMDIT_ENDS.get(stem, stem)}.{leaf}", 0

    return joined(present, rename, {last, OUT})


def flux_sources(keys: Iterable[str]) -> dict[str, Piece]:
    """Return {our key: how it is made} for a Flux transformer; keys that no rule covers stay themselves."""

    def rename(stem: str, leaf: str) -> tuple[str, int]:
        match = re.fullmatch(r"(single_)?transformer_blocks\.(\d+)\.(.+)", stem)
        if not match:
            return f"{FLUX_ENDS.get(stem, stem)}.{leaf}", 0
        rest, place = (FLUX_SINGLE if match[1] else FLUX_DOUBLE).get(match[3], (None, 0))
        if rest is None:
            return f"{stem}.{leaf}", 0
        leaf = "scale" if rest.endswith("_norm") else leaf
        return f"{'single' if match[1] else 'double'}_blocks.{match[2]}.{rest}.{leaf}", place

    return joined(keys, rename, {OUT})


def joined(keys: Iterable[str], rename: Rename, swapped: set[str]) -> dict[str, Piece]:
    """Gather the file's keys that go into one tensor, in their places. swapped: our names without `.weight`."""
    parts: dict[str, list[tuple[int, str]]] = {}
    for key in keys:
        stem, dot, leaf = key.rpartition(".")
        ours, place = rename(stem, leaf) if dot else (key, 0)
        parts.setdefault(ours, []).append((place, key))
    return {
        ours: Piece(tuple(key for _, key in sorted(found)), swapped=ours.rpartition(".")[0] in swapped)
        for ours, found in parts.items()
    }
