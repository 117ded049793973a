"""Changed copies of a model; the model itself stays as it is."""

import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.nodes import model_patches as nodes
from latentloom.nodes.latent import empty_latent_image
from latentloom.nodes.sampling import ksampler


@pytest.fixture
def run(prompts, context):
    def go(model, latent=None):
        return ksampler(
            model=model,
            seed=2,
            steps=4,
            cfg=8.0,
            sampler_name="euler",
            scheduler="normal",
            positive=prompts[0],
            negative=prompts[1],
            latent_image=latent or empty_latent_image(width=64, height=64),
            denoise=1.0,
            context=context,
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


def test_rescale(tiny, run):
    plain = run(tiny.model)
    none, some = (run(nodes.rescale_cfg(model=tiny.model, multiplier=amount)) for amount in (0.0, 1.0))
    assert torch.allclose(plain, none, atol=1e-5 * float(plain.abs().max()))
    assert (some - plain).abs().max() > 5 * (none - plain).abs().max()
    assert not torch.equal(some, plain)
    assert tiny.model.guidance_patches == ()


def test_differential_diffusion_uses_grey(tiny, run, rand):
    latent = {"samples": rand(1, 4, 8, 8), "noise_mask": torch.full((1, 1, 8, 8), 0.5)}
    patched = nodes.differential_diffusion(model=tiny.model, strength=1.0)
    plain, half = run(tiny.model, latent), run(patched, latent)
    assert not torch.allclose(plain, half)
    assert torch.allclose(plain, run(nodes.differential_diffusion(model=tiny.model, strength=0.0), latent))
    white = {**latent, "noise_mask": torch.ones(1, 1, 8, 8)}
    assert torch.allclose(run(tiny.model, white), run(patched, white)), "all white changes everywhere at once"


def test_merge(tiny, run):
    import copy

    other = tiny.model.with_(network=copy.deepcopy(tiny.model.network))
    for parameter in other.network.parameters():
        parameter.data = parameter.data + 1.0
    before = [parameter.clone() for parameter in tiny.model.network.parameters()]
    merged = nodes.model_merge_simple(model1=tiny.model, model2=other, ratio=0.25)
    for mine, mixed in zip(before, merged.network.parameters(), strict=True):
        assert torch.allclose(mixed, mine + 0.75, atol=1e-6)
        assert mixed.requires_grad is False
    for mine, now in zip(before, tiny.model.network.parameters(), strict=True):
        assert torch.equal(mine, now)
    assert torch.equal(run(nodes.model_merge_simple(model1=tiny.model, model2=other, ratio=1.0)), run(tiny.model))


def test_merging_unlike_models_is_refused(tiny):
    from latentloom.engine.models.unet import UNet, UNetConfig

    config = UNetConfig(model_channels=32, channel_mult=(1,), transformer_depth=(1,), context_dim=64, res_blocks=1)
    with pytest.raises(UserError) as caught:
        nodes.model_merge_simple(model1=tiny.model, model2=tiny.model.with_(network=UNet(config)))
    assert (caught.value.code, caught.value.input) == ("M030", "model2")
