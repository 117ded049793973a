"""What a model predicts and how its noise is spread, changed in a copy."""

import math

import pytest
import torch

from latentloom.engine.diffusion.distilled import Distilled, Unscaled
from latentloom.engine.diffusion.process import Flow
from latentloom.engine.errors import UserError
from latentloom.nodes import model_sampling as nodes
from latentloom.nodes.latent import empty_latent_image
from latentloom.nodes.sampling import ksampler


@pytest.fixture
def run(prompts, context):
    def go(model, **changes):
        settings = {"seed": 2, "steps": 4, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
        return ksampler(
            model=model,
            positive=prompts[0],
            negative=prompts[1],
            latent_image=empty_latent_image(width=64, height=64),
            context=context,
            **{**settings, **changes},
        )["samples"]

    return go


def test_model_sampling(tiny):
    changed = nodes.model_sampling_discrete(model=tiny.model, sampling="v_prediction", zsnr=True)
    assert (changed.prediction, tiny.model.prediction) == ("v", "eps")
    assert changed.process.sigma_max > 1000 > tiny.model.process.sigma_max
    assert changed.network is tiny.model.network
    back = nodes.model_sampling_discrete(model=changed, sampling="eps", zsnr=False)
    assert back.process.sigma_max == tiny.model.process.sigma_max


def test_what_it_predicts_changes_the_picture(tiny, run):
    plain = run(tiny.model)
    assert torch.equal(plain, run(nodes.model_sampling_discrete(model=tiny.model, sampling="eps")))
    assert not torch.allclose(plain, run(nodes.model_sampling_discrete(model=tiny.model, sampling="x0")))


def test_lcm_runs_over_the_times_it_knows(tiny, run):
    changed = nodes.model_sampling_discrete(model=tiny.model, sampling="lcm")
    assert isinstance(changed.process, Distilled)
    assert changed.prediction == "eps"
    out = run(changed, sampler_name="lcm", scheduler="sgm_uniform", cfg=1.0)
    assert bool(out.isfinite().all())
    assert not torch.allclose(out, run(tiny.model, sampler_name="lcm", scheduler="sgm_uniform", cfg=1.0))
    last = nodes.model_sampling_discrete(model=changed, sampling="lcm", zsnr=True).process
    assert last.sigma_max > 1000


def test_pictures_from_pictures(tiny, run):
    changed = nodes.model_sampling_discrete(model=tiny.model, sampling="img_to_img")
    assert isinstance(changed.process, Unscaled)
    assert changed.prediction == "x0"
    assert bool(run(changed).isfinite().all())


def test_sd3_shift(tiny):
    changed = nodes.model_sampling_sd3(model=tiny.model, shift=3.0)
    assert (changed.prediction, changed.process.shift) == ("flow", 3.0)
    assert float(changed.process.sigma(torch.tensor(500.0))) == pytest.approx(0.75)
    assert tiny.model.prediction == "eps"


def test_flux_shift_follows_the_size(tiny):
    def shift(**settings):
        process = nodes.model_sampling_flux(model=tiny.model, **settings).process
        assert isinstance(process, Flow)
        return math.log(process.shift)

    assert shift() == pytest.approx(1.15)
    assert shift(width=256, height=256) == pytest.approx(0.5)
    assert shift(width=512, height=1024) == pytest.approx(0.5 + 0.65 * (2048 - 256) / 3840)
    # sigma = e^mu / (e^mu + 1/t - 1), of Flux's published code
    process = nodes.model_sampling_flux(model=tiny.model).process
    e = math.exp(1.15)
    assert float(process.sigma(torch.tensor(250.0))) == pytest.approx(e / (e + 3))


@pytest.mark.parametrize("settings", [{"max_shift": 100.0, "width": 16384, "height": 16384}, {"shift": 0.0}])
def test_shifts_that_no_process_has(tiny, settings):
    node = nodes.model_sampling_sd3 if "shift" in settings else nodes.model_sampling_flux
    with pytest.raises(UserError, match=r"V131 shift: expected more than 0"):
        node(model=tiny.model, **settings)
