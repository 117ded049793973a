import pytest
import torch

from latentloom.engine.models.vae import AutoencoderKL, VAEConfig

TINY = VAEConfig(channels=32, channel_mult=(1, 1, 2, 2), res_blocks=1)


def test_sd15_has_its_published_parameters_and_keys():
    with torch.device("meta"):
        state = AutoencoderKL(VAEConfig()).state_dict()
    assert sum(value.numel() for value in state.values()) == 83_653_863
    assert len(state) == 248
    assert state["decoder.mid.attn_1.q.weight"].shape == (512, 512, 1, 1)
    assert state["encoder.down.2.downsample.conv.weight"].shape == (512, 512, 3, 3)
    assert "encoder.down.3.downsample.conv.weight" not in state
    assert "decoder.up.3.upsample.conv.weight" in state
    assert "decoder.up.0.upsample.conv.weight" not in state
    assert "decoder.up.0.block.2.conv1.weight" in state


def test_shapes_and_gradients(randomised):
    network = randomised(AutoencoderKL(TINY), 1).requires_grad_(requires_grad=True)
    mean, logvar = network.encode(torch.rand(2, 3, 24, 40) * 2 - 1)
    assert mean.shape == logvar.shape == (2, 4, 3, 5)
    pixels = network.decode(mean + logvar.clamp(-5, 5).exp())
    assert pixels.shape == (2, 3, 24, 40)
    pixels.square().mean().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # A key's bias adds the same to all logits of a query: softmax does not see it.
    assert [name for name in silent if not name.endswith("attn_1.k.bias")] == []


def test_log_variance_is_bounded(randomised):
    network = randomised(AutoencoderKL(TINY), 1)
    network.quant_conv.bias.data[4:] = torch.tensor([500.0, -500.0, 0.0, 0.0])
    logvar = network.encode(torch.zeros(1, 3, 16, 16))[1]
    assert logvar[0, 0].eq(20).all()
    assert logvar[0, 1].eq(-30).all()


@pytest.mark.parametrize(("levels", "downscale"), [((1,), 1), ((1, 2), 2), ((1, 2, 2), 4), ((1, 2, 4, 4), 8)])
def test_downscale(levels, downscale):
    assert VAEConfig(channel_mult=levels).downscale == downscale


def test_configuration_says_what_is_wrong():
    with pytest.raises(ValueError, match="multiple of 32"):
        VAEConfig(channels=48)


def test_without_attention_has_no_such_keys():
    state = AutoencoderKL(VAEConfig(channels=32, channel_mult=(1, 1), attention=False)).state_dict()
    assert not [key for key in state if "attn" in key]
