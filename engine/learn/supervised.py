"""Supervised training of the two stages of latent diffusion: the autoencoder, then the denoiser with its text encoder.

Library functions over plain values: networks in, the same networks with averaged weights out; progress, stop and
checkpoints by `Hooks` and `LoopSettings`. Knows nothing of nodes or files of finished models.
Source: Rombach et al. 2022 (both stages); Ho and Salimans 2022 (caption dropout); Salimans and Ho 2022 (v).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from ..diffusion.loss import DiffusionLoss, gaussian_sample, kl_to_standard_normal, reconstruction_error
from ..errors import UserError
from ..models.clip import CLIPText
from ..models.unet import UNet
from ..models.vae import AutoencoderKL
from .data import CaptionTable, LatentShards, Pictures, to_pixels
from .loop import Hooks, LoopSettings, Trainer
from .optimizer import OptimizerSettings
from .readout import SceneReadout, end_states

__all__ = ["DiffusionSettings", "VAESettings", "train_diffusion", "train_vae"]

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class VAESettings:
    """How an autoencoder is trained.

    batch: pictures a step, 1 or more. l2, l1, edge, kl: weights, 0 or more, of the squared error, the absolute error,
    the absolute error of neighbouring pixels' differences (sharp outlines), and the divergence of the latent from a
    standard normal per latent number. jitter: standard deviation of noise added to the latent, in units of the
    latent's own, so that the decoder forgives a denoiser's small errors. part: which half learns; `decoder` leaves the
    latent space as it is. precision: bf16 is faster where the processor has it; weights stay float32.
    """

    batch: int = 16
    l2: float = 1.0
    l1: float = 0.1
    edge: float = 0.0
    kl: float = 1e-5
    jitter: float = 0.0
    part: Literal["both", "decoder"] = "both"
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        _positive("batch", self.batch)
        for name in ("l2", "l1", "edge", "kl", "jitter"):
            if getattr(self, name) < 0:
                raise UserError("D001", f'setting "{name}"', "0 or more", repr(getattr(self, name)), "Raise it.")


@dataclass(frozen=True)
class DiffusionSettings:
    """How a denoiser is trained.

    batch: latents a step, 1 or more. caption_dropout: share of captions replaced by the empty one, 0 to 1, so that
    classifier-free guidance has its unconditional half. unseen_words: share of captions whose first word becomes the
    row of unseen words. readout: weight, 0 or more, of the loss of a `SceneReadout`, where one is trained along.
    precision: as in `VAESettings`.
    """

    batch: int = 48
    caption_dropout: float = 0.1
    unseen_words: float = 0.05
    readout: float = 1.0
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        _positive("batch", self.batch)
        for name in ("caption_dropout", "unseen_words"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError("D001", f'setting "{name}"', "0 to 1", repr(getattr(self, name)), "Change it.")


def train_vae(
    vae: AutoencoderKL,
    pictures: Pictures,
    settings: VAESettings,
    loop: LoopSettings,
    optimizer: OptimizerSettings,
    hooks: Hooks | None = None,
) -> list[float]:
    """Train in place and return the loss of every step; the network ends with its averaged weights.

    Step n reads batch n of `pictures`. Resumes from `loop.checkpoint_folder` when that holds a checkpoint.
    Raises: UserError D001, D010, D011, D012; Cancelled.
    """
    vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # convolutions of 32 to 128 channels run a fifth faster so
    device = next(vae.parameters()).device
    before = [vae.encoder, *([vae.quant_conv] if vae.config.quant_conv else [])]
    frozen = before if settings.part == "decoder" else []
    for part in frozen:
        part.requires_grad_(False)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        pixels = to_pixels(pictures.batch(step, settings.batch)[0]).to(device)
        with _precision(settings.precision, device):
            mean, logvar = (moment.float() for moment in vae.encode(pixels))
            latent = gaussian_sample(mean, logvar, torch.randn(mean.shape, generator=generator).to(device))
            if settings.jitter:
                spread = settings.jitter * mean.detach().std(dim=(0, 2, 3), keepdim=True)
                latent = latent + spread * torch.randn(mean.shape, generator=generator).to(device)
            output = vae.decode(latent).float()
        loss = settings.l2 * reconstruction_error(output, pixels, "l2")
        loss = loss + settings.l1 * reconstruction_error(output, pixels, "l1")
        if settings.edge:
            for axis in (2, 3):
                loss = loss + settings.edge * reconstruction_error(output.diff(dim=axis), pixels.diff(dim=axis), "l1")
        if settings.kl and not frozen:
            loss = loss + settings.kl * kl_to_standard_normal(mean, logvar) / mean[0].numel()
        return loss.mean()

    try:
        return _run({"vae": vae}, loss_of, loop, optimizer, hooks)
    finally:
        for part in frozen:
            part.requires_grad_(True)


def train_diffusion(
    unet: UNet,
    text: CLIPText,
    latents: LatentShards,
    captions: CaptionTable,
    loss: DiffusionLoss,
    settings: DiffusionSettings,
    loop: LoopSettings,
    optimizer: OptimizerSettings,
    hooks: Hooks | None = None,
    readout: SceneReadout | None = None,
) -> list[float]:
    """Train denoiser and text encoder together, in place, and return the loss of every step.

    readout: trained along where given, its loss added with weight `settings.readout`; see `learn/readout.py`.

    The full 77 places go through the text encoder and the cross-attention, padding included, because that is what a
    sampler will feed. Both networks end with their averaged weights, and during `on_checkpoint` they hold them as well,
    with the token table grown back to full size.
    Raises: UserError D001, D010, D011, D012; Cancelled.
    """
    unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    full = text.embeddings.token_embedding
    empty = captions.encode([""])
    device = next(unet.parameters()).device
    hooks = hooks or Hooks()

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        x0, words = latents.draw(step, settings.batch, generator)
        rows = captions.encode(words)
        rows = captions.with_unseen(rows, settings.unseen_words, generator)
        dropped = torch.rand(len(rows), generator=generator) < settings.caption_dropout
        rows = torch.where(dropped[:, None], empty, rows)
        noise = torch.randn(x0.shape, generator=generator).to(device)
        sigma = loss.draw_sigma(len(x0), generator, device)
        with _precision(settings.precision, device):
            context, _ = text(rows.to(device))
            each = loss(lambda x, t: unet(x, t, context), x0.to(device), noise=noise, sigma=sigma)
        if readout is None:
            return each.mean()
        heard = ["" if drop else caption for drop, caption in zip(dropped.tolist(), words, strict=True)]
        return each.mean() + settings.readout * readout(context, end_states(rows).to(device), heard)

    def on_checkpoint(step: int) -> None:
        if hooks.on_checkpoint is not None:
            with _grown(text, captions, full):
                hooks.on_checkpoint(step)

    text.embeddings.token_embedding = captions.shrink(full)
    inner = replace(hooks, on_checkpoint=on_checkpoint if hooks.on_checkpoint else None)
    networks: dict[str, nn.Module] = {"unet": unet, "text": text}
    if readout is not None:
        networks["readout"] = readout
    try:
        return _run(networks, loss_of, loop, optimizer, inner)
    finally:
        captions.grow(text.embeddings.token_embedding, full)
        text.embeddings.token_embedding = full


@contextmanager
def _grown(text: CLIPText, captions: CaptionTable, full: nn.Embedding) -> Iterator[None]:
    """Give the text encoder its full token table for the length of a `with` block."""
    small = text.embeddings.token_embedding
    captions.grow(small, full)
    text.embeddings.token_embedding = full
    try:
        yield
    finally:
        text.embeddings.token_embedding = small


def _run(
    networks: dict[str, nn.Module],
    loss_of: Callable[[int, torch.Generator], Tensor],
    loop: LoopSettings,
    optimizer: OptimizerSettings,
    hooks: Hooks | None,
) -> list[float]:
    trainer = Trainer(networks, loss_of, loop, optimizer, hooks or Hooks())
    trainer.resume()
    losses = trainer.run()
    trainer.average.store()
    return losses


def _precision(name: Precision, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=name == "bf16")


def _positive(name: str, value: int) -> None:
    if value < 1:
        raise UserError("D001", f'setting "{name}"', "1 or more", repr(value), "Raise it.")
