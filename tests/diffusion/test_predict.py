"""Conversions between predictions: round trips, agreement with the process, the score by finite differences."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.diffusion.predict import (
    PREDICTIONS,
    broadcast,
    from_x0,
    noise_from_x0,
    score_from_x0,
    target,
    to_x0,
)
from latentloom.engine.diffusion.process import Discrete, Flow, scaled_linear
from latentloom.engine.errors import UserError


def drawn(count=2):
    return torch.randn(count, 3, 4, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


@given(st.floats(1e-2, 1e2), st.sampled_from(PREDICTIONS))
def test_round_trip(sigma, prediction):
    x0, x = drawn()
    output = from_x0(prediction, x0, x, sigma)
    assert torch.allclose(to_x0(prediction, output, x, sigma), x0, atol=1e-9)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("sigma", [0.03, 0.9, torch.tensor([0.1, 0.5, 0.99])])
def test_the_target_is_what_gives_x0_back(prediction, sigma):
    x0, noise = drawn()
    process = Flow() if prediction == "flow" else Discrete(scaled_linear())
    x = process.add_noise(x0, noise, sigma)
    assert torch.allclose(to_x0(prediction, target(prediction, x0, noise, sigma), x, sigma), x0, atol=1e-6)


def test_v_of_pure_noise_is_minus_x0():
    x0, noise = drawn()
    assert torch.allclose(target("v", x0, noise, 1e9), -x0, atol=1e-6)
    assert torch.allclose(target("v", x0, noise, 0.0), noise)


def test_noise_is_recovered():
    x0, noise = drawn()
    assert torch.allclose(noise_from_x0(x0, x0 + 2.5 * noise, 2.5), noise)
    assert torch.allclose(noise_from_x0(x0, 0.4 * x0 + 0.6 * noise, 0.6, alpha=0.4), noise)


@pytest.mark.parametrize("alpha", [1.0, 0.4])
def test_score_is_the_slope_of_the_log_density(alpha):
    """x0 ~ N(0.5, 0.3^2): the noisy density is a known Gaussian."""
    sigma, spread = 0.7, 0.3
    x = torch.linspace(-2, 2, 9, dtype=torch.float64).reshape(9, 1)
    variance = alpha**2 * spread**2 + sigma**2
    mean = 0.5 + alpha * spread**2 / variance * (x - alpha * 0.5)  # E[x0 | x]

    def log_density(at):
        return -((at - alpha * 0.5) ** 2) / (2 * variance)

    slope = (log_density(x + 1e-5) - log_density(x - 1e-5)) / 2e-5
    assert torch.allclose(score_from_x0(mean, x, sigma, alpha=alpha), slope, atol=1e-8)


def test_sigma_is_never_rounded_to_half_precision():
    x = torch.zeros(2, 1, 1, 1, dtype=torch.float16)
    assert broadcast(torch.tensor([1.0001, 2.0]), x).dtype == torch.float32


@pytest.mark.parametrize("convert", [to_x0, from_x0])
def test_unknown_predictions_are_refused(convert):
    x = torch.zeros(1, 1)
    with pytest.raises(UserError, match="V120"):
        convert("epsilon", x, x, 1.0)
    with pytest.raises(UserError, match="V120"):
        target("epsilon", x, x, 1.0)
