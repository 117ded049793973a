"""Training checkpoints that survive a kill at any moment: a folder is either whole or not there.

Written to a hidden folder, every file synced, the manifest (names, sizes, SHA-256) last, then one rename. A reader
verifies the manifest and falls back to the checkpoint before. No pickle: tensors as safetensors, the rest as JSON.
Knows nothing of networks. Source: the rules F4 of the project's reliability notes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..errors import UserError

__all__ = ["Checkpoints", "Snapshot"]

MANIFEST = "manifest.json"
TENSORS = "tensors.safetensors"
STATE = "state.json"


@dataclass(frozen=True)
class Snapshot:
    """What one checkpoint holds: a step, tensors by name, and JSON-ready data."""

    step: int
    tensors: dict[str, torch.Tensor]
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of one training run in one folder; the newest `keep` whole ones stay (at least 2)."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        if keep < 2:
            raise UserError("D001", 'setting "keep"', "2 or more", repr(keep), "Two let a resume fall back.")
        self.folder = Path(folder)
        self.keep = keep

    def save(self, step: int, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> Path:
        """Write one checkpoint atomically and drop those beyond `keep`; return its folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        final = self.folder / f"step-{step:09d}"
        work = self.folder / f".writing-{step:09d}-{os.getpid()}"
        if work.exists():
            shutil.rmtree(work)
        work.mkdir()
        save_file({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}, work / TENSORS)
        (work / STATE).write_text(json.dumps({"step": step, **state}), encoding="utf-8")
        files = {name: _fingerprint(work / name) for name in (TENSORS, STATE)}
        for name in files:
            _sync(work / name)
        (work / MANIFEST).write_text(json.dumps({"version": 1, "step": step, "files": files}), encoding="utf-8")
        _sync(work / MANIFEST)
        _sync_folder(work)
        if final.exists():  # left by a run that was resumed from an older step
            shutil.rmtree(final)
        os.replace(work, final)
        _sync_folder(self.folder)
        self._prune()
        return final

    def steps(self) -> list[int]:
        """Return the steps of all finished checkpoints, oldest first, verified or not."""
        if not self.folder.is_dir():
            return []
        return sorted(int(p.name[5:]) for p in self.folder.iterdir() if p.name.startswith("step-"))

    def latest(self) -> Snapshot | None:
        """Load the newest checkpoint whose manifest verifies; None when there is none at all.

        Raises: UserError D010 when checkpoints exist and none of them verifies.
        """
        steps = self.steps()
        for step in reversed(steps):
            folder = self.folder / f"step-{step:09d}"
            if verify(folder):
                return _load(folder)
        if steps:
            raise UserError(
                "D010",
                f'checkpoints in "{self.folder}"',
                "one that agrees with its manifest",
                f"{len(steps)} damaged",
                "Remove the folder to start anew, or restore it from a copy.",
            )
        return None

    def _prune(self) -> None:
        for step in self.steps()[: -self.keep]:
            shutil.rmtree(self.folder / f"step-{step:09d}", ignore_errors=True)
        for left in self.folder.glob(".writing-*"):  # half-written by a process that was killed
            shutil.rmtree(left, ignore_errors=True)


def verify(folder: Path) -> bool:
    """Say whether every file that the manifest names is there with its size and SHA-256."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return all(_fingerprint(folder / name) == wanted for name, wanted in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _load(folder: Path) -> Snapshot:
    try:
        tensors = load_file(folder / TENSORS)
    except SafetensorError as problem:
        raise UserError("D010", f'"{folder}"', "a readable checkpoint", str(problem), "Remove the folder.") from problem
    state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    return Snapshot(int(state.pop("step")), tensors, state)


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Sync a folder's entries where the platform lets a folder be opened (not on Windows)."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
