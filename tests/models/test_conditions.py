"""What denoisers take besides latent, time and text, and prompts and latents of other families."""

import pytest
import torch
from torch import nn

from latentloom.engine.diffusion.conditioning import predict
from latentloom.engine.diffusion.distilled import Distilled
from latentloom.engine.diffusion.guidance import BasicGuider, CFGGuider
from latentloom.engine.diffusion.process import Discrete, Flow
from latentloom.engine.diffusion.samplers import sampler_named
from latentloom.engine.errors import UserError
from latentloom.engine.models.conditions import GREY, extra_inputs
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.flux import Flux, FluxConfig
from latentloom.engine.models.latent import LatentFormat
from latentloom.engine.models.layers import timestep_embedding
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.unet import UNet, UNetConfig

TINY = {"model_channels": 32, "channel_mult": (1,), "transformer_depth": (1,), "context_dim": 16, "res_blocks": 1}
POOLED = 8
SD3 = LatentFormat(channels=16, scale=1.5305, shift=0.0609)


def unet(randomised, in_channels=4, adm=None):
    return randomised(UNet(UNetConfig(in_channels=in_channels, adm_channels=adm, **TINY)), 1)


@pytest.fixture(scope="module")
def mmdit(randomised):
    config = MMDiTConfig(width=64, depth=2, context_dim=16, pooled_dim=POOLED, grid=8, head_channels=32)
    return DiffusionModel(randomised(MMDiT(config), 1), Flow(3.0), "flow", SD3, family="SD3")


@pytest.fixture(scope="module")
def flux(randomised):
    config = FluxConfig(
        width=64, heads=2, double=1, single=1, mlp=96, context_dim=16, pooled_dim=POOLED, axes=(8, 12, 12)
    )
    return DiffusionModel(randomised(Flux(config), 1), Flow(3.158), "flow", SD3, family="Flux dev")


@pytest.fixture(scope="module")
def xl(randomised):
    return DiffusionModel(unet(randomised, adm=POOLED + 6 * 256), Discrete.stable_diffusion(), family="SDXL")


@pytest.fixture
def pooled():
    return torch.arange(1.0, POOLED + 1)[None]


def numbers(y):
    """Return what numbers the sinusoids after the pooled text stand for, by trying."""
    table = timestep_embedding(torch.arange(0, 4097.0), 256)
    halves = torch.cat([table, timestep_embedding(torch.tensor([2.5]), 256)])
    values = [*range(4097), 2.5]
    return [values[int((halves - part).abs().sum(1).argmin())] for part in y[0, POOLED:].split(256)]


def test_sdxl_reads_sizes_and_falls_back_on_the_latent_s(xl, pooled):
    x = torch.zeros(2, 4, 16, 24)
    y = xl.extra_inputs({"pooled_output": pooled}, x)["y"]
    assert torch.equal(y[:, :POOLED], pooled)
    assert numbers(y) == [128, 192, 0, 0, 128, 192]
    sizes = {"width": 1024, "height": 900, "crop_w": 3, "crop_h": 4, "target_width": 640, "target_height": 512}
    assert numbers(xl.extra_inputs({"pooled_output": pooled, **sizes}, x)["y"]) == [900, 1024, 4, 3, 512, 640]
    assert numbers(xl.extra_inputs({"pooled_output": pooled, "width": 64}, x)["y"]) == [128, 64, 0, 0, 128, 64]


def test_the_refiner_reads_a_score_that_depends_on_the_prompt_s_part(randomised, pooled):
    model = DiffusionModel(unet(randomised, adm=POOLED + 5 * 256), Discrete.stable_diffusion(), family="SDXL refiner")
    x = torch.zeros(1, 4, 8, 8)
    entry = {"pooled_output": pooled}
    assert numbers(model.extra_inputs(entry, x)["y"]) == [64, 64, 0, 0, 6]
    assert numbers(model.extra_inputs({**entry, "prompt_type": "negative"}, x)["y"]) == [64, 64, 0, 0, 2.5]
    assert numbers(model.extra_inputs({**entry, "aesthetic_score": 9, "prompt_type": "negative"}, x)["y"])[-1] == 9


def test_guidance_says_which_prompt_is_the_negative_one(randomised, pooled):
    base = DiffusionModel(unet(randomised, adm=POOLED + 5 * 256), Discrete.stable_diffusion(), family="SDXL refiner")
    seen = []

    class Watched(DiffusionModel):
        def extra_inputs(self, entry, x):
            seen.append(entry["prompt_type"])
            return super().extra_inputs(entry, x)

    model = Watched(base.base, base.process, family=base.family)
    cond = [[torch.zeros(1, 3, 16), {"pooled_output": pooled}]]
    CFGGuider(model, cond, cond, 2.0).denoiser(torch.zeros(1, 4, 8, 8))
    assert seen == ["positive", "negative"]


def test_flow_models_read_pooled_text_and_guidance(mmdit, flux, pooled):
    x = torch.zeros(1, 16, 8, 8)
    assert mmdit.extra_inputs({"pooled_output": pooled}, x).keys() == {"y"}
    given = flux.extra_inputs({"pooled_output": pooled, "guidance": 2.0}, x)
    assert torch.equal(given["y"], pooled)
    assert given["guidance"].tolist() == [2.0]
    assert flux.extra_inputs({"pooled_output": pooled}, x)["guidance"].tolist() == [3.5]
    schnell = FluxConfig(
        width=64,
        heads=2,
        double=1,
        single=1,
        mlp=96,
        context_dim=16,
        pooled_dim=POOLED,
        axes=(8, 12, 12),
        guidance=False,
    )
    found = extra_inputs(Flux(schnell), SD3, "Flux schnell", {"pooled_output": pooled, "guidance": 2.0}, x)
    assert found.keys() == {"y"}


@pytest.mark.parametrize("kind", ["mmdit", "flux"])
@pytest.mark.parametrize("size", [(8, 8), (7, 5)], ids=["whole patches", "odd sides"])
def test_flow_models_denoise(kind, size, pooled, request):
    model = request.getfixturevalue(kind)
    x = torch.randn(2, 16, *size, generator=torch.Generator().manual_seed(1))
    cond = [[torch.randn(1, 5, 16), {"pooled_output": pooled}]]
    (out,) = predict(model, x, 0.6, [cond])
    assert out.shape == x.shape
    assert (out - x).abs().max() > 1e-2
    other = [[cond[0][0], {"pooled_output": pooled * 2}]]
    assert not torch.allclose(predict(model, x, 0.6, [other])[0], out)


def test_joint_text_is_never_repeated(mmdit, xl, pooled):
    """Softmax over the picture's and the text's tokens together would weigh repeated rows twice."""
    x = torch.randn(1, 16, 8, 8)
    short, long = ([[torch.randn(1, n, 16), {"pooled_output": pooled}]] for n in (4, 8))
    calls = []

    class Counted(DiffusionModel):
        def denoise(self, x, sigma, context, **extra):
            calls.append(tuple(context.shape[:2]))
            return super().denoise(x, sigma, context, **extra)

    def counted(model):
        return Counted(model.base, model.process, model.prediction, model.latent, family=model.family)

    both = predict(counted(mmdit), x, 0.5, [short, long])
    assert sorted(calls) == [(1, 4), (1, 8)]
    assert torch.allclose(both[0], predict(mmdit, x, 0.5, [short])[0], atol=1e-5)
    calls.clear()
    predict(counted(mmdit), x, 0.5, [short, short])
    assert calls == [(2, 4)]
    calls.clear()
    predict(counted(xl), torch.randn(1, 4, 8, 8), 0.5, [short, long])
    assert calls == [(2, 8)]


@pytest.fixture(scope="module")
def inpainter(randomised):
    return DiffusionModel(unet(randomised, in_channels=9), Discrete.stable_diffusion(), family="SD1.x inpainting")


def test_inpainting_without_a_mask_sees_grey_everywhere(inpainter):
    x = torch.zeros(2, 4, 8, 8)
    concat = inpainter.extra_inputs({}, x)["concat"]
    assert concat.shape == (2, 5, 8, 8)
    assert concat[0, :, 3, 3].tolist() == pytest.approx([1.0, *GREY])


def test_inpainting_reads_mask_and_picture(inpainter):
    picture = torch.randn(1, 4, 8, 8)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :40] = 1
    mask[..., 40:48] = 0.4
    concat = inpainter.extra_inputs({"concat_latent_image": picture, "concat_mask": mask}, torch.zeros(3, 4, 8, 8))[
        "concat"
    ]
    assert concat.shape == (3, 5, 8, 8)
    assert concat[2, 0, 0].tolist() == [1.0] * 5 + [0.0] * 3
    assert torch.allclose(concat[1, 1:], picture[0] * 0.18215)


def test_inpainting_takes_the_sampler_s_mask_and_latent(inpainter):
    """As after VAEEncodeForInpaint, which says nothing in the conditioning."""
    seen = []

    class Watched(DiffusionModel):
        def denoise(self, x, sigma, context, **extra):
            seen.append(extra["concat"])
            return super().denoise(x, sigma, context, **extra)

    model = Watched(inpainter.base, inpainter.process, family=inpainter.family)
    latent, mask = torch.randn(1, 4, 8, 8), torch.zeros(1, 1, 8, 8)
    mask[..., 2:] = 1
    guider = BasicGuider(model, [[torch.zeros(1, 3, 16), {}]])
    guider.sample(torch.randn(1, 4, 8, 8), latent, sampler_named("euler"), torch.tensor([1.0, 0.0]), mask)
    assert torch.equal(seen[0][:, :1], mask)
    assert torch.allclose(seen[0][:, 1:], latent * 0.18215)


def test_instruct_pix2pix_sees_the_raw_latent_or_zeros(randomised):
    model = DiffusionModel(
        unet(randomised, in_channels=8), Discrete.stable_diffusion(), family="SD1.x instruct-pix2pix"
    )
    x, picture = torch.zeros(2, 4, 8, 8), torch.randn(1, 4, 8, 8)
    assert torch.equal(model.extra_inputs({"concat_latent_image": picture}, x)["concat"], picture.expand(2, -1, -1, -1))
    assert not model.extra_inputs({}, x)["concat"].any()
    cond = [[torch.zeros(1, 3, 16), {"concat_latent_image": picture}]]
    assert predict(model, x, 1.0, [cond])[0].shape == x.shape


def test_channels_are_cut_with_an_area(inpainter):
    x = torch.randn(1, 4, 16, 16)
    picture, mask = torch.randn(1, 4, 16, 16), torch.ones(1, 1, 16, 16)
    facts = {"concat_latent_image": picture, "concat_mask": mask, "area": (8, 8, 4, 4)}
    assert predict(inpainter, x, 1.0, [[[torch.zeros(1, 3, 16), facts]]])[0].shape == x.shape


def test_plain_networks_read_nothing(tiny, pooled):
    assert tiny.model.extra_inputs({"pooled_output": pooled, "guidance": 3.0}, torch.zeros(1, 4, 8, 8)) == {}
    assert extra_inputs(nn.Linear(1, 1), LatentFormat(), "SD1.x", {}, torch.zeros(1, 4, 8, 8)) == {}


def test_an_sd1_prompt_into_sdxl(tiny, xl):
    states, pooled = tiny.clip.encode("a cat")
    with pytest.raises(UserError, match=r"V133 conditioning: expected pooled text of width 8, .*got width 64.*encoder"):
        predict(xl, torch.zeros(1, 4, 8, 8), 1.0, [[[states, {"pooled_output": pooled}]]])
    with pytest.raises(UserError, match=r"V133 conditioning: expected text of width 16, .*got width 64.*encoder"):
        predict(xl, torch.zeros(1, 4, 8, 8), 1.0, [[[states, {"pooled_output": pooled[:, :POOLED]}]]])
    with pytest.raises(UserError, match=r"V133 .*got none"):
        predict(xl, torch.zeros(1, 4, 8, 8), 1.0, [[[states[..., :16], {}]]])


@pytest.mark.parametrize("kind", ["mmdit", "flux"])
def test_a_4_channel_latent_into_sd3_and_flux(kind, pooled, request):
    model = request.getfixturevalue(kind)
    cond = [[torch.zeros(1, 3, 16), {"pooled_output": pooled}]]
    with pytest.raises(UserError, match=r"V132 .* 16 channels.*got 4"):
        predict(model, torch.ones(1, 4, 8, 8), 0.5, [cond])
    guider = BasicGuider(model, cond)
    run = (sampler_named("euler"), torch.tensor([1.0, 0.0]))
    with pytest.raises(UserError, match=r"V165 latent: expected 16 channels, got 4, from another family's VAE"):
        guider.sample(torch.ones(1, 4, 8, 8), torch.ones(1, 4, 8, 8), *run)
    empty = guider.sample(torch.randn(1, 16, 8, 8), torch.zeros(1, 4, 8, 8), *run)[0]
    assert empty.shape == (1, 16, 8, 8)
    with pytest.raises(UserError, match=r"V133 .*text of width 16.*got width 24"):
        predict(model, torch.ones(1, 16, 8, 8), 0.5, [[[torch.zeros(1, 3, 24), cond[0][1]]]])
    with pytest.raises(UserError, match=r"V133 .*pooled.*width 8.*got none"):
        model.denoise(torch.ones(1, 16, 8, 8), 0.5, torch.zeros(1, 3, 16))


def test_a_picture_beyond_sd3_s_positions(mmdit, pooled):
    with pytest.raises(UserError, match=r"V134 .*at most 16 x 16 cells.*got 18 x 8"):
        predict(mmdit, torch.ones(1, 16, 8, 18), 0.5, [[[torch.zeros(1, 3, 16), {"pooled_output": pooled}]]])


def test_lcm_bends_the_answer_towards_the_input_at_small_times(tiny):
    x, text = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 64)
    plain = tiny.model.denoise(x, 3.0, text)
    lcm = tiny.model.with_(process=Distilled(Discrete.stable_diffusion()))
    time = lcm.process.timestep(torch.tensor([3.0]))
    sigma = lcm.process.sigma(time)  # the nearest that it knows, where both are told the same
    plain = tiny.model.denoise(x, float(sigma), text)
    assert torch.allclose(lcm.denoise(x, float(sigma), text), plain, atol=1e-3)
    assert not torch.equal(lcm.denoise(x, float(sigma), text), plain)
