"""A ControlNet that has learnt nothing changes nothing; what it says is weighed, timed, masked and added up."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from latentloom.engine.diffusion.conditioning import predict
from latentloom.engine.diffusion.process import Discrete, Flow
from latentloom.engine.errors import UserError
from latentloom.engine.models.autoencoder import Autoencoder
from latentloom.engine.models.control import ControlNet
from latentloom.engine.models.control_mmdit import MMDiTControl
from latentloom.engine.models.controlled import Control, ControlModel
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.latent import LatentFormat
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig

FORM = UNetConfig(model_channels=32, channel_mult=(1, 2), transformer_depth=(1, 1), context_dim=48, res_blocks=1)
SIGMA = 2.0


def seeded(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def model(randomised):
    return DiffusionModel(randomised(UNet(FORM), 1), Discrete.stable_diffusion())


@pytest.fixture(scope="module")
def control(model, randomised):
    """One that has learnt something."""
    return ControlModel(randomised(ControlNet.beside(model.base), 2))


def entry(control=None, seed=3, **facts):
    given = {"control": control} if control is not None else {}
    return [seeded(1, 7, 48, seed=seed), {**given, **facts}]


X = seeded(1, 4, 8, 8, seed=4)
HINT = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("extra", [{}, {"in_channels": 9}, {"adm_channels": 40}], ids=["plain", "inpainting", "vector"])
@pytest.mark.parametrize("half", [False, True], ids=["float32", "bfloat16"])
@torch.no_grad()
def test_untrained_control_adds_nothing_to_the_last_bit(randomised, extra, half):
    unet = randomised(UNet(replace(FORM, **extra)), 1)
    control = ControlNet.beside(unet).eval()
    kind = torch.bfloat16 if half else torch.float32
    unet.to(kind), control.to(kind)
    t, context = torch.tensor([400.0, 10.0]), seeded(2, 7, 48).to(kind)
    x, y = (
        seeded(2, unet.config.in_channels, 8, 8, seed=1).to(kind),
        seeded(2, 40, seed=2).to(kind) if extra.get("adm_channels") else None,
    )
    parts = control(x[:, :4], torch.rand(2, 3, 64, 64).to(kind), t, context, y)
    assert len(parts) == len(unet.input_blocks) + 1
    assert torch.equal(unet(x, t, context, y, control=parts), unet(x, t, context, y))
    # It adds nothing because of the zeros behind it, not because it is blank.
    assert torch.equal(control.middle_block[0].in_layers[2].weight, unet.middle_block[0].in_layers[2].weight)


@torch.no_grad()
def test_untrained_sd3_control_adds_nothing_to_the_last_bit(randomised):
    network = randomised(MMDiT(MMDiTConfig(4, 4, 64, 4, 32, context_dim=48, pooled_dim=24, grid=8)), 1)
    control = MMDiTControl.of(network, 2).eval()
    x, t, context, y = seeded(2, 4, 8, 8), torch.tensor([400.0, 10.0]), seeded(2, 7, 48), seeded(2, 24)
    parts = control(x, seeded(2, 4, 8, 8, seed=9), t, context, y)
    assert len(parts) == 2
    assert torch.equal(network(x, t, context, y, control=parts), network(x, t, context, y))


@torch.no_grad()
def test_what_is_predicted_is_what_the_network_gives_with_the_residuals(model, control):
    (given,) = predict(model, X, SIGMA, [[entry(Control(control, HINT, strength=0.7))]])
    level = torch.tensor([SIGMA])
    inputs, t, context = model.process.scale_input(X, level), model.process.timestep(level), entry()[0]
    parts = [0.7 * part for part in control.network(inputs, HINT.movedim(-1, 1), t, context)]
    expected = X - SIGMA * model.base(inputs, t, context, control=parts)
    assert torch.allclose(given, expected, atol=1e-5)
    (plain,) = predict(model, X, SIGMA, [[entry()]])
    assert float((given - plain).abs().max()) > 1e-3


@torch.no_grad()
def test_two_add_up_and_order_does_not_matter(model, control, randomised):
    other = ControlModel(randomised(ControlNet.beside(model.base), 8))
    first, second = Control(control, HINT), Control(other, 1 - HINT, strength=0.5)
    both = predict(model, X, SIGMA, [[entry(replace(second, previous=first))]])[0]
    again = predict(model, X, SIGMA, [[entry(replace(first, previous=second))]])[0]
    alone = predict(model, X, SIGMA, [[entry(first)]])[0]
    assert torch.allclose(both, again, atol=1e-5)
    assert float((both - alone).abs().max()) > 1e-4


@torch.no_grad()
def test_it_acts_only_in_its_part_of_the_run(model, control):
    plain = predict(model, X, SIGMA, [[entry()]])[0]
    late, early = Control(control, HINT, start=0.9), Control(control, HINT, end=0.1)
    first, last = model.process.sigma_at(0.1), model.process.sigma_at(0.9)
    assert first > SIGMA > last
    assert torch.equal(predict(model, X, SIGMA, [[entry(late)]])[0], plain)
    assert torch.equal(predict(model, X, SIGMA, [[entry(early)]])[0], plain)
    assert not torch.equal(predict(model, X, last / 2, [[entry(late)]])[0], predict(model, X, last / 2, [[entry()]])[0])
    # A link that is off leaves the one before it on.
    chain = replace(late, previous=Control(control, HINT))
    assert torch.equal(
        predict(model, X, SIGMA, [[entry(chain)]])[0], predict(model, X, SIGMA, [[entry(chain.previous)]])[0]
    )


@torch.no_grad()
def test_a_mask_leaves_out_where_it_is_black(model, control):
    white, black = torch.ones(1, 16, 16), torch.zeros(1, 16, 16)
    plain = predict(model, X, SIGMA, [[entry()]])[0]
    full = predict(model, X, SIGMA, [[entry(Control(control, HINT))]])[0]
    assert torch.equal(predict(model, X, SIGMA, [[entry(Control(control.with_(mask=black), HINT))]])[0], plain)
    assert torch.allclose(
        predict(model, X, SIGMA, [[entry(Control(control.with_(mask=white), HINT))]])[0], full, atol=1e-6
    )
    half = white.clone()
    half[..., :8] = 0
    bound = Control(control.with_(mask=half), HINT).bind(model, X).at(SIGMA, 1)
    parts = bound(X, torch.tensor([300.0]), entry()[0], None)
    assert all(float(part[..., : part.shape[-1] // 4].abs().max()) == 0 for part in parts)
    assert all(float(part[..., -1].abs().max()) > 0 for part in parts)


@torch.no_grad()
def test_a_batch_of_hints_goes_to_the_pictures_in_turn(model, control):
    x = X.repeat(3, 1, 1, 1)
    hints = torch.cat([HINT, 1 - HINT])
    together = predict(model, x, SIGMA, [[entry(Control(control, hints))]])[0]
    for place, hint in enumerate((hints[:1], hints[1:], hints[:1])):
        alone = predict(model, X, SIGMA, [[entry(Control(control, hint))]])[0]
        assert torch.allclose(together[place : place + 1], alone, atol=1e-5)


@torch.no_grad()
def test_a_hint_of_another_shape_gives_its_middle_in_the_latents_size(model, control):
    wide = torch.zeros(1, 32, 96, 3)
    wide[:, :, 32:64] = F.interpolate(HINT.movedim(-1, 1), size=32, mode="nearest-exact").movedim(1, -1)
    shown = Control(control, wide).shown(model, X)
    assert shown.shape == (1, 3, 64, 64)
    expected = F.interpolate(wide[:, :, 32:64].movedim(-1, 1), size=64, mode="nearest-exact")
    assert torch.equal(shown, expected)
    tall = wide.transpose(1, 2)
    assert torch.equal(Control(control, tall).shown(model, X), expected.transpose(2, 3))


def counted(model):
    """The model with a list of how many pictures each of its calls had."""
    calls = []
    hook = model.base.register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
    return calls, hook


@torch.no_grad()
def test_prompts_that_share_a_control_share_a_call(model, control):
    shared = Control(control, HINT)
    calls, hook = counted(model)
    cond, uncond = predict(model, X, SIGMA, [[entry(shared)], [entry(shared, seed=6)]])
    assert calls == [2]
    calls.clear()
    apart = predict(model, X, SIGMA, [[entry(shared)], [entry(Control(control, HINT), seed=6)]])
    assert calls == [1, 1]
    hook.remove()
    assert torch.allclose(cond, apart[0], atol=1e-5)
    assert torch.allclose(uncond, apart[1], atol=1e-5)


@torch.no_grad()
def test_the_negative_prompt_gets_it_where_that_is_asked_for(model, control):
    steered, negative = Control(control, HINT), entry(seed=6)
    alone = predict(model, X, SIGMA, [[entry(steered, seed=6)]])[0]
    plain = predict(model, X, SIGMA, [[negative]])[0]
    asked = predict(model, X, SIGMA, [[entry(steered, control_apply_to_uncond=True)], [negative]])[1]
    not_asked = predict(model, X, SIGMA, [[entry(steered)], [negative]])[1]
    assert torch.allclose(asked, alone, atol=1e-5)
    assert torch.allclose(not_asked, plain, atol=1e-5)


def test_another_family_is_refused_in_one_sentence(control, randomised):
    xl = UNetConfig(
        model_channels=32, channel_mult=(1, 2), transformer_depth=(0, 1), context_dim=2048, adm_channels=2816
    )
    model = DiffusionModel(UNet(xl), Discrete.stable_diffusion(), family="SDXL")
    with pytest.raises(UserError, match=r"SDXL.*one for SD1\.x") as caught:
        Control(control, HINT).bind(model, X)
    assert caught.value.code == "V181"
    flow = DiffusionModel(MMDiT(MMDiTConfig(4, 4, 64, 2, 32, context_dim=48, pooled_dim=24, grid=8)), Flow(), "flow")
    with pytest.raises(UserError, match="MMDiT"):
        Control(control, HINT).bind(flow, X)


@torch.no_grad()
def test_sd3_sees_its_hint_as_a_latent_and_needs_a_vae(randomised):
    network = randomised(MMDiT(MMDiTConfig(4, 4, 64, 4, 32, context_dim=48, pooled_dim=24, grid=8)), 1)
    model = DiffusionModel(network, Flow(3.0), "flow", LatentFormat(), family="SD3")
    latent = LatentFormat(4, 1.5, 0.0)
    control = ControlModel(randomised(MMDiTControl.of(network, 2), 2), "SD3", latent, pooled=False)
    with pytest.raises(UserError) as caught:
        Control(control, HINT).bind(model, X)
    assert caught.value.code == "V182"
    vae = Autoencoder(randomised(AutoencoderKL(VAEConfig(channels=32, channel_mult=(1, 1, 1, 1), res_blocks=1)), 3))
    applied = Control(control, HINT, vae=vae)
    assert torch.allclose(applied.shown(model, X), 1.5 * vae.encode(HINT), atol=1e-5)
    facts = {"pooled_output": seeded(1, 24, seed=7)}
    plain = predict(model, X, 0.5, [[entry(**facts)]])[0]
    steered = predict(model, X, 0.5, [[entry(applied, **facts)]])[0]
    assert float((steered - plain).abs().max()) > 1e-4
    mask = control.with_(mask=torch.zeros(1, 4, 4))
    assert torch.equal(predict(model, X, 0.5, [[entry(replace(applied, model=mask), **facts)]])[0], plain)
    black = control.with_(mask=F.pad(torch.ones(1, 4, 2), (2, 0)))
    tokens = (
        replace(applied, model=black)
        .bind(model, X)
        .at(0.5, 1)(X, torch.tensor([500.0]), entry()[0], facts["pooled_output"])
    )
    grid = tokens[0].view(1, 4, 4, -1)
    assert float(grid[:, :, 0].abs().max()) == 0 < float(grid[:, :, 3].abs().max())
