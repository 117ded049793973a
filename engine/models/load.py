"""Checkpoints, and the parts of one, from files and folders to the values that wires carry.

Single files in ldm's layout, folders in diffusers' layout (folder.py); what a file is, is detected from its
keys. Knows nothing of nodes or of where models are searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from ..diffusion.process import Discrete
from ..errors import UserError
from ..memory.device import pick_device, pick_dtype
from .arch import ARCHITECTURES, TEXT, UNET, VAE, Architecture, Kind
from .autoencoder import Autoencoder
from .build import Part, build, part
from .clip import CLIPText
from .deduce import clip_config, unet_config, vae_config
from .denoiser import DiffusionModel
from .detect import detect
from .folder import load_folder
from .latent import LatentFormat
from .rename import clip_names, unet_names, vae_names
from .save import save_checkpoint
from .text import TextEncoder
from .unet import UNet
from .vae import AutoencoderKL
from .weights import WeightFile, open_weights

__all__ = [
    "Loaded",
    "identify",
    "load_checkpoint",
    "load_text_encoder",
    "load_unet",
    "load_vae",
    "save_checkpoint",
]


class Loaded(NamedTuple):
    """The three parts of a checkpoint."""

    model: DiffusionModel
    clip: TextEncoder
    vae: Autoencoder


def load_checkpoint(
    path: Path | str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    vae_dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
    embedding_folders: Sequence[Path] = (),
) -> Loaded:
    """Load a single file or a diffusers folder.

    device: the best there is, if None. dtype: of denoiser and text encoder; vae_dtype: of the autoencoder;
    each the best for the device, if None. embedding_folders: where the text encoder looks `embedding:name`
    up.
    Raises: UserError M001..M019 (see the table in docs), all before anything is half loaded.
    """
    path = Path(path)
    device = device or pick_device()
    if path.is_dir():
        parts = load_folder(path, device, dtype, vae_dtype, allow_pickle=allow_pickle)
        clip = TextEncoder(parts.text, embedding_folders=tuple(embedding_folders), allow_pickle=allow_pickle)
        return Loaded(parts.model, clip, Autoencoder(parts.vae))
    source = open_weights(path, allow_pickle=allow_pickle)
    expect(source, "checkpoint")
    dtype = dtype or pick_dtype(device)
    vae = vae_network(part(source, VAE), device, vae_dtype)
    text = build(CLIPText, clip_config, part(source, TEXT, clip_names), "text encoder", device, dtype)
    model = denoiser(source, part(source, UNET), device, dtype)
    clip = TextEncoder(text, embedding_folders=tuple(embedding_folders), allow_pickle=allow_pickle)
    return Loaded(model, clip, Autoencoder(vae))


def load_unet(
    path: Path | str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
) -> DiffusionModel:
    """Load a denoiser: a bare or prefixed ldm file, a diffusers file, or the one in a checkpoint."""
    source = open_weights(path, allow_pickle=allow_pickle)
    expect(source, "unet", "checkpoint")
    device = device or pick_device()
    prefix = UNET if has(source, UNET) else ""
    names = unet_names if "time_embedding.linear_1.weight" in source.shapes else None
    return denoiser(source, part(source, prefix, names), device, dtype or pick_dtype(device))


def load_vae(
    path: Path | str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
) -> Autoencoder:
    """Load an autoencoder alone: an ldm or diffusers file, or the one inside a checkpoint."""
    source = open_weights(path, allow_pickle=allow_pickle)
    expect(source, "vae", "checkpoint")
    prefix = VAE if has(source, VAE) else ""
    names = vae_names if "decoder.up_blocks.0.resnets.0.norm1.weight" in source.shapes else None
    return Autoencoder(vae_network(part(source, prefix, names), device or pick_device(), dtype))


def load_text_encoder(
    path: Path | str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
    embedding_folders: Sequence[Path] = (),
) -> TextEncoder:
    """Load a CLIP text encoder alone: a standalone file in either naming, or the one inside a checkpoint."""
    source = open_weights(path, allow_pickle=allow_pickle)
    expect(source, "text_encoder", "checkpoint")
    device = device or pick_device()
    weights = part(source, TEXT if has(source, TEXT) else "", clip_names)
    network = build(CLIPText, clip_config, weights, "text encoder", device, dtype or pick_dtype(device))
    return TextEncoder(network, embedding_folders=tuple(embedding_folders), allow_pickle=allow_pickle)


def identify(path: Path | str, *, allow_pickle: bool = False) -> Architecture:
    """Return what a file is, by its keys; reads no data of safetensors. Raises: as `load_checkpoint`."""
    source = open_weights(path, allow_pickle=allow_pickle)
    return detect(ARCHITECTURES, source.shapes, source.path.name)


def expect(source: WeightFile, *kinds: Kind) -> Architecture:
    """Return what the file is. Raises: UserError M002 for nothing known, M003 for another kind or family."""
    found = detect(ARCHITECTURES, source.shapes, source.path.name)
    if found.kind not in kinds or not found.readable:
        wanted = [entry.name for entry in ARCHITECTURES if entry.kind in kinds and entry.readable]
        loader = "" if found.kind in kinds else f" Or load it with the node for {found.kind.replace('_', ' ')}s."
        raise UserError(
            "M003",
            where=f'"{source.path.name}"',
            expected=" or ".join(wanted),
            got=f"{found.name}",
            fix=f"Choose another file.{loader}",
        )
    return found


def denoiser(source: WeightFile, weights: Part, device: torch.device, dtype: torch.dtype) -> DiffusionModel:
    """Return the MODEL of a file: markers among its keys and metadata say what the network predicts."""
    network = build(UNet, unet_config, weights_without_markers(weights), "UNet", device, dtype)
    process = Discrete.stable_diffusion()
    latent = LatentFormat(channels=network.config.out_channels)
    if "latentloom.rgb_factors" in source.metadata:
        latent = latent.with_rgb_json(source.metadata["latentloom.rgb_factors"])
    return DiffusionModel(
        network,
        process.with_zero_terminal_snr() if "ztsnr" in source.shapes else process,
        "v" if "v_pred" in source.shapes else "eps",
        latent,
    )


def weights_without_markers(weights: Part) -> Part:
    """Return a part without the keys that mark v prediction and zero terminal SNR."""
    return Part(weights.source, {key: file for key, file in weights.keys.items() if key not in ("v_pred", "ztsnr")})


def vae_network(weights: Part, device: torch.device, dtype: torch.dtype | None) -> AutoencoderKL:
    """Return the autoencoder of a part in ldm's names."""
    return build(AutoencoderKL, vae_config, weights, "VAE", device, dtype or pick_dtype(device, role="vae"))


def has(source: WeightFile, prefix: str) -> bool:
    """Tell whether any key of the file begins so."""
    return any(key.startswith(prefix) for key in source.shapes)
