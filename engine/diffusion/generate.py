"""Latent dict in, latent dict out: the calls behind KSampler, KSamplerAdvanced, SamplerCustom and AddNoise.

Draws the noise, lays out the schedule and hands on what a latent carries besides its samples. Knows nothing of nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor

from ..errors import UserError, brief
from .conditioning import Model
from .guidance import CFGGuider, Guider, fit_channels
from .noise import NoNoise, RandomNoise
from .sample import Sampler, Step
from .samplers import sampler_named
from .schedule import sigmas_for

__all__ = ["Noise", "add_noise", "sample_custom", "sample_latent"]

Latent = Mapping[str, Any]


class Noise(Protocol):
    """What a NOISE wire carries."""

    @property
    def seed(self) -> int:
        """The seed of first noise and of the noise that steps add."""

    def generate_noise(self, latent: Latent) -> Tensor:
        """Return first noise [b c h w] for a LATENT dict, on the CPU."""


def sample_latent(
    model: Model,
    positive: Sequence[Any],
    negative: Sequence[Any],
    latent: Latent,
    *,
    seed: int,
    steps: int = 20,
    cfg: float = 8.0,
    sampler: str | Sampler = "euler",
    scheduler: str = "normal",
    denoise: float = 1.0,
    start_step: int = 0,
    end_step: int | None = None,
    add_noise: bool = True,
    leftover_noise: bool = False,
    on_step: Callable[[Step], None] | None = None,
) -> dict[str, Any]:
    """Return the latent sampled as KSampler and KSamplerAdvanced do; the given one is never changed.

    start_step, end_step: which steps of the schedule to take. leftover_noise: where end_step cuts the schedule, keep
    the noise that is left; else the last step goes to sigma 0. denoise 0 or a start past the end change nothing.
    Raises: UserError V130 to V165 for values out of range.
    """
    chosen = sampler_named(sampler) if isinstance(sampler, str) else sampler
    sigmas = sigmas_for(model.process, scheduler, steps, denoise, drop_penultimate=chosen.drop_penultimate)
    if start_step < 0 or (end_step is not None and end_step < 0):
        raise UserError("V131", "steps", "start and end of at least 0", f"{start_step}, {end_step}", "Raise them.")
    if end_step is not None and end_step < len(sigmas) - 1:
        sigmas = sigmas[: end_step + 1].clone()
        if not leftover_noise:
            sigmas[-1] = 0
    # With nothing to do ComfyUI hands the latent back, and so does an empty row of sigmas.
    sigmas = sigmas[start_step:] if start_step < len(sigmas) - 1 else sigmas[:0]
    guider = CFGGuider(model, positive, negative, cfg)
    noise = RandomNoise(seed) if add_noise else NoNoise(seed)
    return sample_custom(guider, noise, latent, chosen, sigmas, on_step=on_step)[0]


def sample_custom(
    guider: Guider,
    noise: Noise,
    latent: Latent,
    sampler: Sampler,
    sigmas: Tensor,
    *,
    on_step: Callable[[Step], None] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (output, denoised output), as SamplerCustomAdvanced does; the given latent is never changed.

    sigmas: [n], falling; empty hands the latent back. Raises: UserError V140 to V165.
    """
    fitted = _fitted(guider.model, latent)
    if sigmas.numel() == 0:
        return fitted, dict(fitted)
    hold = getattr(guider.model, "hold", nullcontext)  # its weights stay where they compute for all steps
    with hold():
        output, denoised = guider.sample(
            noise.generate_noise(fitted),
            fitted["samples"],
            sampler,
            sigmas,
            fitted.get("noise_mask"),
            on_step,
            seed=noise.seed,
        )
    return {**fitted, "samples": output}, {**fitted, "samples": denoised}


def add_noise(model: Model, noise: Noise, sigmas: Tensor, latent: Latent) -> dict[str, Any]:
    """Return the latent noised by the difference of the first and last sigma, or by the only one."""
    fitted = _fitted(model, latent)
    if sigmas.numel() == 0:
        return fitted
    levels = sigmas.detach().double().cpu().tolist()
    level = abs(levels[0] - levels[-1]) if len(levels) > 1 else levels[0]
    samples = fitted["samples"].to(model.device)
    scaled = model.latent.scaled(samples) if bool(samples.any()) else samples
    noised = model.process.start(scaled, noise.generate_noise(fitted).to(scaled), level)
    return {**fitted, "samples": torch.nan_to_num(model.latent.raw(noised), nan=0.0, posinf=0.0, neginf=0.0)}


def _fitted(model: Model, latent: Latent) -> dict[str, Any]:
    if not isinstance(latent, Mapping) or "samples" not in latent:
        raise UserError("V165", "latent", 'a dict with "samples"', brief(latent), "Connect a latent.")
    return {**latent, "samples": fit_channels(model, latent["samples"])}
