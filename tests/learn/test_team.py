"""Gradients averaged between members; threads stand in for processes, since only a file is shared."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from latentloom.engine.errors import UserError
from latentloom.engine.learn.loop import Hooks, LoopSettings, Trainer
from latentloom.engine.learn.optimizer import OptimizerSettings
from latentloom.engine.learn.team import Team


def together(members: int, work: object) -> list[object]:
    """Run `work(rank)` in so many threads and return what each returned."""
    results: list[object] = [None] * members

    def run(rank: int) -> None:
        results[rank] = work(rank)  # type: ignore[operator]

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(members)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    return results


def test_every_member_gets_the_mean_in_every_round(tmp_path: Path) -> None:
    def work(rank: int) -> list[list[float]]:
        team, seen = Team(tmp_path, rank, 3), []
        for turn in range(20):
            gradients = [torch.full((2, 3), float(rank * turn)), torch.tensor([float(rank)])]
            team.average(gradients)
            seen.append([float(gradients[0][1, 2]), float(gradients[1])])
        return seen

    results = together(3, work)
    assert results[0] == results[1] == results[2] == [[float(turn), 1.0] for turn in range(20)]


def test_two_members_with_half_batches_train_as_one_with_the_whole(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(12, 8, 3)
    start = nn.Linear(3, 2).state_dict()

    def train(rank: int, members: int) -> torch.Tensor:
        network = nn.Linear(3, 2)
        network.load_state_dict(start)
        team = Team(tmp_path, rank, members) if members > 1 else None

        def loss_of(step: int, generator: torch.Generator) -> torch.Tensor:
            return (network(x[step, rank::members]) - 1).square().mean()

        hooks = Hooks(on_gradients=(lambda step, gradients: team.average(gradients)) if team else None)
        Trainer({"net": network}, loss_of, LoopSettings(12), OptimizerSettings(0.05, warmup=0), hooks).run()
        return network.weight.detach()

    alone = train(0, 1)
    first, second = together(2, lambda rank: train(rank, 2))
    assert torch.equal(first, second)  # type: ignore[arg-type]
    torch.testing.assert_close(first, alone, atol=1e-5, rtol=1e-4)


def test_a_bad_loss_of_one_member_makes_all_skip_the_step(tmp_path: Path) -> None:
    def train(rank: int) -> tuple[int, torch.Tensor]:
        network = nn.Linear(2, 1, bias=False)
        nn.init.constant_(network.weight, 1.0)
        team = Team(tmp_path, rank, 2)

        def loss_of(step: int, generator: torch.Generator) -> torch.Tensor:
            return network.weight.sum() * (float("nan") if rank == 1 and step == 0 else 1.0)

        hooks = Hooks(on_gradients=lambda step, gradients: team.average(gradients))
        run = Trainer({"net": network}, loss_of, LoopSettings(2), OptimizerSettings(0.1, warmup=0), hooks)
        run.run()
        return run.skipped, network.weight.detach()

    (first_skips, first), (second_skips, second) = together(2, train)  # type: ignore[misc]
    assert first_skips == second_skips == 1
    assert torch.equal(first, second)


def test_a_rank_outside_the_team_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="rank"):
        Team(tmp_path, 2, 2)


def test_waiting_for_a_member_that_never_comes_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latentloom.engine.learn.team.PATIENCE_SECONDS", 0.05)
    with pytest.raises(UserError) as caught:
        Team(tmp_path, 0, 2).average([torch.zeros(2)])
    assert caught.value.code == "D013"
