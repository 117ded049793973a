from dataclasses import replace

import pytest
import torch

from latentloom.engine.models.deduce_flux import flux_config
from latentloom.engine.models.flux import Flux, FluxConfig

TINY = FluxConfig(4, 4, 64, 2, 2, 2, 128, 24, 16, (4, 14, 14))


@pytest.mark.parametrize("guidance", [True, False], ids=["dev", "schnell"])
def test_flux_has_its_published_parameters_and_shape(guidance):
    config = FluxConfig(guidance=guidance)
    with torch.device("meta"):
        state = Flux(config).state_dict()
    assert sum(value.numel() for value in state.values()) == (11_901_408_320 if guidance else 11_891_178_560)
    assert flux_config({key: tuple(value.shape) for key, value in state.items()}) == config


def inputs(height, width, seed=2):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 4, height, width, generator=generator)
    context, pooled = torch.randn(2, 5, 24, generator=generator), torch.randn(2, 16, generator=generator)
    return x, torch.tensor([250.0, 900.0]), context, pooled, torch.tensor([1.0, 3.5])


@torch.no_grad()
def test_odd_sides_are_wrapped_and_cut_back(randomised):
    network = randomised(Flux(TINY), 1)
    x, *others = inputs(7, 9)
    wrapped = torch.cat([x, x[:, :, :1]], dim=2)
    wrapped = torch.cat([wrapped, wrapped[..., :1]], dim=3)
    assert torch.allclose(network(x, *others), network(wrapped, *others)[..., :7, :9], atol=1e-6)


@torch.no_grad()
def test_samples_do_not_touch_and_every_input_matters(randomised):
    network = randomised(Flux(TINY), 1)
    whole = inputs(6, 8)
    found = network(*whole)
    alone = network(*(value[1:] for value in whole))
    assert torch.allclose(found[1:], alone, atol=1e-5)
    for i, value in enumerate(whole):
        changed = [*whole[:i], value * 1.5, *whole[i + 1 :]]
        assert not torch.allclose(network(*changed), found, atol=1e-4), f"input {i}"


@torch.no_grad()
def test_text_has_no_order_and_pictures_have(randomised):
    network = randomised(Flux(TINY), 1)
    x, times, context, pooled, guidance = inputs(6, 8)
    found = network(x, times, context, pooled, guidance)
    assert torch.allclose(network(x, times, context.flip(1), pooled, guidance), found, atol=1e-5)
    assert not torch.allclose(network(x.flip(-1), times, context, pooled, guidance).flip(-1), found, atol=1e-3)


@torch.no_grad()
def test_float16_stays_finite_where_the_text_stream_leaves_its_range(randomised):
    network = randomised(Flux(TINY), 1)
    network.double_blocks[0].txt_mlp[2].weight.mul_(3e4 / network.double_blocks[0].txt_mlp[2].weight.abs().max())
    network = network.half()
    seen = []
    network.double_blocks[0].register_forward_hook(lambda _module, _inputs, out: seen.append(out[1]))
    found = network(*(value.half() for value in inputs(6, 8)))
    assert seen[0].abs().max() == 65504, "the test must reach the end of float16's range"
    assert found.isfinite().all()


def test_guidance_is_asked_for_and_refused(randomised):
    x, times, context, pooled, guidance = inputs(4, 4)
    with pytest.raises(ValueError, match="needs guidance"):
        Flux(TINY)(x, times, context, pooled)
    with pytest.raises(ValueError, match="reads no guidance"):
        Flux(replace(TINY, guidance=False))(x, times, context, pooled, guidance)


@pytest.mark.parametrize(
    ("change", "message"), [({"heads": 3}, "width 64 is not 3 heads of 32"), ({"axes": (6, 13, 13)}, "must be even")]
)
def test_configuration_says_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)
