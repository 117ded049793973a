"""Writing checkpoints and their parts as safetensors in the layout of their family, as any program of the field reads.

Atomic: a reader sees the old file or the whole new one. Knows nothing of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..diffusion.process import Discrete
from ..durable import replace_file
from ..errors import UserError
from .arch import UNET, VAES
from .autoencoder import Autoencoder
from .denoiser import DiffusionModel
from .family import FAMILIES, Family, family_of
from .load_parts import TEXT_PLACES, TextAt
from .rename_clip import PROJECTION, to_openclip
from .text import TextEncoder
from .text_stack import TextStack
from .text_t5 import T5Encoder

__all__ = ["save_checkpoint", "text_files", "write_safetensors"]

ENDLESS = 1000.0  # a process that ends above this sigma has zero terminal SNR: 4519, against 14.6
H_WIDTH = 1024
FILE_NAMES = {"l": "clip_l", "g": "clip_g", "h": "clip_h", "t5": "t5xxl"}


def save_checkpoint(
    path: Path | str,
    model: DiffusionModel,
    clip: TextEncoder | TextStack | None = None,
    vae: Autoencoder | None = None,
    dtype: torch.dtype | None = torch.float16,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write the parts under their family's prefixes and return the path.

    dtype: of every weight; None keeps each part in its own. clip, vae: may be left out, so that a model stands alone.
    A model that predicts v gets the marker key `v_pred`, a process that ends in (almost) pure noise `ztsnr`.
    The latent's preview colours travel as metadata `latentloom.rgb_factors`.
    Raises: UserError M072 for text encoders that the model's family does not read.
    """
    family = known(model.family)
    tensors = named(model.network, UNET, dtype)
    if vae is not None:
        tensors |= named(vae.network, VAES[family.kin == "Flux"], dtype)
    if clip is not None:
        for at, part in fitting(family, clip):
            tensors |= text_tensors(at, part, dtype)
    if model.prediction == "v":
        tensors["v_pred"] = torch.zeros(0)
    if isinstance(model.process, Discrete) and model.process.sigma_max > ENDLESS:
        tensors["ztsnr"] = torch.zeros(0)
    texts = {"format": "pt", "latentloom.rgb_factors": model.latent.rgb_json(), **(metadata or {})}
    return write_safetensors(Path(path), tensors, texts)


def text_files(clip: TextEncoder | TextStack) -> dict[str, dict[str, Tensor]]:
    """Return the weights of each text encoder in Hugging Face's names, by the usual name of its file.

    Names: "clip_l", "clip_g", "clip_h", "t5xxl".
    """
    files = {}
    for place, part in clip.parts.items():
        wide = isinstance(part, TextEncoder) and part.base.config.width == H_WIDTH
        files[FILE_NAMES["h" if wide else place]] = text_tensors(TextAt(place, ""), part, None)
    return files


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Path:
    """Write a safetensors file beside its place, make it durable, then move it there; returns the path.

    A failure leaves what was there before, and nothing beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return replace_file(path, lambda partial: save_file(dict(tensors), partial, metadata=dict(metadata)))


def known(name: str) -> Family:
    """Return the family of that name; a model of none that is known is written as SD1.x, as ours were first."""
    try:
        return family_of(name)
    except KeyError:
        return FAMILIES["SD1.x"]


def fitting(family: Family, clip: TextEncoder | TextStack) -> list[tuple[TextAt, TextEncoder | T5Encoder]]:
    """Return each text encoder with where the family keeps it. Raises: UserError M072 where it keeps others."""
    places = TEXT_PLACES[family.text]
    if isinstance(clip, TextEncoder) and len(places) == 1:
        return [(places[0], clip)]
    ours = {at.place: at for at in places}
    if isinstance(clip, TextEncoder) or not set(clip.parts) <= set(ours):
        raise UserError(
            "M072",
            where="text encoders to save",
            expected=f"{' and '.join(ours)}, which {family.name} reads",
            got=" and ".join(clip.parts),
            fix="Connect the text encoders that belong to the model.",
        )
    return [(ours[place], part) for place, part in clip.parts.items()]


def text_tensors(at: TextAt, part: TextEncoder | T5Encoder, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Return the weights of a text encoder under its place's prefix and in its names."""
    state = part.network.state_dict()
    if at.openclip:
        found = to_openclip(state)
    elif isinstance(part, T5Encoder):
        found = state
    else:
        found = {key if key == PROJECTION else f"text_model.{key}": tensor for key, tensor in state.items()}
    return plain(found, at.prefix, dtype)


def named(network: nn.Module, prefix: str, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Return a network's weights under a prefix, on the CPU, plain in memory, none sharing storage."""
    return plain(network.state_dict(), prefix, dtype)


def plain(state: Mapping[str, Tensor], prefix: str, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Return weights under a prefix, on the CPU, plain in memory, none sharing storage."""
    return {
        prefix + key: tensor.detach().to(
            device="cpu", dtype=dtype or tensor.dtype, copy=True, memory_format=torch.contiguous_format
        )
        for key, tensor in state.items()
    }
