"""Writing a checkpoint as one safetensors file in SD1.5's layout, which any program of the field reads.

Atomic: a reader sees the old file or the whole new one. Knows nothing of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..durable import replace_file
from .arch import TEXT, UNET, VAE
from .autoencoder import Autoencoder
from .denoiser import DiffusionModel
from .text import TextEncoder

__all__ = ["save_checkpoint", "write_safetensors"]


def save_checkpoint(
    path: Path | str,
    model: DiffusionModel,
    clip: TextEncoder,
    vae: Autoencoder,
    dtype: torch.dtype = torch.float16,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write the three parts under SD1.5's prefixes, every weight in `dtype`, and return the path.

    A model that predicts v gets the marker key `v_pred`, a process that ends in (almost) pure noise `ztsnr`.
    The latent's preview colours travel as metadata `latentloom.rgb_factors`.
    """
    tensors = {
        **named(model.network, UNET, dtype),
        **named(vae.network, VAE, dtype),
        **named(clip.network, TEXT + "text_model.", dtype),
    }
    if model.prediction == "v":
        tensors["v_pred"] = torch.zeros(0)
    if model.process.sigma_max > 1000:  # 14.6 without zero terminal SNR, 4519 with it
        tensors["ztsnr"] = torch.zeros(0)
    texts = {"format": "pt", "latentloom.rgb_factors": model.latent.rgb_json(), **(metadata or {})}
    return write_safetensors(Path(path), tensors, texts)


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Path:
    """Write a safetensors file beside its place, make it durable, then move it there; returns the path.

    A failure leaves what was there before, and nothing beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return replace_file(path, lambda partial: save_file(dict(tensors), partial, metadata=dict(metadata)))


def named(network: nn.Module, prefix: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return a network's weights under a prefix, on the CPU, plain in memory, none sharing storage."""
    return {
        prefix + key: tensor.detach().to(device="cpu", dtype=dtype, copy=True, memory_format=torch.contiguous_format)
        for key, tensor in network.state_dict().items()
    }
