"""Checkpoints as folders in diffusers' layout: a sub-folder per part, with a configuration and weights.

Only what shapes cannot tell is taken from the configurations: heads, activation, scale factor, schedule.
Knows nothing of nodes. Source: the published layout (`model_index.json` and its parts).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..diffusion.process import Discrete, Flow, Process, scaled_linear
from ..memory.device import pick_dtype
from .arch import ARCHITECTURES
from .autoencoder import Autoencoder
from .build import Prepared, part
from .clip import CLIPTextConfig
from .denoiser import DiffusionModel
from .detect import detect
from .family import FAMILIES, Family
from .folder_json import bad, read_json
from .latent import LatentFormat
from .load_parts import TextNetwork, prepare_clip, prepare_denoiser, prepare_t5, prepare_vae, projects
from .load_text import TextOptions, loaded, text_value, tokenizer_of
from .rename_clip import PROJECTION, clip_pieces, t5_pieces
from .scaled import unscaled
from .shards import open_sharded
from .text import TextEncoder
from .text_stack import TextStack
from .unet import UNetConfig
from .weights import WeightFile, open_weights

__all__ = ["load_folder"]

PREDICTIONS = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
ENDINGS = (".safetensors", ".fp16.safetensors", ".bin", ".fp16.bin")
INDEXES = ("*.safetensors.index*.json", "*.bin.index*.json")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What diffusers' pipelines of one name hold."""

    name: str
    """How the class names begin."""
    kins: tuple[str, ...]
    """The families' kin that their denoisers may be."""
    denoiser: str = "unet"
    texts: Mapping[str, str] = ()  # type: ignore[assignment]
    """{sub-folder: place of its encoder}; "" is CLIP-L or H, by the family."""


SDXL_TEXTS = {"text_encoder": "l", "text_encoder_2": "g"}
PIPELINES = (
    Pipeline("StableDiffusion3", ("SD3",), "transformer", {**SDXL_TEXTS, "text_encoder_3": "t5"}),
    Pipeline("StableDiffusionXL", ("SDXL", "SDXL refiner"), "unet", SDXL_TEXTS),
    Pipeline("Flux", ("Flux",), "transformer", {"text_encoder": "l", "text_encoder_2": "t5"}),
    Pipeline("StableDiffusion", ("SD1.x", "SD2.x"), "unet", {"text_encoder": ""}),
    Pipeline("LatentConsistencyModel", ("SD1.x",), "unet", {"text_encoder": ""}),
)
"""The first whose name fits counts."""


def load_folder(
    path: Path,
    device: torch.device,
    store: torch.device,
    dtype: torch.dtype | None,
    vae_dtype: torch.dtype | None,
    options: TextOptions,
) -> tuple[DiffusionModel, TextEncoder | TextStack | None, Autoencoder]:
    """Load a folder: the denoiser with its process, the text encoders, the autoencoder.

    device: what computes, and decides the precision where none is given; store: where the weights are put.
    SD3 may lack any of its text encoders, as their folders do.
    Raises: UserError M009 for a folder that is none or lacks a part, or the errors of `open_weights` and `prepare`.
    """
    index = read_json(path / "model_index.json")
    name = str(index.get("_class_name", ""))
    pipeline = next((entry for entry in PIPELINES if name.startswith(entry.name)), None)
    if pipeline is None:
        kinds = ", ".join(entry.name for entry in PIPELINES)
        raise bad(path, f"a pipeline of {kinds}", f"the pipeline {name[:40]!r}")

    def weights(folder: str) -> WeightFile:
        return open_part(path / folder, allow_pickle=options.allow_pickle)

    source = weights(pipeline.denoiser)
    entry = detect(ARCHITECTURES, source.shapes, f"{pipeline.denoiser}/{source.path.name}")
    if entry.family is None or entry.kind != "unet" or FAMILIES[entry.family].kin not in pipeline.kins:
        raise bad(path, f"the networks of a {name[:40]}", entry.name)
    family = FAMILIES[entry.family]
    config = read_json(path / pipeline.denoiser / "config.json")
    is_unet = pipeline.denoiser == "unet"
    denoiser = prepare_denoiser(
        source, family, entry.name, (lambda shape: with_heads(shape, config)) if is_unet else lambda shape: shape
    )
    process, prediction = read_schedule(path, read_json(path / "scheduler" / "scheduler_config.json"), family)
    vae_json = read_json(path / "vae" / "config.json")
    vae = prepare_vae(weights("vae"), "VAE")
    if vae is None:
        raise bad(path / "vae", "the weights of an autoencoder", "other keys")
    texts = {
        place or family.text: text_of(path / folder, place or family.text, family, weights(folder))
        for folder, place in pipeline.texts.items()
        if family.kin != "SDXL refiner" or place == "g"
        if family.kin != "SD3" or (path / folder).is_dir()
    }
    tokenizer = tokenizer_of(texts, options)
    role: Any = "network" if is_unet else "transformer"
    network = denoiser.load(store, dtype or pick_dtype(device, role=role))
    shape: Any = network.config
    name = family.taking(shape.in_channels).name
    model = DiffusionModel(network, process, prediction, latent_of(family, vae, vae_json), family=name)
    clips = loaded(texts, device, store, dtype)
    return (
        model,
        text_value(family.text, clips, tokenizer, options, used_whole=True) if clips else None,
        Autoencoder(vae.load(store, vae_dtype or pick_dtype(device, role="vae"))),
    )


def text_of(folder: Path, place: str, family: Family, source: WeightFile) -> TextNetwork:
    """Return the text encoder of a sub-folder, with the heads and activation that it states."""
    if place == "t5":
        return prepare_t5(part(source, pieces=t5_pieces), "T5 text encoder")
    stated = read_json(folder / "config.json")
    weights = part(source, pieces=clip_pieces)
    if place == "l" and not (family.text == "sd3" and projects(weights)):
        weights = weights.without(PROJECTION)
    return prepare_clip(weights, place, "text encoder", lambda config: with_activation(config, stated))


def latent_of(family: Family, vae: Prepared[Any], data: Mapping[str, Any]) -> LatentFormat:
    """Return the family's latent space with what the autoencoder's configuration says of it."""
    return replace(
        family.latent,
        channels=vae.network.config.latent_channels,
        scale=float(data.get("scaling_factor") or family.latent.scale),  # older folders leave it out
        shift=float(data.get("shift_factor") or 0.0),
        downscale=vae.network.config.downscale,
    )


def read_schedule(path: Path, schedule: Mapping[str, Any], family: Family) -> tuple[Process, str]:
    """Return the forward process and the prediction that a scheduler configuration names."""
    if family.prediction == "flow":
        # Flux dev's shift depends on the picture's size in diffusers; here it is the family's, as in ComfyUI.
        shift = schedule.get("shift")
        return (Flow(float(shift)) if shift and family.kin == "SD3" else family.process()), "flow"
    name = str(schedule.get("_class_name", ""))
    if name.startswith("EDM"):
        raise bad(path, "a scheduler of the noise that Stable Diffusion adds", name[:40])
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


def open_part(folder: Path, *, allow_pickle: bool = False) -> WeightFile:
    """Open a part's weights: safetensors before pickles, full before half precision, one file before several.

    Raises: UserError M009 where there are none, or as `open_weights` and `open_sharded`.
    """
    for ending in ENDINGS:
        for stem in STEMS:
            if (folder / (stem + ending)).is_file():
                return unscaled(open_weights(folder / (stem + ending), allow_pickle=allow_pickle))
    for pattern in INDEXES:
        for index in sorted(folder.glob(pattern)):
            return unscaled(open_sharded(index, allow_pickle=allow_pickle))
    raise bad(folder, "weights in one file, or in several with an index", "none")
