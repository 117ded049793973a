"""Networks that see a picture beside the latent against diffusers' pipelines: the same weights and noise, float32."""

import pytest
import torch

from latentloom.engine.diffusion.guidance import CFGGuider, DualCFGGuider
from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.diffusion.sample import sample
from latentloom.engine.diffusion.samplers import sampler_named
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.rename import unet_names
from latentloom.engine.models.unet import UNet, UNetConfig

diffusers = pytest.importorskip("diffusers")

LIMIT = 1e-4
TEXT, SCALE, STEPS = 24, 0.18215, 4


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    assert theirs.std() > 1e-2, "the oracle's output carries no signal"
    return float((ours - theirs).abs().max() / theirs.std())


def drawn(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=[9, 8], ids=["inpainting", "instruct-pix2pix"])
def networks(request, randomised):
    theirs = diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=request.param, block_out_channels=(32, 64), layers_per_block=1,
        cross_attention_dim=TEXT, attention_head_dim=2, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    state = randomised(theirs, 1).state_dict()
    ours = UNet(UNetConfig(
        in_channels=request.param, model_channels=32, channel_mult=(1, 2), res_blocks=1, transformer_depth=(1, 0),
        context_dim=TEXT, heads=2,
    ))  # fmt: skip
    shapes = {key: value.shape for key, value in ours.state_dict().items()}
    ours.load_state_dict({own: state[key].reshape(shapes[own]) for key, own in unet_names(state).items()}, strict=True)
    return theirs, ours.eval().requires_grad_(False)


@torch.no_grad()
def test_from_prompt_to_latent(networks, randomised):
    unet, own = networks
    vae = diffusers.AutoencoderKL(
        block_out_channels=(4, 4, 4, 4), norm_num_groups=2, scaling_factor=SCALE,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    euler = diffusers.EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace"
    )
    inpainting = unet.config.in_channels == 9
    name = "StableDiffusionInpaintPipeline" if inpainting else "StableDiffusionInstructPix2PixPipeline"
    parts = (randomised(vae, 2), None, None, unet, euler, None, None)
    pipe = getattr(diffusers, name)(*parts, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    positive, negative = drawn(3, 1, 7, TEXT), drawn(4, 1, 7, TEXT)
    noise, picture = drawn(5, 1, 4, 8, 8), drawn(6, 1, 4, 8, 8) / SCALE
    model = DiffusionModel(own, Discrete.stable_diffusion())
    common = {
        "prompt_embeds": positive, "negative_prompt_embeds": negative, "num_inference_steps": STEPS, "latents": noise,
        "output_type": "latent",
    }  # fmt: skip
    if inpainting:
        mask = torch.zeros(1, 1, 64, 64)
        mask[..., 16:40, 8:48] = 1
        wanted = pipe(
            image=torch.zeros(1, 3, 64, 64), mask_image=mask, masked_image_latents=picture * SCALE, height=64, width=64,
            guidance_scale=3.0, **common,
        ).images  # fmt: skip
        seen = {"concat_latent_image": picture, "concat_mask": mask}
        guider = CFGGuider(model, [[positive, seen]], [[negative, seen]], 3.0)
    else:
        wanted = pipe(image=picture, guidance_scale=3.0, image_guidance_scale=1.5, **common).images
        seen = {"concat_latent_image": picture}
        guider = DualCFGGuider(model, [[positive, seen]], [[negative, seen]], [[negative, {}]], 3.0, 1.5)
    sigmas = pipe.scheduler.sigmas
    x = noise * sigmas[0]
    found = sample(sampler_named("euler"), guider.denoiser(x), x, sigmas.double().tolist())
    assert difference(found, wanted) <= LIMIT
