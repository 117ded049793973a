"""The loop and its transitions: likelihoods, cancellation, precision, schedules it must refuse."""

import math
import pickle

import pytest
import torch

from latentloom.engine.diffusion.noise import white_noise
from latentloom.engine.diffusion.sample import Sampler, Transition, path_log_prob, sample, walk
from latentloom.engine.diffusion.samplers import SAMPLERS, sampler_named
from latentloom.engine.diffusion.samplers.euler import euler
from latentloom.engine.errors import Cancelled, UserError

SIGMAS = [10.0, 3.0, 1.0, 0.3, 0.0]
STOCHASTIC = [name for name, sampler in SAMPLERS.items() if sampler.noise != "none"]


def test_log_prob_is_that_of_torch():
    generator = torch.Generator().manual_seed(0)
    mean, x = torch.randn(2, 3, 4, 2, 2, generator=generator, dtype=torch.float64).unbind(0)
    expected = torch.distributions.Normal(mean, 0.7).log_prob(x).flatten(1).sum(1)
    assert torch.allclose(Transition(mean, 0.7, 1, 0.5).log_prob(x), expected)
    with pytest.raises(UserError, match="V141"):
        Transition(mean, 0.0, 1, 0.5).log_prob(x)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_path_likelihood_is_the_product_of_the_draws(name, gaussian):
    """A recorded path's log-probability equals that of the standard normals drawn, less the volume of their scales."""
    x = gaussian.start()
    path, drawn_log_prob = [], torch.zeros(len(x), dtype=torch.float64)
    source = white_noise(4)

    def record(transition):
        nonlocal drawn_log_prob
        if transition.std == 0:
            path.append(transition.mean)
            return transition.mean
        noise = source(transition.mean, transition.start, transition.end)
        per_item = torch.distributions.Normal(0.0, 1.0).log_prob(noise).flatten(1).sum(1)
        drawn_log_prob = drawn_log_prob + per_item - noise[0].numel() * math.log(transition.std)
        path.append(transition.mean + transition.std * noise)
        return path[-1]

    out = walk(SAMPLERS[name], gaussian.denoiser, x, SIGMAS, record)
    drawn = sample(SAMPLERS[name], gaussian.denoiser, x, SIGMAS, noise=white_noise(4))
    assert torch.allclose(out, drawn, rtol=1e-12)
    log_prob = path_log_prob(SAMPLERS[name], gaussian.denoiser, x, SIGMAS, path)
    assert torch.allclose(log_prob, drawn_log_prob, rtol=1e-9)
    for wrong in (path[:-1], [*path, path[-1]]):
        with pytest.raises(UserError, match="V141"):
            path_log_prob(SAMPLERS[name], gaussian.denoiser, x, SIGMAS, wrong)


def test_path_likelihood_has_the_gradient_of_the_policy(gaussian):
    """d log p / d theta against finite differences: what reinforcement learning reads."""
    x = gaussian.start(count=1)
    path = []
    sampler = SAMPLERS["dpmpp_2m_sde"]
    source = white_noise(0)

    def record(transition):
        noise = source(transition.mean, 0, 0) if transition.std > 0 else 0.0
        path.append(transition.mean + transition.std * noise)
        return path[-1]

    walk(sampler, gaussian.denoiser, x, SIGMAS, record)

    def log_prob(theta):
        shifted = lambda noisy, sigma: gaussian.denoiser(noisy, sigma) + theta  # noqa: E731
        return path_log_prob(sampler, shifted, x, SIGMAS, path).sum()

    theta = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    log_prob(theta).backward()
    difference = (log_prob(0.1 + 1e-5) - log_prob(0.1 - 1e-5)) / 2e-5
    assert float(theta.grad) == pytest.approx(float(difference), rel=1e-6)


def test_on_step_reports_and_cancels_within_one_step(gaussian):
    x = gaussian.start()
    seen, calls = [], 0

    def counting(noisy, sigma):
        nonlocal calls
        calls += 1
        return gaussian.denoiser(noisy, sigma)

    def stop(step):
        seen.append(step)
        if step.index == 1:
            raise Cancelled("sampler")

    with pytest.raises(Cancelled):
        sample(SAMPLERS["euler"], counting, x, SIGMAS, on_step=stop)
    assert calls == 2
    assert [step.index for step in seen] == [0, 1]
    assert seen[0].total == 4
    assert seen[0].sigma == 10.0
    assert torch.equal(seen[0].x, x)
    assert torch.equal(seen[0].denoised, gaussian.denoiser(x, 10.0))


def test_state_is_at_least_float32(gaussian):
    for given, kept in ((torch.float16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)):
        types = []

        def watch(x, sigma, types=types):
            types.append(x.dtype)
            assert sigma.device.type == "cpu"
            assert sigma.ndim == 0
            return gaussian.denoiser(x, sigma)

        out = sample(SAMPLERS["heun"], watch, gaussian.start().to(given), SIGMAS)
        assert out.dtype == kept
        assert set(types) == {kept}


def test_the_given_x_is_never_changed(gaussian):
    for name, sampler in SAMPLERS.items():
        x = gaussian.start()
        before = x.clone()
        sample(sampler, gaussian.denoiser, x, SIGMAS, noise=white_noise(0))
        assert torch.equal(x, before), name


def test_an_equal_pair_of_sigmas_is_no_step(gaussian):
    x = gaussian.start()
    for name, sampler in SAMPLERS.items():
        once = sample(sampler, gaussian.denoiser, x, SIGMAS, noise=white_noise(0))
        twice = sample(sampler, gaussian.denoiser, x, [10.0, 3.0, 3.0, 1.0, 0.3, 0.0], noise=white_noise(0))
        assert torch.equal(once, twice), name


def test_nothing_to_do_returns_x(gaussian):
    x = gaussian.start()
    for sigmas in ([], [10.0], torch.zeros(0)):
        assert torch.equal(sample(SAMPLERS["euler"], gaussian.denoiser, x, sigmas), x)


@pytest.mark.parametrize(
    "sigmas",
    [[1.0, 0.0, 0.5], [0.0, 1.0], [1.0, float("nan")], [float("inf"), 1.0], [-1.0, 0.0], torch.ones(2, 2)],
)
def test_sigmas_that_lead_nowhere_are_refused(sigmas, gaussian):
    with pytest.raises(UserError, match="V140"):
        sample(SAMPLERS["euler"], gaussian.denoiser, gaussian.start(), sigmas)


def test_rising_sigmas_only_without_noise(gaussian):
    x = gaussian.start(sigma=0.01)
    rising = torch.linspace(0.01, 10.0, 2000, dtype=torch.float64)
    up = sample(SAMPLERS["euler"], gaussian.denoiser, x, rising)
    assert torch.allclose(up, gaussian.flow_to(x, 0.01, 10.0), rtol=1e-2)
    for name in STOCHASTIC:
        with pytest.raises(UserError, match="V140"):
            sample(SAMPLERS[name], gaussian.denoiser, x, rising, noise=white_noise(0))


def test_a_stochastic_sampler_wants_noise(gaussian):
    with pytest.raises(UserError, match="V141"):
        sample(SAMPLERS["euler_ancestral"], gaussian.denoiser, gaussian.start(), SIGMAS)


def test_options_are_checked_and_samplers_are_values():
    sampler = SAMPLERS["dpmpp_sde"].with_(eta=0.5).with_(r=0.4)
    assert dict(sampler.options) == {"eta": 0.5, "r": 0.4}
    assert dict(SAMPLERS["dpmpp_sde"].options) == {}
    again = pickle.loads(pickle.dumps(sampler))
    assert again == sampler
    with pytest.raises(UserError, match="V142"):
        sampler.with_(etaa=1)
    with pytest.raises(UserError, match="V142"):
        SAMPLERS["euler"].with_(eta=1)
    with pytest.raises(UserError, match="V142"):
        sampler_named("eulr")
    with pytest.raises(TypeError):
        sampler.options["eta"] = 1.0
    assert isinstance(Sampler("mine", euler), Sampler)


def test_bad_option_values_are_refused(gaussian):
    x = gaussian.start()
    for sampler in (
        SAMPLERS["dpmpp_2m_sde"].with_(solver_type="rk4"),
        SAMPLERS["dpmpp_sde"].with_(r=0.0),
        SAMPLERS["uni_pc"].with_(variant="bh3"),
        SAMPLERS["uni_pc"].with_(order=4),
        SAMPLERS["lms"].with_(order=0),
    ):
        with pytest.raises(UserError, match="V143"):
            sample(sampler, gaussian.denoiser, x, SIGMAS, noise=white_noise(0))
