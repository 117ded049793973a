"""The forward processes: tables, look-ups, noise, zero terminal signal."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.diffusion.process import Discrete, Flow, Process, scaled_linear
from latentloom.engine.errors import UserError

SD = Discrete(scaled_linear())


def test_stable_diffusion_table():
    assert isinstance(SD, Process)
    assert isinstance(Flow(3.0), Process)
    assert SD.sigmas.dtype == torch.float64
    assert bool((SD.sigmas.diff() > 0).all())
    assert SD.sigma_min == pytest.approx(0.0291672, abs=1e-6)
    assert SD.sigma_max == pytest.approx(14.614641, abs=1e-5)


@given(st.floats(0, 999))
def test_time_and_sigma_are_inverse(time):
    t = torch.tensor(time, dtype=torch.float64)
    assert float(SD.timestep(SD.sigma(t))) == pytest.approx(time, abs=1e-9)


def test_lookups_clamp_and_keep_shape_and_type():
    sigma = torch.tensor([[0.0, 1e-9], [1e9, 1.0]])
    time = SD.timestep(sigma)
    assert time.shape == sigma.shape
    assert time.dtype == torch.float32
    assert time[0].tolist() == [0.0, 0.0]
    assert float(time[1, 0]) == 999.0
    assert float(SD.sigma(torch.tensor(5000.0))) == pytest.approx(SD.sigma_max)


def test_table_entries_have_whole_times():
    assert torch.allclose(SD.timestep(SD.sigmas), torch.arange(1000, dtype=torch.float64), atol=1e-9)


def test_zero_terminal_snr_moves_the_last_and_keeps_the_first():
    other = SD.with_zero_terminal_snr()
    assert other.sigma_max == pytest.approx(4518.76, abs=0.01)
    assert other.sigma_min == pytest.approx(SD.sigma_min, rel=1e-9)
    assert bool((other.sigmas.diff() > 0).all())
    assert SD.sigma_max < 15  # the first one is not changed
    # Lin et al. 2023: the roots are shifted and scaled, so their ratios of differences stay
    a, b = SD.alphas_bar.sqrt(), other.alphas_bar.sqrt()
    assert float((a[100] - a[900]) / (a[0] - a[900])) == pytest.approx(
        float((b[100] - b[900]) / (b[0] - b[900])), rel=1e-9
    )


@pytest.mark.parametrize("process", [SD, Flow(1.0), Flow(3.0)])
def test_percent_falls_from_everything_to_nothing(process):
    values = [process.sigma_at(p) for p in (0.0, 0.1, 0.5, 0.9, 1.0)]
    assert values[0] == math.inf
    assert values[-1] == 0.0
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("sigma", [0.7, torch.tensor(0.7, dtype=torch.float64), torch.tensor([0.7, 0.2])])
def test_noise_and_input_scale(sigma):
    generator = torch.Generator().manual_seed(0)
    x0, noise = torch.randn(2, 2, 4, 3, 3, generator=generator).unbind(0)
    s = torch.as_tensor(sigma, dtype=torch.float32).reshape(-1, 1, 1, 1)
    assert torch.allclose(SD.add_noise(x0, noise, sigma), x0 + s * noise)
    assert torch.allclose(SD.scale_input(x0, sigma), x0 / (1 + s**2).sqrt())
    assert torch.allclose(Flow().add_noise(x0, noise, sigma), (1 - s) * x0 + s * noise)


def test_start_has_full_variance_only_at_the_top():
    noise = torch.ones(1, 1, 1, 1)
    zero = torch.zeros_like(noise)
    assert float(SD.start(zero, noise, SD.sigma_max)) == pytest.approx(math.sqrt(1 + SD.sigma_max**2))
    # a float32 schedule rounds the top a little: it is still the top
    assert float(SD.start(zero, noise, SD.sigma_max * (1 - 1e-6))) == pytest.approx(14.6488, abs=1e-3)
    assert float(SD.start(zero, noise, 7.0)) == pytest.approx(7.0)


@given(st.floats(0.01, 0.99))
def test_flow_hands_over_between_two_samplers(sigma):
    process = Flow(3.0)
    x = torch.full((1, 1, 1, 1), 0.7, dtype=torch.float64)
    again = process.start(process.finish(x, sigma), torch.zeros_like(x), sigma)
    assert torch.allclose(again, x)


def test_flow_shift_bends_the_table():
    assert torch.allclose(Flow(1.0).sigmas, torch.arange(1, 1001, dtype=torch.float64) / 1000)
    # model_formats: sigma' = s*sigma / (1 + (s - 1)*sigma) with s = 3 at 0.5 is 0.75
    assert float(Flow(3.0).sigma(torch.tensor(500.0, dtype=torch.float64))) == pytest.approx(0.75)
    assert float(Flow(3.0).timestep(torch.tensor(0.75))) == pytest.approx(750)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Discrete(torch.tensor([0.1])),
        lambda: Discrete(torch.tensor([0.1, 1.0])),
        lambda: Discrete(torch.tensor([0.1, float("nan")])),
        lambda: Discrete(torch.ones(2, 2) * 0.1),
        lambda: scaled_linear(0.5, 0.1),
        lambda: scaled_linear(count=1),
        lambda: Flow(0.0),
        lambda: Flow(float("nan")),
    ],
)
def test_bad_processes_are_refused(build):
    with pytest.raises(UserError, match="V121"):
        build()
