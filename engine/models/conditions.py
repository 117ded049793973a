"""What a denoiser takes besides latent, time and text, read from the dict of a CONDITIONING entry.

SDXL's vector of sizes, the pooled text of SD3 and Flux, and the channels that inpainting and instruct-pix2pix networks
see beside the latent. Keys and defaults are ComfyUI's, so that its workflows give its pictures. Knows nothing of
samplers or nodes. Sources: Podell et al. 2023 (SDXL) section 2.2, Esser et al. 2024 (SD3) section 4, Rombach et al.
2022 section 4.5 (inpainting), Brooks et al. 2023 (InstructPix2Pix) section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import UserError
from .flux import Flux
from .latent import LatentFormat
from .layers import timestep_embedding
from .mmdit import MMDiT
from .unet import UNet, UNetConfig

__all__ = ["check_inputs", "extra_inputs"]

SIZE_CHANNELS = 256  # sinusoids of each number in SDXL's vector
REFINER = "SDXL refiner"
ASCORE, NEGATIVE_ASCORE = 6.0, 2.5
GUIDANCE = 3.5
GREY = (0.8223, -0.6876, 0.6364, 0.1380)
"""A grey picture, scaled, in SD1.x's latent space: what an inpainting network sees when it has no picture."""

Entry = Mapping[str, Any]


def extra_inputs(network: nn.Module, latent: LatentFormat, family: str, entry: Entry, x: Tensor) -> dict[str, Tensor]:
    """Return what `network` takes besides: "y" [p width], "guidance" [1], "concat" [b k h w], each where it has it.

    entry: of a CONDITIONING; besides what nodes write, the sampler adds "prompt_type" ("negative" for such a prompt),
    "latent_image" (scaled) and "denoise_mask". x: [b c h w], the latent to denoise; gives sizes, batch and device.
    Raises: UserError V133 where the pooled text is missing or another model's.
    """
    if isinstance(network, UNet):
        extra = {}
        if network.config.adm_channels is not None:
            extra["y"] = size_vector(network.config.adm_channels, latent, family, entry, x)
        concat = seen_channels(network.config.in_channels - latent.channels, latent, entry, x)
        return extra if concat is None else {**extra, "concat": concat}
    if isinstance(network, MMDiT):
        return {"y": pooled_text(entry, network.config.pooled_dim, x)}
    if isinstance(network, Flux):
        extra = {"y": pooled_text(entry, network.config.pooled_dim, x)}
        if network.config.guidance:
            stated = entry.get("guidance")
            guidance = GUIDANCE if stated is None else float(stated)
            extra["guidance"] = torch.tensor([guidance], device=x.device)
        return extra
    return {}


def size_vector(channels: int, latent: LatentFormat, family: str, entry: Entry, x: Tensor) -> Tensor:
    """Return SDXL's vector [p channels]: pooled text, then 256 sinusoids of each size, in pixels.

    The picture's size, its crop, and the size aimed at; for the refiner a score of beauty in place of the last.
    """
    if family.startswith("SD2"):  # unCLIP: its vector is a picture's, and without one it is zeros
        return torch.zeros(1, channels, device=x.device)
    height = entry.get("height", x.shape[-2] * latent.downscale)
    width = entry.get("width", x.shape[-1] * latent.downscale)
    numbers = [height, width, entry.get("crop_h", 0), entry.get("crop_w", 0)]
    if family.startswith(REFINER):
        usual = NEGATIVE_ASCORE if entry.get("prompt_type") == "negative" else ASCORE
        numbers.append(entry.get("aesthetic_score", usual))
    else:
        numbers += [entry.get("target_height", height), entry.get("target_width", width)]
    pooled = pooled_text(entry, channels - SIZE_CHANNELS * len(numbers), x)
    sizes = timestep_embedding(torch.tensor(numbers, dtype=torch.float32), SIZE_CHANNELS).flatten()
    return torch.cat([pooled, sizes.to(pooled).expand(len(pooled), -1)], dim=1)


def pooled_text(entry: Entry, width: int, x: Tensor) -> Tensor:
    """Return the pooled text [p width], float32, on x's device. Raises: UserError V133."""
    pooled = entry.get("pooled_output")
    if not isinstance(pooled, Tensor) or pooled.shape[-1] != width:
        got = f"width {pooled.shape[-1]}" if isinstance(pooled, Tensor) else "none"
        raise wrong_text(f"pooled text of width {width}", got)
    return pooled.reshape(-1, width).to(device=x.device, dtype=torch.float32)


def seen_channels(count: int, latent: LatentFormat, entry: Entry, x: Tensor) -> Tensor | None:
    """Return the `count` channels [b count h w] that a network sees beside the latent, or None for a plain one.

    Inpainting, latent + 1: a mask, 1 where the picture is to change, and the picture around it, scaled; without a mask
    everything changes and the picture is grey. Instruct-pix2pix, as many as the latent: the picture to change, raw;
    zeros without one.
    """
    picture = entry.get("concat_latent_image")
    if count == latent.channels:
        return torch.zeros_like(x, dtype=torch.float32) if picture is None else fitted(picture, x)
    if count != latent.channels + 1:
        return None
    mask = entry.get("concat_mask", entry.get("denoise_mask"))
    seen = entry.get("latent_image") if picture is None else latent.scaled(picture)
    shape = (len(x), 1, *x.shape[-2:])
    holes = torch.ones(shape, device=x.device)
    if mask is None or seen is None:
        blank = torch.tensor([GREY[i % len(GREY)] for i in range(latent.channels)], device=x.device)
        return torch.cat([holes, blank[:, None, None].expand(len(x), -1, *x.shape[-2:])], dim=1)
    holes = fitted(mask.reshape(-1, 1, *mask.shape[-2:]), x).round()
    return torch.cat([holes, fitted(seen, x)], dim=1)


def fitted(value: Tensor, x: Tensor) -> Tensor:
    """Return [n c h w] as float32 on x's device, in its height and width, items repeated or cut to its batch."""
    value = value.to(device=x.device, dtype=torch.float32)
    if value.shape[-2:] != x.shape[-2:]:
        value = F.interpolate(value, size=x.shape[-2:], mode="bilinear", align_corners=False)
    return value[torch.arange(len(x), device=x.device) % len(value)]


def check_inputs(network: nn.Module, inputs: Tensor, context: Tensor, y: Tensor | None) -> None:
    """Raise UserError V132, V133 or V134 where latent, text or size are not what the network takes.

    inputs: [b c h w] with what is seen beside the latent; context: [b l d]; y: [b d] or None.
    """
    if not isinstance(network, (UNet, MMDiT, Flux)):
        return
    config = network.config
    if inputs.shape[1] != config.in_channels:
        raise UserError(
            "V132",
            where="latent to denoise",
            expected=f"{config.in_channels} channels, which this model takes",
            got=f"{inputs.shape[1]}",
            fix="Use a latent of the model's family; an inpainting model takes mask and masked picture beside it.",
        )
    if context.shape[2] != config.context_dim:
        raise wrong_text(f"text of width {config.context_dim}", f"width {context.shape[2]}")
    pooled = config.adm_channels if isinstance(config, UNetConfig) else config.pooled_dim
    if pooled is not None and (y is None or y.shape[1] != pooled):
        raise wrong_text(f"pooled text, a vector of width {pooled}", "none" if y is None else f"width {y.shape[1]}")
    if isinstance(network, MMDiT):
        check_grid(network, inputs)


def check_grid(network: MMDiT, inputs: Tensor) -> None:
    """Raise UserError V134 where a picture is larger than the positions that the network has learned."""
    side = network.config.grid * network.config.patch
    height, width = inputs.shape[-2:]
    if max(height, width) > side:
        raise UserError(
            "V134",
            where="latent to denoise",
            expected=f"at most {side} x {side} cells, which this model has positions for",
            got=f"{width} x {height}",
            fix="Make a smaller picture, and enlarge it afterwards.",
        )


def wrong_text(expected: str, got: str) -> UserError:
    """Return the error for a prompt that was encoded for another family."""
    return UserError(
        "V133",
        where="conditioning",
        expected=f"{expected}, which this model takes",
        got=got,
        fix="Encode the prompt with the text encoder that belongs to the model.",
    )
