"""Examine a model: draw pictures for held-out captions and let ShapeEval judge them.

Draws exactly what a KSampler node draws for the same seed. Knows nothing of nodes or files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..diffusion.guidance import CFGGuider
from ..diffusion.noise import item_noise, step_noise
from ..diffusion.sample import Step, sample
from ..diffusion.samplers import SAMPLERS
from ..diffusion.schedule import sigmas_for
from ..errors import UserError
from ..models.autoencoder import Autoencoder
from ..models.denoiser import DiffusionModel
from ..models.text import TextEncoder
from ..models.text_stack import TextStack
from ..shapes.dataset import held_out_captions
from ..shapes.evaluate import Report, evaluate

__all__ = ["Exam", "SampleSettings", "draw", "examine", "sheet"]

EXAM_KINDS = ("one_object", "two_objects", "relation")


@dataclass(frozen=True)
class SampleSettings:
    """How pictures are drawn: names as in a KSampler, steps 1 or more, cfg 0 or more, side in pixels, batch."""

    sampler: str = "dpmpp_2m"
    scheduler: str = "sgm_uniform"
    steps: int = 20
    cfg: float = 3.5
    side: int = 64
    batch: int = 50


@dataclass(frozen=True)
class Exam:
    """What came out: captions, pictures (uint8 [n h w 3]) in the same order, and both judges' reports."""

    captions: list[str]
    pictures: NDArray[np.uint8]
    soft: Report
    strict: Report

    def as_dict(self) -> dict[str, Any]:
        """Return both judges' figures as plain values."""
        return {"soft": self.soft.as_dict(), "strict": self.strict.as_dict()}


@torch.no_grad()
def draw(
    model: DiffusionModel,
    clip: TextEncoder | TextStack,
    vae: Autoencoder,
    captions: Sequence[str],
    seeds: Sequence[int],
    settings: SampleSettings,
    on_batch: Callable[[int, int], None] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> NDArray[np.uint8]:
    """Return one picture per caption, uint8 [n side side 3]; seeds: one per caption.

    on_batch(done, wanted) hears of finished pictures, on_step of every step of the sampler; either may raise.
    Raises: UserError D107 for unequal lengths, V130 and V142 for unknown names.
    """
    if len(captions) != len(seeds):
        raise UserError("D107", "drawing", "one seed a caption", f"{len(captions)} and {len(seeds)}", "Give as many.")
    if settings.sampler not in SAMPLERS:
        raise UserError("V142", "sampler", "one of " + ", ".join(SAMPLERS), repr(settings.sampler), "Choose one.")
    sampler = SAMPLERS[settings.sampler]
    process, form = model.process, model.latent
    sigmas = sigmas_for(process, settings.scheduler, settings.steps, drop_penultimate=sampler.drop_penultimate)
    negative = _conditioning(clip, [""])
    pictures: list[NDArray[np.uint8]] = []
    cells = settings.side // form.downscale
    for start in range(0, len(captions), settings.batch):
        part, own = captions[start : start + settings.batch], list(seeds[start : start + settings.batch])
        blank = torch.zeros(len(part), form.channels, cells, cells)
        x = process.start(blank, item_noise(blank, own), float(sigmas[0])).to(model.device)
        denoise = CFGGuider(model, _conditioning(clip, part), negative, settings.cfg).denoiser(x)
        x = sample(sampler, denoise, x, sigmas, noise=step_noise(sampler.noise, own), on_step=on_step)
        image = vae.decode(form.raw(process.finish(x, float(sigmas[-1]))))
        pictures.append((image.cpu().numpy() * 255).round().astype(np.uint8))
        if on_batch is not None:
            on_batch(min(start + settings.batch, len(captions)), len(captions))
    return np.concatenate(pictures)


def _conditioning(clip: TextEncoder | TextStack, prompts: Sequence[str]) -> list[Any]:
    """Return one CONDITIONING whose items are the prompts, which must be equally many tokens long."""
    states, pooled = zip(*(clip.encode(prompt) for prompt in prompts), strict=True)
    return [[torch.cat(states), {"pooled_output": torch.cat(pooled)}]]


def examine(
    model: DiffusionModel,
    clip: TextEncoder | TextStack,
    vae: Autoencoder,
    settings: SampleSettings,
    *,
    each: int = 100,
    noise_seeds: Sequence[int] = (1, 2),
    caption_seed: int = 0,
    on_batch: Callable[[int, int], None] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Exam:
    """Draw `each` held-out captions of the three kinds (one object, two objects, relation) per noise seed; judge all.

    Picture i of noise seed s starts from seed s * 100000 + i, so that pictures do not share their noise.
    """
    base = [caption for kind in EXAM_KINDS for caption in held_out_captions(each, kind, caption_seed)]
    captions = base * len(noise_seeds)
    seeds = [seed * 100_000 + index for seed in noise_seeds for index in range(len(base))]
    pictures = draw(model, clip, vae, captions, seeds, settings, on_batch, on_step)
    return Exam(captions, pictures, evaluate(pictures, captions, "soft"), evaluate(pictures, captions, "strict"))


def sheet(pictures: NDArray[np.uint8], columns: int, scale: int = 2, gap: int = 4) -> Image.Image:
    """Return pictures uint8 [n h w 3] side by side, enlarged by whole pixels, on white."""
    count, height, width, _ = pictures.shape
    rows = -(-count // columns)
    high, wide = height * scale + gap, width * scale + gap
    paper = Image.new("RGB", (columns * wide + gap, rows * high + gap), (255, 255, 255))
    for index, picture in enumerate(pictures):
        big = Image.fromarray(picture).resize((width * scale, height * scale), Image.Resampling.NEAREST)
        paper.paste(big, (gap + index % columns * wide, gap + index // columns * high))
    return paper
