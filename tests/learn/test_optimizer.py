"""AdamW's groups and schedules."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from latentloom.engine.errors import UserError
from latentloom.engine.learn.optimizer import (
    OptimizerSettings,
    build_adamw,
    clip_gradients,
    learning_rate,
    set_learning_rate,
)


def test_warm_up_rises_in_equal_steps_to_the_peak() -> None:
    settings = OptimizerSettings(learning_rate=1.0, warmup=4)
    assert [learning_rate(settings, step, 100) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_cosine_is_halfway_down_in_the_middle_and_ends_at_the_floor() -> None:
    settings = OptimizerSettings(learning_rate=2.0, warmup=0, floor=0.1)
    assert learning_rate(settings, 50, 100) == pytest.approx(2.0 * (0.1 + 0.9 / 2))
    assert learning_rate(settings, 100, 100) == pytest.approx(0.2)


def test_decay_at_end_keeps_the_peak_until_its_last_part() -> None:
    settings = OptimizerSettings(learning_rate=1.0, warmup=10, schedule="decay_at_end", decay_fraction=0.2, floor=0.0)
    assert learning_rate(settings, 79, 100) == 1.0
    assert learning_rate(settings, 90, 100) == pytest.approx(0.5)
    # Prolonged, the same step is still at the peak: the decay belongs to the end, not to the step.
    assert learning_rate(settings, 90, 1000) == 1.0


def test_constant_never_falls() -> None:
    settings = OptimizerSettings(learning_rate=0.3, warmup=0, schedule="constant")
    assert {learning_rate(settings, step, 50) for step in range(50)} == {0.3}


@pytest.mark.parametrize(
    "wrong", [{"learning_rate": 0.0}, {"beta1": 1.0}, {"floor": 1.5}, {"clip": -1.0}, {"schedule": "linear"}]
)
def test_settings_outside_their_range_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError) as caught:
        OptimizerSettings(**wrong)  # type: ignore[arg-type]
    assert caught.value.code == "D001"
    assert next(iter(wrong)) in caught.value.where


def test_only_matrices_decay() -> None:
    network = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3), nn.LayerNorm(3))
    optimizer = build_adamw([network], OptimizerSettings(weight_decay=0.5))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decay[id(network[1].weight)] == 0.5
    spared = (network[0].weight, network[1].bias, network[2].weight, network[2].bias)
    assert all(decay[id(p)] == 0.0 for p in spared)


def test_first_step_equals_the_formula_of_the_paper() -> None:
    network = nn.Linear(2, 1, bias=False)
    start = network.weight.detach().clone()
    optimizer = build_adamw([network], OptimizerSettings(learning_rate=0.1, weight_decay=0.5))
    set_learning_rate(optimizer, 0.2)
    network.weight.grad = torch.tensor([[3.0, -4.0]])
    optimizer.step()
    # After one step the bias-corrected averages are g and g^2, so the update is the sign of the gradient.
    expected = start * (1 - 0.2 * 0.5) - 0.2 * torch.tensor([[1.0, -1.0]])
    torch.testing.assert_close(network.weight.detach(), expected)


def test_clip_limits_the_global_norm_and_tells_the_norm_before() -> None:
    network = nn.Linear(2, 1, bias=False)
    optimizer = build_adamw([network], OptimizerSettings())
    network.weight.grad = torch.tensor([[3.0, 4.0]])
    assert clip_gradients(optimizer, 0.0) == pytest.approx(5.0)
    assert network.weight.grad.norm() == pytest.approx(5.0)
    assert clip_gradients(optimizer, 1.0) == pytest.approx(5.0)
    assert math.isclose(float(network.weight.grad.norm()), 1.0, rel_tol=1e-4)
