"""Checkpoints: whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.learn.checkpoint import MANIFEST, TENSORS, Checkpoints, verify


def filled(folder: Path, *steps: int) -> Checkpoints:
    checkpoints = Checkpoints(folder)
    for step in steps:
        checkpoints.save(step, {"x": torch.full((3,), float(step))}, {"losses": [step / 3]})
    return checkpoints


def test_round_trip_is_exact(tmp_path: Path) -> None:
    value = {"a": torch.randn(2, 3), "rng": torch.get_rng_state(), "scalar": torch.tensor(5.0)}
    Checkpoints(tmp_path).save(7, value, {"losses": [0.1, 1 / 3]})
    found = Checkpoints(tmp_path).latest()
    assert found is not None and found.step == 7
    assert found.state == {"losses": [0.1, 1 / 3]}
    assert all(torch.equal(found.tensors[name], value[name]) for name in value)


def test_keeps_the_newest_two(tmp_path: Path) -> None:
    assert filled(tmp_path, 1, 2, 3).steps() == [2, 3]


def test_nothing_there_is_none(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "no").latest() is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "no manifest", "manifest cut", "no tensors"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoints = filled(tmp_path, 1, 2)
    newest = tmp_path / "step-000000002"
    tensors, manifest = newest / TENSORS, newest / MANIFEST
    data = tensors.read_bytes()
    if damage == "cut":
        tensors.write_bytes(data[:-1])
    elif damage == "flipped":  # same size: only the hash can tell
        tensors.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "no manifest":
        manifest.unlink()
    elif damage == "manifest cut":
        manifest.write_bytes(manifest.read_bytes()[:20])
    else:
        tensors.unlink()
    assert not verify(newest)
    found = checkpoints.latest()
    assert found is not None and found.step == 1


def test_all_damaged_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path, 1)
    (tmp_path / "step-000000001" / TENSORS).unlink()
    with pytest.raises(UserError) as caught:
        checkpoints.latest()
    assert caught.value.code == "D010"
    assert str(tmp_path) in caught.value.where


def test_a_half_written_folder_is_never_read_and_is_cleared(tmp_path: Path) -> None:
    checkpoints = filled(tmp_path, 1)
    half = tmp_path / ".writing-000000002-99"
    half.mkdir()
    (half / TENSORS).write_bytes(b"half")
    assert checkpoints.steps() == [1]
    checkpoints.save(3, {"x": torch.zeros(1)}, {})
    assert not half.exists()


def test_manifest_names_every_file_with_size_and_hash(tmp_path: Path) -> None:
    filled(tmp_path, 4)
    folder = tmp_path / "step-000000004"
    manifest = json.loads((folder / MANIFEST).read_text())
    assert set(manifest["files"]) == {path.name for path in folder.iterdir()} - {MANIFEST}
    assert all(len(entry["sha256"]) == 64 and entry["size"] > 0 for entry in manifest["files"].values())


def test_one_checkpoint_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="keep"):
        Checkpoints(tmp_path, keep=1)
