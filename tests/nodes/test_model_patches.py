"""Changed copies of a model; the model itself stays as it is."""

import copy

import pytest
import torch

from latentloom.engine.diffusion.generate import sample_custom
from latentloom.engine.diffusion.guidance import BasicGuider
from latentloom.engine.diffusion.noise import RandomNoise
from latentloom.engine.diffusion.process import Flow
from latentloom.engine.diffusion.samplers import sampler_named
from latentloom.engine.diffusion.schedule import sigmas_for
from latentloom.engine.errors import UserError
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.patches import SkippedBlocks
from latentloom.nodes import model_patches as nodes
from latentloom.nodes.custom_sampling import perp_neg_guider
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


@pytest.fixture(scope="module")
def joint(randomised):
    """A model with an MMDiT, which reads its text's width and nothing of the samplers."""
    config = MMDiTConfig(in_channels=4, out_channels=4, width=32, depth=3, head_channels=16, context_dim=64,
                         pooled_dim=8, grid=8)  # fmt: skip
    return DiffusionModel(randomised(MMDiT(config), 5), Flow(3.0), "flow")


@pytest.mark.parametrize("make, off", [
    (nodes.free_u, {"b1": 1.0, "b2": 1.0, "s1": 1.0, "s2": 1.0}),
    (nodes.free_u_v2, {"b1": 1.0, "b2": 1.0, "s1": 1.0, "s2": 1.0}),
    (nodes.perturbed_attention_guidance, {"scale": 0.0}),
])  # fmt: skip
def test_patches_of_a_unet(tiny, run, make, off):
    plain = run(tiny.model)
    changed = make(model=tiny.model)
    assert not torch.allclose(plain, run(changed), atol=1e-3 * float(plain.std()))
    assert torch.equal(plain, run(make(model=tiny.model, **off)))
    assert changed.network is tiny.model.network
    assert (tiny.model.network_patches, tiny.model.guidance_patches) == ((), ())


def test_skip_layers_are_read_from_text(joint):
    model = nodes.skip_layer_guidance_sd3(model=joint, layers="2, x 0;2", scale=1.5)
    (patch,) = model.guidance_patches
    assert patch.patches == (SkippedBlocks(frozenset({0, 2})),)
    assert (patch.first, patch.last) == (joint.process.sigma_at(0.01), joint.process.sigma_at(0.15))
    assert nodes.skip_layer_guidance_sd3(model=joint, layers="none") is joint


@torch.no_grad()
def test_skip_layer_guidance_moves_on_from_the_smaller_network(joint):
    model = nodes.skip_layer_guidance_sd3(model=joint, layers="1", scale=2.0, start_percent=0.0, end_percent=0.5)
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    prompt = [[torch.randn(1, 3, 64, generator=torch.Generator().manual_seed(2)), {"pooled_output": torch.zeros(1, 8)}]]

    class WithPooled(DiffusionModel):
        def extra_inputs(self, entry, x):
            return {"y": entry["pooled_output"]}

    def answer(of, sigma):
        given = WithPooled(of.base, of.process, "flow", guidance_patches=of.guidance_patches)
        return BasicGuider(given, prompt).denoiser(x)(x, torch.tensor(sigma))

    fewer = joint.with_(network=copy.deepcopy(joint.base))
    del fewer.base.joint_blocks[1]
    cond, weaker = answer(joint, 0.9), answer(fewer, 0.9)
    assert torch.allclose(answer(model, 0.9), cond + 2 * (cond - weaker), atol=1e-5)
    assert torch.equal(answer(model, 0.2), answer(joint, 0.2)), "its time is over"


def test_perp_neg_nodes_agree(tiny, prompts, run):
    positive, negative = prompts
    empty, _ = tiny.clip.encode("")
    patched = nodes.perp_neg(model=tiny.model, empty_conditioning=[[empty, {}]], neg_scale=1.0)
    got = run(patched)
    guider = perp_neg_guider(
        model=tiny.model, positive=positive, negative=negative, empty_conditioning=[[empty, {}]], cfg=8.0
    )
    latent = empty_latent_image(width=64, height=64)
    sigmas = sigmas_for(tiny.model.process, "normal", 4)
    wanted, _ = sample_custom(guider, RandomNoise(2), latent, sampler_named("euler"), sigmas)
    assert torch.allclose(got, wanted["samples"], atol=1e-4 * float(got.std()))
    assert not torch.allclose(got, run(tiny.model))


@pytest.mark.parametrize("make", [nodes.free_u, nodes.free_u_v2, nodes.perturbed_attention_guidance])
def test_what_a_network_has_not_is_refused(make, joint, tiny):
    with pytest.raises(UserError) as caught:
        make(model=joint)
    assert (caught.value.code, caught.value.input) == ("V185", "model")
    with pytest.raises(UserError, match="V185"):
        nodes.skip_layer_guidance_sd3(model=tiny.model)
