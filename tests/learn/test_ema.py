"""The running average of weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from latentloom.engine.errors import UserError
from latentloom.engine.learn.ema import Average


def linear(value: float) -> nn.Linear:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, value)
    return network


def test_update_follows_the_warmed_up_decay() -> None:
    network = linear(0.0)
    average = Average({"net": network}, decay=0.9)
    nn.init.constant_(network.weight, 1.0)
    average.update()
    expected = 1 - 2 / 11  # the first update keeps (1 + 1) / (10 + 1)
    assert average.averages[0].item() == pytest.approx(expected)
    for _ in range(200):
        average.update()
    before = average.averages[0].item()
    nn.init.constant_(network.weight, 0.0)
    average.update()
    assert average.averages[0].item() == pytest.approx(before * 0.9)


def test_applied_lends_the_average_and_gives_the_live_weights_back() -> None:
    network = linear(0.0)
    average = Average({"net": network}, decay=0.5)
    nn.init.constant_(network.weight, 4.0)
    average.update()
    lent = average.averages[0].item()
    with average.applied():
        assert network.weight.item() == pytest.approx(lent)
    assert network.weight.item() == 4.0
    assert average.averages[0].item() == pytest.approx(lent)


def test_applied_gives_back_after_an_error() -> None:
    network = linear(1.0)
    average = Average({"net": network})
    nn.init.constant_(network.weight, 2.0)
    with pytest.raises(KeyError), average.applied():
        raise KeyError
    assert network.weight.item() == 2.0


def test_state_round_trip_and_names() -> None:
    first, second = linear(1.0), linear(2.0)
    average = Average({"a": first, "b": second}, decay=0.99)
    average.update()
    kept = {name: value.clone() for name, value in average.state().items()}
    assert list(kept) == ["a.weight", "b.weight"]
    other = Average({"a": linear(0.0), "b": linear(0.0)}, decay=0.99)
    other.load(kept, average.updates)
    assert torch.equal(other.averages[1], kept["b.weight"])
    assert other.updates == 1


def test_store_makes_the_average_permanent_and_frozen_parameters_have_none() -> None:
    network = nn.Linear(2, 2)
    network.bias.requires_grad_(False)
    average = Average({"net": network}, decay=0.0)
    assert average.names == ["net.weight"]
    average.averages[0].fill_(7.0)
    average.store()
    assert bool((network.weight == 7).all())


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_outside_its_range_is_refused(decay: float) -> None:
    with pytest.raises(UserError, match="ema_decay"):
        Average({"net": linear(0.0)}, decay)
