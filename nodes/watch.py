"""What sampler nodes tell while they run: progress, previews, whether to go on. Declares no node itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..engine.diffusion.preview import preview
from ..engine.diffusion.sample import Step
from ..engine.models.latent import LatentFormat
from ..engine.node.context import Context

PREVIEW_SECONDS = 0.2  # between two previews; each one waits for the device


def watch(context: Context, latent: object) -> Callable[[Step], None]:
    """Return a sampler's `on_step`: reports each step, stops on request, sometimes shows a picture.

    latent: the model's latent space; nothing is shown of one that does not know its colours.
    """
    shown = -PREVIEW_SECONDS

    def on_step(step: Step) -> None:
        nonlocal shown
        context.progress(step.index + 1, step.total)  # raises Cancelled
        due = context.wants_previews and time.monotonic() - shown >= PREVIEW_SECONDS
        if due and isinstance(latent, LatentFormat):
            context.preview(preview(step.denoised[:1], latent)[0].numpy())
            shown = time.monotonic()

    return on_step
