import pytest
import torch

from latentloom.engine.models.unet import UNet, UNetConfig

TINY = {"model_channels": 32, "channel_mult": (1, 2), "transformer_depth": (1, 1), "context_dim": 16}


def test_sd15_has_its_published_parameters_and_keys():
    with torch.device("meta"):
        state = UNet(UNetConfig()).state_dict()
    assert sum(value.numel() for value in state.values()) == 859_520_964
    assert len(state) == 686
    assert state["input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"].shape == (320, 768)
    assert state["middle_block.1.proj_in.weight"].shape == (1280, 1280, 1, 1)
    for key in ("output_blocks.2.1.conv.weight", "output_blocks.5.2.conv.weight", "output_blocks.8.2.conv.weight"):
        assert key in state
    assert state["output_blocks.11.0.skip_connection.weight"].shape == (320, 640, 1, 1)
    assert state["out.2.weight"].shape == (4, 320, 3, 3)


def test_starts_as_zero_and_learns():
    torch.manual_seed(0)
    network = UNet(UNetConfig(**TINY))
    x, context = torch.randn(2, 4, 8, 8), torch.randn(2, 3, 16)
    assert not network(x, torch.tensor([1.0, 900.0]), context).any()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    network(x, torch.tensor([1.0, 900.0]), context).square().mean().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@torch.no_grad()
def test_each_item_depends_on_its_own_inputs_only(randomised):
    network = randomised(UNet(UNetConfig(**TINY)), 1)
    x, t, c = torch.randn(3, 4, 8, 6), torch.tensor([5.0, 500.0, 900.5]), torch.randn(3, 7, 16)
    together = network(x, t, c)
    for i in range(3):
        alone = network(x[i : i + 1], t[i : i + 1], c[i : i + 1])
        assert torch.allclose(alone[0], together[i], atol=1e-5)
    assert not torch.allclose(network(x, t, c.flip(0)), together)
    assert not torch.allclose(network(x, t + 50, c), together)


@pytest.mark.parametrize("size", [(8, 8), (5, 7), (1, 3)])
@torch.no_grad()
def test_any_size(randomised, size):
    network = randomised(UNet(UNetConfig(**TINY)), 1)
    assert network(torch.randn(1, 4, *size), torch.ones(1), torch.randn(1, 3, 16)).shape == (1, 4, *size)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.no_grad()
def test_half_precision_is_near(randomised, dtype):
    network = randomised(UNet(UNetConfig(**TINY)), 1)
    x, t, c = torch.randn(1, 4, 8, 8), torch.tensor([321.0]), torch.randn(1, 3, 16)
    exact = network(x, t, c)
    near = randomised(UNet(UNetConfig(**TINY)), 1).to(dtype)(x.to(dtype), t, c.to(dtype))
    assert near.dtype == dtype
    assert (near.float() - exact).abs().max() / exact.std() < 20 * torch.finfo(dtype).eps


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transformer_depth": (1,)}, "2 levels need as many transformer depths, got 1"),
        ({"res_blocks": (1, 2, 3)}, "2 levels need as many counts, got 3"),
        ({"model_channels": 40}, "got 40"),
        ({"heads": 7}, "7 heads"),
    ],
)
def test_configuration_says_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        UNetConfig(**(TINY | change))


def test_vector_condition_is_asked_for():
    network = UNet(UNetConfig(**TINY, adm_channels=8))
    with pytest.raises(ValueError, match="needs y of width 8"):
        network(torch.randn(1, 4, 8, 8), torch.ones(1), torch.randn(1, 3, 16))
