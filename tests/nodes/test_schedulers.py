"""Schedules as values, and their cuts."""

import pytest
import torch

from latentloom.engine.diffusion.schedule import SCHEDULES
from latentloom.engine.values import check_value
from latentloom.nodes import schedulers as nodes

PLAIN = [
    nodes.karras_scheduler,
    nodes.exponential_scheduler,
    nodes.polyexponential_scheduler,
    nodes.vp_scheduler,
]


@pytest.mark.parametrize("scheduler", sorted(SCHEDULES))
def test_basic_scheduler(tiny, scheduler):
    sigmas = nodes.basic_scheduler(model=tiny.model, scheduler=scheduler, steps=8)
    assert check_value("SIGMAS", sigmas) is None
    assert sigmas.dtype == torch.float32
    assert sigmas[-1] == 0
    assert (sigmas[:-1] > sigmas[1:]).all()


def test_basic_scheduler_denoise(tiny):
    longer = nodes.basic_scheduler(model=tiny.model, scheduler="karras", steps=20)
    part = nodes.basic_scheduler(model=tiny.model, scheduler="karras", steps=10, denoise=0.5)
    assert torch.equal(part, longer[-11:])
    assert nodes.basic_scheduler(model=tiny.model, denoise=0.0).numel() == 0


@pytest.mark.parametrize("function", PLAIN)
def test_plain_schedulers_fall_to_zero(function):
    sigmas = function(steps=7)
    assert (sigmas.shape, sigmas.dtype, float(sigmas[-1])) == ((8,), torch.float32, 0.0)
    assert (sigmas[:-1] > sigmas[1:]).all()


def test_karras_ends():
    sigmas = nodes.karras_scheduler(steps=5)
    assert sigmas[0].item() == pytest.approx(14.614642)
    assert sigmas[-2].item() == pytest.approx(0.0291675, rel=1e-5)


def test_exponential_divides_by_the_same_factor():
    sigmas = nodes.exponential_scheduler(steps=6)[:-1]
    ratios = sigmas[:-1] / sigmas[1:]
    assert torch.allclose(ratios, ratios[0].expand_as(ratios), rtol=1e-4)
    assert torch.equal(nodes.polyexponential_scheduler(steps=6, rho=1.0)[:-1], sigmas)


def test_model_schedulers(tiny):
    table = tiny.model.process.sigmas.float()
    beta = nodes.beta_sampling_scheduler(model=tiny.model, steps=6)
    assert torch.isin(beta[:-1], table).all()
    turbo = nodes.sd_turbo_scheduler(model=tiny.model, steps=2, denoise=0.5)
    assert torch.allclose(turbo, torch.stack([table[499], table[399], torch.tensor(0.0)]))
    assert torch.allclose(nodes.sd_turbo_scheduler(model=tiny.model)[0], table[999])


def test_laplace_has_as_many_levels_as_steps():
    sigmas = nodes.laplace_scheduler(steps=9)
    assert sigmas.shape == (9,)
    assert sigmas[4].item() == pytest.approx(1.0, rel=1e-4), "the middle is exp(mu)"
    assert sigmas[-1].item() == pytest.approx(0.0291675, rel=1e-5)


def test_split(unchanged):
    sigmas = torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0])
    with unchanged(sigmas):
        high, low = nodes.split_sigmas(sigmas=sigmas, step=1)
        assert (high.tolist(), low.tolist()) == ([4, 3], [3, 2, 1, 0])
        high, low = nodes.split_sigmas_denoise(sigmas=sigmas, denoise=0.5)
        assert (high.tolist(), low.tolist()) == ([4, 3, 2], [2, 1, 0])
        high, low = nodes.split_sigmas_denoise(sigmas=sigmas, denoise=0.0)
        assert (high.tolist(), low.tolist()) == ([4, 3, 2, 1, 0], [0])
        high, low = nodes.split_sigmas(sigmas=sigmas, step=99)
    assert (high.tolist(), low.tolist()) == ([4, 3, 2, 1, 0], [])


def test_flip_starts_above_zero(unchanged):
    sigmas = torch.tensor([2.0, 1.0, 0.0])
    with unchanged(sigmas):
        assert nodes.flip_sigmas(sigmas=sigmas).tolist() == pytest.approx([1e-4, 1, 2])
    assert nodes.flip_sigmas(sigmas=torch.tensor([2.0, 1.0])).tolist() == [1, 2]
    assert nodes.flip_sigmas(sigmas=torch.zeros(0)).numel() == 0
