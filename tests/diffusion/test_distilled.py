"""The processes of distilled networks against their definitions."""

import math

import pytest
import torch

from latentloom.engine.diffusion.distilled import Distilled, Unscaled
from latentloom.engine.diffusion.process import Discrete, Process
from latentloom.engine.diffusion.schedule import sigmas_for

TEACHER = Discrete.stable_diffusion()


@pytest.fixture(scope="module")
def lcm():
    return Distilled(TEACHER)


def test_every_twentieth_sigma_is_known(lcm):
    assert isinstance(lcm, Process)
    assert torch.allclose(lcm.sigmas, TEACHER.sigmas[19::20])
    assert lcm.sigma_max == pytest.approx(TEACHER.sigma_max)


def test_times_are_the_teacher_s_and_whole(lcm):
    assert lcm.timestep(TEACHER.sigmas[[19, 39, 999]]).tolist() == [19, 39, 999]
    assert lcm.timestep(torch.tensor([0.001, 1e4])).tolist() == [19, 999]
    between = (TEACHER.sigmas[39] * TEACHER.sigmas[59]).sqrt()
    assert lcm.timestep(torch.stack([between * 0.99, between * 1.01])).tolist() == [39, 59]
    assert lcm.timestep(torch.tensor([[1.0], [2.0]])).shape == (2, 1)


def test_sigma_is_the_way_back(lcm):
    times = torch.tensor([19.0, 219.0, 999.0])
    assert torch.equal(lcm.timestep(lcm.sigma(times)), times)
    assert float(lcm.sigma(torch.tensor(0.0))) == pytest.approx(lcm.sigma_min)
    assert lcm.sigma_at(0) == math.inf
    assert lcm.sigma_at(1) == 0
    assert lcm.sigma_at(0.5) == pytest.approx(TEACHER.sigma_at(0.5), rel=0.02)


def test_schedules_run_over_it(lcm):
    sigmas = sigmas_for(lcm, "sgm_uniform", 4)
    assert len(sigmas) == 5
    assert float(sigmas[0]) == pytest.approx(TEACHER.sigma_max, rel=1e-5)
    assert sigmas_for(lcm, "simple", 50)[:-1].tolist() == pytest.approx(lcm.sigmas.flip(0).tolist(), rel=1e-5)


def test_the_answer_is_the_input_where_time_is_0(lcm):
    """c_skip = 1, c_out = 0 at time 0; at the first time that occurs c_skip = 0.25 / (190^2 + 0.25)."""
    clean, x = torch.zeros(1, 4, 2, 2), torch.ones(1, 4, 2, 2)
    sigma = TEACHER.sigmas[[19]].float()
    assert float(lcm.consistent(clean, x, sigma).max()) == pytest.approx(0.25 / (190**2 + 0.25))
    assert float(lcm.consistent(x, clean, sigma).max()) == pytest.approx(190 / math.sqrt(190**2 + 0.25))


def test_pictures_from_pictures_are_shown_unscaled():
    process = Unscaled.of(TEACHER)
    x = torch.randn(1, 4, 2, 2)
    assert torch.equal(process.scale_input(x, torch.tensor([5.0])), x)
    assert torch.allclose(process.sigmas, TEACHER.sigmas)
    assert process.timestep(TEACHER.sigmas[[500]]).tolist() == pytest.approx([500])
