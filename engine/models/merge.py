"""Mix the weights of two networks of one architecture.

Knows nothing of files or nodes. Source: Wortsman et al. 2022 (arXiv 2203.05482), one ratio for all.
"""

from __future__ import annotations

import copy

import torch

from ..errors import UserError
from .denoiser import DiffusionModel

__all__ = ["merged"]


def merged(first: DiffusionModel, second: DiffusionModel, ratio: float) -> DiffusionModel:
    """Return `first` with weights ratio * first + (1 - ratio) * second; neither is changed.

    ratio: 0..1. Raises: UserError M030 when the networks differ in shape.
    """
    ours, theirs = first.network.state_dict(), second.network.state_dict()
    unlike = sorted(ours.keys() ^ theirs.keys()) or [
        name for name, weight in ours.items() if weight.shape != theirs[name].shape
    ]
    if unlike:
        raise UserError(
            "M030",
            where="merging two models",
            expected="the same architecture",
            got=f"{len(unlike)} weights that differ, first {unlike[0]}",
            fix="Merge models of one family.",
            input="model2",
        )
    mixed = {
        # float32 in between: half precision would round the smaller share away.
        name: torch.lerp(theirs[name].to(weight.device).float(), weight.float(), ratio).to(weight.dtype)
        for name, weight in ours.items()
    }
    # The copy takes its weights from `mixed`, so that none is copied only to be thrown away.
    stand_ins = {id(tensor): tensor for tensor in (*first.network.parameters(), *first.network.buffers())}
    network = copy.deepcopy(first.network, memo=stand_ins)
    network.load_state_dict(mixed, assign=True)
    return first.with_(network=network)
