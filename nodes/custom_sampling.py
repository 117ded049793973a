"""Sampling in parts: noise, guider and sampler as values, and the nodes that bring them together."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from ..engine.diffusion.generate import add_noise as noised
from ..engine.diffusion.generate import sample_custom
from ..engine.diffusion.guidance import BasicGuider, CFGGuider, DualCFGGuider, PerpNegGuider
from ..engine.diffusion.noise import NoNoise, RandomNoise
from ..engine.diffusion.samplers import sampler_named
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.widget import Float, Seed
from ..engine.values import Conditioning, Guider, Latent, Model, Noise, Sampler, Sigmas
from .sampling import Cfg, SamplerName
from .watch import watch

NoiseSeed = Annotated[int, Seed()]
Amount = Annotated[float, Float(0.0, 100.0, step=0.01)]
NoiseDevice = Literal["gpu", "cpu"]


class Sampled(NamedTuple):
    """Where the sampler stopped, and the clean picture it saw there."""

    output: Latent
    denoised_output: Latent


@node("SamplerCustom", title="SamplerCustom", category="sampling/custom_sampling")
def sampler_custom(
    *,
    model: Model,
    add_noise: bool = True,
    noise_seed: NoiseSeed = 0,
    cfg: Cfg = 8.0,
    positive: Conditioning,
    negative: Conditioning,
    sampler: Sampler,
    sigmas: Sigmas,
    latent_image: Latent,
    context: Context,
) -> Sampled:
    """Sample with a sampler and a schedule made by other nodes.

    add_noise: switch off for a latent that is noisy already.
    noise_seed: the noise it starts from.
    cfg: how strictly it follows the prompt.
    output: the latent where the schedule ends.
    denoised_output: the clean latent that the model saw there.
    """
    guider = CFGGuider(model, positive, negative, cfg)
    noise = RandomNoise(noise_seed) if add_noise else NoNoise(noise_seed)
    on_step = watch(context, model.latent)
    return Sampled(*sample_custom(guider, noise, latent_image, sampler, sigmas, on_step=on_step))


@node("SamplerCustomAdvanced", title="SamplerCustomAdvanced", category="sampling/custom_sampling")
def sampler_custom_advanced(
    *, noise: Noise, guider: Guider, sampler: Sampler, sigmas: Sigmas, latent_image: Latent, context: Context
) -> Sampled:
    """Sample with noise, guider, sampler and schedule made by other nodes.

    output: the latent where the schedule ends.
    denoised_output: the clean latent that the model saw there.
    """
    on_step = watch(context, guider.model.latent)
    return Sampled(*sample_custom(guider, noise, latent_image, sampler, sigmas, on_step=on_step))


@node("RandomNoise", title="RandomNoise", category="sampling/custom_sampling/noise", lane="cpu")
def random_noise(*, noise_seed: NoiseSeed = 0) -> Noise:
    """Choose the noise that a sampler starts from.

    noise_seed: the same seed gives the same noise.
    """
    return RandomNoise(noise_seed)


@node("DisableNoise", title="DisableNoise", category="sampling/custom_sampling/noise", lane="cpu")
def disable_noise() -> Noise:
    """Start a sampler without new noise, for a latent that is noisy already."""
    return NoNoise()


@node("AddNoise", title="AddNoise", category="_for_testing/custom_sampling/noise")
def add_noise(*, model: Model, noise: Noise, sigmas: Sigmas, latent_image: Latent) -> Latent:
    """Add noise to a latent without sampling it.

    sigmas: the difference of the first and the last is added.
    """
    return noised(model, noise, sigmas, latent_image)


@node("BasicGuider", title="BasicGuider", category="sampling/custom_sampling/guiders", lane="cpu")
def basic_guider(*, model: Model, conditioning: Conditioning) -> Guider:
    """Follow one prompt, without guidance."""
    return BasicGuider(model, conditioning)


@node("CFGGuider", title="CFGGuider", category="sampling/custom_sampling/guiders", lane="cpu")
def cfg_guider(*, model: Model, positive: Conditioning, negative: Conditioning, cfg: Cfg = 8.0) -> Guider:
    """Follow a prompt and keep away from another (classifier-free guidance).

    cfg: how strictly; 1 ignores the negative prompt.
    """
    return CFGGuider(model, positive, negative, cfg)


@node("DualCFGGuider", title="DualCFGGuider", category="sampling/custom_sampling/guiders", lane="cpu")
def dual_cfg_guider(
    *,
    model: Model,
    cond1: Conditioning,
    cond2: Conditioning,
    negative: Conditioning,
    cfg_conds: Cfg = 8.0,
    cfg_cond2_negative: Cfg = 8.0,
    style: Literal["regular", "nested"] = "regular",
) -> Guider:
    """Follow two prompts and keep away from a third, each with its own strength.

    cfg_conds: how far from cond2 towards cond1.
    cfg_cond2_negative: how far from the negative prompt.
    style: how the two differences combine.
    """
    return DualCFGGuider(model, cond1, cond2, negative, cfg_conds, cfg_cond2_negative, style)


@node("PerpNegGuider", title="PerpNegGuider", category="_for_testing", lane="cpu", experimental=True)
def perp_neg_guider(
    *,
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    empty_conditioning: Conditioning,
    cfg: Cfg = 8.0,
    neg_scale: Amount = 1.0,
) -> Guider:
    """Follow a prompt; of the negative one, only what does not speak against it counts.

    empty_conditioning: an empty prompt.
    cfg: how strictly the prompt is followed.
    neg_scale: how strongly the rest of the negative prompt counts.
    """
    return PerpNegGuider(model, positive, negative, empty_conditioning, cfg, neg_scale)


@node("KSamplerSelect", title="KSamplerSelect", category="sampling/custom_sampling/samplers", lane="cpu")
def ksampler_select(*, sampler_name: SamplerName = "euler") -> Sampler:
    """Choose a sampler by its name."""
    return sampler_named(sampler_name)


@node(
    "SamplerEulerAncestral",
    title="SamplerEulerAncestral",
    category="sampling/custom_sampling/samplers",
    lane="cpu",
)
def sampler_euler_ancestral(*, eta: Amount = 1.0, s_noise: Amount = 1.0) -> Sampler:
    """Euler's method with fresh noise at every step.

    eta: how much of the step is noise; 0 is plain Euler.
    s_noise: scale of that noise.
    """
    return sampler_named("euler_ancestral").with_(eta=eta, s_noise=s_noise)


@node(
    "SamplerDPMPP_2M_SDE",
    title="SamplerDPMPP_2M_SDE",
    category="sampling/custom_sampling/samplers",
    lane="cpu",
)
def sampler_dpmpp_2m_sde(
    *,
    solver_type: Literal["midpoint", "heun"] = "midpoint",
    eta: Amount = 1.0,
    s_noise: Amount = 1.0,
    noise_device: NoiseDevice = "gpu",
) -> Sampler:
    """DPM-Solver++(2M) with noise.

    solver_type: how the change of the picture is weighed.
    eta: how much of the step is noise; 0 takes none.
    s_noise: scale of that noise.
    noise_device: without effect: noise is drawn so that one seed gives one picture on every device.
    """
    return sampler_named("dpmpp_2m_sde").with_(solver_type=solver_type, eta=eta, s_noise=s_noise)


@node("SamplerDPMPP_SDE", title="SamplerDPMPP_SDE", category="sampling/custom_sampling/samplers", lane="cpu")
def sampler_dpmpp_sde(
    *,
    eta: Amount = 1.0,
    s_noise: Amount = 1.0,
    r: Annotated[float, Float(0.0, 100.0, step=0.01)] = 0.5,
    noise_device: NoiseDevice = "gpu",
) -> Sampler:
    """DPM-Solver++ with noise, two evaluations a step.

    eta: how much of the step is noise; 0 takes none.
    s_noise: scale of that noise.
    r: where between two sigmas the second evaluation lies.
    noise_device: without effect: noise is drawn so that one seed gives one picture on every device.
    """
    return sampler_named("dpmpp_sde").with_(eta=eta, s_noise=s_noise, r=r)
