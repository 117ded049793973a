"""What sampler nodes tell while they run: progress, previews, whether to go on. Declares no node itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..engine.diffusion.preview import Previewer, preview
from ..engine.diffusion.sample import Step
from ..engine.models.latent import LatentFormat
from ..engine.models.taesd_load import pick_previewer
from ..engine.node.context import Context

PREVIEW_SECONDS = 0.2  # between two previews; each one waits for the device
SHARE = 10  # of a run's time, one part in this many at most goes into previews


def watch(context: Context, latent: object) -> Callable[[Step], None]:
    """Return a sampler's `on_step`: reports each step, stops on request, sometimes shows a picture.

    latent: the model's latent space; nothing is shown of one that does not know its colours.
    """
    looked = False
    previewer: Previewer | None = None
    due = 0.0

    def on_step(step: Step) -> None:
        nonlocal looked, previewer, due
        context.progress(step.index + 1, step.total)  # raises Cancelled
        if not context.wants_previews or time.monotonic() < due:
            return
        if not looked:  # not before somebody watches: a small decoder takes a moment to load
            looked = True
            previewer = previewer_for(context, latent, step)
        if previewer is not None:
            began = time.monotonic()
            context.preview(preview(step.denoised[:1], previewer)[0].numpy())
            due = time.monotonic() + max(PREVIEW_SECONDS, SHARE * (time.monotonic() - began))

    return on_step


def previewer_for(context: Context, latent: object, step: Step) -> Previewer | None:
    """Return what the settings and the folder models/vae_approx make of a latent space."""
    if not isinstance(latent, LatentFormat):
        return None
    try:
        folders = context.files.roots("vae_approx")
    except LookupError:  # an executor without folders
        folders = ()
    device, pickle = step.denoised.device, context.allows("pickle")
    return pick_previewer(latent, context.preview_method, folders, device=device, allow_pickle=pickle)
