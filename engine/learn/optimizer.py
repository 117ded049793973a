"""AdamW over named networks, and learning-rate schedules that are functions of the step alone.

A schedule is a pure function of (step, settings), so a resumed run needs no scheduler state. Knows nothing of
what the networks are. Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), Algorithm 2;
cosine: the same authors, "SGDR" (2017), eq. 5; constant with a final decay: Hägele et al., "Scaling Laws and
Compute-Optimal Training Beyond Fixed Training Durations" (2024), section 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from ..errors import UserError

__all__ = ["LearningRate", "OptimizerSettings", "build_adamw", "clip_gradients", "learning_rate", "set_learning_rate"]

LearningRate = Literal["cosine", "constant", "decay_at_end"]


@dataclass(frozen=True)
class OptimizerSettings:
    """Everything that decides an update.

    learning_rate: peak, above 0. warmup: steps of linear rise, 0 or more. schedule: `cosine` falls from the end of the
    warm-up to `floor` at the last step; `decay_at_end` stays at the peak and falls linearly over the last
    `decay_fraction` of the steps, so that a run can be prolonged; `constant` never falls. floor: fraction of the peak
    that is left at the end, 0 to 1. beta1, beta2: AdamW's averages, 0 to below 1. weight_decay: of matrices and
    convolutions only (norms, biases and embeddings are spared). clip: largest global gradient norm; 0 turns it off.
    """

    learning_rate: float = 5e-4
    warmup: int = 200
    schedule: LearningRate = "cosine"
    floor: float = 0.02
    decay_fraction: float = 0.25
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.01
    clip: float = 1.0

    def __post_init__(self) -> None:
        checks = {
            "learning_rate": (self.learning_rate > 0, "above 0"),
            "warmup": (self.warmup >= 0, "0 or more"),
            "schedule": (self.schedule in ("cosine", "constant", "decay_at_end"), "cosine, constant or decay_at_end"),
            "floor": (0 <= self.floor <= 1, "0 to 1"),
            "decay_fraction": (0 < self.decay_fraction <= 1, "above 0, at most 1"),
            "beta1": (0 <= self.beta1 < 1, "0 to below 1"),
            "beta2": (0 <= self.beta2 < 1, "0 to below 1"),
            "weight_decay": (self.weight_decay >= 0, "0 or more"),
            "clip": (self.clip >= 0, "0 or more"),
        }
        for name, (good, expected) in checks.items():
            if not good:
                got = repr(getattr(self, name))
                raise UserError("D001", f'optimizer setting "{name}"', expected, got, "Change it.")


def learning_rate(settings: OptimizerSettings, step: int, total: int) -> float:
    """Return the rate for `step` (0-based) of `total` steps."""
    peak = settings.learning_rate
    if step < settings.warmup:
        return peak * (step + 1) / settings.warmup
    if settings.schedule == "constant":
        return peak
    if settings.schedule == "cosine":
        start, span = settings.warmup, max(1, total - settings.warmup)
        done = min(1.0, (step - start) / span)
        return peak * (settings.floor + (1 - settings.floor) * 0.5 * (1 + math.cos(math.pi * done)))
    span = max(1, round(total * settings.decay_fraction))
    left = min(1.0, max(0.0, (total - step) / span))
    return peak * (settings.floor + (1 - settings.floor) * left)


def build_adamw(networks: Iterable[nn.Module], settings: OptimizerSettings) -> torch.optim.AdamW:
    """Return AdamW over the trainable parameters, decaying only matrices and convolutions."""
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for network in networks:
        embeddings = {id(m.weight) for m in network.modules() if isinstance(m, nn.Embedding)}
        for parameter in network.parameters():
            if parameter.requires_grad:
                matrix = parameter.ndim >= 2 and id(parameter) not in embeddings
                (decayed if matrix else spared).append(parameter)
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=1e-8,
        fused=True,  # one pass over memory a step instead of a dozen
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the same rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradients(optimizer: torch.optim.Optimizer, limit: float) -> float:
    """Scale all gradients down to a global norm of `limit` (0: only measure) and return the norm before."""
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    return float(nn.utils.clip_grad_norm_(parameters, limit if limit > 0 else math.inf, foreach=True))
