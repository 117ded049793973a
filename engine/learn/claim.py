"""Who a training folder belongs to: the inputs and settings of the run that its checkpoints were made with.

A resumed run must be the run that was broken off; one with other inputs or settings is refused instead of going on
from weights that have nothing to do with them. Knows nothing of networks beyond their fingerprints.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..durable import replace_file
from ..errors import UserError, brief
from .checkpoint import Checkpoints
from .data import Pictures
from .optimizer import OptimizerSettings, learning_rate

__all__ = ["claim", "pictures_key"]

RUN = "run.json"
CHECKPOINTS = "checkpoints"
SAMPLED = 16  # pictures that stand for an endless source of them


def pictures_key(pictures: Pictures) -> str:
    """Return 16 hexadecimal digits that tell two sources of pictures apart by the first they give."""
    batch, captions = pictures.batch(0, SAMPLED)
    return hashlib.sha256(batch.tobytes() + "\n".join(captions).encode()).hexdigest()[:16]


def claim(
    folder: Path, facts: Mapping[str, Any], steps: int, optimizer: OptimizerSettings, *, resume: bool = True
) -> Path:
    """Take `folder` for a run and return the folder of its checkpoints.

    facts: whatever else decides the weights, JSON-ready: fingerprints of the inputs, settings, seed.
    resume: False removes the checkpoints of the run before. The number of steps may differ from the run before as
    long as every step already taken would have had the same learning rate, so that the result stays a function of the
    settings.
    Raises: UserError D014 when the checkpoints there are of another run.
    """
    checkpoints = folder / CHECKPOINTS
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    wanted = json.loads(json.dumps({**facts, **vars(optimizer), "steps": steps}))
    done = max(Checkpoints(checkpoints).steps(), default=0)
    if done:
        before = _read(folder / RUN)
        other = [name for name in {**wanted, **before} if before.get(name) != wanted.get(name)]
        if other == ["steps"] and _same_start(optimizer, int(before.get("steps", 0)), steps, done):
            other = []
        if other:
            raise UserError(
                "D014",
                f'training "{folder.name}", which stands at step {done}',
                "what it was started with: " + _listed(before, other),
                _listed(wanted, other),
                "Give this training another name, or turn resume off to start anew.",
            )
    _write(folder / RUN, wanted)
    return checkpoints


def _same_start(optimizer: OptimizerSettings, before: int, now: int, done: int) -> bool:
    """Tell whether the first `done` steps have the same learning rate in a run of `before` and one of `now` steps."""
    return done <= now and all(
        learning_rate(optimizer, step, before) == learning_rate(optimizer, step, now) for step in range(done)
    )


def _listed(values: Mapping[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} {brief(values.get(name), 40)}" for name in names[:4])


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _write(path: Path, values: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(values, indent=2)
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))
