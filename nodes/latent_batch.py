"""Pick latents out of a batch, and repeat them. Masks and batch indices follow their latents."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from ..engine.node.declare import node
from ..engine.node.widget import Int
from ..engine.values import Latent


@node("LatentFromBatch", title="Latent From Batch", category="latent/batch")
def latent_from_batch(
    *,
    samples: Latent,
    batch_index: Annotated[int, Int(0, 63)] = 0,
    length: Annotated[int, Int(1, 64)] = 1,
) -> Latent:
    """Take some latents out of a batch. Sampled again with the same seed they draw the same noise.

    batch_index: the first one; counted from 0.
    length: how many.
    """
    old = samples["samples"]
    first = min(old.shape[0] - 1, batch_index)
    last = min(old.shape[0], first + length)
    indices = samples.get("batch_index") or list(range(old.shape[0]))
    out = {**samples, "samples": old[first:last].clone(), "batch_index": list(indices[first:last])}
    mask = samples.get("noise_mask")
    if mask is not None and mask.shape[0] > 1:
        out["noise_mask"] = _repeated_to(mask, old.shape[0])[first:last].clone()
    return out


@node("RepeatLatentBatch", title="Repeat Latent Batch", category="latent/batch")
def repeat_latent_batch(*, samples: Latent, amount: Annotated[int, Int(1, 64)] = 1) -> Latent:
    """Repeat a batch of latents.

    amount: how many times.
    """
    old = samples["samples"]
    out = {**samples, "samples": _times(old, amount)}
    mask = samples.get("noise_mask")
    if mask is not None and mask.shape[0] > 1:
        out["noise_mask"] = _times(_repeated_to(mask, old.shape[0]), amount)
    indices = samples.get("batch_index")
    if indices:
        offset = max(indices) - min(indices) + 1  # later copies draw noise of their own
        out["batch_index"] = [index + turn * offset for turn in range(amount) for index in indices]
    return out


def _times(x: Tensor, amount: int) -> Tensor:
    return torch.cat([x] * amount)


def _repeated_to(mask: Tensor, count: int) -> Tensor:
    """Repeat the masks until there is one for each latent."""
    return _times(mask, -(-count // mask.shape[0]))[:count]
