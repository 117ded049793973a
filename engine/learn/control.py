"""Training a ControlNet beside a frozen denoiser: scenes in latents, what is drawn of each as its hint.

Library functions over plain values. Knows nothing of nodes, files or what a hint shows. Source: Zhang, Rao, Agrawala,
"Adding Conditional Control to Text-to-Image Diffusion Models" (2023), section 3.3: half of the prompts are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..diffusion.loss import DiffusionLoss
from ..errors import UserError
from ..models.control import ControlNet
from ..models.unet import UNet
from .data import LatentShards
from .loop import Hooks, LoopSettings, Trainer
from .optimizer import OptimizerSettings
from .supervised import Precision

__all__ = ["ControlSettings", "HintedLatents", "train_control"]

CHUNK = 16  # pictures of which hints are drawn at a time; small ones stay in the processor's cache


@dataclass(frozen=True)
class ControlSettings:
    """How a ControlNet is trained.

    batch: latents a step, 1 or more. caption_dropout: share of captions replaced by the empty one, 0 to 1; without it
    the hint is heard only where the caption says nothing. precision: bf16 is faster where the processor has it.
    """

    batch: int = 16
    caption_dropout: float = 0.5
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise UserError("D001", 'setting "batch"', "1 or more", repr(self.batch), "Raise it.")
        if not 0 <= self.caption_dropout <= 1:
            raise UserError("D001", 'setting "caption_dropout"', "0 to 1", repr(self.caption_dropout), "Change it.")


class HintedLatents:
    """A pool of encoded scenes with a hint for each, drawn from the same pictures.

    hint: uint8 pictures [n h w 3] -> float [n h w] or [n h w 3] in 0..1; kept as bytes.
    """

    def __init__(self, latents: LatentShards, hint: Callable[[NDArray[np.uint8]], Tensor]) -> None:
        self.latents = latents
        self.hint = hint
        self._held: dict[int, Tensor] = {}

    def draw(self, step: int, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, list[str]]:
        """Return latents [count c h w], hints [count 3 H W] in 0..1 and captions, as `LatentShards.draw` picks them."""
        before = generator.get_state()
        picks = self.latents.picks(step, count, generator)
        generator.set_state(before)  # drawing picks the same again
        x0, captions = self.latents.draw(step, count, generator)
        first = step // self.latents.refresh
        for old in [index for index in self._held if index < first]:
            del self._held[old]
        hints = torch.stack([self._shard(index)[row] for index, row in picks])
        return x0, hints.float().div_(255).expand(-1, 3, -1, -1), captions

    def _shard(self, index: int) -> Tensor:
        """Return the hints of a shard, uint8 [n 1 or 3 H W]."""
        if index not in self._held:
            pictures, _ = self.latents.pictures.batch(index, self.latents.shard)
            parts = [self.hint(pictures[at : at + CHUNK]) for at in range(0, len(pictures), CHUNK)]
            drawn = torch.cat(parts)
            drawn = drawn[:, None] if drawn.ndim == 3 else drawn.permute(0, 3, 1, 2)
            self._held[index] = drawn.clamp(0, 1).mul(255).round().to(torch.uint8)
        return self._held[index]


def train_control(
    control: ControlNet,
    unet: UNet,
    text: Callable[[Sequence[str]], Tensor],
    source: HintedLatents,
    loss: DiffusionLoss,
    settings: ControlSettings,
    loop: LoopSettings,
    optimizer: OptimizerSettings,
    hooks: Hooks | None = None,
) -> list[float]:
    """Train the ControlNet in place and return the loss of every step; it ends with its averaged weights.

    unet: its weights stay, but are laid channels-last in memory, as the ControlNet's are; text: captions -> states
    [b l d], not trained. Resumes from `loop.checkpoint_folder` when that holds a checkpoint.
    Raises: UserError D001, D010, D011, D012; Cancelled.
    """
    for network in (control, unet):  # convolutions of 128 channels run twice as fast so
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = next(control.parameters()).device
    learns = [parameter.requires_grad for parameter in unet.parameters()]
    unet.requires_grad_(requires_grad=False)

    def loss_of(step: int, generator: torch.Generator) -> Tensor:
        x0, hint, words = source.draw(step, settings.batch, generator)
        dropped = torch.rand(len(words), generator=generator) < settings.caption_dropout
        words = ["" if drop else word for drop, word in zip(dropped.tolist(), words, strict=True)]
        noise = torch.randn(x0.shape, generator=generator).to(device)
        sigma = loss.draw_sigma(len(x0), generator, device)
        hint = hint.to(device)
        with torch.no_grad():
            context = text(words).to(device)

        def network(x: Tensor, t: Tensor) -> Tensor:
            out: Tensor = unet(x, t, context, control=control(x, hint, t, context))
            return out

        with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            return loss(network, x0.to(device), noise=noise, sigma=sigma).mean()

    try:
        trainer = Trainer({"control": control}, loss_of, loop, optimizer, hooks or Hooks())
        trainer.resume()
        losses = trainer.run()
        trainer.average.store()
        return losses
    finally:
        for parameter, learn in zip(unet.parameters(), learns, strict=True):
            parameter.requires_grad_(learn)
