"""The keys of LoRA files, in all layouts of the field: which layer each belongs to, and which factor of it it is.

Layer names stay the file's own, without what tells the layout; whose layers they are is the job of lora_names.py.
Reads no tensors. Source: the files that kohya's trainer, LyCORIS, peft and diffusers (old and new) write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Alphas", "Place", "flat", "place", "stated_alphas"]

ENDS = {
    ".lora_up.weight": "up", ".lora_down.weight": "down", ".lora_mid.weight": "mid",  # kohya, LyCORIS
    "_lora.up.weight": "up", "_lora.down.weight": "down",  # diffusers before peft, attention processors
    ".lora.up.weight": "up", ".lora.down.weight": "down",  # the same, on layers
    ".lora_linear_layer.up.weight": "up", ".lora_linear_layer.down.weight": "down",  # the same, in text encoders
    ".alpha": "alpha", "_lora.alpha": "alpha",
    ".dora_scale": "dora",
    ".diff": "diff", ".w_norm": "diff", ".diff_b": "bias", ".b_norm": "bias",
    **{f".hada_{name}": name for name in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **{f".lokr_{name}": name for name in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")},
}  # fmt: skip
PEFT = re.compile(r"(.+)\.lora_(A|B|magnitude_vector)(?:\.[A-Za-z0-9-]+)??(?:\.weight)?")  # may name the adapter
PEFT_FACTORS = {"A": "down", "B": "up", "magnitude_vector": "row_lengths"}
WRAPPER = "base_model.model."  # of peft's models
STATED = "lora_adapter_metadata"  # where diffusers writes its configuration, in a safetensors file's metadata


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key belongs: the layer in the file's name for it, and the factor: "up", "alpha", "w1_a", ..."""

    layer: str
    factor: str
    family: str = ""
    """"lokr" or "hada" where the factor's name alone does not say the kind."""


def place(key: str) -> Place | None:
    """Return where a key of a file belongs, or None when it is of no kind known."""
    bare = key.removeprefix(WRAPPER)
    for end, factor in ENDS.items():
        if bare.endswith(end) and len(bare) > len(end):
            family = end[1:5] if end[1:5] in ("lokr", "hada") else ""
            return Place(bare[: -len(end)], factor, family)
    match = PEFT.fullmatch(bare)
    return Place(match[1], PEFT_FACTORS[match[2]]) if match else None


def flat(layer: str) -> str:
    """Return a layer's name as every layout can be compared: underscores only, without diffusers' old processors."""
    return layer.replace(".processor", "").replace(".", "_")


@dataclass(frozen=True, slots=True)
class Alphas:
    """Alphas that a file states beside its tensors, by component ("unet", "text_encoder", ...)."""

    default: Mapping[str, float]
    of_layers: Mapping[str, Mapping[str, float]]
    by_root: frozenset[str]
    """Components whose scale is alpha / sqrt(rank)."""

    def alpha(self, layer: str) -> float | None:
        """Return the alpha stated for a layer in the file's name for it, or None."""
        component, _, path = layer.partition(".")
        for name, value in self.of_layers.get(component, {}).items():
            if path == name or path.endswith("." + name):
                return value
        return self.default.get(component)

    def rooted(self, layer: str) -> bool:
        """Tell whether a layer's alpha is divided by the root of its rank."""
        return layer.partition(".")[0] in self.by_root


def stated_alphas(metadata: Mapping[str, str]) -> Alphas:
    """Return what diffusers wrote of its configuration; nothing where it wrote none, or something else."""
    try:
        stated = json.loads(metadata.get(STATED, "{}"))
    except (ValueError, RecursionError):
        stated = {}
    found = stated if isinstance(stated, dict) else {}
    default = {name: value for name, value in ending(found, ".lora_alpha") if is_number(value)}
    patterns = {
        name: {layer: alpha for layer, alpha in value.items() if is_number(alpha)}
        for name, value in ending(found, ".alpha_pattern")
        if isinstance(value, dict)
    }
    return Alphas(default, patterns, frozenset(name for name, value in ending(found, ".use_rslora") if value is True))


def ending(items: Mapping[str, Any], end: str) -> Iterable[tuple[str, Any]]:
    """Return the items whose name ends so, under the name before it."""
    return [(name[: -len(end)], value) for name, value in items.items() if name.endswith(end)]


def is_number(value: object) -> bool:
    """Tell whether a value of JSON is a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
