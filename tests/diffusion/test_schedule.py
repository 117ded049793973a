"""Schedules: shape rules for all of them, and the values of those whose formula the field fixed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latentloom.engine.diffusion import schedule
from latentloom.engine.diffusion.process import Discrete, Flow, scaled_linear
from latentloom.engine.diffusion.schedule import SCHEDULES, sigmas_for
from latentloom.engine.errors import UserError

SD = Discrete(scaled_linear())
ZERO_SNR = SD.with_zero_terminal_snr()
COUNT_MAY_DIFFER = {"ddim_uniform", "beta"}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("process", [SD, ZERO_SNR, Flow(3.0)], ids=["sd", "zero-snr", "flow"])
@pytest.mark.parametrize("steps", [1, 2, 3, 20, 37, 1000])
def test_every_schedule_falls_to_an_explicit_zero(name, process, steps):
    sigmas = SCHEDULES[name](process, steps)
    assert sigmas.dtype == torch.float64
    assert float(sigmas[-1]) == 0.0
    assert bool((sigmas[:-1] > 0).all())
    assert bool((sigmas.diff() < 0).all())
    assert float(sigmas[0]) <= process.sigma_max * (1 + 1e-9)
    if name not in COUNT_MAY_DIFFER:
        assert len(sigmas) == steps + 1
        assert float(sigmas[0]) == pytest.approx(process.sigma_max)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(set(SCHEDULES) - COUNT_MAY_DIFFER)), st.integers(1, 60), st.floats(0.05, 1.0))
def test_denoise_keeps_the_end_of_a_longer_schedule(name, steps, denoise):
    part = sigmas_for(SD, name, steps, denoise)
    total = steps if denoise > 0.9999 else int(steps / denoise)
    assert part.dtype == torch.float32
    assert torch.equal(part, sigmas_for(SD, name, total)[-(steps + 1) :])
    assert len(part) == steps + 1


def test_denoise_zero_is_empty():
    assert sigmas_for(SD, "normal", 20, 0.0).numel() == 0


def test_drop_penultimate_lays_out_one_more():
    plain = sigmas_for(SD, "karras", 9)
    dropped = sigmas_for(SD, "karras", 8, drop_penultimate=True)
    assert torch.equal(dropped, torch.cat([plain[:-2], plain[-1:]]))
    assert len(dropped) == 9


def test_karras_exponential_polyexponential_values():
    sigmas = schedule.karras(5, 0.1, 10)
    assert torch.allclose((sigmas[:-1] ** (1 / 7)).diff(2 - 1).diff(), torch.zeros(3, dtype=torch.float64), atol=1e-12)
    assert float(sigmas[0]) == pytest.approx(10)
    assert float(sigmas[4]) == pytest.approx(0.1)
    ratios = schedule.exponential(5, 0.1, 10)[:-1].log().diff()
    assert torch.allclose(ratios, ratios[0].expand(4))
    assert torch.equal(schedule.exponential(7, 0.1, 10), schedule.polyexponential(7, 0.1, 10, 1.0))
    assert float(schedule.polyexponential(3, 1.0, math.e, 2.0)[1].log()) == pytest.approx(0.25)


def test_kl_optimal_is_even_in_the_angle():
    angles = schedule.kl_optimal(6, 0.03, 14.6)[:-1].atan().diff()
    assert torch.allclose(angles, angles[0].expand(5))


def test_simple_and_ddim_read_the_table():
    simple = schedule.simple(SD, 20)
    assert torch.equal(simple[:-1], SD.sigmas[[999 - 50 * i for i in range(20)]])
    ddim = schedule.ddim_uniform(SD, 20)
    assert torch.equal(ddim[:-1], SD.sigmas[[951 - 50 * i for i in range(20)]])
    assert len(schedule.ddim_uniform(SD, 30)) == 32  # 1000 // 30 = 33 fits 31 times


def test_normal_and_sgm_are_even_in_time():
    times = SD.timestep(schedule.normal(SD, 10)[:-1])
    assert torch.allclose(times, torch.linspace(999, 0, 10, dtype=torch.float64), atol=1e-6)
    times = SD.timestep(schedule.sgm_uniform(SD, 10)[:-1])
    assert torch.allclose(times, torch.linspace(999, 0, 11, dtype=torch.float64)[:-1], atol=1e-6)


def test_beta_follows_the_quantiles():
    stats = pytest.importorskip("scipy.stats")
    sigmas = schedule.beta(SD, 20)
    for i in range(20):
        index = round(float(stats.beta.ppf(1 - i / 20, 0.6, 0.6)) * 999)
        assert float(sigmas[i]) == float(SD.sigmas[index])


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 21])
def test_linear_quadratic_joins_smoothly(steps):
    progress = 1 - schedule.linear_quadratic(steps, 2.0) / 2.0
    assert float(progress[0]) == 0.0
    assert float(progress[-1]) == 1.0
    half = steps // 2
    if half:
        assert torch.allclose(progress[: half + 1], torch.arange(half + 1, dtype=torch.float64) * 0.025 / half)
    if steps >= 8:
        # beyond the joint the second difference is constant
        bend = progress[half:].diff().diff()
        assert torch.allclose(bend, bend[0].expand(len(bend)), atol=1e-12)


def test_vp_and_laplace_and_turbo_values():
    vp = schedule.variance_preserving(5)
    assert float(vp[0]) == pytest.approx(math.sqrt(math.exp(19.9 / 2 + 0.1) - 1))
    spread = schedule.laplace(9, 0.03, 14.6)
    assert float(spread[0]) == pytest.approx(14.6)
    assert float(spread[4]) == pytest.approx(1.0, rel=1e-4)  # the middle is e^mu
    assert float(spread[-2]) == pytest.approx(0.03)
    assert torch.allclose(schedule.sd_turbo(SD, 2)[:-1], SD.sigmas[[999, 899]])
    assert torch.allclose(schedule.sd_turbo(SD, 3, 0.5)[:-1], SD.sigmas[[499, 399, 299]])
    assert schedule.sd_turbo(SD, 10, 0.0).tolist() == [0.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: sigmas_for(SD, "nothing", 20),
        lambda: sigmas_for(SD, "karras", 0),
        lambda: sigmas_for(SD, "karras", -3),
        lambda: sigmas_for(SD, "karras", 2.5),
        lambda: sigmas_for(SD, "karras", 20, 1.4),
        lambda: sigmas_for(SD, "karras", 20, -0.1),
        lambda: sigmas_for(SD, "karras", 20, float("nan")),
        lambda: schedule.karras(5, 3.0, 1.0),
        lambda: schedule.karras(5, 0.1, 1.0, rho=0),
        lambda: schedule.karras(5, 0.1, float("inf")),
        lambda: schedule.exponential(5, 0.0, 1.0),
        lambda: schedule.variance_preserving(5, beta_d=5000.0),
        lambda: schedule.beta(SD, 5, alpha=0.0),
        lambda: schedule.sd_turbo(SD, 5, 2.0),
    ],
)
def test_hostile_values_are_refused(call):
    with pytest.raises(UserError):
        call()
