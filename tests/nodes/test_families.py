"""The standard templates of SDXL, SD3, Flux, inpainting and instruct-pix2pix, node by node, over tiny networks."""

import pytest
import torch

from latentloom.engine.diffusion.process import Discrete, Flow
from latentloom.engine.errors import UserError
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.flux import Flux, FluxConfig
from latentloom.engine.models.latent import LatentFormat
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.t5 import T5Config, T5Text
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.text_stack import TextStack
from latentloom.engine.models.text_t5 import FLUX_LENGTH, T5Encoder
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.nodes import conditioning, custom_sampling, inpaint, latent, model_sampling, sampling, schedulers
from latentloom.nodes import text_families as texts
from latentloom.nodes.text import clip_text_encode

L, G, T5 = 32, 64, 128
UNET = {"model_channels": 32, "channel_mult": (1, 2), "transformer_depth": (0, 1), "res_blocks": 1}
VAE16 = LatentFormat(channels=16, scale=1.5305, shift=0.0609)


class Words:
    """A vocabulary of word lengths."""

    eos, pad = 1, 0

    def encode(self, text):
        return [2 + min(len(word), 9) for word in text.split()]


@pytest.fixture(scope="session")
def clips(randomised):
    def clip(width, seed, projection=None):
        config = CLIPTextConfig(width=width, layers=2, heads=2, mlp=48, projection=projection)
        return TextEncoder(randomised(CLIPText(config), seed), skip=2, norm=False)

    t5 = T5Text(T5Config(vocab=16, width=T5, layers=1, heads=2, head_channels=16, mlp=48))
    return {"l": clip(L, 1), "g": clip(G, 2, G), "t5": T5Encoder(randomised(t5, 3), Words())}


@pytest.fixture(scope="session")
def unets(randomised):
    def unet(family, context, **config):
        network = randomised(UNet(UNetConfig(context_dim=context, **UNET, **config)), 4)
        return DiffusionModel(network, Discrete.stable_diffusion(), family=family)

    wide = {"linear_projection": True, "head_channels": 32}
    return {
        "SDXL": unet("SDXL", L + G, adm_channels=G + 6 * 256, **wide),
        "SDXL refiner": unet("SDXL refiner", G, adm_channels=G + 5 * 256, **wide),
        "SD1.x inpainting": unet("SD1.x inpainting", L, in_channels=9),
        "SD1.x instruct-pix2pix": unet("SD1.x instruct-pix2pix", L, in_channels=8),
    }


@pytest.fixture(scope="session")
def sd3(randomised, clips):
    config = MMDiTConfig(width=64, depth=2, head_channels=32, context_dim=T5, pooled_dim=L + G, grid=8)
    model = DiffusionModel(randomised(MMDiT(config), 5), Flow(3.0), "flow", VAE16, family="SD3")
    return model, TextStack(clips, "sd3")


def run(context, model, positive, negative, start, **changes):
    settings = {"seed": 1, "steps": 2, "cfg": 3.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
    out = sampling.ksampler(
        model=model,
        positive=positive,
        negative=negative,
        latent_image=start,
        context=context,
        **{**settings, **changes},
    )["samples"]
    assert bool(out.isfinite().all())
    return out


def test_sdxl_base_and_refiner(unets, clips, context):
    base, second = TextStack({"l": clips["l"], "g": clips["g"]}, "sdxl"), clips["g"]
    sizes = {"width": 64, "height": 64, "target_width": 64, "target_height": 64}
    prompts = [texts.clip_text_encode_sdxl(clip=base, text_g=text, text_l=text, **sizes) for text in ("a cat", "")]
    shared = {"noise_seed": 1, "steps": 4, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal"}
    half = sampling.ksampler_advanced(
        model=unets["SDXL"], positive=prompts[0], negative=prompts[1], context=context, start_at_step=0, end_at_step=2,
        latent_image=latent.empty_latent_image(width=64, height=64), return_with_leftover_noise="enable", **shared,
    )  # fmt: skip
    refined = [
        texts.clip_text_encode_sdxl_refiner(ascore=score, width=64, height=64, text=text, clip=second)
        for text, score in (("a cat", 6.0), ("", 2.5))
    ]
    out = sampling.ksampler_advanced(
        model=unets["SDXL refiner"], positive=refined[0], negative=refined[1], context=context, start_at_step=2,
        end_at_step=10000, latent_image=half, add_noise="disable", **shared,
    )["samples"]  # fmt: skip
    assert out.shape == (1, 4, 8, 8)
    assert bool(out.isfinite().all())
    plain = clip_text_encode(text="a cat", clip=base)
    small = texts.clip_text_encode_sdxl(
        clip=base, text_g="a cat", text_l="a cat", **{**sizes, "width": 16, "height": 16}
    )
    start = latent.empty_latent_image(width=64, height=64)
    a, b, c = (run(context, unets["SDXL"], cond, prompts[1], start) for cond in (plain, prompts[0], small))
    assert torch.allclose(a, b, atol=1e-5)  # the latent's own size is the default
    assert not torch.allclose(a, c, atol=1e-3)


def test_sd3_with_a_negative_that_ends_early(sd3, context):
    model, clip = sd3
    positive = texts.clip_text_encode_sd3(clip=clip, clip_l="a cat", clip_g="a cat", t5xxl="a long cat")
    plain = clip_text_encode(text="blurred", clip=clip)
    zero = conditioning.conditioning_set_timestep_range(
        conditioning=conditioning.conditioning_zero_out(conditioning=plain), start=0.1, end=1.0
    )
    early = conditioning.conditioning_set_timestep_range(conditioning=plain, start=0.0, end=0.1)
    negative = conditioning.conditioning_combine(conditioning_1=zero, conditioning_2=early)
    start = latent.empty_sd3_latent_image(width=80, height=64, batch_size=2)
    shifted = model_sampling.model_sampling_sd3(model=model, shift=2.0)
    out = run(context, shifted, positive, negative, start)
    assert out.shape == (2, 16, 8, 10)
    assert not torch.allclose(out, run(context, model, positive, negative, start))
    classic = latent.empty_latent_image(width=80, height=64, batch_size=2)
    assert torch.equal(run(context, shifted, positive, negative, classic), out)  # an empty one fits every family
    with pytest.raises(UserError, match="V165 latent: expected 16 channels, got 4"):
        run(context, model, positive, negative, {"samples": torch.ones(1, 4, 8, 8)})


@pytest.mark.parametrize("guided", [True, False], ids=["dev", "schnell"])
def test_flux(randomised, clips, context, guided):
    config = FluxConfig(
        width=64, heads=2, double=1, single=1, mlp=96, context_dim=T5, pooled_dim=L, axes=(8, 12, 12), guidance=guided
    )
    family = "Flux dev" if guided else "Flux schnell"
    model = DiffusionModel(randomised(Flux(config), 6), Flow(1.0), "flow", VAE16, family=family)
    model = model_sampling.model_sampling_flux(model=model, width=64, height=80)
    clip = TextStack({"l": clips["l"], "t5": clips["t5"].with_(min_length=FLUX_LENGTH)}, "flux")
    start = latent.empty_sd3_latent_image(width=64, height=80)

    def drawn(cond):
        return custom_sampling.sampler_custom_advanced(
            noise=custom_sampling.random_noise(noise_seed=3),
            guider=custom_sampling.basic_guider(model=model, conditioning=cond),
            sampler=custom_sampling.ksampler_select(sampler_name="euler"),
            sigmas=schedulers.basic_scheduler(model=model, scheduler="simple", steps=2, denoise=1.0),
            latent_image=start,
            context=context,
        ).output["samples"]

    one = drawn(texts.flux_guidance(conditioning=clip_text_encode(text="a cat", clip=clip), guidance=2.0))
    two = drawn(texts.clip_text_encode_flux(clip=clip, clip_l="a cat", t5xxl="a cat", guidance=2.0))
    assert one.shape == (1, 16, 10, 8)
    assert torch.equal(one, two)
    other = drawn(texts.clip_text_encode_flux(clip=clip, clip_l="a cat", t5xxl="a cat", guidance=5.0))
    assert torch.equal(one, other) == (not guided)


def test_inpainting_both_ways(tiny, unets, clips, rand, context):
    model, clip = unets["SD1.x inpainting"], clips["l"].with_(skip=1, norm=True)
    positive, negative = (clip_text_encode(text=text, clip=clip) for text in ("a cat", ""))
    image, mask = rand(1, 64, 64, 3), torch.zeros(1, 64, 64)
    mask[:, 16:48, 16:48] = 1.0
    shown = inpaint.inpaint_model_conditioning(
        positive=positive, negative=negative, vae=tiny.vae, pixels=image, mask=mask, noise_mask=True
    )
    out = run(context, model, *shown)
    assert torch.equal(out[..., :2, :], shown.latent["samples"][..., :2, :])
    start = inpaint.vae_encode_for_inpaint(pixels=image, vae=tiny.vae, mask=mask, grow_mask_by=0)
    classic = run(context, model, positive, negative, start)
    # Over the same latent both show the network the same hole in the same picture.
    same = run(context, model, *shown[:2], {**shown.latent, "samples": start["samples"]})
    assert torch.equal(same, classic)
    blind = run(context, model, positive, negative, {"samples": start["samples"]})
    assert (blind - classic)[..., 2:6, 2:6].abs().max() > 0.02 * classic.std()
    seen_nothing = run(context, model, positive, negative, shown.latent | {"samples": torch.zeros(1, 4, 8, 8)})
    assert (seen_nothing - out)[..., 2:6, 2:6].abs().max() > 0.02 * out.std()


def test_instruct_pix2pix(tiny, unets, clips, rand, context):
    model, clip = unets["SD1.x instruct-pix2pix"], clips["l"].with_(skip=1, norm=True)
    positive, negative = (clip_text_encode(text=text, clip=clip) for text in ("a cat", ""))
    image = rand(1, 64, 64, 3)
    shown = inpaint.instruct_pix_to_pix_conditioning(positive=positive, negative=negative, vae=tiny.vae, pixels=image)
    other = inpaint.instruct_pix_to_pix_conditioning(
        positive=positive, negative=negative, vae=tiny.vae, pixels=1 - image
    )
    assert not torch.allclose(run(context, model, *shown), run(context, model, *other))
