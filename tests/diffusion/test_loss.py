"""Losses: perfect networks lose nothing, weights follow the paper, draws follow their laws."""

import pytest
import torch

from latentloom.engine.diffusion.loss import (
    DiffusionLoss,
    gaussian_sample,
    kl_to_standard_normal,
    reconstruction_error,
    snr_weight,
)
from latentloom.engine.diffusion.predict import target
from latentloom.engine.diffusion.process import Discrete, Flow, scaled_linear
from latentloom.engine.errors import UserError

SD = Discrete(scaled_linear())


def process_for(prediction):
    return Flow() if prediction == "flow" else SD


def batch(count=8):
    return torch.randn(2, count, 4, 6, 6, generator=torch.Generator().manual_seed(1)).unbind(0)


@pytest.mark.parametrize("prediction", ["eps", "v", "x0", "flow"])
@pytest.mark.parametrize("gamma", [None, 5.0])
def test_a_perfect_network_loses_nothing_and_a_wrong_one_something(prediction, gamma):
    x0, noise = batch()
    loss = DiffusionLoss(process_for(prediction), prediction, gamma=gamma)
    sigma = loss.draw_sigma(8, torch.Generator().manual_seed(2))
    right = target(prediction, x0, noise, sigma)
    assert torch.allclose(loss(lambda x, t: right, x0, noise=noise, sigma=sigma), torch.zeros(8))
    off_by_one = loss(lambda x, t: right + 1, x0, noise=noise, sigma=sigma)
    expected = torch.ones(8) if gamma is None else snr_weight(loss.process, prediction, sigma, gamma)
    assert torch.allclose(off_by_one, expected, atol=1e-5)


def test_the_network_is_fed_scaled_input_and_its_time():
    x0, noise = batch()
    loss = DiffusionLoss(SD, "eps")
    sigma = SD.sigmas[[0, 10, 100, 300, 500, 700, 900, 999]].float()
    seen = {}

    def network(x, time):
        seen.update(x=x, time=time)
        return torch.zeros_like(x)

    loss(network, x0, noise=noise, sigma=sigma)
    assert seen["time"].tolist() == pytest.approx([0, 10, 100, 300, 500, 700, 900, 999], abs=0.02)
    assert float(seen["x"].std()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("prediction", ["eps", "v", "flow"])
def test_min_snr_weights_are_those_of_x0_brought_to_the_output(prediction):
    """Hang et al. 2023: in x0 the weight is min(SNR, gamma); an error d of the output is an error of x0."""
    x0, noise = batch()
    process = process_for(prediction)
    sigma = torch.linspace(0.05, 0.95, 8)
    x = process.add_noise(x0, noise, sigma)
    from latentloom.engine.diffusion.predict import to_x0

    right = target(prediction, x0, noise, sigma)
    error_x0 = (to_x0(prediction, right + 0.1, x, sigma) - x0).square().flatten(1).mean(1)
    weighted = DiffusionLoss(process, prediction, gamma=5.0)(
        lambda *_: right + 0.1, x0, noise=noise, sigma=sigma
    )
    snr = (process.signal(sigma) / sigma) ** 2
    assert torch.allclose(weighted, error_x0 * snr.clamp(max=5.0), rtol=1e-3)


def test_uniform_draws_cover_every_step_alike():
    loss = DiffusionLoss(SD, "eps")
    sigma = loss.draw_sigma(20_000, torch.Generator().manual_seed(0))
    time = SD.timestep(sigma)
    assert float(time.mean()) == pytest.approx(499.5, abs=8)
    assert set(time.round().int().unique().tolist()) == set(range(1000))


def test_logit_normal_draws_prefer_the_middle():
    loss = DiffusionLoss(SD, "v", timesteps="logit_normal", location=0.5, spread=0.8)
    time = SD.timestep(loss.draw_sigma(20_000, torch.Generator().manual_seed(0))) / 1000
    logit = torch.logit(time.clamp(0.001, 0.999))
    assert float(logit.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(logit.std()) == pytest.approx(0.8, abs=0.03)


def test_flow_times_are_continuous_and_shifted():
    sigma = DiffusionLoss(Flow(3.0), "flow").draw_sigma(20_000, torch.Generator().manual_seed(0))
    assert bool(((sigma > 0) & (sigma <= 1)).all())
    assert len(sigma.unique()) > 19_000
    assert float(sigma.median()) == pytest.approx(0.75, abs=0.01)


def test_draws_repeat_with_the_generator():
    loss = DiffusionLoss(SD, "eps", timesteps="logit_normal")
    one, two = (loss.draw_sigma(5, torch.Generator().manual_seed(9)) for _ in range(2))
    assert torch.equal(one, two)


def test_gradients_reach_the_network_and_half_precision_is_summed_in_float32():
    x0, noise = batch()
    weight = torch.ones((), dtype=torch.float16, requires_grad=True)
    loss = DiffusionLoss(SD, "eps")(
        lambda x, t: (300 * weight).expand_as(x), x0, noise=noise, sigma=torch.full((8,), 1.0)
    )
    assert loss.dtype == torch.float32
    assert bool(loss.isfinite().all())  # 300^2 is beyond half precision
    loss.mean().backward()
    assert float(weight.grad) > 0


def test_kl_matches_torch_distributions():
    mean, logvar = torch.randn(2, 3, 4, 2, 2, generator=torch.Generator().manual_seed(0)).unbind(0)
    theirs = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (logvar / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    assert torch.allclose(kl_to_standard_normal(mean, logvar), theirs.flatten(1).sum(1), rtol=1e-5)
    assert torch.equal(kl_to_standard_normal(torch.zeros(2, 3), torch.zeros(2, 3)), torch.zeros(2))


def test_gaussian_sample_and_reconstruction():
    assert float(gaussian_sample(torch.tensor(1.0), torch.tensor(4.0).log(), torch.tensor(0.5))) == pytest.approx(2)
    a, b = torch.zeros(2, 3), torch.tensor([[1.0, 1, 1], [2, 2, 2]])
    assert reconstruction_error(a, b).tolist() == [1, 2]
    assert reconstruction_error(a, b, "l2").tolist() == [1, 4]
    with pytest.raises(UserError, match="D111"):
        reconstruction_error(a, b, "l3")


@pytest.mark.parametrize(
    "options", [{"prediction": "noise"}, {"timesteps": "cosine"}, {"gamma": 0.0}, {"spread": 0.0}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(UserError, match="D111"):
        DiffusionLoss(SD, **options)
