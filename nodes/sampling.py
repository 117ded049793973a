"""The classic samplers: noise and prompts to a latent. The work is done by `engine.diffusion`."""

from __future__ import annotations

from typing import Annotated, Literal

from ..engine.diffusion.generate import sample_latent
from ..engine.diffusion.samplers import SAMPLERS
from ..engine.diffusion.schedule import SCHEDULES
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.widget import Choice, Float, Int, Seed
from ..engine.values import Conditioning, Latent, Model
from .watch import watch

SamplerName = Annotated[str, Choice(tuple(SAMPLERS))]
SchedulerName = Annotated[str, Choice(tuple(SCHEDULES))]
Steps = Annotated[int, Int(1, 10000)]
Cfg = Annotated[float, Float(0.0, 100.0, step=0.1, round=0.01)]


@node("KSampler", title="KSampler", category="sampling", aliases=("sample", "generate", "txt2img", "img2img"))
def ksampler(
    *,
    model: Model,
    seed: Annotated[int, Seed()] = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: SamplerName = "euler",
    scheduler: SchedulerName = "simple",
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: Annotated[float, Float(0.0, 1.0, step=0.01)] = 1.0,
    context: Context,
) -> Latent:
    """Make a picture: remove noise from a latent, step by step, towards a prompt.

    model: removes the noise.
    seed: the noise it starts from; the same seed gives the same picture.
    steps: more take longer and are more exact.
    cfg: how strictly it follows the prompt; 1 ignores the negative one.
    sampler_name: the method that takes the steps.
    scheduler: how the noise is spread over the steps.
    positive: what the picture should show.
    negative: what it should not show.
    latent_image: an empty latent, or a picture to change.
    denoise: 1 draws anew; less keeps more of the picture given.
    """
    return sample_latent(
        model,
        positive,
        negative,
        latent_image,
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler=sampler_name,
        scheduler=scheduler,
        denoise=denoise,
        on_step=watch(context, model.latent),
    )


@node("KSamplerAdvanced", title="KSampler (Advanced)", category="sampling")
def ksampler_advanced(
    *,
    model: Model,
    add_noise: Literal["enable", "disable"] = "enable",
    noise_seed: Annotated[int, Seed()] = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: SamplerName = "euler",
    scheduler: SchedulerName = "simple",
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    start_at_step: Annotated[int, Int(0, 10000)] = 0,
    end_at_step: Annotated[int, Int(0, 10000)] = 10000,
    return_with_leftover_noise: Literal["disable", "enable"] = "disable",
    context: Context,
) -> Latent:
    """Take a part of the steps, so that several samplers can share one run.

    add_noise: "disable" for a latent that is noisy already.
    noise_seed: the noise it starts from.
    start_at_step: the first step taken; steps before it count as done.
    end_at_step: the first step left out.
    return_with_leftover_noise: "enable" hands on what noise is left for the next sampler.
    """
    return sample_latent(
        model,
        positive,
        negative,
        latent_image,
        seed=noise_seed,
        steps=steps,
        cfg=cfg,
        sampler=sampler_name,
        scheduler=scheduler,
        start_step=start_at_step,
        end_step=end_at_step,
        add_noise=add_noise == "enable",
        leftover_noise=return_with_leftover_noise == "enable",
        on_step=watch(context, model.latent),
    )
