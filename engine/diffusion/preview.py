"""Rough pictures of unfinished latents, for live previews. Knows nothing of image files, networks or event channels."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Previewer", "preview"]


class Previewer(Protocol):
    """A latent space that knows its colours; `LatentFormat` is one."""

    def preview(self, scaled: Tensor) -> Tensor:
        """Return [b h w 3] in 0..1 for scaled latents [b c h w]."""


def preview(denoised: Tensor, latent: Previewer) -> Tensor:
    """Return uint8 [b h w 3] on the CPU, one pixel a latent cell, of scaled latents [b c h w].

    Waits for the device: call it as often as pictures are shown, not once a step.
    """
    picture = latent.preview(denoised.detach()).nan_to_num(0.0)
    return (picture * 255).round().clamp(0, 255).to(device="cpu", dtype=torch.uint8)
