"""All samplers by properties: order of convergence, short and open schedules, batches, variance."""

import math

import numpy as np
import pytest
import torch

from latentloom.engine.diffusion.noise import BrownianTree, item_noise, step_noise, white_noise
from latentloom.engine.diffusion.sample import Past, Span, sample
from latentloom.engine.diffusion.samplers import SAMPLERS
from latentloom.engine.diffusion.samplers.euler import ancestral_split
from latentloom.engine.diffusion.schedule import exponential
from latentloom.engine.errors import UserError

ORDERS = {
    "euler": 1,
    "ddim": 1,
    "heun": 2,
    "dpm_2": 2,
    "dpmpp_2m": 2,
    # Higher inside, but their first steps have a short history, and uni_pc's last step is of order 1 by design.
    "lms": 2,
    "uni_pc": 2,
    "uni_pc_bh2": 2,
    "dpm_fast": 2,  # third inside, with one or two shorter steps at its end
}
# Its steps follow from the error it allows, for the batch as a whole.
ADAPTIVE = "dpm_adaptive"
DETERMINISTIC = [name for name, sampler in SAMPLERS.items() if sampler.noise == "none"]
REACH_THE_LAW = ["euler_ancestral", "dpm_2_ancestral", "ddpm", "dpmpp_2s_ancestral", "dpmpp_sde", "dpmpp_2m_sde",
                 "dpmpp_3m_sde", "er_sde"]  # fmt: skip


def test_every_deterministic_sampler_has_an_order():
    assert {*ORDERS, ADAPTIVE} == set(DETERMINISTIC)


def final_error(gaussian, sampler, steps, **options):
    sigmas = exponential(steps + 1, 0.1, 10.0)[:-1]
    x = gaussian.start()
    out = sample(sampler.with_(**options), gaussian.denoiser, x, sigmas, noise=white_noise(0))
    return float((out - gaussian.flow_to(x, 10.0, 0.1)).abs().max())


@pytest.mark.parametrize("name", ORDERS)
def test_order_of_convergence_on_a_gaussian(name, gaussian):
    coarse, fine = (final_error(gaussian, SAMPLERS[name], steps) for steps in (64, 128))
    measured = math.log2(coarse / fine)
    assert fine < 0.02
    assert measured > ORDERS[name] - 0.25


@pytest.mark.parametrize("name, order", [
    ("euler_ancestral", 1), ("dpm_2_ancestral", 2), ("dpmpp_2s_ancestral", 2), ("dpmpp_sde", 2),
    ("dpmpp_2m_sde", 2), ("dpmpp_2m_sde_heun", 2), ("dpmpp_3m_sde", 2),
])  # fmt: skip
def test_without_noise_the_stochastic_ones_solve_the_flow(name, order, gaussian):
    coarse, fine = (final_error(gaussian, SAMPLERS[name], steps, eta=0.0) for steps in (64, 128))
    assert math.log2(coarse / fine) > order - 0.35


@pytest.mark.parametrize("name, order, options", [
    ("dpmpp_2m", 2, {}), ("dpmpp_2m_sde", 2, {"eta": 0.0}), ("dpmpp_2m_sde_heun", 2, {"eta": 0.0}),
    ("dpmpp_3m_sde", 2, {"eta": 0.0}), ("lms", 4, {}), ("lms", 3, {"order": 3}),
    ("uni_pc", 3, {}), ("uni_pc_bh2", 3, {}), ("uni_pc", 2, {"order": 2}),
])  # fmt: skip
def test_one_step_with_an_exact_history_has_its_full_order(name, order, options, gaussian):
    """The local error of a method of order p falls as h^(p + 1)."""
    x0, top = gaussian.start(), 10.0
    sampler = SAMPLERS[name].with_(**options)

    def at(sigma):
        return gaussian.flow_to(x0, top, sigma)

    def local_error(h):
        levels = [2.0 * math.exp(h * (3 - k)) for k in range(5)]  # the step starts at 2 for every h
        history = tuple(Past(s, at(s), gaussian.denoiser(at(s), s)) for s in levels[2::-1])
        step = sampler.step(
            gaussian.denoiser, at(levels[3]), Span(levels[3], levels[4], 9), history[: sampler.memory],
                            **sampler.options)  # fmt: skip
        return float((next(step).mean - at(levels[4])).abs().max())

    measured = math.log2(local_error(0.04) / local_error(0.02))
    assert measured == pytest.approx(order + 1, abs=0.35)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize(
    "sigmas", [[10.0, 0.0], [10.0, 1.0], [10.0, 1.0, 0.0], [10.0, 3.0, 1.0], [0.05, 0.0]], ids=str
)
def test_short_and_open_schedules_work(name, sigmas, gaussian):
    x = gaussian.start(sigma=sigmas[0])
    out = sample(SAMPLERS[name], gaussian.denoiser, x, sigmas, noise=step_noise(SAMPLERS[name].noise, 3))
    assert bool(out.isfinite().all())
    if len(sigmas) == 2 and sigmas[-1] == 0:
        clean = gaussian.denoiser(x, sigmas[0])  # one step to 0 is the clean sample: to the bit, but for lms' sum
        assert torch.allclose(out, clean, rtol=1e-12) if name == "lms" else torch.equal(out, clean)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != ADAPTIVE])
def test_an_item_does_not_depend_on_its_batch(name, gaussian):
    sampler = SAMPLERS[name]
    sigmas = exponential(6, 0.1, 10.0)
    seeds = [4, 7, 2**64 - 1]
    x = item_noise(torch.zeros(3, 2, 3, 3, dtype=torch.float64), seeds) * 10

    def run(which):
        noise = step_noise(sampler.noise, [seeds[i] for i in which])
        return sample(sampler, gaussian.denoiser, x[which], sigmas, noise=noise)

    together = run([0, 1, 2])
    for i in range(3):
        assert torch.equal(run([i])[0], together[i])


@pytest.mark.parametrize("name", REACH_THE_LAW)
def test_many_noisy_steps_reach_the_law_of_the_data(name, gaussian):
    """The exact denoiser and enough steps: samples must have the data's mean and spread, whatever noise was added."""
    generator = torch.Generator().manual_seed(1)
    x = gaussian.MEAN + torch.randn(4000, 1, 1, 1, generator=generator, dtype=torch.float64) * math.hypot(
        gaussian.SPREAD, 20.0
    )
    sampler = SAMPLERS[name]
    out = sample(sampler, gaussian.denoiser, x, exponential(150, 0.02, 20.0), noise=step_noise(sampler.noise, 5))
    assert float(out.mean()) == pytest.approx(gaussian.MEAN, abs=0.04)
    assert float(out.std()) == pytest.approx(gaussian.SPREAD, abs=0.03)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0, 50.0])
@pytest.mark.parametrize("sigma_next", [0.0, 0.5, 2.9, 3.0])
def test_ancestral_variance_identity(eta, sigma_next):
    down, up = ancestral_split(3.0, sigma_next, eta)
    assert down**2 + up**2 == pytest.approx(sigma_next**2)
    assert 0 <= up <= sigma_next
    if eta == 1.0:
        # the posterior variance of DDPM in these coordinates
        assert up**2 == pytest.approx(sigma_next**2 * (9 - sigma_next**2) / 9)


@pytest.mark.parametrize("name", ["dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_3m_sde"])
def test_one_brownian_path_gives_one_picture_for_any_number_of_steps(name, gaussian):
    """Strong convergence: with the tree, more steps approach one sample; with independent draws they do not."""
    x = gaussian.start()

    def run(steps, noise):
        return sample(SAMPLERS[name], gaussian.denoiser, x, exponential(steps + 1, 0.05, 10.0), noise=noise)

    reference = run(1024, BrownianTree(6))
    errors = [float((run(steps, BrownianTree(6)) - reference).std()) for steps in (16, 64, 256)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.02
    assert float((run(256, white_noise(6)) - reference).std()) > 0.3


def test_lcm_keeps_nothing_but_the_prediction():
    out = sample(SAMPLERS["lcm"], lambda x, s: torch.full_like(x, 5.0), torch.zeros(1, 1), [9.0, 4.0, 0.0],
                 noise=white_noise(0))  # fmt: skip
    assert out.tolist() == [[5.0]]


def test_dpm_adaptive_keeps_to_what_it_is_allowed(gaussian):
    """A tenth of the tolerance gives less error for more steps; the count asked for changes nothing."""
    x = gaussian.start()
    exact = gaussian.flow_to(x, 10.0, 0.1)

    def run(count, **options):
        seen = []
        sampler = SAMPLERS[ADAPTIVE].with_(**options)
        out = sample(sampler, gaussian.denoiser, x, exponential(count, 0.1, 10.0), on_step=seen.append)
        return out, float((out - exact).abs().max()), seen

    rough, rough_error, few = run(20)
    _, fine_error, many = run(20, rtol=0.005, atol=0.00078)
    assert fine_error < 0.2 * rough_error < 0.02
    assert len(few) < len(many)
    assert torch.equal(run(3)[0], rough)
    for seen in (few, many):
        indices = [step.index for step in seen]
        assert indices == sorted(indices) and indices[-1] == 19 and {step.total for step in seen} == {20}
        assert [step.sigma for step in seen] == sorted((step.sigma for step in seen), reverse=True)
    assert torch.equal(few[0].x, x)
    assert torch.allclose(few[0].denoised, gaussian.denoiser(x, 10.0))


@pytest.mark.parametrize("options", [{"order": 1}, {"h_init": 0.0}, {"rtol": 0.0, "atol": 0.0}], ids=str)
def test_dpm_adaptive_refuses_what_would_never_end(options, gaussian):
    with pytest.raises(UserError, match="V143"):
        sample(SAMPLERS[ADAPTIVE].with_(**options), gaussian.denoiser, gaussian.start(), [10.0, 1.0])


@pytest.mark.parametrize("name", ["dpm_fast", ADAPTIVE])
def test_whole_ranges_can_be_crossed_upwards(name, gaussian):
    x = gaussian.start(sigma=0.1)
    out = sample(SAMPLERS[name], gaussian.denoiser, x, exponential(31, 0.1, 10.0)[:-1].flip(0))
    assert torch.allclose(out, gaussian.flow_to(x, 0.1, 10.0), rtol=0.02)


def phi_slope(sigma):
    """The derivative of er_sde's noise function, by hand."""
    grown = np.exp(sigma**0.3)
    return grown + 10 + sigma * grown * 0.3 * sigma**-0.7


def trapezoids(values, places):
    return float(((values[1:] + values[:-1]) / 2 * np.diff(places)).sum())


@pytest.mark.parametrize("order", [1, 2, 3])
def test_er_sde_is_the_integral_of_its_paper(order):
    """x_t = phi_t / phi_s * x_s + phi_t * int phi' / phi^2 * x0(sigma) dsigma + noise, x0 by its Taylor polynomial."""
    levels = [9.0, 6.0, 2.5, 0.4]
    generator = torch.Generator().manual_seed(1)
    x, *clean = torch.randn(4, 2, 3, generator=generator, dtype=torch.float64)
    past = tuple(Past(s, x, c) for s, c in zip(levels[1::-1], clean[1:], strict=True))
    step = SAMPLERS["er_sde"].with_(max_stage=order).step
    got = next(step(lambda *_: clean[0], x, Span(2.5, 0.4, 3), past, max_stage=order))

    def phi(sigma):
        return sigma * (np.exp(sigma**0.3) + 10)

    s, t = levels[2], levels[3]
    sigma = np.linspace(t, s, 200_001)
    slope = (clean[0] - clean[1]) / (s - levels[1])
    slope_before = (clean[1] - clean[2]) / (levels[1] - levels[0])
    bend = (slope - slope_before) / ((s - levels[0]) / 2)
    wanted = phi(t) / phi(s) * x
    for power, term in enumerate((clean[0], slope, bend / 2)[:order]):
        weight = trapezoids(phi_slope(sigma) / phi(sigma) ** 2 * (sigma - s) ** power, sigma)
        wanted = wanted + phi(t) * weight * term
    assert torch.allclose(got.mean, wanted, rtol=1e-8, atol=1e-8)
    assert got.std == pytest.approx(math.sqrt(t**2 - s**2 * (phi(t) / phi(s)) ** 2))


def test_er_sde_refuses_other_orders(gaussian):
    with pytest.raises(UserError, match="V143"):
        sample(SAMPLERS["er_sde"].with_(max_stage=4), gaussian.denoiser, gaussian.start(), [10.0, 1.0],
               noise=white_noise(0))  # fmt: skip


def test_comfyui_order_of_names():
    order = ("euler euler_ancestral heun dpm_2 dpm_2_ancestral lms dpm_fast dpm_adaptive dpmpp_2s_ancestral "
             "dpmpp_sde dpmpp_sde_gpu dpmpp_2m dpmpp_2m_sde dpmpp_2m_sde_gpu dpmpp_2m_sde_heun dpmpp_2m_sde_heun_gpu dpmpp_3m_sde dpmpp_3m_sde_gpu ddpm lcm er_sde ddim "
             "uni_pc uni_pc_bh2")  # fmt: skip
    assert list(SAMPLERS) == order.split()
    dropping = {name for name, sampler in SAMPLERS.items() if sampler.drop_penultimate}
    assert dropping == {"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"}
