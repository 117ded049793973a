"""The training loop: resume after a kill, skips, stop."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from latentloom.engine.errors import Cancelled, UserError
from latentloom.engine.learn.checkpoint import Checkpoints
from latentloom.engine.learn.loop import Hooks, LoopSettings, Progress, Trainer, step_generator
from latentloom.engine.learn.optimizer import OptimizerSettings

PROGRAM = Path(__file__).with_name("killed_run.py")


def trainer(steps: int = 10, folder: Path | None = None, hooks: Hooks | None = None, width: int = 4) -> Trainer:
    torch.manual_seed(0)
    network = nn.Linear(3, width)

    def loss_of(step: int, generator: torch.Generator) -> torch.Tensor:
        return (network(torch.randn(8, 3, generator=generator)) - 1).square().mean()

    settings = LoopSettings(steps, seed=1, checkpoint_every=3, checkpoint_folder=folder)
    return Trainer(
        {"net": network}, loss_of, settings, OptimizerSettings(0.05, warmup=0, schedule="constant"), hooks or Hooks()
    )


def run_process(folder: Path, losses: Path, kill_after: int | None) -> None:
    """Run the program to its end, or kill it (SIGKILL) once it has reported that many steps."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(folder), str(losses)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for count, _ in enumerate(process.stdout, start=1):
        if count == kill_after:
            process.kill()
            break
    process.stdout.close()
    code = process.wait(timeout=60)
    assert (code == 0) == (kill_after is None)


def test_kill_and_resume_give_the_unbroken_curve_bit_for_bit(tmp_path: Path) -> None:
    run_process(tmp_path / "unbroken", tmp_path / "unbroken.json", None)
    for kill_after in (6, 23):  # neither is a multiple of the checkpoint interval
        run_process(tmp_path / "broken", tmp_path / "broken.json", kill_after)
        assert not (tmp_path / "broken.json").exists()
        found = Checkpoints(tmp_path / "broken").latest()
        assert found is not None
    run_process(tmp_path / "broken", tmp_path / "broken.json", None)
    unbroken, broken = (json.loads((tmp_path / name).read_text()) for name in ("unbroken.json", "broken.json"))
    assert len(unbroken["losses"]) == 60
    assert broken == unbroken


def test_a_resumed_run_equals_an_unbroken_one_after_a_damaged_checkpoint(tmp_path: Path) -> None:
    unbroken = trainer(12).run()
    trainer(8, tmp_path).run()
    newest = sorted(tmp_path.iterdir())[-1]
    (newest / "tensors.safetensors").write_bytes(b"")
    again = trainer(12, tmp_path)
    assert again.resume()
    assert again.step == 6
    assert again.run() == unbroken


def test_loss_falls_and_progress_tells_of_every_step() -> None:
    seen: list[Progress] = []
    losses = trainer(40, hooks=Hooks(on_step=seen.append)).run()
    assert losses[-1] < losses[0] / 2
    assert [at.step for at in seen] == list(range(1, 41))
    assert seen[-1].seconds_left == 0


def test_a_stop_writes_a_checkpoint_first(tmp_path: Path) -> None:
    stops = iter([False, False, True])
    run = trainer(10, tmp_path, Hooks(should_stop=lambda: next(stops)))
    with pytest.raises(Cancelled):
        run.run()
    found = Checkpoints(tmp_path).latest()
    assert found is not None and found.step == 2


def test_on_checkpoint_sees_the_average_and_training_goes_on_with_the_live_weights(tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []
    run = trainer(3, tmp_path)
    network = run.networks["net"]
    run.hooks = Hooks(on_checkpoint=lambda step: seen.append(network.weight.detach().clone()))
    run.run()
    assert torch.equal(seen[0], run.average.averages[0])
    assert not torch.equal(seen[0], network.weight)


def test_one_non_finite_loss_is_skipped_and_changes_nothing() -> None:
    run = trainer(3)
    network = run.networks["net"]
    inner, states = run.loss_of, []

    def loss_of(step: int, generator: torch.Generator) -> torch.Tensor:
        states.append(network.weight.detach().clone())
        return inner(step, generator) * (math.nan if step == 1 else 1.0)

    run.loss_of = loss_of
    run.run()
    assert run.skipped == 1
    assert not torch.equal(states[0], states[1])
    assert torch.equal(states[1], states[2])


def test_five_non_finite_losses_in_a_row_end_the_run() -> None:
    run = trainer(50)
    run.loss_of = lambda step, generator: next(run.networks["net"].parameters()).sum() * math.inf
    with pytest.raises(UserError) as caught:
        run.run()
    assert caught.value.code == "D011"
    assert run.step == 5


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    trainer(3, tmp_path).run()
    with pytest.raises(UserError) as caught:
        trainer(6, tmp_path, width=5).resume()
    assert caught.value.code == "D012"


def test_steps_and_seeds_have_unrelated_generators() -> None:
    draws = {step_generator(seed, step).initial_seed() for seed in range(3) for step in range(50)}
    assert len(draws) == 150
    assert torch.equal(torch.rand(2, generator=step_generator(1, 2)), torch.rand(2, generator=step_generator(1, 2)))
