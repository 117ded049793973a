"""Where the denoiser, the autoencoder and the text encoders lie in one file of weights, and as which networks.

Everything here is prepared: named, shaped and checked, with no weight read. Knows nothing of folders, devices or of
the values on wires. Source: key names of the published checkpoints of each family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from .arch import OPENCLIP, REFINER_G, SDXL_G, SDXL_L, TEXT, UNET, VAES
from .build import Part, Pieces, Prepared, part, prepare
from .clip import CLIPText, CLIPTextConfig
from .deduce import Shapes, clip_config, mmdit_config, unet_config, vae_config
from .deduce_flux import flux_config, t5_config
from .family import Family, Text
from .flux import Flux
from .mmdit import MMDiT
from .rename import unet_names, vae_names
from .rename_clip import PROJECTION, clip_pieces, openclip_pieces, t5_pieces
from .rename_dit import flux_sources, mmdit_sources
from .t5 import T5Text
from .unet import UNet
from .vae import AutoencoderKL
from .weights import WeightFile

__all__ = [
    "TEXT_PLACES",
    "TextNetwork",
    "has",
    "prepare_clip",
    "prepare_denoiser",
    "prepare_t5",
    "prepare_texts",
    "prepare_vae",
]

TextNetwork = Prepared[CLIPText] | Prepared[T5Text]
SD3_TEXTS = "text_encoders."


@dataclass(frozen=True, slots=True)
class TextAt:
    """Where one text encoder lies in a checkpoint."""

    place: str
    """"l", "h", "g" or "t5"."""
    prefix: str
    openclip: bool = False


SEVERAL = tuple(
    TextAt(place, f"{SD3_TEXTS}{name}.transformer.")
    for place, name in (("l", "clip_l"), ("g", "clip_g"), ("t5", "t5xxl"))
)
TEXT_PLACES: Mapping[Text, tuple[TextAt, ...]] = MappingProxyType(
    {
        "l": (TextAt("l", TEXT),),
        "h": (TextAt("h", OPENCLIP, openclip=True),),
        "g": (TextAt("g", REFINER_G, openclip=True),),
        "sdxl": (TextAt("l", SDXL_L), TextAt("g", SDXL_G, openclip=True)),
        "sd3": SEVERAL,
        "flux": tuple(at for at in SEVERAL if at.place != "g"),
    }
)


@dataclass(frozen=True, slots=True)
class Network:
    """The class of a denoiser, how its shape is read, and how diffusers' names become its own."""

    make: Callable[[Any], nn.Module]
    configure: Callable[[Shapes], Any]
    names: Callable[[list[str]], Mapping[str, str]] | None = None
    pieces: Pieces | None = None


UNET_NETWORK = Network(UNet, unet_config, names=unet_names)
NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        **dict.fromkeys(("SD1.x", "SD2.x", "SDXL", "SDXL refiner"), UNET_NETWORK),
        "SD3": Network(MMDiT, mmdit_config, pieces=mmdit_sources),
        "Flux": Network(Flux, flux_config, pieces=flux_sources),
    }
)
"""By the family's kin."""
DIFFUSERS = ("time_embedding.linear_1.weight", "transformer_blocks.0.attn.add_q_proj.weight")
"""Keys that only diffusers' denoisers have."""


def prepare_denoiser(
    source: WeightFile, family: Family, what: str, change: Callable[[Any], Any] = lambda config: config
) -> Prepared[nn.Module]:
    """Return the denoiser of a file: under ldm's prefix, bare, or in diffusers' names.

    change: what a folder's configuration adds to the shape. Raises: as `prepare`.
    """
    network = NETWORKS[family.kin]
    if any(key in source.shapes for key in DIFFUSERS):
        weights = part(source, "", network.names, network.pieces)
    else:
        weights = part(source, UNET if has(source, UNET) else "").without("edm_mean", "edm_std")
    return prepare(network.make, lambda shapes: change(network.configure(shapes)), weights, what)


def prepare_vae(source: WeightFile, what: str) -> Prepared[AutoencoderKL] | None:
    """Return the autoencoder of a file, or None where it holds none. Raises: as `prepare`."""
    prefix = next((prefix for prefix in VAES if has(source, prefix)), "")
    if not prefix and not any(key.startswith(("decoder.", "encoder.conv_in")) for key in source.shapes):
        return None
    names = vae_names if "decoder.up_blocks.0.resnets.0.norm1.weight" in source.shapes else None
    return prepare(AutoencoderKL, vae_config, part(source, prefix, names), what)


def prepare_texts(source: WeightFile, family: Family, whole: str) -> dict[str, TextNetwork]:
    """Return the text encoders that a checkpoint holds, by place. whole: the checkpoint in messages."""
    found: dict[str, TextNetwork] = {}
    for at in TEXT_PLACES[family.text]:
        # Some writers leave "transformer." out.
        prefix = next((p for p in (at.prefix, at.prefix.removesuffix("transformer.")) if has(source, p)), None)
        if prefix is None:
            continue
        if at.place == "t5":
            found["t5"] = prepare_t5(part(source, prefix, pieces=t5_pieces), f"T5 of the {whole}")
        else:
            weights = part(source, prefix, pieces=openclip_pieces if at.openclip else clip_pieces)
            if at.place == "l" and not (family.text == "sd3" and projects(weights)):
                weights = weights.without(PROJECTION)
            found[at.place] = prepare_clip(weights, at.place, f"text encoder of the {whole}")
    return found


def prepare_clip(
    weights: Part, place: str, what: str, change: Callable[[CLIPTextConfig], CLIPTextConfig] = lambda config: config
) -> Prepared[CLIPText]:
    """Return a CLIP text encoder; H and bigG have another activation than L, at every width."""

    def configure(shapes: Shapes) -> CLIPTextConfig:
        config = clip_config(shapes)
        return change(config if place == "l" else replace(config, activation="gelu"))

    return prepare(CLIPText, configure, weights, what)


def prepare_t5(weights: Part, what: str) -> Prepared[T5Text]:
    """Return a T5 encoder."""
    return prepare(T5Text, t5_config, weights, what)


def projects(weights: Part) -> bool:
    """Tell whether a part has a projection that changes what it is given; SD3's files carry the identity for L."""
    if PROJECTION not in weights.pieces:
        return False
    matrix = weights.tensor(PROJECTION).float()
    return matrix.ndim != 2 or not torch.equal(matrix, torch.eye(*matrix.shape))


def has(source: WeightFile, prefix: str) -> bool:
    """Tell whether any key of the file begins so."""
    return any(key.startswith(prefix) for key in source.shapes)
