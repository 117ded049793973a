"""What travels on wires: the aliases that node signatures use, and the checks made on each.

The formats are ComfyUI's: IMAGE [b h w c] in 0..1, MASK [b h w], LATENT a dict with `samples`
[b c h w] in raw VAE space, CONDITIONING a list of [tensor [b l d], dict], SIGMAS [n]. Facet variables ("$latent",
"$family") make all sockets of one node agree on latent channels and model family. Knows nothing of graphs; a
check never waits for a device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import torch

from .diffusion.generate import Noise as NoiseClass
from .diffusion.guidance import Guider as GuiderClass
from .diffusion.sample import Sampler as SamplerClass
from .errors import brief
from .models.autoencoder import Autoencoder
from .models.controlled import ControlModel
from .models.denoiser import DiffusionModel
from .models.text import TextEncoder
from .models.text_stack import TextStack
from .models.upscaler import Upscaler
from .node.socket import ANY, Socket

__all__ = [
    "Anything",
    "Clip",
    "Conditioning",
    "ControlNet",
    "Features",
    "Guider",
    "Image",
    "Latent",
    "Mask",
    "Model",
    "Noise",
    "OneClip",
    "Sampler",
    "Sigmas",
    "UpscaleModel",
    "Vae",
    "check_value",
]

Image = Annotated[torch.Tensor, Socket("IMAGE")]
"""float32 [b h w c], 0..1, sRGB values, c = 3, or 4 with alpha."""
Mask = Annotated[torch.Tensor, Socket("MASK")]
"""float32 [b h w], 0..1; 1 is selected, or transparent."""
Latent = Annotated[dict[str, Any], Socket("LATENT", {"latent": "$latent"})]
"""{"samples": [b c h w] in VAE space, "noise_mask"?: [b 1 h w], "batch_index"?: [int], ...}; unknown keys
travel on.
"""
Conditioning = Annotated[list[Any], Socket("CONDITIONING", {"family": "$family"})]
"""[[tensor [b l d], {"pooled_output": [b d], "area": ..., ...}], ...]"""
Model = Annotated[DiffusionModel, Socket("MODEL", {"latent": "$latent", "family": "$family"})]
Clip = Annotated[TextEncoder | TextStack, Socket("CLIP", {"family": "$family"})]
"""One text encoder, or those of a family that has several."""
OneClip = Annotated[TextEncoder, Socket("CLIP", {"family": "$family"})]
"""One text encoder, for nodes that cannot work with several; they say so."""
Vae = Annotated[Autoencoder, Socket("VAE", {"latent": "$latent"})]
ControlNet = Annotated[ControlModel, Socket("CONTROL_NET", {"family": "$family"})]
Sigmas = Annotated[torch.Tensor, Socket("SIGMAS")]
"""1-D float, one more than steps, falling, the last usually 0."""
Noise = Annotated[NoiseClass, Socket("NOISE")]
Guider = Annotated[GuiderClass, Socket("GUIDER", {"latent": "$latent"})]
Sampler = Annotated[SamplerClass, Socket("SAMPLER")]
Features = Annotated[torch.Tensor, Socket("FEATURES")]
"""float [b c h w], any range and number of channels: what operators on feature maps take and give."""
UpscaleModel = Annotated[Upscaler, Socket("UPSCALE_MODEL")]
Anything = Annotated[Any, Socket(ANY)]

_SAMPLED = 512  # elements of a host tensor looked at for its range
_UNIT_LIMIT = 16.0  # beyond this a "0..1" value is in another unit (0..255), not merely out of gamut


def check_value(types: str, value: object) -> str | None:
    """Return what is wrong with `value` on a wire of type `types`, or None when nothing is.

    types: a name, a union ("IMAGE,MASK") or "*". Looks at classes, shapes and data types; only of tensors
    already on the host a few hundred elements are read. Types the engine does not know are not checked.
    """
    faults: list[str] = []
    for name in (part.strip() for part in types.split(",")):
        check = _CHECKS.get(name)
        fault = check(value) if check else None
        if fault is None:
            return None
        faults.append(fault)
    return "; or ".join(faults)


def _tensor(value: object, wanted: str, ranks: tuple[int, ...]) -> str | None:
    if not isinstance(value, torch.Tensor):
        return f"expected {wanted}, got {brief(value)}"
    if value.ndim not in ranks:
        return f"expected {wanted}, got shape {tuple(value.shape)}"
    if not value.dtype.is_floating_point:
        return f"expected {wanted}, got {value.dtype}"
    return None


def _unit_range(value: torch.Tensor, wanted: str) -> str | None:
    if value.device.type != "cpu" or not value.numel():
        return None
    flat = value.detach().reshape(-1) if value.is_contiguous() else value.detach()[0].reshape(-1)
    some = flat[:: max(1, flat.numel() // _SAMPLED)].abs()
    highest = float(some.nan_to_num(0.0, posinf=0.0).max())
    return f"expected {wanted}, got values up to {highest:.4g}" if highest > _UNIT_LIMIT else None


def _image(value: object) -> str | None:
    wanted = "a float32 picture [b h w c] in 0..1"
    fault = _tensor(value, wanted, (4,))
    if fault is None and isinstance(value, torch.Tensor):
        if value.dtype != torch.float32 or value.shape[-1] not in (1, 3, 4) or 0 in value.shape:
            return f"expected {wanted} with 3 or 4 channels, got {brief(value)}"
        return _unit_range(value, wanted)
    return fault


def _mask(value: object) -> str | None:
    wanted = "a float32 mask [b h w] in 0..1"
    fault = _tensor(value, wanted, (2, 3))
    if fault is None and isinstance(value, torch.Tensor):
        if value.dtype != torch.float32 or 0 in value.shape:
            return f"expected {wanted}, got {brief(value)}"
        return _unit_range(value, wanted)
    return fault


def _latent(value: object) -> str | None:
    if not isinstance(value, Mapping) or "samples" not in value:
        return f'expected a dict with "samples", got {brief(value)}'
    fault = _tensor(value["samples"], "samples [b c h w]", (4, 5))
    if fault is None and value.get("noise_mask") is not None:
        fault = _tensor(value["noise_mask"], "noise_mask [b 1 h w]", (2, 3, 4, 5))
    return fault


def _conditioning(value: object) -> str | None:
    if not isinstance(value, list):
        return f"expected a list of [tensor, dict], got {brief(value)}"
    for entry in value:
        if not isinstance(entry, (list, tuple)) or len(entry) != 2 or not isinstance(entry[1], Mapping):
            return f"expected entries [tensor, dict], got {brief(entry)}"
        fault = _tensor(entry[0], "a tensor [b l d]", (2, 3))
        if fault is not None:
            return fault
    return None


def _sigmas(value: object) -> str | None:
    return _tensor(value, "sigmas [n]", (1,))


def _features(value: object) -> str | None:
    return _tensor(value, "feature maps [b c h w]", (4,))


def _number(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return f"expected a finite number, got {brief(value)}"
    return None


def _instance(kind: type, wanted: str) -> Callable[[object], str | None]:
    def check(value: object) -> str | None:
        fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
        return None if fits else f"expected {wanted}, got {brief(value)}"

    return check


def _offers(wanted: str, *names: str) -> Callable[[object], str | None]:
    def check(value: object) -> str | None:
        missing = [name for name in names if not hasattr(value, name)]
        return f"expected {wanted}, got {brief(value)} without {', '.join(missing)}" if missing else None

    return check


_CHECKS: Mapping[str, Callable[[object], str | None]] = MappingProxyType(
    {
        "IMAGE": _image,
        "MASK": _mask,
        "LATENT": _latent,
        "CONDITIONING": _conditioning,
        "SIGMAS": _sigmas,
        "FEATURES": _features,
        "FLOAT": _number,
        "INT": _instance(int, "a whole number"),
        "STRING": _instance(str, "text"),
        "BOOLEAN": _instance(bool, "true or false"),
        "MODEL": _offers("a diffusion model", "denoise", "latent"),
        "CLIP": _offers("a text encoder", "encode", "with_skip"),
        "VAE": _offers("an autoencoder", "encode", "decode"),
        "CONTROL_NET": _offers("a ControlNet", "network", "with_"),
        "UPSCALE_MODEL": _offers("an upscale model", "upscale", "scale"),
        "NOISE": _offers("a noise source", "seed", "generate_noise"),
        "GUIDER": _offers("a guider", "model", "sample"),
        "SAMPLER": _offers("a sampler", "name", "step"),
    }
)
