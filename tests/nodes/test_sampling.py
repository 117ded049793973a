"""The classic samplers: what the seed fixes, progress, cancelling, previews, partial runs, inpainting."""

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.errors import Cancelled
from latentloom.engine.models.taesd import TAESDConfig, TAESDDecoder
from latentloom.engine.values import check_value
from latentloom.nodes.custom_sampling import ksampler_select, sampler_custom
from latentloom.nodes.latent import empty_latent_image
from latentloom.nodes.sampling import ksampler, ksampler_advanced
from latentloom.nodes.schedulers import basic_scheduler

EMPTY = empty_latent_image(width=64, height=64, batch_size=2)


@pytest.fixture
def run(tiny, prompts, context):
    def go(node=ksampler, latent=EMPTY, context=context, **settings):
        given = {"steps": 4, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal", **settings}
        return node(
            model=tiny.model,
            positive=prompts[0],
            negative=prompts[1],
            latent_image=latent,
            context=context,
            **given,
        )

    return go


def test_a_seed_fixes_the_picture(run, unchanged, prompts):
    with unchanged(EMPTY, prompts):
        first = run(seed=5)
    assert check_value("LATENT", first) is None
    assert torch.equal(first["samples"], run(seed=5)["samples"])
    assert not torch.equal(first["samples"], run(seed=6)["samples"])


def test_the_first_noise_is_one_draw_of_the_full_shape(run):
    """With a single step at the largest sigma of a schedule, what is sampled shows the noise it began with."""
    torch.manual_seed(5)
    noise = torch.randn(2, 4, 8, 8)
    start = run(ksampler_advanced, noise_seed=5, end_at_step=0, return_with_leftover_noise="enable")
    assert torch.equal(start["samples"], EMPTY["samples"]), "no step at all hands the latent back"
    given = {"samples": torch.zeros(2, 4, 8, 8), "batch_index": [0, 1]}
    one = run(seed=5, latent=given, steps=1)["samples"]
    torch.manual_seed(5)
    drawn = torch.cat([torch.randn(1, 4, 8, 8) for _ in range(2)])
    assert torch.equal(drawn[0], noise[0]), "the first item is the same in both rules"
    assert torch.allclose(one[0], run(seed=5, steps=1)["samples"][0], atol=1e-5)


def test_unknown_keys_travel_and_denoise_zero_changes_nothing(run):
    latent = {**EMPTY, "samples": torch.ones(2, 4, 8, 8), "mine": "kept"}
    out = run(latent=latent, denoise=0.0)
    assert torch.equal(out["samples"], latent["samples"])
    assert run(latent=latent)["mine"] == "kept"


def test_less_denoise_stays_nearer(run, rand):
    latent = {"samples": rand(1, 4, 8, 8) * 4}
    near, far = (
        (run(latent=latent, denoise=amount)["samples"] - latent["samples"]).abs().mean() for amount in (0.1, 1.0)
    )
    assert near < far / 2


def test_every_step_is_reported(run, context):
    run(steps=4)
    assert context.steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert not context.shown


def test_cancelling_ends_within_one_step(run, listener, files):
    context = listener(files, stop_after=2)
    with pytest.raises(Cancelled):
        run(steps=50, context=context)
    assert len(context.steps) == 2


def test_previews_are_small_pictures(run, listener, files):
    context = listener(files, previews=True)
    run(steps=3, context=context)
    assert context.shown
    assert (context.shown[0].shape, str(context.shown[0].dtype)) == ((8, 8, 3), "uint8")


@pytest.mark.parametrize(("method", "shape"), [("auto", (64, 64, 3)), ("latent2rgb", (8, 8, 3)), ("none", None)])
def test_previews_come_from_a_small_decoder_where_there_is_one(run, listener, files, method, shape):
    folder = files.directory("vae_approx")
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    decoder = TAESDDecoder(TAESDConfig(width=8))
    save_file(decoder.state_dict(), folder / "taesd_decoder.safetensors")
    context = listener(files, previews=True)
    context.preview_method = method
    run(steps=3, context=context)
    assert [picture.shape for picture in context.shown[:1]] == ([shape] if shape else [])


@pytest.mark.parametrize("scheduler", ["normal", "karras"])
def test_two_parts_of_a_run_equal_the_whole(run, scheduler):
    whole = run(seed=3, scheduler=scheduler, steps=6)["samples"]
    first = run(
        ksampler_advanced,
        noise_seed=3,
        scheduler=scheduler,
        steps=6,
        end_at_step=2,
        return_with_leftover_noise="enable",
    )
    second = run(ksampler_advanced, latent=first, add_noise="disable", scheduler=scheduler, steps=6, start_at_step=2)
    assert torch.allclose(second["samples"], whole, atol=1e-4 * float(whole.abs().max()))


def test_without_leftover_the_last_step_ends_clean(run, tiny, prompts, context):
    settings = {"noise_seed": 3, "steps": 6, "end_at_step": 2}
    noisy = run(ksampler_advanced, return_with_leftover_noise="enable", **settings)["samples"]
    clean = run(ksampler_advanced, **settings)["samples"]
    # Euler's last step to 0 lands on what the model saw at the level before.
    seen = sampler_custom(
        model=tiny.model,
        noise_seed=3,
        cfg=3.0,
        positive=prompts[0],
        negative=prompts[1],
        sampler=ksampler_select(sampler_name="euler"),
        sigmas=basic_scheduler(model=tiny.model, scheduler="normal", steps=6)[:3],
        latent_image=EMPTY,
        context=context,
    )
    assert torch.allclose(clean, seen.denoised_output["samples"])
    assert torch.allclose(noisy, seen.output["samples"])
    assert not torch.allclose(noisy, clean)


def test_a_noise_mask_keeps_the_rest_to_the_last_bit(run, rand, unchanged):
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 32:] = 1
    latent = {"samples": rand(1, 4, 8, 8), "noise_mask": mask}
    with unchanged(latent):
        out = run(latent=latent)["samples"]
    assert torch.equal(out[..., :4], latent["samples"][..., :4])
    assert not torch.allclose(out[..., 4:], latent["samples"][..., 4:])


@pytest.mark.parametrize("name", ["euler_ancestral", "heun", "dpmpp_2m", "dpmpp_sde", "dpmpp_2m_sde", "lcm", "uni_pc"])
def test_each_sampler_runs_and_repeats(run, name):
    first, second = (run(sampler_name=name, steps=3, seed=1)["samples"] for _ in range(2))
    assert first.isfinite().all()
    assert torch.equal(first, second)


def test_a_latent_of_another_family_is_refused(run, rand):
    from latentloom.engine.errors import UserError

    with pytest.raises(UserError) as caught:
        run(latent={"samples": rand(1, 16, 8, 8)})
    assert caught.value.code == "V165"
    assert run(latent={"samples": torch.zeros(1, 16, 8, 8)})["samples"].shape[1] == 4, "an empty one is fitted"
