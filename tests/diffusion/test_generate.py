"""The calls behind the sampler nodes: ComfyUI's rules for steps, noise and what a latent carries."""

import pytest
import torch

from latentloom.engine.diffusion.generate import add_noise, sample_custom, sample_latent
from latentloom.engine.diffusion.guidance import BasicGuider, CFGGuider
from latentloom.engine.diffusion.noise import NoNoise, RandomNoise, initial_noise
from latentloom.engine.diffusion.preview import preview
from latentloom.engine.diffusion.samplers import SAMPLERS
from latentloom.engine.diffusion.schedule import sigmas_for
from latentloom.engine.errors import UserError

EMPTY = {"samples": torch.zeros(2, 4, 8, 8)}


def run(small, latent=EMPTY, model=None, **options):
    settings = {"seed": 3, "steps": 6, "cfg": 3.0, "sampler": "euler", "scheduler": "karras", **options}
    return sample_latent(model or small.Small(), small.text(1), small.text(2), latent, **settings)


def test_it_is_the_guider_with_the_named_parts(small):
    model = small.Small()
    guider = CFGGuider(model, small.text(1), small.text(2), 3.0)
    sigmas = sigmas_for(model.process, "karras", 6)
    expected, _ = guider.sample(initial_noise(EMPTY["samples"], 3), EMPTY["samples"], SAMPLERS["euler"], sigmas)
    assert torch.equal(run(small)["samples"], expected)


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_seed_one_picture_another_seed_another(name, small):
    one, same, other = (run(small, sampler=name, seed=seed)["samples"] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)
    assert bool(one.isfinite().all())


def test_the_global_generator_is_left_alone(small):
    state = torch.random.get_rng_state()
    run(small, sampler="dpmpp_2m_sde")
    run(small, sampler="euler_ancestral")
    assert torch.equal(torch.random.get_rng_state(), state)


def test_two_passes_through_the_schedule_equal_one(small):
    whole = run(small)["samples"]
    first = run(small, end_step=3, leftover_noise=True)
    second = run(small, first, start_step=3, add_noise=False)
    assert torch.allclose(second["samples"], whole, atol=1e-4)


def test_end_without_leftover_noise_goes_to_zero(small):
    model = small.Small()
    run(small, model=model, end_step=3)
    assert len(model.calls) == 3
    clean = run(small, end_step=3)["samples"]
    # Euler's step to 0 is its prediction, which the run that stops with noise left hands out beside its x.
    model = small.Small()
    guider = CFGGuider(model, small.text(1), small.text(2), 3.0)
    sigmas = sigmas_for(model.process, "karras", 6)[:4]
    noisy, denoised = sample_custom(guider, RandomNoise(3), EMPTY, SAMPLERS["euler"], sigmas)
    assert torch.allclose(clean, denoised["samples"], rtol=1e-4)
    assert torch.equal(run(small, end_step=3, leftover_noise=True)["samples"], noisy["samples"])
    assert not torch.allclose(clean, noisy["samples"], rtol=0.01)
    assert torch.equal(run(small, end_step=10_000)["samples"], run(small)["samples"])


@pytest.mark.parametrize("options", [{"denoise": 0.0}, {"start_step": 6}, {"start_step": 99}, {"end_step": 0}])
def test_nothing_to_do_hands_the_latent_back(options, small):
    latent = {"samples": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))}
    assert torch.equal(run(small, latent, **options)["samples"], latent["samples"])


def test_denoise_starts_part_way(small):
    model = small.Small()
    latent = {"samples": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * 5}
    run(small, latent, model=model, denoise=0.5)
    assert len(model.calls) == 6
    assert model.calls[0][2] == pytest.approx(float(sigmas_for(model.process, "karras", 12)[6]))
    little = run(small, latent, denoise=0.1, cfg=1.0)["samples"]
    much = run(small, latent, denoise=0.9, cfg=1.0)["samples"]
    assert float((little - latent["samples"]).std()) < float((much - latent["samples"]).std())


def test_uni_pc_drops_the_next_to_last_sigma(small):
    model = small.Small()
    run(small, model=model, sampler="uni_pc", steps=5)
    assert [c[2] for c in model.calls] == pytest.approx(sigmas_for(model.process, "karras", 6)[:-2].tolist())


def test_what_a_latent_carries_travels_on(small):
    mask = torch.zeros(1, 1, 8, 8)
    latent = {"samples": torch.ones(2, 4, 8, 8), "noise_mask": mask, "batch_index": [4, 1], "note": "kept"}
    out = run(small, latent)
    assert out["note"] == "kept"
    assert out["batch_index"] == [4, 1]
    assert torch.equal(out["samples"], latent["samples"])  # the mask allows no change
    del latent["noise_mask"]
    one_by_one = run(small, {"samples": torch.ones(1, 4, 8, 8), "batch_index": [4]})
    assert torch.allclose(run(small, latent)["samples"][:1], one_by_one["samples"], atol=1e-5)


def test_an_empty_latent_takes_the_models_channels(small):
    class Sixteen(small.Small):
        def denoise(self, x, sigma, context, **extra):
            return x * 0

    out = run(small, EMPTY, model=Sixteen(latent=small.Space(channels=16)))
    assert out["samples"].shape == (2, 16, 8, 8)


def test_custom_returns_both_and_never_changes_the_latent(small):
    model = small.Small()
    guider = BasicGuider(model, small.text(1))
    sigmas = sigmas_for(model.process, "karras", 6)[:-1]
    latent = {"samples": torch.ones(1, 4, 8, 8)}
    out, denoised = sample_custom(guider, RandomNoise(1), latent, SAMPLERS["euler"], sigmas)
    assert not torch.allclose(out["samples"], denoised["samples"])
    assert torch.equal(latent["samples"], torch.ones(1, 4, 8, 8))
    same, again = sample_custom(guider, NoNoise(), latent, SAMPLERS["euler"], sigmas[:0])
    assert torch.equal(same["samples"], latent["samples"])
    assert torch.equal(again["samples"], latent["samples"])


def test_add_noise_noises_by_the_difference(small):
    model = small.Small()
    latent = {"samples": torch.ones(1, 4, 8, 8)}
    noise = RandomNoise(2).generate_noise(latent)
    for sigmas, level in (([3.0, 1.0], 2.0), ([3.0], 3.0)):
        out = add_noise(model, RandomNoise(2), torch.tensor(sigmas), latent)["samples"]
        assert torch.allclose(out, 1 + level * noise / 0.18215, atol=1e-4)
    assert torch.equal(add_noise(model, RandomNoise(2), torch.zeros(0), latent)["samples"], latent["samples"])


def test_previews_are_small_uint8_pictures(small):
    latent = torch.linspace(-3, 3, 4 * 64).reshape(1, 4, 8, 8)
    latent[0, 0, 0, 0] = float("nan")
    picture = preview(latent, small.Space())
    assert picture.dtype == torch.uint8
    assert picture.shape == (1, 8, 8, 3)
    assert picture[0, 0, 1].tolist() == [0, 0, round(float((latent[0, 2, 0, 1] + 1).clamp(0, 2)) / 2 * 255)]


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": "eulr"},
        {"scheduler": "normale"},
        {"steps": 0},
        {"denoise": 1.5},
        {"cfg": float("nan")},
        {"seed": -1},
        {"seed": 2**64},
        {"start_step": -1},
        {"end_step": -1},
        {"latent": {}},
        {"latent": {"samples": torch.ones(1, 16, 8, 8)}},
        {"latent": {"samples": torch.zeros(1, 4, 8, 8), "batch_index": [0, 1]}},
    ],
)
def test_hostile_values_are_refused(options, small):
    with pytest.raises(UserError):
        run(small, **options)
