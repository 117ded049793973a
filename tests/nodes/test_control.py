"""The ControlNet nodes: files in, prompts out, and pictures that change through a whole sampler."""

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.errors import UserError
from latentloom.engine.models.control import ControlNet, ControlNetConfig
from latentloom.engine.models.controlled import ControlModel
from latentloom.engine.node.context import SilentContext
from latentloom.nodes.control import (
    control_net_apply,
    control_net_apply_advanced,
    control_net_apply_sd3,
    control_net_inpainting_alimama_apply,
    control_net_loader,
    diff_control_net_loader,
    mask_control_net,
    set_union_control_net_type,
)
from latentloom.nodes.sampling import ksampler


@pytest.fixture(scope="session")
def control(tiny, randomised):
    return ControlModel(randomised(ControlNet.beside(tiny.model.base), 9))


@pytest.fixture
def named(control, files):
    """The name of its file in the models folder."""
    folder = files.roots("controlnet")[0]
    folder.mkdir(parents=True, exist_ok=True)
    save_file(control.network.state_dict(), folder / "edges.safetensors")
    return "edges.safetensors"


def sampled(tiny, positive, negative, seed=1):
    latent = {"samples": torch.zeros(1, 4, 4, 4)}
    return ksampler(
        model=tiny.model, seed=seed, steps=2, cfg=3.0, sampler_name="euler", scheduler="normal", positive=positive,
        negative=negative, latent_image=latent, denoise=1.0, context=SilentContext(),
    )["samples"]  # fmt: skip


def test_both_loaders_read_the_file(control, named, context, tiny):
    for loaded in (
        control_net_loader(control_net_name=named, context=context),
        diff_control_net_loader(model=tiny.model, control_net_name=named, context=context),
    ):
        own = control.network.state_dict()
        assert all(torch.equal(value, own[key]) for key, value in loaded.network.state_dict().items())


def test_advanced_gives_both_prompts_one_control_and_keeps_what_they_had(prompts, control, rand, unchanged):
    positive, negative = prompts
    image = rand(1, 32, 32, 3)
    with unchanged(positive, negative):
        out = control_net_apply_advanced(
            positive=positive, negative=negative, control_net=control, image=image, strength=0.5, start_percent=0.1,
            end_percent=0.8,
        )  # fmt: skip
    first = out.positive[0][1]["control"]
    assert first is out.negative[0][1]["control"]
    assert (first.strength, first.start, first.end, first.previous) == (0.5, 0.1, 0.8, None)
    assert out.positive[0][1]["pooled_output"] is positive[0][1]["pooled_output"]
    again = control_net_apply_advanced(
        positive=out.positive, negative=out.negative, control_net=control, image=image, start_percent=0.0
    )
    assert again.positive[0][1]["control"].previous is first
    assert again.positive[0][1]["control"] is again.negative[0][1]["control"]


def test_strength_0_leaves_the_prompts_as_they_are(prompts, control, rand):
    positive, negative = prompts
    image = rand(1, 32, 32, 3)
    assert control_net_apply(conditioning=positive, control_net=control, image=image, strength=0.0) is positive
    out = control_net_apply_advanced(positive=positive, negative=negative, control_net=control, image=image, strength=0)
    assert out.positive is positive
    assert out.negative is negative


def test_the_old_node_steers_the_negative_prompt_too(tiny, prompts, control, rand):
    positive, negative = prompts
    image = rand(1, 32, 32, 3)
    old = sampled(tiny, control_net_apply(conditioning=positive, control_net=control, image=image), negative)
    both = control_net_apply_advanced(positive=positive, negative=negative, control_net=control, image=image)
    assert torch.allclose(old, sampled(tiny, *both), atol=1e-4)
    plain = sampled(tiny, positive, negative)
    assert float((old - plain).abs().max()) > 1e-2
    only = control_net_apply_advanced(positive=positive, negative=negative, control_net=control, image=image).positive
    assert float((sampled(tiny, only, negative) - old).abs().max()) > 1e-3


def test_untrained_control_leaves_the_picture_bit_equal(tiny, prompts, rand):
    fresh = ControlModel(ControlNet.beside(tiny.model.base).eval())
    steered = control_net_apply_advanced(
        positive=prompts[0], negative=prompts[1], control_net=fresh, image=rand(1, 32, 32, 3)
    )
    assert torch.equal(sampled(tiny, *steered), sampled(tiny, *prompts))


def test_a_vae_and_a_mask_travel_where_they_are_wanted(tiny, prompts, control, rand):
    positive, negative = prompts
    image, mask = rand(1, 32, 32, 3), torch.zeros(1, 32, 32)
    with_vae = control_net_apply_sd3(
        positive=positive, negative=negative, control_net=control, vae=tiny.vae, image=image
    )
    assert with_vae.positive[0][1]["control"].vae is tiny.vae
    inpainting = control_net_inpainting_alimama_apply(
        positive=positive, negative=negative, control_net=control, vae=tiny.vae, image=image, mask=mask
    )
    made = inpainting.positive[0][1]["control"]
    assert made.mask is None  # this one takes no mask
    assert torch.equal(made.hint, image)


def test_a_masked_control_holds_the_mask_and_inverts_it(control):
    mask = torch.zeros(1, 8, 8)
    mask[..., 4:] = 1
    assert torch.equal(mask_control_net(control_net=control, mask=mask).mask, mask)
    assert torch.equal(mask_control_net(control_net=control, mask=mask[0], invert=True).mask, 1 - mask)
    assert control.mask is None


def test_union_types_are_numbered_as_published(control, tiny):
    union = ControlModel(ControlNet(ControlNetConfig(tiny.model.base.config, kinds=6)))
    assert set_union_control_net_type(control_net=union, type="canny/lineart/anime_lineart/mlsd").kinds == (3,)
    assert set_union_control_net_type(control_net=union, type="auto").kinds == ()
    with pytest.raises(UserError) as caught:
        set_union_control_net_type(control_net=union, type="tile")
    assert caught.value.code == "V183"
    assert set_union_control_net_type(control_net=control, type="tile").kinds == (6,)  # takes no notice
