import pytest
import torch

from latentloom.engine.models.deduce_flux import t5_config
from latentloom.engine.models.t5 import T5Config, T5Text, bucket

TINY = T5Config(vocab=40, width=32, layers=2, heads=2, head_channels=8, mlp=48)


def test_t5_xxl_has_its_published_parameters_and_keys():
    with torch.device("meta"):
        state = T5Text(T5Config()).state_dict()
    assert sum(value.numel() for value in state.values()) == 4_762_310_656
    assert len(state) == 219
    assert state["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"].shape == (32, 64)
    assert "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight" not in state
    assert t5_config({key: tuple(value.shape) for key, value in state.items()}) == T5Config()


@torch.no_grad()
def test_sees_both_ways_and_counts_distances(randomised):
    network = randomised(T5Text(TINY), 1)
    one, other = torch.tensor([[3, 4, 5, 6]]), torch.tensor([[3, 4, 5, 7]])
    assert not torch.allclose(network(one)[0, 0], network(other)[0, 0])
    assert not torch.allclose(network(one).sum(1), network(one.flip(1)).sum(1))


def test_buckets_are_exact_near_and_shared_far():
    offsets = torch.arange(-200, 201)
    kinds = bucket(offsets, 32, 128)
    assert kinds[offsets == 0] == 0
    assert [int(kinds[offsets == -n]) for n in (1, 7, 8, 11, 12, 16, 127, 128, 200)] == [1, 7, 8, 8, 9, 10, 15, 15, 15]
    assert torch.equal(kinds[offsets > 0], kinds[offsets < 0].flip(0) + 16)
    assert (kinds[offsets <= 0].diff() <= 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_half_precision_survives_activations_beyond_its_range(randomised, dtype):
    network = randomised(T5Text(TINY), 1)
    for block in network.encoder.block:
        for name in ("wi_0", "wi_1"):
            getattr(block.layer[1].DenseReluDense, name).weight.mul_(400)
    network.to(dtype).float()  # both compute from the same rounded weights
    tokens = torch.randint(0, 40, (1, 20), generator=torch.Generator().manual_seed(2))
    stream = network.shared(tokens)
    hidden = network.encoder.block[0].layer[1](stream)
    assert hidden.abs().max() > 65504, "the test must leave float16's range"
    wanted = network(tokens)
    found = network.to(dtype)(tokens)
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    error = float((found - wanted).abs().max() / wanted.std())
    assert error < (0.03 if dtype == torch.float16 else 0.2)


def test_configuration_says_what_is_wrong():
    with pytest.raises(ValueError, match="multiple of 4, got 30"):
        T5Config(buckets=30)
