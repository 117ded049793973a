"""Checkpoints, and the parts of one, from files and folders to the values that wires carry.

Single files in the layout of each family, folders in diffusers' layout (folder.py); what a file is, is detected from
its keys, and every part is checked before any is loaded. Knows nothing of nodes or of where models are searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import nn

from ..diffusion.process import Discrete
from ..memory.device import pick_device, pick_dtype
from ..memory.residency import Residence
from .arch import Architecture
from .autoencoder import Autoencoder
from .denoiser import DiffusionModel
from .family import FAMILIES, Family
from .folder import load_folder
from .load_file import expect, identify, open_model
from .load_parts import prepare_denoiser, prepare_texts, prepare_vae
from .load_text import TextOptions, load_text_encoder, load_text_encoders, loaded, text_value, tokenizer_of
from .mmdit import MMDiT
from .placing import home, settled
from .save import save_checkpoint
from .text import TextEncoder
from .text_stack import TextStack
from .unet import UNet
from .weights import WeightFile

__all__ = [
    "Loaded",
    "identify",
    "load_checkpoint",
    "load_text_encoder",
    "load_text_encoders",
    "load_unet",
    "load_vae",
    "save_checkpoint",
]

V_LAYER = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
V_SPREAD = 0.09


class Loaded(NamedTuple):
    """The parts of a checkpoint; SD3's and Flux's files may come without text encoders."""

    model: DiffusionModel
    clip: TextEncoder | TextStack | None
    vae: Autoencoder | None


def load_checkpoint(
    path: Path | str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    vae_dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
    embedding_folders: Sequence[Path] = (),
    tokenizer_folders: Sequence[Path] = (),
    residence: Residence | None = None,
) -> Loaded:
    """Load a single file or a diffusers folder of any family.

    device: the best there is, if None. dtype: of denoiser and text encoders; vae_dtype: of the autoencoder; each the
    best for device and family, if None. embedding_folders: where text encoders look `embedding:name` up;
    tokenizer_folders: where T5's tokenizer is looked for when it does not lie beside the weights. residence: brings
    weights to the device when they are needed; they stay on the host then.
    Raises: UserError M001..M019, M060, M061, all before anything is half loaded.
    """
    path = Path(path)
    device = device or pick_device()
    options = TextOptions(tuple(embedding_folders), tuple(tokenizer_folders), allow_pickle)
    store = home(device, residence)
    if path.is_dir():
        return placed(Loaded(*load_folder(path, device, store, dtype, vae_dtype, options)), device, residence)
    source = open_model(path, allow_pickle=allow_pickle)
    entry = expect(source, "checkpoint")
    family = FAMILIES[str(entry.family)]
    denoiser = prepare_denoiser(source, family, f"{network_name(family)} of the {entry.name}")
    coder = prepare_vae(source, f"VAE of the {entry.name}")
    texts = prepare_texts(source, family, entry.name)
    tokenizer = tokenizer_of(texts, options)
    model = model_of(denoiser.load(store, dtype or pick_dtype(device, role=role(family))), source, family)
    clip = text_value(family.text, loaded(texts, device, store, dtype), tokenizer, options) if texts else None
    vae = None if coder is None else Autoencoder(coder.load(store, vae_dtype or pick_dtype(device, role="vae")))
    return placed(Loaded(model, clip, vae), device, residence)


def placed(parts: Loaded, device: torch.device, residence: Residence | None) -> Loaded:
    """Return the parts, their networks running where they should, missing text as wide as the model takes it."""
    model, clip, vae = parts
    if isinstance(clip, TextStack) and isinstance(model.base, MMDiT):
        clip = clip.fitting(model.base.config.context_dim, model.base.config.pooled_dim)
    return Loaded(settled(model, device, residence), settled(clip, device, residence), settled(vae, device, residence))


def load_unet(
    path: Path | str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
    residence: Residence | None = None,
) -> DiffusionModel:
    """Load a denoiser: a bare or prefixed file, one in diffusers' names, or the one in a checkpoint."""
    source = open_model(path, allow_pickle=allow_pickle)
    entry = expect(source, "unet", "checkpoint")
    family = FAMILIES[str(entry.family)]
    device = device or pick_device()
    prepared = prepare_denoiser(source, family, what_of(entry, family))
    network = prepared.load(home(device, residence), dtype or pick_dtype(device, role=role(family)))
    return settled(model_of(network, source, family), device, residence)


def load_vae(
    path: Path | str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
    residence: Residence | None = None,
) -> Autoencoder:
    """Load an autoencoder alone: a file in ldm's or diffusers' names, or the one inside a checkpoint."""
    source = open_model(path, allow_pickle=allow_pickle)
    entry = expect(source, "vae", "checkpoint")
    device = device or pick_device()
    prepared = prepare_vae(source, "VAE" if entry.kind == "vae" else f"VAE of the {entry.name}")
    assert prepared is not None  # both kinds have one, as their conditions say
    network = prepared.load(home(device, residence), dtype or pick_dtype(device, role="vae"))
    return settled(Autoencoder(network), device, residence)


def model_of(network: nn.Module, source: WeightFile, family: Family) -> DiffusionModel:
    """Return the MODEL of a file: markers among its keys and metadata say what the network predicts, else the family.

    SD2.x's two kinds have the same shape; the field tells them by the spread of one layer's bias (ComfyUI's
    rule); ModelSamplingDiscrete says otherwise where that is wrong.
    """
    config: Any = network.config  # of a UNet, an MMDiT or a Flux
    variant = family.taking(config.in_channels)
    process, prediction = variant.process(), str(variant.prediction)
    if isinstance(network, UNet) and ("v_pred" in source.shapes or (family.name == "SD2.x" and spreads(network))):
        prediction = "v"
    if isinstance(process, Discrete) and "ztsnr" in source.shapes:
        process = process.with_zero_terminal_snr()
    latent = variant.latent
    if latent.channels != config.out_channels:
        latent = replace(latent, channels=config.out_channels)
    colours = source.metadata.get("latentloom.rgb_factors")
    if colours is not None and colours != latent.rgb_json():
        latent = latent.with_rgb_json(colours)
    return DiffusionModel(network, process, prediction, latent, family=variant.name)


def spreads(network: UNet) -> bool:
    """Tell whether an SD2.x network predicts v, by the spread of a bias that training on v leaves wider."""
    bias = dict(network.named_parameters()).get(V_LAYER)
    return bias is not None and bool(bias.detach().float().std(correction=0) > V_SPREAD)


def role(family: Family) -> Literal["network", "transformer"]:
    """Return the role of a family's denoiser for `pick_dtype`."""
    return "transformer" if family.kin in ("SD3", "Flux") else "network"


def network_name(family: Family) -> str:
    """Return what a family's denoiser is called in messages."""
    return "transformer" if family.kin in ("SD3", "Flux") else "UNet"


def what_of(entry: Architecture, family: Family) -> str:
    """Return what a file's denoiser is called in messages."""
    return entry.name if entry.kind == "unet" else f"{network_name(family)} of the {entry.name}"
