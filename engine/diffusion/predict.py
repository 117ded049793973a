"""Conversions between what a network predicts and the clean sample.

Pure functions. Two ways of mixing signal and noise occur:
variance exploding, x = x0 + sigma * noise (Stable Diffusion in the coordinates of Karras et al. 2022), and
flow, x = (1 - sigma) * x0 + sigma * noise (Liu et al. 2022; Esser et al. 2024).
Knows nothing of networks, timesteps or samplers.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import UserError

__all__ = ["PREDICTIONS", "Prediction", "broadcast", "from_x0", "noise_from_x0", "score_from_x0", "target", "to_x0"]

Prediction = Literal["eps", "v", "x0", "flow"]
PREDICTIONS: tuple[str, ...] = get_args(Prediction)


def broadcast(sigma: Tensor | float, x: Tensor) -> Tensor:
    """Return sigma shaped to multiply x: a scalar stays one, [b] becomes [b 1 1 ...].

    A zero-dimensional CPU tensor multiplies a tensor on any device without a copy.
    """
    value = torch.as_tensor(sigma, dtype=torch.float64) if not isinstance(sigma, Tensor) else sigma
    if value.ndim == 0:
        return value
    # Half precision cannot hold sigma: 11 bits of a log-spaced table merge neighbouring steps.
    value = value.to(device=x.device, dtype=torch.promote_types(x.dtype, torch.float32))
    return value.reshape(-1, *([1] * (x.ndim - 1)))


def to_x0(prediction: str, output: Tensor, x: Tensor, sigma: Tensor | float) -> Tensor:
    """Return the clean sample that a network's output stands for.

    output, x: [b ...], same shape; x in variance exploding scale (flow: in flow scale). sigma: scalar or [b].
    Raises: UserError V120 for an unknown prediction.
    Source: eps: Ho et al. 2020 eq. 15; v: Salimans & Ho 2022 appendix D; both with alpha = 1 / sqrt(1 + sigma^2).
    """
    s = broadcast(sigma, x)
    if prediction in ("eps", "flow"):  # x - (x0 + sigma*eps) and x - ((1-sigma)*x0 + sigma*noise): one formula
        return x - s * output
    if prediction == "v":
        variance = s * s + 1
        return x / variance - output * (s / variance.sqrt())
    if prediction == "x0":
        return output
    raise _unknown(prediction)


def from_x0(prediction: str, x0: Tensor, x: Tensor, sigma: Tensor | float) -> Tensor:
    """Return the output a network must give so that `to_x0` yields x0. sigma must not be 0, except for "x0"."""
    s = broadcast(sigma, x)
    if prediction in ("eps", "flow"):
        return (x - x0) / s
    if prediction == "v":
        variance = s * s + 1
        return (x / variance - x0) * (variance.sqrt() / s)
    if prediction == "x0":
        return x0
    raise _unknown(prediction)


def target(prediction: str, x0: Tensor, noise: Tensor, sigma: Tensor | float) -> Tensor:
    """Return what a network should answer for x made of x0 and noise; finite at every sigma.

    Source: eps: Ho et al. 2020 eq. 14; v = alpha*eps - sigma_vp*x0: Salimans & Ho 2022 section 4;
    flow = noise - x0: Liu et al. 2022 eq. 1 with time running from data to noise.
    """
    if prediction == "eps":
        return noise
    if prediction == "flow":
        return noise - x0
    if prediction == "x0":
        return x0
    if prediction == "v":
        s = broadcast(sigma, x0)
        return (noise - s * x0) / (s * s + 1).sqrt()
    raise _unknown(prediction)


def noise_from_x0(x0: Tensor, x: Tensor, sigma: Tensor | float, *, alpha: float | Tensor = 1.0) -> Tensor:
    """Return the noise in x = alpha * x0 + sigma * noise. alpha: 1 (variance exploding) or 1 - sigma (flow)."""
    return (x - broadcast(alpha, x) * x0) / broadcast(sigma, x)


def score_from_x0(x0: Tensor, x: Tensor, sigma: Tensor | float, *, alpha: float | Tensor = 1.0) -> Tensor:
    """Return the score of the noisy density at x, given the mean x0 of the clean sample.

    Source: Tweedie's formula; Vincent 2011; Karras et al. 2022 eq. 3.
    """
    s = broadcast(sigma, x)
    return (broadcast(alpha, x) * x0 - x) / (s * s)


def _unknown(prediction: str) -> UserError:
    return UserError(
        "V120",
        where="prediction",
        expected="one of " + ", ".join(PREDICTIONS),
        got=repr(prediction),
        fix="Name what the network predicts.",
    )
