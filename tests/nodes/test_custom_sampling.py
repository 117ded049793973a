"""Sampling in parts gives what KSampler gives; guiders, noise and samplers as values."""

import pytest
import torch

from latentloom.engine.values import check_value
from latentloom.nodes import custom_sampling as nodes
from latentloom.nodes.latent import empty_latent_image
from latentloom.nodes.sampling import ksampler
from latentloom.nodes.schedulers import basic_scheduler, split_sigmas

EMPTY = empty_latent_image(width=64, height=64, batch_size=1)


@pytest.fixture
def whole(tiny, prompts, context):
    return ksampler(
        model=tiny.model,
        seed=7,
        steps=4,
        cfg=3.0,
        sampler_name="dpmpp_2m",
        scheduler="karras",
        positive=prompts[0],
        negative=prompts[1],
        latent_image=EMPTY,
        denoise=1.0,
        context=context,
    )["samples"]


@pytest.fixture
def parts(tiny, prompts):
    return {
        "noise": nodes.random_noise(noise_seed=7),
        "guider": nodes.cfg_guider(model=tiny.model, positive=prompts[0], negative=prompts[1], cfg=3.0),
        "sampler": nodes.ksampler_select(sampler_name="dpmpp_2m"),
        "sigmas": basic_scheduler(model=tiny.model, scheduler="karras", steps=4),
        "latent_image": EMPTY,
    }


def test_parts_carry_what_their_wires_promise(parts):
    for wire, name in (("NOISE", "noise"), ("GUIDER", "guider"), ("SAMPLER", "sampler"), ("SIGMAS", "sigmas")):
        assert check_value(wire, parts[name]) is None


def test_advanced_equals_ksampler(parts, whole, context, unchanged):
    with unchanged(EMPTY):
        out = nodes.sampler_custom_advanced(**parts, context=context)
    assert torch.equal(out.output["samples"], whole)
    assert torch.allclose(out.denoised_output["samples"], whole, atol=1e-4), "at sigma 0 both are clean"
    assert context.steps[-1] == (4, 4)


def test_custom_equals_ksampler(tiny, prompts, parts, whole, context):
    out = nodes.sampler_custom(
        model=tiny.model,
        add_noise=True,
        noise_seed=7,
        cfg=3.0,
        positive=prompts[0],
        negative=prompts[1],
        sampler=parts["sampler"],
        sigmas=parts["sigmas"],
        latent_image=EMPTY,
        context=context,
    )
    assert torch.equal(out.output["samples"], whole)


def test_a_split_schedule_goes_on_where_it_stopped(parts, context):
    parts["sampler"] = nodes.ksampler_select(sampler_name="euler")
    whole = nodes.sampler_custom_advanced(**parts, context=context).output["samples"]
    high, low = split_sigmas(sigmas=parts["sigmas"], step=2)
    first = nodes.sampler_custom_advanced(**{**parts, "sigmas": high}, context=context)
    assert not torch.allclose(first.denoised_output["samples"], first.output["samples"]), "noise is left"
    rest = {**parts, "sigmas": low, "noise": nodes.disable_noise(), "latent_image": first.output}
    second = nodes.sampler_custom_advanced(**rest, context=context).output["samples"]
    assert torch.allclose(second, whole, atol=1e-4 * float(whole.abs().max()))


def test_an_empty_schedule_hands_the_latent_back(parts, context):
    out = nodes.sampler_custom_advanced(**{**parts, "sigmas": torch.zeros(0)}, context=context)
    assert torch.equal(out.output["samples"], EMPTY["samples"])


def test_noise_values():
    latent = {"samples": torch.zeros(2, 4, 3, 3)}
    torch.manual_seed(9)
    assert torch.equal(nodes.random_noise(noise_seed=9).generate_noise(latent), torch.randn(2, 4, 3, 3))
    assert not nodes.disable_noise().generate_noise(latent).any()


def test_add_noise_adds_the_difference_of_the_ends(tiny, rand, unchanged):
    latent = {"samples": rand(1, 4, 3, 3), "mine": 1}
    noise = nodes.random_noise(noise_seed=1)
    sigmas = torch.tensor([3.0, 2.0, 1.0])
    with unchanged(latent, sigmas):
        out = nodes.add_noise(model=tiny.model, noise=noise, sigmas=sigmas, latent_image=latent)
    added = (out["samples"] - latent["samples"]) * tiny.model.latent.scale
    assert torch.allclose(added, 2.0 * noise.generate_noise(latent), atol=1e-5)
    assert out["mine"] == 1


def test_cfg_one_is_the_basic_guider(tiny, prompts, parts, context):
    basic = nodes.basic_guider(model=tiny.model, conditioning=prompts[0])
    plain = nodes.cfg_guider(model=tiny.model, positive=prompts[0], negative=prompts[1], cfg=1.0)
    a, b = (
        nodes.sampler_custom_advanced(**{**parts, "guider": guider}, context=context).output["samples"]
        for guider in (basic, plain)
    )
    assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("style", ["regular", "nested"])
def test_dual_guidance_with_equal_prompts_is_plain_guidance(tiny, prompts, parts, context, style):
    positive, negative = prompts
    dual = nodes.dual_cfg_guider(
        model=tiny.model,
        cond1=positive,
        cond2=positive,
        negative=negative,
        cfg_conds=3.0,
        cfg_cond2_negative=3.0,
        style=style,
    )
    a = nodes.sampler_custom_advanced(**parts, context=context).output["samples"]
    b = nodes.sampler_custom_advanced(**{**parts, "guider": dual}, context=context).output["samples"]
    assert torch.allclose(a, b, atol=1e-3 * float(a.abs().max()))


def test_sampler_nodes_set_options():
    ancestral = nodes.sampler_euler_ancestral(eta=0.5, s_noise=0.9)
    assert (ancestral.name, dict(ancestral.options)) == ("euler_ancestral", {"eta": 0.5, "s_noise": 0.9})
    multistep = nodes.sampler_dpmpp_2m_sde(solver_type="heun", eta=0.2, noise_device="cpu")
    assert multistep.options["solver_type"] == "heun"
    single = nodes.sampler_dpmpp_sde(r=0.25)
    assert (single.name, single.options["r"]) == ("dpmpp_sde", 0.25)


def test_ancestral_without_noise_is_euler(parts, context):
    a = nodes.sampler_custom_advanced(
        **{**parts, "sampler": nodes.sampler_euler_ancestral(eta=0.0)}, context=context
    ).output["samples"]
    b = nodes.sampler_custom_advanced(
        **{**parts, "sampler": nodes.ksampler_select(sampler_name="euler")}, context=context
    ).output["samples"]
    assert torch.allclose(a, b, atol=1e-4)
