"""Key names of text encoders turned into ours, which are Hugging Face's without `text_model.`, and back to OpenCLIP's.

OpenCLIP keeps queries, keys and values in one tensor, and its projection transposed. Pure functions on names; OpenCLIP
files are written by `to_openclip` on tensors. Source: the two layouts' published checkpoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from .piece import Piece

__all__ = ["clip_pieces", "openclip_pieces", "t5_pieces", "to_openclip"]

ENDS = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
}
LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
FUSED = ("q_proj", "k_proj", "v_proj")
PROJECTION = "text_projection.weight"
REST = re.compile(r"(.*\.)?position_ids|logit_scale|attn_mask|vision_model\..*|visual_projection\..*|visual\..*")
"""The rest of CLIP, and buffers of old writers."""
T5_COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")


def clip_pieces(keys: Iterable[str]) -> dict[str, Piece]:
    """Return {our key: piece} of Hugging Face's names, with or without `text_model.`."""
    return {key.removeprefix("text_model."): Piece((key,)) for key in keys if not REST.fullmatch(key)}


def openclip_pieces(keys: Iterable[str]) -> dict[str, Piece]:
    """Return {our key: piece} of OpenCLIP's names; keys that no rule covers stay themselves."""
    pieces: dict[str, Piece] = {}
    for key in keys:
        if REST.fullmatch(key):
            continue
        if key in ("text_projection", PROJECTION):
            # A bare matrix is (in, out); what carries ".weight" was written as a linear layer, (out, in).
            pieces[PROJECTION] = Piece((key,), transposed=key != PROJECTION)
        elif match := re.fullmatch(r"transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)", key):
            for i, name in enumerate(FUSED):
                pieces[f"encoder.layers.{match[1]}.self_attn.{name}.{match[2]}"] = Piece((key,), share=(i, 3))
        elif (match := re.fullmatch(r"transformer\.resblocks\.(\d+)\.(.+)\.(weight|bias)", key)) and match[2] in LAYER:
            pieces[f"encoder.layers.{match[1]}.{LAYER[match[2]]}.{match[3]}"] = Piece((key,))
        else:
            pieces[ENDS.get(key, key)] = Piece((key,))
    return pieces


def t5_pieces(keys: Iterable[str]) -> dict[str, Piece]:
    """Return {our key: piece} of Hugging Face's T5; some writers repeat the table of words under other names."""
    present = list(keys)
    pieces = {key: Piece((key,)) for key in present if key not in T5_COPIES}
    if "shared.weight" not in pieces and T5_COPIES[0] in present:
        pieces["shared.weight"] = Piece((T5_COPIES[0],))
    return pieces


def to_openclip(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a text encoder, keys ours, under OpenCLIP's names."""
    ends = {ours: theirs for theirs, ours in ENDS.items()}
    names = {ours: theirs for theirs, ours in LAYER.items()}
    found: dict[str, Tensor] = {}
    for key, tensor in state.items():
        match = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", key)
        if key == PROJECTION:
            found["text_projection"] = tensor.t()
        elif match is None:
            found[ends.get(key, key)] = tensor
        elif match[2] in names:
            found[f"transformer.resblocks.{match[1]}.{names[match[2]]}.{match[3]}"] = tensor
        elif match[2] == "self_attn.q_proj":
            stem = f"encoder.layers.{match[1]}.self_attn"
            rows = [state[f"{stem}.{name}.{match[3]}"] for name in FUSED]
            found[f"transformer.resblocks.{match[1]}.attn.in_proj_{match[3]}"] = torch.cat(rows)
    return found
