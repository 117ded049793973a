"""By what names LoRA files call the layers of our networks: one table per kind of network, made from its own layers.

Dots and underscores are the same here, since many files have only underscores: names are looked up, never split. A new
kind of network is one more function in `TABLES`; one without has its own names. Knows nothing of files or factors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from torch import nn

from .clip import CLIPText
from .flux import Flux
from .lora_keys import flat
from .lora_kinds import Rows
from .mmdit import MMDiT
from .rename import RESNET, UNET_ENDS
from .rename_dit import FLUX_DOUBLE, FLUX_ENDS, FLUX_SINGLE
from .unet import UNet

__all__ = ["DENOISER", "TEXT", "Target", "file_names", "is_text", "layer_table", "lookup", "text_starts"]

DENOISER = (
    "lora_unet_", "lora_transformer_", "lycoris_", "unet_", "transformer_", "model_diffusion_model_",
    "diffusion_model_", "",
)  # fmt: skip
TEXT = {
    "l": ("lora_te_", "lora_te1_", "text_encoder_", "text_encoders_clip_l_transformer_", "clip_l_transformer_", ""),
    "g": ("lora_te2_", "text_encoder_2_", "text_encoders_clip_g_transformer_", "clip_g_transformer_"),
    "t5": ("lora_te3_", "text_encoder_3_", "text_encoders_t5xxl_transformer_", "t5xxl_transformer_"),
}  # fmt: skip
"""What files put before a layer's name, by the encoder's place in its family; "" last, for bare names."""
Layers = Mapping[str, tuple[int, ...]]  # a network's layers and the shapes of their weights
TEXT_STARTS = ("lora_te", "text_encoder", "text_model", "clip_l_", "clip_g_", "t5xxl_")


@dataclass(frozen=True, slots=True)
class Target:
    """A layer of a network, or some rows of its weight."""

    layer: str
    rows: Rows | None = None


def is_text(layer: str) -> bool:
    """Tell whether a file's name for a layer is one of a text encoder's."""
    return flat(layer).startswith(TEXT_STARTS)


def lookup(layer: str, table: Mapping[str, Target], starts: tuple[str, ...]) -> Target | None:
    """Return the layer of the network that the file means, or None. starts: what may stand before the name."""
    name = flat(layer)
    rests = (name[len(start) :] for start in starts if name.startswith(start))
    return next((table[rest] for rest in rests if rest in table), None)


def text_starts(place: str, places: Collection[str]) -> tuple[str, ...]:
    """Return what files put before the layers of the text encoder at `place`, among those that there are.

    A lone encoder is the first one of its files, whatever it is; in Flux, which has no bigG, T5 is the second.
    """
    first = TEXT["l"] if len(places) == 1 and place != "l" else ()
    second = TEXT["g"] if place == "t5" and "g" not in places else ()
    return (*TEXT[place], *second, *first)


def layer_table(network: nn.Module) -> dict[str, Target]:
    """Return {name in files, flat: layer} of a network: its own names, and those of other layouts."""
    layers: dict[str, tuple[int, ...]] = {}
    for name, parameter in network.named_parameters():
        layer, _, leaf = name.rpartition(".")
        if leaf == "weight" or layer not in layers:
            layers[layer or name] = tuple(parameter.shape)
    table = {flat(layer): Target(layer) for layer in layers}
    for kind, names in TABLES:
        if isinstance(network, kind):
            for name, target in names(layers):
                table.setdefault(flat(name), target)
    # Old diffusers calls the one layer of an attention's output by the name of the whole.
    shortened = {name.removesuffix("_0"): target for name, target in table.items() if name.endswith("_to_out_0")}
    return {**shortened, **table}


def file_names(network: nn.Module) -> dict[str, str]:
    """Return {layer: name} as kohya's trainer writes them: diffusers' for a UNet without a vector, else our own."""
    layers = {name.rpartition(".")[0]: tuple(weight.shape) for name, weight in network.named_parameters()}
    names = {layer: flat(layer) for layer in layers}
    if isinstance(network, UNet) and network.config.adm_channels is None:
        names |= {target.layer: flat(name) for name, target in unet_layers(layers)}
    return names


def unet_layers(layers: Layers) -> Iterator[tuple[str, Target]]:
    """Yield diffusers' names of a UNet's layers."""
    blocks = dict(unet_blocks(layers))
    parts = {ours: theirs for theirs, ours in RESNET.items()} | {"op": "conv"}
    for layer in layers:
        for theirs, ours in UNET_ENDS.items():
            if layer == ours:
                yield theirs, Target(layer)
        match = re.fullmatch(r"((?:input_blocks|output_blocks)\.\d+\.\d+|middle_block\.\d+)\.(.+)", layer)
        if match and match[1] in blocks:
            yield f"{blocks[match[1]]}.{parts.get(match[2], match[2])}", Target(layer)


def unet_blocks(layers: Layers) -> Iterator[tuple[str, str]]:
    """Yield (our block's part, diffusers' module) of a UNet, counting levels from its samplers on."""
    parts = {".".join(layer.split(".")[:3]): layer for layer in layers if layer.startswith(("input_", "output_"))}
    for ours, theirs in (("input_blocks", "down_blocks"), ("output_blocks", "up_blocks")):
        level = block = 0
        count = 1 + max((int(part.split(".")[1]) for part in parts if part.startswith(ours)), default=-1)
        for n in range(1 if ours == "input_blocks" else 0, count):
            names = [f"{ours}.{n}.{i}" for i in range(3) if f"{ours}.{n}.{i}" in parts]
            for name in names:
                if f"{name}.op" in layers:
                    yield name, f"{theirs}.{level}.downsamplers.0"
                elif f"{name}.conv" in layers:
                    yield name, f"{theirs}.{level}.upsamplers.0"
                elif name.endswith(".0"):
                    yield name, f"{theirs}.{level}.resnets.{block}"
                else:
                    yield name, f"{theirs}.{level}.attentions.{block}"
            if any(f"{name}.op" in layers or f"{name}.conv" in layers for name in names):
                level, block = level + 1, 0
            else:
                block += 1
    attended = "middle_block.1.norm" in layers  # else 0 and 1 are the two residual blocks
    yield "middle_block.0", "mid_block.resnets.0"
    yield "middle_block.1", "mid_block.attentions.0" if attended else "mid_block.resnets.1"
    yield "middle_block.2", "mid_block.resnets.1"


def clip_layers(layers: Layers) -> Iterator[tuple[str, Target]]:
    """Yield Hugging Face's names of a text encoder's layers, and those of diffusers' first LoRA files."""
    old = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
    for layer in layers:
        stem, _, last = layer.rpartition(".")
        yield f"text_model.{layer}", Target(layer)
        if last in old:
            yield f"text_model.{stem}.{old[last]}", Target(layer)


SD3_LAYERS = {
    "x_embedder.proj": "pos_embed.proj",
    "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
    "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
    "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
    "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
    "final_layer.linear": "proj_out",
}
SD3_PARTS = {
    "x_block.attn.proj": "attn.to_out.0", "context_block.attn.proj": "attn.to_add_out",
    "x_block.attn2.proj": "attn2.to_out.0",
    "x_block.mlp.fc1": "ff.net.0.proj", "x_block.mlp.fc2": "ff.net.2",
    "context_block.mlp.fc1": "ff_context.net.0.proj", "context_block.mlp.fc2": "ff_context.net.2",
    "x_block.adaLN_modulation.1": "norm1.linear", "context_block.adaLN_modulation.1": "norm1_context.linear",
}  # fmt: skip
SD3_JOINED = {
    "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
    "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
}


def sd3_layers(layers: Layers) -> Iterator[tuple[str, Target]]:
    """Yield diffusers' names of an MMDiT's layers.

    diffusers has queries, keys and values apart, which are rows of one weight here, and the halves (scale, shift) of
    the last two modulations in the other order.
    """
    swapped = Rows(swapped=True)
    last = max((int(layer.split(".")[1]) for layer in layers if layer.startswith("joint_blocks.")), default=-1)
    for layer in layers:
        if layer in SD3_LAYERS:
            yield SD3_LAYERS[layer], Target(layer)
        elif layer == "final_layer.adaLN_modulation.1":
            yield "norm_out.linear", Target(layer, swapped)
        elif match := re.fullmatch(r"joint_blocks\.(\d+)\.(.+)", layer):
            stem, part = f"transformer_blocks.{match[1]}", match[2]
            width = layers[layer][0] // 3
            for i, name in enumerate(SD3_JOINED.get(part, ())):
                yield f"{stem}.{name}", Target(layer, Rows(i * width, (i + 1) * width))
            if part in SD3_PARTS:
                ends = int(match[1]) == last and part == "context_block.adaLN_modulation.1"
                yield f"{stem}.{SD3_PARTS[part]}", Target(layer, swapped if ends else None)


def flux_layers(layers: Layers) -> Iterator[tuple[str, Target]]:
    """Yield diffusers' names of a Flux's layers.

    Queries, keys and values, and in the single blocks the feed-forward's first layer, are rows of one weight here.
    """
    swapped = {"norm_out.linear": Rows(swapped=True)}
    for theirs, ours in FLUX_ENDS.items():
        if ours in layers:
            yield theirs, Target(ours, swapped.get(theirs))
    for layer, shape in layers.items():
        match = re.fullmatch(r"(double|single)_blocks\.(\d+)\.(.+)", layer)
        if match is None:
            continue
        parts, stem = (FLUX_DOUBLE, "") if match[1] == "double" else (FLUX_SINGLE, "single_")
        for theirs, (ours, place) in parts.items():
            if ours == match[3]:
                rows = None
                if ours.endswith("qkv") or ours == "linear1":
                    width = shape[1]
                    rows = Rows(place * width, shape[0] if place == MLP_PLACE else (place + 1) * width)
                yield f"{stem}transformer_blocks.{match[2]}.{theirs}", Target(layer, rows)


MLP_PLACE = 3  # after queries, keys and values
TABLES: tuple[tuple[type[nn.Module], Callable[[Layers], Iterator[tuple[str, Target]]]], ...] = (
    (UNet, unet_layers),
    (CLIPText, clip_layers),
    (MMDiT, sd3_layers),
    (Flux, flux_layers),
)
