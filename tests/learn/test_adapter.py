"""LoRA training: what is trained equals what is loaded, resumes bit for bit, and leaves the network alone."""

import pytest
import torch

from latentloom.engine.diffusion.loss import DiffusionLoss
from latentloom.engine.diffusion.process import Discrete, Flow
from latentloom.engine.errors import Cancelled, UserError
from latentloom.engine.learn.adapter import Adapter, AdapterSettings, adapted_layers, train_adapter
from latentloom.engine.learn.data import LatentShards, fingerprint
from latentloom.engine.learn.loop import Hooks, LoopSettings
from latentloom.engine.learn.optimizer import OptimizerSettings
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.flux import Flux, FluxConfig
from latentloom.engine.models.lora import apply_lora, load_lora
from latentloom.engine.models.mmdit import MMDiT, MMDiTConfig
from latentloom.engine.models.save import write_safetensors
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.shapes.dataset import ShapeScenes

CONFIG = UNetConfig(model_channels=32, channel_mult=(1, 2), transformer_depth=(1, 1), context_dim=24, res_blocks=1)
SD = Discrete.stable_diffusion()


@pytest.fixture
def unet(randomised):
    return randomised(UNet(CONFIG), 1)


def latents():
    """Scenes as stand-ins of latents: four channels of a small picture."""

    def encode(pixels):
        small = torch.nn.functional.adaptive_avg_pool2d(pixels, 8)
        return torch.cat([small, small.mean(1, keepdim=True)], 1)

    return LatentShards(ShapeScenes(16, 1), encode, key="test", shard=4, window=2, refresh=3)


def conditions(captions):
    rows = [torch.randn(1, 5, 24, generator=torch.Generator().manual_seed(len(c))) for c in captions]
    return torch.cat(rows), {}


def train(unet, folder=None, steps=6, hooks=None, seed=3, **settings):
    adapter = Adapter(unet, adapted_layers(unet), 2, 4.0, seed)
    loop = LoopSettings(steps, 5, 0.5, 2, folder)
    losses = train_adapter(unet, adapter, latents(), conditions, DiffusionLoss(SD), AdapterSettings(2, **settings),
                           loop, OptimizerSettings(1e-2, 0, "constant"), hooks)  # fmt: skip
    return adapter, losses


@pytest.mark.parametrize("which", ["attention", "all"])
def test_what_is_trained_is_what_a_loader_makes_of_the_file(unet, which, tmp_path):
    adapter = Adapter(unet, adapted_layers(unet, which), 2, 4.0)
    for up in adapter.up:
        torch.nn.init.normal_(up, std=0.1)
    path = write_safetensors(tmp_path / "lora.safetensors", adapter.tensors(unet), {})
    applied = apply_lora(load_lora(path), DiffusionModel(unet, SD), None, 1.0)
    assert applied.unused == ()
    wanted = adapter.weights(unet)
    assert {name.rpartition(".")[0] for name in wanted} == set(adapter.layers)
    for name, weight in applied.model.network.named_parameters():
        assert torch.allclose(weight, wanted.get(name, unet.get_parameter(name)), atol=1e-6), name
    assert not torch.equal(
        applied.model.network.get_parameter(next(iter(wanted))), unet.get_parameter(next(iter(wanted)))
    )


def test_an_untrained_adapter_changes_no_bit(unet):
    adapter = Adapter(unet, adapted_layers(unet), 2, 4.0)
    assert all(torch.equal(weight, unet.get_parameter(name)) for name, weight in adapter.weights(unet).items())


def test_training_lowers_the_loss_and_leaves_the_network(unet):
    before = fingerprint(unet)
    adapter, _ = train(unet, steps=40)
    assert fingerprint(unet) == before
    assert not any(parameter.requires_grad for parameter in unet.parameters())
    x0, captions = latents().draw(0, 8, torch.Generator().manual_seed(1))
    text, _ = conditions(captions)
    noise, sigma = torch.randn(x0.shape, generator=torch.Generator().manual_seed(2)), torch.logspace(-1, 1, 8)

    def loss(weights):
        def predict(x, time):
            return torch.func.functional_call(unet, weights, (x, time, text))

        return float(DiffusionLoss(SD)(predict, x0, noise=noise, sigma=sigma).mean())

    assert loss({name: weight.detach() for name, weight in adapter.weights(unet).items()}) < 0.99 * loss({})
    assert all(float(up.detach().abs().max()) > 0 for up in adapter.up)


def test_the_gradient_is_that_of_the_changed_weight(unet):
    """Chain rule by hand: d loss / d up = scale * (d loss / d weight) @ down^T, and for down likewise."""
    adapter = Adapter(unet, ["middle_block.1.transformer_blocks.0.attn1.to_q"], 2, 3.0)
    torch.nn.init.normal_(adapter.up[0], std=0.1)
    weights = adapter.weights(unet)
    (weight,) = weights.values()
    weight.retain_grad()
    x, time, text = torch.randn(1, 4, 8, 8), torch.tensor([10.0]), torch.randn(1, 3, 24)
    torch.func.functional_call(unet, weights, (x, time, text)).square().sum().backward()
    assert torch.allclose(adapter.up[0].grad, 1.5 * weight.grad @ adapter.down[0].detach().T, rtol=1e-4, atol=1e-6)
    assert torch.allclose(adapter.down[0].grad, 1.5 * adapter.up[0].detach().T @ weight.grad, rtol=1e-4, atol=1e-6)


def test_broken_off_and_resumed_is_one_run(unet, tmp_path):
    whole, losses = train(unet, tmp_path / "whole")

    def stop_after(count):
        seen = []
        return Hooks(on_step=lambda at: seen.append(at.step), should_stop=lambda: len(seen) >= count)

    with pytest.raises(Cancelled):
        train(unet, tmp_path / "broken", hooks=stop_after(3))
    resumed, again = train(unet, tmp_path / "broken")
    assert again == losses
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_all_captions_may_be_left_out(unet):
    heard = []

    def listening(captions):
        heard.extend(captions)
        return conditions(captions)

    adapter = Adapter(unet, adapted_layers(unet), 1, 1.0)
    train_adapter(unet, adapter, latents(), listening, DiffusionLoss(SD), AdapterSettings(2, 1.0),
                  LoopSettings(2), OptimizerSettings())  # fmt: skip
    assert heard == [""] * 4


def test_kohyas_names(unet):
    names = [key for key in Adapter(unet, adapted_layers(unet, "all"), 1, 1.0).tensors(unet) if key.endswith("alpha")]
    assert "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.alpha" in names
    assert "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0.alpha" in names
    assert "lora_unet_up_blocks_1_attentions_1_proj_in.alpha" in names
    assert all(name.startswith("lora_unet_") for name in names)


FAMILIES = {
    "SDXL": lambda: UNet(UNetConfig(model_channels=32, channel_mult=(1, 2), transformer_depth=(0, 1), context_dim=24,
                                    adm_channels=16, head_channels=32)),
    "SD3": lambda: MMDiT(MMDiTConfig(4, 4, 32, 2, 16, 2, 24, 8, 8, qk_norm=True, dual=(0,))),
    "Flux": lambda: Flux(FluxConfig(4, 4, 32, 2, 1, 1, 64, 24, 8, (4, 6, 6))),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("which", ["attention", "all"])
def test_other_families_load_what_was_trained_for_them(family, which, randomised, tmp_path):
    network = randomised(FAMILIES[family](), 2)
    layers = adapted_layers(network, which)
    assert layers
    adapter = Adapter(network, layers, 2, 2.0)
    for up in adapter.up:
        torch.nn.init.normal_(up, std=0.1)
    path = write_safetensors(tmp_path / "lora.safetensors", adapter.tensors(network), {})
    model = DiffusionModel(network, Flow(3.0), "flow")
    applied = apply_lora(load_lora(path), model)
    assert applied.unused == ()
    wanted = adapter.weights(network)
    for name, weight in wanted.items():
        assert torch.allclose(applied.model.network.get_parameter(name), weight, atol=1e-6), name


@pytest.mark.parametrize("change", [{"rank": 0}, {"layers": []}])
def test_nothing_to_learn_is_refused(unet, change):
    with pytest.raises(UserError, match="D050"):
        Adapter(unet, **{"layers": adapted_layers(unet), "rank": 1, "alpha": 1.0} | change)


def test_settings_are_checked():
    with pytest.raises(UserError, match="D001"):
        AdapterSettings(caption_dropout=1.5)
