"""What our sampling loop costs beyond a bare loop that makes the same calls: run it as a script, it prints JSON.

The bare loop is the sampler written by hand: the same denoiser, the same tensor operations, no generator, no
transition, no checks. "guided" is euler under classifier-free guidance as KSampler runs it, against the same two
prompts in one hand-written call. The denoiser is a real convolutional network sized to a small model's step.
Both loops run in turn, but on a shared machine a millisecond varies by more than a percent from one to the next: the
loop's own cost is therefore taken with a denoiser that costs nothing, and set against the step's time.
"""

import argparse
import json
import math
import statistics
import time

import torch

from latentloom.engine.diffusion.guidance import CFGGuider
from latentloom.engine.diffusion.noise import white_noise
from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.diffusion.sample import sample
from latentloom.engine.diffusion.samplers import SAMPLERS
from latentloom.engine.diffusion.schedule import karras

STEPS = 20


def bare_euler(denoise, x, sigmas, noise):
    for sigma, sigma_next in zip(sigmas, sigmas[1:], strict=False):
        denoised = denoise(x, torch.tensor(sigma, dtype=torch.float64))
        x = torch.lerp(denoised, x, sigma_next / sigma)
    return x


def bare_euler_ancestral(denoise, x, sigmas, noise):
    for sigma, sigma_next in zip(sigmas, sigmas[1:], strict=False):
        denoised = denoise(x, torch.tensor(sigma, dtype=torch.float64))
        up = min(sigma_next, math.sqrt(sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2))
        x = torch.lerp(denoised, x, math.sqrt(sigma_next**2 - up**2) / sigma)
        if up:
            x = torch.add(x, noise(x, sigma, sigma_next), alpha=up)
    return x


def bare_dpmpp_2m(denoise, x, sigmas, noise):
    last = None
    for index, (sigma, sigma_next) in enumerate(zip(sigmas, sigmas[1:], strict=False)):
        denoised = denoise(x, torch.tensor(sigma, dtype=torch.float64))
        ahead = denoised
        if last is not None and sigma_next > 0:
            r = math.log(sigma / sigma_next) / math.log(sigmas[index - 1] / sigma)
            ahead = torch.lerp(last, denoised, 1 + r / 2)
        x = torch.lerp(ahead, x, sigma_next / sigma)
        last = denoised
    return x


BARE = {"euler": bare_euler, "euler_ancestral": bare_euler_ancestral, "dpmpp_2m": bare_dpmpp_2m}


def network(width):
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(4, width, 3, padding=1),
        torch.nn.SiLU(),
        torch.nn.Conv2d(width, width, 3, padding=1),
        torch.nn.SiLU(),
        torch.nn.Conv2d(width, 4, 3, padding=1),
    )
    return lambda x, sigma: layers(x / (sigma * sigma + 1).sqrt())


class Free:
    """What guidance asks of a model, around a denoiser."""

    latent = None
    guidance_patches = ()
    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(self, denoise):
        self.process = Discrete.stable_diffusion()
        self.call = denoise

    def denoise(self, x, sigma, context):
        return self.call(x, sigma.reshape(-1, 1, 1, 1))


def guided(denoise, x):
    """Return our guided denoiser, and one written by hand, over the same model."""
    model = Free(denoise)
    text = torch.zeros(1, 77, 64)
    ours = CFGGuider(model, [[text, {}]], [[text, {}]], 7.0).denoiser(x)
    both = text.expand(2, -1, -1)

    def bare(noisy, sigma):
        level = torch.full((2,), float(sigma), dtype=noisy.dtype)
        cond, uncond = model.denoise(torch.cat([noisy, noisy]), level, both).chunk(2)
        return torch.lerp(uncond, cond, 7.0)

    return ours, bare


def measure(name, denoise, x, sigmas, rounds):
    """Return seconds a step of both loops, interleaved so that the machine's moods hit both: median of `rounds`."""
    ours, bare = [], []

    def timed(call, into):
        start = time.perf_counter()
        result = call()
        into.append((time.perf_counter() - start) / STEPS)
        return result

    mine, theirs = guided(denoise, x) if name == "guided" else (denoise, denoise)
    name = "euler" if name == "guided" else name
    run_ours = lambda: sample(SAMPLERS[name], mine, x, sigmas, noise=white_noise(1))  # noqa: E731
    run_bare = lambda: BARE[name](theirs, x, sigmas, white_noise(1))  # noqa: E731
    difference = float((run_ours() - run_bare()).abs().max())
    for index in range(rounds):
        for call, into in ((run_ours, ours), (run_bare, bare))[:: 1 if index % 2 else -1]:
            timed(call, into)
    return {
        "ours_ms_a_step": statistics.median(ours) * 1e3,
        "bare_ms_a_step": statistics.median(bare) * 1e3,
        "difference_us_a_step": statistics.median(a - b for a, b in zip(ours, bare, strict=True)) * 1e6,
        "max_abs_difference": difference,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--size", type=int, default=32, help="latent cells along a side")
    arguments = parser.parse_args()
    if arguments.rounds < 5:
        parser.error("a median wants at least 5 rounds")
    torch.set_num_threads(1)
    sigmas = karras(STEPS, 0.03, 14.6).tolist()
    results = {}
    with torch.no_grad():
        x = torch.randn(1, 4, arguments.size, arguments.size) * 14.6
        denoise = network(arguments.width)
        # A denoiser that costs nothing shows the loop's own microseconds without the noise of a long step.
        free = lambda noisy, sigma: noisy  # noqa: E731
        for name in (*BARE, "guided"):
            result = measure(name, denoise, x, sigmas, arguments.rounds)
            own = measure(name, free, torch.zeros(1, 4, 2, 2), sigmas, max(arguments.rounds, 51))
            result["own_us_a_step"] = own["difference_us_a_step"]
            result["overhead_percent"] = 100 * own["difference_us_a_step"] / (result["bare_ms_a_step"] * 1e3)
            result["overhead_percent_of_medians"] = 100 * (result["ours_ms_a_step"] / result["bare_ms_a_step"] - 1)
            results[name] = {key: round(value, 4) for key, value in result.items()}
    worst = max(result["overhead_percent"] for result in results.values())
    print(json.dumps({"steps": STEPS, "rounds": arguments.rounds, "samplers": results, "budget_percent": 1.0,
                      "worst_percent": worst, "holds": worst <= 1.0}, indent=2))  # fmt: skip


if __name__ == "__main__":
    main()
