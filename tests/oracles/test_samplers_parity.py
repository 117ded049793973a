"""Every sampler against k-diffusion or diffusers in float64, on the exact denoiser of a mixture of Gaussians."""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
import types

import pytest
import torch

from latentloom.engine.diffusion.process import Discrete, scaled_linear
from latentloom.engine.diffusion.sample import sample
from latentloom.engine.diffusion.samplers import SAMPLERS
from latentloom.engine.diffusion.schedule import karras

SHAPE = (2, 3, 4, 4)
TOLERANCE = 1e-5


def mixture_denoiser(x, sigma):
    """E[x0 | x] for three Gaussians of spread 0.3 with fixed means; exact, smooth, far from linear."""
    generator = torch.Generator().manual_seed(11)
    means = torch.randn(3, *SHAPE[1:], generator=generator, dtype=torch.float64)
    s = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1, *[1] * (x.ndim - 1))
    variance = 0.09 + s**2
    distance = (x[:, None] - means[None]).flatten(2).square().sum(2)  # b k
    share = torch.softmax(-distance / (2 * variance.reshape(-1, 1)), dim=1)
    posterior = means[None] + (0.09 / variance)[:, None] * (x[:, None] - means[None])  # b k c h w
    return torch.einsum("bk,bkchw->bchw", share, posterior)


def start(sigma):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(5), dtype=torch.float64) * sigma


class Recorded:
    """The same independent noise for both programs, by the order of calls."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(17)

    def __call__(self, *_):
        return torch.randn(SHAPE, generator=self.generator, dtype=torch.float64)


FULL = karras(12, 0.03, 14.6)
SCHEDULES = {"full": FULL, "open_end": FULL[:-1], "two": karras(2, 0.03, 14.6), "one": karras(1, 0.03, 14.6)}

K_DIFFUSION = {
    "euler": ("sample_euler", {}, {}),
    "euler_ancestral": ("sample_euler_ancestral", {}, {}),
    "euler_ancestral eta 0.4": ("sample_euler_ancestral", {"eta": 0.4}, {"eta": 0.4}),
    "heun": ("sample_heun", {}, {}),
    "dpm_2": ("sample_dpm_2", {}, {}),
    "dpm_2_ancestral": ("sample_dpm_2_ancestral", {}, {}),
    "lms": ("sample_lms", {}, {}),
    "dpmpp_2m": ("sample_dpmpp_2m", {}, {}),
    "dpmpp_2s_ancestral": ("sample_dpmpp_2s_ancestral", {}, {}),
    "dpmpp_2s_ancestral eta 0.6": ("sample_dpmpp_2s_ancestral", {"eta": 0.6}, {"eta": 0.6}),
    "dpmpp_sde": ("sample_dpmpp_sde", {}, {}),
    "dpmpp_sde eta 0.6 r 0.3": ("sample_dpmpp_sde", {"eta": 0.6, "r": 0.3}, {"eta": 0.6, "r": 0.3}),
    "dpmpp_2m_sde": ("sample_dpmpp_2m_sde", {}, {"solver_type": "midpoint"}),
    "dpmpp_2m_sde eta 0.5": ("sample_dpmpp_2m_sde", {"eta": 0.5}, {"solver_type": "midpoint", "eta": 0.5}),
    "dpmpp_2m_sde_heun": ("sample_dpmpp_2m_sde", {}, {"solver_type": "heun"}),
    "dpmpp_3m_sde": ("sample_dpmpp_3m_sde", {}, {}),
}
# k-diffusion's two multistep SDE samplers fail where the first step goes to 0 (unbound h), a fault of its own.
FAILS_THERE = {(name, "one") for name in K_DIFFUSION if name.startswith(("dpmpp_2m_sde", "dpmpp_3m_sde"))}


@pytest.fixture(scope="module")
def k_sampling():
    """k-diffusion's samplers alone: its front door wants torchvision, which may not load beside this torch."""
    spec = importlib.util.find_spec("k_diffusion")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("k-diffusion is not installed")
    known = {name: sys.modules.get(name) for name in ("torchvision", "torchvision.transforms", "k_diffusion")}
    package = types.ModuleType("k_diffusion")
    package.__path__ = list(spec.submodule_search_locations)
    vision = types.ModuleType("torchvision")
    vision.transforms = types.ModuleType("torchvision.transforms")
    vision.transforms.functional = None  # named when the package is read, never used by a sampler
    sys.modules.update(
        {"torchvision": vision, "torchvision.transforms": vision.transforms, "k_diffusion": package}
    )
    try:
        return importlib.import_module("k_diffusion.sampling")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "k_diffusion"]:
            del sys.modules[name]
        for name, module in known.items():
            if module is not None:
                sys.modules[name] = module
            else:
                sys.modules.pop(name, None)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("case", K_DIFFUSION)
def test_equals_k_diffusion(case, schedule, k_sampling, record_property):
    if (case, schedule) in FAILS_THERE:
        pytest.skip("k-diffusion fails here; tests/diffusion covers this schedule")
    theirs_name, options, theirs_options = K_DIFFUSION[case]
    sampler = SAMPLERS[case.split()[0]].with_(**options)
    sigmas = SCHEDULES[schedule]
    x = start(float(sigmas[0]))
    extra = dict(theirs_options)
    if sampler.noise != "none":
        extra["noise_sampler"] = Recorded()
    theirs = getattr(k_sampling, theirs_name)(mixture_denoiser, x.clone(), sigmas, disable=True, **extra)
    ours = sample(sampler, mixture_denoiser, x, sigmas, noise=Recorded())
    error = float((ours - theirs).abs().max())
    record_property("max_abs_error", error)
    print(f"{case:26s} {schedule:9s} k-diffusion max|diff| {error:.1e}")
    assert error <= TOLERANCE
    assert float(theirs.std()) > 0.1


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 6, 12])
def test_dpm_fast_equals_k_diffusion(steps, k_sampling):
    x = start(14.6)
    # Its own loop of steps; the schedule gives nothing but its ends and their number.
    sigmas = torch.linspace(14.6, 0.03, steps + 1, dtype=torch.float64)
    theirs = k_sampling.sample_dpm_fast(mixture_denoiser, x.clone(), 0.03, 14.6, steps, disable=True)
    seen = []
    ours = sample(SAMPLERS["dpm_fast"], mixture_denoiser, x, sigmas, on_step=seen.append)
    error = float((ours - theirs).abs().max() / theirs.std())
    print(f"dpm_fast {steps} k-diffusion max|diff|/std {error:.1e}")
    assert error <= 2 * TOLERANCE  # theirs has its sigmas in float32
    assert [step.index for step in seen] == sorted(step.index for step in seen)
    assert seen[-1].index == steps - 1


@pytest.mark.parametrize(
    "options", [{}, {"order": 2}, {"rtol": 0.01, "atol": 0.001}, {"pcoeff": 0.2, "dcoeff": 0.1, "h_init": 0.3}], ids=str
)
def test_dpm_adaptive_equals_k_diffusion(options, k_sampling):
    x = start(14.6)
    theirs, info = k_sampling.sample_dpm_adaptive(
        mixture_denoiser, x.clone(), 0.03, 14.6, disable=True, return_info=True, **options
    )
    seen = []
    sampler = SAMPLERS["dpm_adaptive"].with_(**options)
    ours = sample(sampler, mixture_denoiser, x, karras(10, 0.03, 14.6), on_step=seen.append)
    error = float((ours - theirs).abs().max())
    print(f"dpm_adaptive {options} {info} max|diff| {error:.1e}")
    assert error <= TOLERANCE
    assert len(seen) == info["n_accept"]


def variance_preserving(process, scheduler, sampler_name, options=None, step_options=None, steps=10, noisy=False):
    """Run a diffusers scheduler of the variance preserving kind and ours over the same table entries."""
    scheduler.set_timesteps(steps)
    times = scheduler.timesteps.long()
    sigmas = torch.cat([process.sigmas[times], torch.zeros(1, dtype=torch.float64)])
    x = start(float(sigmas[0]))
    noise = Recorded()
    vp = x / math.sqrt(1 + float(sigmas[0]) ** 2)
    for t in scheduler.timesteps:
        sigma = process.sigmas[int(t)]
        scaled = vp * (1 + sigma**2).sqrt()
        eps = (scaled - mixture_denoiser(scaled, sigma)) / sigma
        extra = {"variance_noise": noise()} if noisy and int(t) != int(times[-1]) else {}
        vp = scheduler.step(eps, t, vp, **(step_options or {}), **extra).prev_sample
    ours = sample(SAMPLERS[sampler_name].with_(**(options or {})), mixture_denoiser, x, sigmas, noise=Recorded())
    return ours, vp


def diffusers_scheduler(name, **options):
    diffusers = pytest.importorskip("diffusers")
    scheduler = getattr(diffusers, name)(
        num_train_timesteps=1000,
        trained_betas=scaled_linear().numpy(),
        **options,
    )
    # diffusers keeps its tables in float32; the comparison is about the step, so they are given in full precision.
    scheduler.alphas_cumprod = Discrete(scaled_linear()).alphas_bar
    scheduler.betas = scaled_linear()
    scheduler.alphas = 1 - scheduler.betas
    if hasattr(scheduler, "final_alpha_cumprod"):
        scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    return scheduler


@pytest.mark.parametrize("eta", [0.0, 1.0, 0.5])
@pytest.mark.parametrize("steps", [10, 2, 1])
def test_ddim_equals_diffusers(eta, steps):
    scheduler = diffusers_scheduler("DDIMScheduler", clip_sample=False, set_alpha_to_one=True)
    name, options = ("ddim", {}) if eta == 0 else ("euler_ancestral", {"eta": eta})
    process = Discrete(scaled_linear())
    ours, theirs = variance_preserving(
        process, scheduler, name, options, {"eta": eta}, steps=steps, noisy=eta > 0
    )
    error = float((ours - theirs).abs().max())
    print(f"ddim eta {eta} {steps} steps diffusers max|diff| {error:.1e}")
    assert error <= TOLERANCE


@pytest.mark.parametrize("variant", ["bh1", "bh2"])
@pytest.mark.parametrize("steps", [12, 5, 3, 2, 1])
@pytest.mark.parametrize("ends_in_zero", [True, False])
def test_uni_pc_equals_diffusers(variant, steps, ends_in_zero):
    scheduler = diffusers_scheduler(
        "UniPCMultistepScheduler", solver_order=3, solver_type=variant, lower_order_final=True, final_sigmas_type="zero"
    )
    sigmas = karras(steps + (not ends_in_zero), 0.03, 14.6)
    sigmas = sigmas if ends_in_zero else sigmas[:-1]
    if ends_in_zero and variant == "bh1":
        sigmas[-1] = 1e-9  # diffusers multiplies infinity by 0 there; the limit differs by 1e-9
    scheduler.set_timesteps(steps)
    scheduler.sigmas = sigmas  # the same levels, in full precision; times only name them
    scheduler.timesteps = torch.arange(steps, 0, -1)
    x = start(float(sigmas[0]))
    vp = x / math.sqrt(1 + float(sigmas[0]) ** 2)
    for index, t in enumerate(scheduler.timesteps):
        sigma = sigmas[index]
        scaled = vp * (1 + sigma**2).sqrt()
        eps = (scaled - mixture_denoiser(scaled, sigma)) / sigma
        vp = scheduler.step(eps, t, vp).prev_sample
    theirs = vp * math.sqrt(1 + float(sigmas[-1]) ** 2)
    name = "uni_pc" if variant == "bh1" else "uni_pc_bh2"
    ours = sample(SAMPLERS[name], mixture_denoiser, x, karras(steps, 0.03, 14.6) if ends_in_zero else sigmas)
    error = float((ours - theirs).abs().max())
    print(f"{name} {steps} steps diffusers max|diff| {error:.1e}")
    assert error <= TOLERANCE


def test_lcm_equals_diffusers():
    options = {"clip_sample": False, "timestep_scaling": 1e8, "original_inference_steps": 50}
    scheduler = diffusers_scheduler("LCMScheduler", **options)
    # A huge timestep scale makes the boundary condition of LCM the identity, as it is for ComfyUI's "lcm".
    scheduler.set_timesteps(5)
    process = Discrete(scaled_linear())
    times = scheduler.timesteps
    sigmas = torch.cat([process.sigmas[times], torch.zeros(1, dtype=torch.float64)])
    x = start(float(sigmas[0]))
    vp = x / math.sqrt(1 + float(sigmas[0]) ** 2)
    import diffusers.schedulers.scheduling_lcm as module

    noise = Recorded()
    original = module.randn_tensor
    module.randn_tensor = lambda *args, **kwargs: noise()
    try:
        for t in times:
            sigma = process.sigmas[int(t)]
            scaled = vp * (1 + sigma**2).sqrt()
            eps = (scaled - mixture_denoiser(scaled, sigma)) / sigma
            vp = scheduler.step(eps, t, vp).prev_sample
    finally:
        module.randn_tensor = original
    # diffusers noises in the preserving scale: sqrt(abar) * x0 + sqrt(1 - abar) * noise is x / sqrt(1 + sigma^2).
    ours = sample(SAMPLERS["lcm"], mixture_denoiser, x, sigmas, noise=Recorded())
    error = float((ours - vp).abs().max())
    print(f"lcm diffusers max|diff| {error:.1e}")
    assert error <= TOLERANCE


def test_ddpm_equals_diffusers():
    scheduler = diffusers_scheduler("DDPMScheduler", clip_sample=False, variance_type="fixed_small")
    scheduler.one = torch.tensor(1.0, dtype=torch.float64)
    scheduler.set_timesteps(10)
    process = Discrete(scaled_linear())
    times = scheduler.timesteps
    sigmas = torch.cat([process.sigmas[times], torch.zeros(1, dtype=torch.float64)])
    x = start(float(sigmas[0]))
    vp = x / math.sqrt(1 + float(sigmas[0]) ** 2)
    import diffusers.schedulers.scheduling_ddpm as module

    noise = Recorded()
    original = module.randn_tensor
    module.randn_tensor = lambda *args, **kwargs: noise()
    try:
        for t in times:
            sigma = process.sigmas[int(t)]
            scaled = vp * (1 + sigma**2).sqrt()
            eps = (scaled - mixture_denoiser(scaled, sigma)) / sigma
            vp = scheduler.step(eps, t, vp).prev_sample
    finally:
        module.randn_tensor = original
    ours = sample(SAMPLERS["ddpm"], mixture_denoiser, x, sigmas, noise=Recorded())
    error = float((ours - vp).abs().max())
    print(f"ddpm diffusers max|diff| {error:.1e}")
    assert error <= TOLERANCE
