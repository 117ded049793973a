"""Checkpoints as folders in diffusers' layout: a sub-folder per part, with a configuration and weights.

Only what shapes cannot tell is taken from the configurations: heads, activation, scale factor, schedule.
Knows nothing of nodes. Source: the published layout (`model_index.json` and its parts).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..diffusion.process import Discrete, scaled_linear
from ..errors import UserError
from ..memory.device import pick_dtype
from .build import build, part
from .clip import CLIPText, CLIPTextConfig
from .deduce import clip_config, unet_config, vae_config
from .denoiser import DiffusionModel
from .latent import LatentFormat
from .rename import clip_names, unet_names, vae_names
from .unet import UNet, UNetConfig
from .vae import AutoencoderKL
from .weights import WeightFile, open_weights

__all__ = ["FolderParts", "load_folder"]

Shapes = Mapping[str, tuple[int, ...]]
PREDICTIONS = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
ENDINGS = (".safetensors", ".fp16.safetensors", ".bin", ".fp16.bin")


@dataclass(frozen=True, slots=True)
class FolderParts:
    """The three networks of a folder, the denoiser with its process."""

    model: DiffusionModel
    text: CLIPText
    vae: AutoencoderKL


def load_folder(
    path: Path,
    device: torch.device,
    dtype: torch.dtype | None,
    vae_dtype: torch.dtype | None,
    *,
    allow_pickle: bool = False,
) -> FolderParts:
    """Load a Stable Diffusion folder.

    Raises: UserError M009 for a folder that is none or lacks a part, or the errors of `open_weights` and
    `build`.
    """
    index = read_json(path / "model_index.json")
    name = index.get("_class_name", "")
    if "StableDiffusion" not in str(name) or "XL" in str(name) or "text_encoder_2" in index or "transformer" in index:
        raise bad(path, "a Stable Diffusion 1.x folder", f"the pipeline {str(name)[:40]!r}")
    dtype = dtype or pick_dtype(device)
    unet_json, vae_json = read_json(path / "unet" / "config.json"), read_json(path / "vae" / "config.json")
    text_json = read_json(path / "text_encoder" / "config.json")
    schedule = read_json(path / "scheduler" / "scheduler_config.json")

    def weights(folder: str) -> WeightFile:
        return open_weights(find_weights(path / folder), allow_pickle=allow_pickle)

    unet = build(
        UNet,
        lambda shapes: with_heads(unet_config(shapes), unet_json),
        part(weights("unet"), "", unet_names),
        "UNet",
        device,
        dtype,
    )
    text = build(
        CLIPText,
        lambda shapes: with_activation(clip_config(shapes), text_json),
        part(weights("text_encoder"), "", clip_names),
        "text encoder",
        device,
        dtype,
    )
    vae = build(
        AutoencoderKL,
        vae_config,
        part(weights("vae"), "", vae_names),
        "VAE",
        device,
        vae_dtype or pick_dtype(device, role="vae"),
    )
    latent = LatentFormat(
        channels=vae.config.latent_channels,
        scale=float(vae_json.get("scaling_factor") or LatentFormat().scale),  # older folders leave it out
        shift=float(vae_json.get("shift_factor") or 0.0),
        downscale=vae.config.downscale,
    )
    process, prediction = read_schedule(path, schedule)
    return FolderParts(DiffusionModel(unet, process, prediction, latent), text, vae)


def read_schedule(path: Path, schedule: Mapping[str, Any]) -> tuple[Discrete, str]:
    """Return the forward process and the prediction that a scheduler configuration names."""
    kind = schedule.get("beta_schedule", "scaled_linear")
    start, end = float(schedule.get("beta_start", 0.00085)), float(schedule.get("beta_end", 0.012))
    count = int(schedule.get("num_train_timesteps", 1000))
    if kind == "scaled_linear":
        betas = scaled_linear(start, end, count)
    elif kind == "linear":
        betas = torch.linspace(start, end, count, dtype=torch.float64)
    else:
        raise bad(path, "the beta schedule scaled_linear or linear", repr(kind)[:40])
    prediction = PREDICTIONS.get(schedule.get("prediction_type", "epsilon"))
    if prediction is None:
        raise bad(path, f"a prediction_type of {', '.join(PREDICTIONS)}", repr(schedule["prediction_type"])[:40])
    process = Discrete(betas)
    return (process.with_zero_terminal_snr() if schedule.get("rescale_betas_zero_snr") else process), prediction


def with_heads(config: UNetConfig, data: Mapping[str, Any]) -> UNetConfig:
    """Return the configuration with the heads stated; `attention_head_dim` is a number of heads."""
    stated = data.get("num_attention_heads") or data.get("attention_head_dim") or 8
    if isinstance(stated, int):
        return replace(config, heads=stated, head_channels=None)
    widths = {config.model_channels * mult // heads for mult, heads in zip(config.channel_mult, stated, strict=True)}
    if len(widths) > 1:
        raise ValueError(f"heads {stated} give no one width")
    return replace(config, head_channels=widths.pop())


def with_activation(config: CLIPTextConfig, data: Mapping[str, Any]) -> CLIPTextConfig:
    """Return the configuration with the heads and activation a folder states."""
    heads = int(data.get("num_attention_heads") or config.heads)
    return replace(config, heads=heads, activation=str(data.get("hidden_act") or config.activation))


def find_weights(folder: Path) -> Path:
    """Return a part's file of weights; safetensors before pickles, full before half precision."""
    for ending in ENDINGS:
        for stem in STEMS:
            if (folder / (stem + ending)).is_file():
                return folder / (stem + ending)
    sharded = any(folder.glob("*.index.json"))
    raise bad(folder, "weights in one file", "several shards" if sharded else "none")


def read_json(path: Path) -> dict[str, Any]:
    """Return a configuration. Raises: UserError M009 when it is missing or no JSON object."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise bad(path.parent, path.name, "no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise bad(path.parent, f"JSON in {path.name}", type(error).__name__) from error
    if not isinstance(data, dict):
        raise bad(path.parent, f"an object in {path.name}", type(data).__name__)
    return data


def bad(path: Path, expected: str, got: str) -> UserError:
    """Return the error for a folder that is no checkpoint."""
    return UserError(
        "M009",
        where=f'folder "{path.name}"',
        expected=expected,
        got=got,
        fix="Check that the folder is complete.",
    )
