"""Mix the weights of two networks of one architecture, each weight a sum with factors of its own.

Knows nothing of files or nodes. Source: Wortsman et al. 2022 (arXiv 2203.05482) for shares that add up to 1; Ilharco et
al. 2023 (arXiv 2212.04089) for differences that are added.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from ..errors import UserError
from .denoiser import DiffusionModel
from .lora import Encoders

__all__ = ["Factors", "merged", "merged_clip"]

Factors = Callable[[str], tuple[float, float]]
"""The factors of the first and the second network's weight of that name."""
N = TypeVar("N", bound=nn.Module)
C = TypeVar("C", bound=Encoders)


def merged(first: DiffusionModel, second: DiffusionModel, factors: Factors) -> DiffusionModel:
    """Return `first` with weights a * first + b * second, (a, b) by the weight's name; neither is changed.

    Raises: UserError M030 when the networks differ in shape.
    """
    return first.with_(network=mixed(first.network, second.network, factors, "model2"))


def merged_clip(first: C, second: C, factors: Factors) -> C:
    """Return the text encoders of `first` with weights a * first + b * second; neither is changed.

    Raises: UserError M030 when there are other encoders, or others in shape, in `second`.
    """
    ours, theirs = first.parts, second.parts
    if ours.keys() != theirs.keys():
        raise unlike("clip2", " and ".join(ours), " and ".join(theirs))
    parts = {
        place: part.with_(network=mixed(part.network, theirs[place].network, factors, "clip2"))
        for place, part in ours.items()
    }
    return first.with_parts(parts)


def mixed(first: N, second: nn.Module, factors: Factors, name: str) -> N:
    """Return a network of its own with weights a * first + b * second. name: the input that the second came by.

    Raises: UserError M030.
    """
    ours, theirs = first.state_dict(), second.state_dict()
    differing = sorted(ours.keys() ^ theirs.keys()) or [
        key for key, weight in ours.items() if weight.shape != theirs[key].shape
    ]
    if differing:
        raise unlike(name, "the same architecture", f"{len(differing)} weights that differ, first {differing[0]}")
    sums = {}
    with torch.no_grad():
        for key, weight in ours.items():
            a, b = factors(key)
            # float32 in between: half precision would round the smaller share away.
            total = weight.float() * a
            sums[key] = total.add_(theirs[key].to(weight.device).float(), alpha=b).to(weight.dtype)
    # The copy takes its weights from `sums`, so that none is copied only to be thrown away.
    stand_ins = {id(tensor): tensor for tensor in (*first.parameters(), *first.buffers())}
    network = copy.deepcopy(first, memo=stand_ins)
    network.load_state_dict(sums, assign=True)
    return network.requires_grad_(requires_grad=False)


def unlike(name: str, expected: str, got: str) -> UserError:
    """Return the error for two that cannot be merged."""
    return UserError("M030", "merging two models", expected, got, "Merge models of one family.", input=name)
