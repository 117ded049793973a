"""A training folder belongs to one run."""

import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.learn.checkpoint import Checkpoints
from latentloom.engine.learn.claim import claim, pictures_key
from latentloom.engine.learn.optimizer import OptimizerSettings
from latentloom.engine.shapes.dataset import ShapeScenes

FALLING = OptimizerSettings(1e-3, warmup=2, schedule="decay_at_end", decay_fraction=0.2)
COSINE = OptimizerSettings(1e-3, warmup=2, schedule="cosine")


def stand_at(folder, step, optimizer=FALLING, steps=100, **facts):
    """Make the folder that of a run which stands at `step`."""
    Checkpoints(claim(folder, facts, steps, optimizer)).save(step, {"w": torch.zeros(1)}, {})


def test_the_same_run_goes_on(tmp_path):
    stand_at(tmp_path / "a", 10, seed=1, vae="abc")
    assert Checkpoints(claim(tmp_path / "a", {"seed": 1, "vae": "abc"}, 100, FALLING)).steps() == [10]


@pytest.mark.parametrize("facts", [{"seed": 2}, {}, {"seed": 1, "more": 3}])
def test_another_run_is_refused_and_told_why(tmp_path, facts):
    stand_at(tmp_path / "a", 10, seed=1)
    with pytest.raises(UserError, match='D014 training "a", which stands at step 10') as caught:
        claim(tmp_path / "a", facts, 100, FALLING)
    assert ("more" if "more" in facts else "seed") in caught.value.expected
    assert Checkpoints(tmp_path / "a" / "checkpoints").steps() == [10]


def test_an_optimizer_setting_counts(tmp_path):
    stand_at(tmp_path / "a", 10)
    with pytest.raises(UserError, match="learning_rate"):
        claim(tmp_path / "a", {}, 100, OptimizerSettings(2e-3, 2, "decay_at_end", decay_fraction=0.2))


def test_without_checkpoints_anything_may_start(tmp_path):
    claim(tmp_path / "a", {"seed": 1}, 100, FALLING)
    claim(tmp_path / "a", {"seed": 2}, 50, COSINE)
    stand_at(tmp_path / "a", 10, COSINE, 50, seed=2)


def test_no_resume_removes_what_was_there(tmp_path):
    stand_at(tmp_path / "a", 10, seed=1)
    assert Checkpoints(claim(tmp_path / "a", {"seed": 2}, 100, FALLING, resume=False)).steps() == []


@pytest.mark.parametrize(
    ("optimizer", "at", "steps", "allowed"),
    [
        (FALLING, 79, 200, True),  # the rate of a run of 100 steps falls from step 80 on
        (FALLING, 90, 200, False),
        (FALLING, 30, 40, True),
        (FALLING, 30, 20, False),  # shorter than what is done
        (COSINE, 10, 200, False),
        (COSINE, 2, 200, True),  # still warming up
    ],
)
def test_steps_may_change_while_the_rate_so_far_is_the_same(tmp_path, optimizer, at, steps, allowed):
    stand_at(tmp_path / "a", at, optimizer)
    if allowed:
        claim(tmp_path / "a", {}, steps, optimizer)
    else:
        with pytest.raises(UserError, match="steps"):
            claim(tmp_path / "a", {}, steps, optimizer)


def test_checkpoints_without_a_readable_owner_are_refused(tmp_path):
    stand_at(tmp_path / "a", 10)
    (tmp_path / "a" / "run.json").write_text("{")
    with pytest.raises(UserError, match="D014"):
        claim(tmp_path / "a", {}, 100, FALLING)


def test_sources_of_pictures_are_told_apart():
    keys = {pictures_key(ShapeScenes(size, seed, split)) for size, seed, split in
            [(16, 0, "train"), (24, 0, "train"), (16, 1, "train"), (16, 0, "test")]}  # fmt: skip
    assert len(keys) == 4
    assert pictures_key(ShapeScenes(16)) == pictures_key(ShapeScenes(16))
