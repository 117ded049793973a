"""A tiny training run that a test starts in a process of its own, kills and starts again.

python killed_run.py FOLDER LOSSES.json
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from torch import nn

from latentloom.engine.learn.loop import Hooks, LoopSettings, Progress, Trainer
from latentloom.engine.learn.optimizer import OptimizerSettings

STEPS = 60


def main(folder: Path, losses: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(3)
    network = nn.Sequential(nn.Linear(6, 32), nn.Dropout(0.2), nn.SiLU(), nn.Linear(32, 1))

    def loss_of(step: int, generator: torch.Generator) -> torch.Tensor:
        x = torch.randn(16, 6, generator=generator)
        return (network(x) - x.prod(1, keepdim=True)).square().mean()

    def on_step(at: Progress) -> None:
        print(at.step, flush=True)
        time.sleep(0.01)  # leaves the killer time to strike in the middle

    trainer = Trainer(
        {"net": network},
        loss_of,
        LoopSettings(STEPS, seed=5, ema_decay=0.9, checkpoint_every=4, checkpoint_folder=folder),
        OptimizerSettings(0.01, warmup=5),
        Hooks(on_step=on_step),
    )
    trainer.resume()
    result = {"losses": trainer.run(), "average": [float(v) for t in trainer.average.averages for v in t.flatten()]}
    losses.write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
