"""Guiders: what a sampler follows. They join predictions, keep the masked rest of a picture, and scale latents.

Raw latents outside, scaled ones inside. Knows nothing of nodes, text or networks: a model is anything that offers
`conditioning.Model`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError, brief
from .conditioning import NOTHING, Conditioned, Model
from .noise import step_noise
from .patches import Again, Guided, perpendicular_guidance
from .process import Process
from .sample import Denoiser, Sampler, Step, sample

__all__ = ["BasicGuider", "CFGGuider", "DualCFGGuider", "Guider", "PerpNegGuider", "fit_channels"]


class Guider(ABC):
    """What a GUIDER wire carries: a model with what it is asked for."""

    model: Model

    @abstractmethod
    def denoiser(self, x: Tensor, given: Mapping[str, Any] = NOTHING) -> Denoiser:
        """Return the guided denoiser for scaled latents of x's shape, [b c h w]; given: see `Conditioned`."""

    def sample(
        self,
        noise: Tensor,
        latent: Tensor,
        sampler: Sampler,
        sigmas: Tensor,
        mask: Tensor | None = None,
        on_step: Callable[[Step], None] | None = None,
        *,
        seed: int | Sequence[int] = 0,
    ) -> tuple[Tensor, Tensor]:
        """Return (latent at the last sigma, last clean prediction), raw, [b c h w], on the model's device.

        noise, latent: [b c h w], raw; an empty latent of other channels is fitted. mask: [b 1 h w] or [b h w] of any
        size, 1 where the picture may change; after a full run the rest is the given latent to the last bit.
        seed: of the noise that steps add; several for one an item.
        Raises: UserError V140 to V144, V160 to V165.
        """
        model = self.model
        process = model.process
        latent = fit_channels(model, latent)
        state = torch.promote_types(latent.dtype, torch.float32)
        latent = latent.to(device=model.device, dtype=state)
        if sigmas.numel() == 0:
            return latent, latent
        if noise.shape != latent.shape:
            expected, got = f"noise of shape {tuple(latent.shape)}", f"{tuple(noise.shape)}"
            raise UserError("V164", "noise", expected, got, "Make the noise from this latent.")
        if sampler.noise != "none" and process.signal(0.5) != 1.0:
            fix = "Use euler, heun, dpmpp_2m or uni_pc."
            raise UserError("V144", f'sampler "{sampler.name}"', "a model of the eps or v kind", "a flow model", fix)
        levels = sigmas.detach().double().cpu().tolist()
        scaled = _scaled(model, latent)
        noise = noise.to(device=model.device, dtype=state)
        x = process.start(scaled, noise, levels[0])
        given = {"latent_image": scaled}
        if mask is not None:
            mask = _fitted_mask(mask, latent)
            given["denoise_mask"] = mask
        denoise = self.denoiser(x, given)
        if mask is not None:
            denoise = _inpainting(denoise, model, scaled, noise, mask, levels)
        last: list[Tensor] = []

        def watch(step: Step) -> None:
            last[:] = [step.denoised]
            if on_step is not None:
                on_step(step)

        x = sample(sampler, denoise, x, levels, noise=step_noise(sampler.noise, seed), on_step=watch)
        output = model.latent.raw(process.finish(x, levels[-1]))
        denoised = model.latent.raw(last[0]) if last else output
        if mask is not None and levels[-1] == 0:
            # Scaling there and back costs the last bits; what was not to change is handed back as it came.
            output = torch.where(mask > 0, output, latent)
            denoised = torch.where(mask > 0, denoised, latent)
        return output, denoised

    def _joined(
        self, x: Tensor, sigma: float, cond: Tensor, uncond: Tensor | None, cfg: float, again: Again | None = None
    ) -> Tensor:
        """Return uncond + cfg * (cond - uncond), then the model's patches over it.

        Source: Ho & Salimans 2022 (arXiv 2207.12598) eq. 6, with cfg = 1 + w, on clean predictions.
        """
        denoised = cond if uncond is None else torch.lerp(uncond, cond, cfg)
        return self._patched(Guided(x, sigma, denoised, cond, uncond, cfg, again))

    def _patched(self, guided: Guided) -> Tensor:
        """Return the model's patches over a combined prediction, those that add to it last."""
        for patch in sorted(self.model.guidance_patches, key=lambda patch: getattr(patch, "adds", False)):
            if callable(patch):
                guided = guided._replace(denoised=patch(guided))
        return guided.denoised


@dataclass(frozen=True, eq=False)
class CFGGuider(Guider):
    """Classifier-free guidance. cfg 1 follows the positive prompt alone, with one evaluation a step."""

    model: Model
    positive: Sequence[Any]
    negative: Sequence[Any]
    cfg: float = 8.0

    def __post_init__(self) -> None:
        _check_cfg(self.cfg)

    def denoiser(self, x: Tensor, given: Mapping[str, Any] = NOTHING) -> Denoiser:
        alone = math.isclose(self.cfg, 1.0)
        lists = [self.positive] if alone else [self.positive, self.negative]
        conditioned = Conditioned(self.model, lists, x, given, negative=1)
        further = Further(self.model, self.positive, x, given)

        def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
            level = float(sigma)
            cond, *rest = conditioned(noisy, level)
            again = partial(further, noisy, level)
            return self._joined(noisy, level, cond, rest[0] if rest else None, self.cfg, again)

        return denoise


class BasicGuider(CFGGuider):
    """One prompt, no guidance."""

    def __init__(self, model: Model, conditioning: Sequence[Any]) -> None:
        super().__init__(model, conditioning, (), 1.0)


@dataclass(frozen=True, eq=False)
class DualCFGGuider(Guider):
    """Two prompts and a negative one, each difference with its own scale.

    regular: cond2 guided against the negative, plus the difference of cond1 and cond2. nested: cond1 guided against
    cond2, and that against the negative. Source: Brooks et al. 2023 (InstructPix2Pix) eq. 3 for the regular style.
    """

    model: Model
    cond1: Sequence[Any]
    cond2: Sequence[Any]
    negative: Sequence[Any]
    cfg_conds: float = 8.0
    cfg_cond2_negative: float = 8.0
    style: Literal["regular", "nested"] = "regular"

    def __post_init__(self) -> None:
        _check_cfg(self.cfg_conds, self.cfg_cond2_negative)
        if self.style not in ("regular", "nested"):
            raise UserError("V165", "style", "regular or nested", repr(self.style), "Choose one of the two.")

    def denoiser(self, x: Tensor, given: Mapping[str, Any] = NOTHING) -> Denoiser:
        outer, inner = self.cfg_conds, self.cfg_cond2_negative
        alone = math.isclose(inner, 1.0)
        wanted = [self.cond1, self.cond2] if alone else [self.cond1, self.cond2, self.negative]
        conditioned = Conditioned(self.model, wanted, x, given, negative=2)
        further = [Further(self.model, prompt, x, given) for prompt in (self.cond1, self.cond2)]

        def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
            level = float(sigma)
            first, second, *rest = conditioned(noisy, level)
            negative = rest[0] if rest else None
            if self.style == "nested":
                pair = self._joined(noisy, level, first, second, outer, partial(further[0], noisy, level))
                return pair if negative is None else self._joined(noisy, level, pair, negative, inner)
            again = partial(further[1], noisy, level)
            return self._joined(noisy, level, second, negative, inner, again) + (first - second) * outer

        return denoise


@dataclass(frozen=True, eq=False)
class PerpNegGuider(Guider):
    """Guidance by the part of the negative prompt that is perpendicular to the positive one; see `patches.PerpNeg`."""

    model: Model
    positive: Sequence[Any]
    negative: Sequence[Any]
    empty: Sequence[Any]
    cfg: float = 8.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        _check_cfg(self.cfg, self.scale)

    def denoiser(self, x: Tensor, given: Mapping[str, Any] = NOTHING) -> Denoiser:
        conditioned = Conditioned(self.model, [self.positive, self.negative, self.empty], x, given, negative=1)
        further = Further(self.model, self.positive, x, given)

        def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
            level = float(sigma)
            cond, uncond, empty = conditioned(noisy, level)
            denoised = perpendicular_guidance(cond, uncond, empty, self.scale, self.cfg)
            again = partial(further, noisy, level)
            return self._patched(Guided(noisy, level, denoised, cond, uncond, self.cfg, again))

        return denoise


class Further:
    """Further evaluations that patches ask for at a step; a prompt is made ready when it is first asked for."""

    def __init__(self, model: Model, prompt: Sequence[Any], like: Tensor, given: Mapping[str, Any]) -> None:
        """prompt: the one meant unless another is given; like, given: as `Conditioned` takes them."""
        self._model, self._prompt, self._like, self._given = model, prompt, like, given
        self._bound: dict[int, tuple[Sequence[Any], Conditioned]] = {}  # the prompt too, so that its id stays its own

    def __call__(
        self, x: Tensor, sigma: float, patches: Sequence[Any] = (), prompt: Sequence[Any] | None = None
    ) -> Tensor:
        """Return the clean prediction [b c h w]; see `patches.Again`."""
        chosen = self._prompt if prompt is None else prompt
        if id(chosen) not in self._bound:
            self._bound[id(chosen)] = chosen, Conditioned(self._model, [chosen], self._like, self._given)
        return self._bound[id(chosen)][1](x, sigma, patches)[0]


def fit_channels(model: Model, latent: Tensor) -> Tensor:
    """Return a latent with the model's channels: an empty one is repeated, another is refused.

    Raises: UserError V165.
    """
    if not isinstance(latent, Tensor) or latent.ndim != 4 or 0 in latent.shape:
        raise UserError("V165", "latent", "samples [b c h w]", brief(latent), "Connect a latent of pictures.")
    wanted = model.latent.channels
    if latent.shape[1] == wanted:
        return latent
    if bool(latent.any()):
        got = f"{latent.shape[1]}, from another family's VAE"
        raise UserError("V165", "latent", f"{wanted} channels", got, "Encode the picture with this model's VAE.")
    return latent.new_zeros((len(latent), wanted, *latent.shape[2:]))


def _scaled(model: Model, latent: Tensor) -> Tensor:
    # An empty latent is the middle of the scaled space, whatever the shift says.
    if model.latent.shift != 0 and not bool(latent.any()):
        return latent
    return model.latent.scaled(latent)


def _fitted_mask(mask: Tensor, latent: Tensor) -> Tensor:
    if not isinstance(mask, Tensor) or not 2 <= mask.ndim <= 4 or 0 in mask.shape:
        raise UserError("V162", "noise_mask", "a tensor [b 1 h w]", brief(mask), "Set the noise mask again.")
    flat = mask.reshape(-1, 1, *mask.shape[-2:]).to(device=latent.device, dtype=latent.dtype)
    if flat.shape[-2:] != latent.shape[-2:]:
        flat = F.interpolate(flat, size=latent.shape[-2:], mode="bilinear", align_corners=False)
    if len(flat) not in (1, len(latent)):
        flat = flat[torch.arange(len(latent), device=flat.device) % len(flat)]
    return flat


def _inpainting(
    denoise: Denoiser, model: Model, scaled: Tensor, noise: Tensor, mask: Tensor, levels: Sequence[float]
) -> Denoiser:
    """Return a denoiser that sees the given latent, noised, outside the mask, and answers with it there.

    Source: Lugmayr et al. 2022 (RePaint) eq. 8, without resampling.
    """
    process: Process = model.process
    changes = [patch.mask_at for patch in model.guidance_patches if hasattr(patch, "mask_at")]

    def inpaint(x: Tensor, sigma: Tensor) -> Tensor:
        here = mask
        for change in changes:
            here = change(here, float(sigma), levels[0], levels[-1], process)
        kept = process.add_noise(scaled, noise, sigma)
        return torch.lerp(scaled, denoise(torch.lerp(kept, x, here), sigma), here)

    return inpaint


def _check_cfg(*scales: float) -> None:
    for cfg in scales:
        if not math.isfinite(cfg):
            raise UserError("V165", "cfg", "a finite number", f"{cfg}", "7 is usual.")
