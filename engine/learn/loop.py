"""The training loop: gradients, clipping, schedule, average, checkpoints, resume, stop.

Given a function from (step, generator) to a loss, it can be killed at any moment and resumed to the same curve, bit
for bit on a CPU. All randomness of a step comes from a generator seeded by (seed, step). Knows nothing of what is
trained.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from ..errors import Cancelled, UserError
from .checkpoint import Checkpoints, Snapshot
from .ema import Average
from .optimizer import OptimizerSettings, build_adamw, clip_gradients, learning_rate, set_learning_rate

__all__ = ["Hooks", "LoopSettings", "Progress", "Trainer", "step_generator"]

SKIPS_IN_A_ROW = 5  # this many non-finite losses one after another end a run


@dataclass(frozen=True)
class LoopSettings:
    """How long and how safely to train.

    steps: in all, counted from the first start, 1 or more. seed: any integer of 64 bits. ema_decay: 0 to below 1.
    checkpoint_every: steps between checkpoints, 1 or more. checkpoint_folder: None keeps nothing on disk.
    writes: False only resumes from there, as the further members of a team do.
    """

    steps: int = 1000
    seed: int = 0
    ema_decay: float = 0.999
    checkpoint_every: int = 250
    checkpoint_folder: Path | None = None
    writes: bool = True

    def __post_init__(self) -> None:
        for name, value in (("steps", self.steps), ("checkpoint_every", self.checkpoint_every)):
            if value < 1:
                raise UserError("D001", f'training setting "{name}"', "1 or more", repr(value), "Raise it.")


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step: 1-based step, smoothed loss, rate, and the time left at this pace."""

    step: int
    total: int
    loss: float
    smoothed: float
    learning_rate: float
    seconds_per_step: float

    @property
    def seconds_left(self) -> float:
        return (self.total - self.step) * self.seconds_per_step


@dataclass(frozen=True)
class Hooks:
    """What the caller wants to hear of: every step, every checkpoint, whether to stop, and gradients before clipping.

    on_gradients(step, gradients) may change the gradients in place; processes that train together average them there.
    """

    on_step: Callable[[Progress], None] | None = None
    on_checkpoint: Callable[[int], None] | None = None
    should_stop: Callable[[], bool] | None = None
    on_gradients: Callable[[int, list[torch.Tensor]], None] | None = None


def step_generator(seed: int, step: int) -> torch.Generator:
    """Return the generator of one step; a hash keeps neighbouring steps and seeds unrelated."""
    digest = hashlib.sha256(f"{seed}:{step}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


@dataclass
class Trainer:
    """One training run over named networks.

    loss_of(step, generator) returns a scalar; its gradients reach the networks' parameters.
    Raises: UserError D011 after 5 non-finite losses in a row, D012 when a checkpoint does not fit these networks;
    Cancelled when `should_stop` says so (after a checkpoint was written).
    """

    networks: Mapping[str, nn.Module]
    loss_of: Callable[[int, torch.Generator], torch.Tensor]
    settings: LoopSettings
    optimizer_settings: OptimizerSettings
    hooks: Hooks = field(default_factory=Hooks)

    def __post_init__(self) -> None:
        self.optimizer = build_adamw(self.networks.values(), self.optimizer_settings)
        self.average = Average(self.networks, self.settings.ema_decay)
        folder = self.settings.checkpoint_folder
        self.checkpoints = Checkpoints(folder) if folder is not None else None
        self.step = 0
        self.losses: list[float] = []
        self.skipped = 0

    def resume(self) -> bool:
        """Continue from the newest whole checkpoint; say whether there was one."""
        snapshot = self.checkpoints.latest() if self.checkpoints else None
        if snapshot is None:
            return False
        self._restore(snapshot)
        return True

    def run(self) -> list[float]:
        """Train up to `steps` and return the loss of every step."""
        total = self.settings.steps
        pace = smoothed = math.nan
        in_a_row = 0
        for network in self.networks.values():
            network.train()
        while self.step < total:
            if self.hooks.should_stop is not None and self.hooks.should_stop():
                self.save()
                raise Cancelled("training")
            began = time.perf_counter()
            rate = learning_rate(self.optimizer_settings, self.step, total)
            set_learning_rate(self.optimizer, rate)
            with torch.enable_grad():
                loss = self.loss_of(self.step, step_generator(self.settings.seed, self.step))
            value = float(loss.detach())
            in_a_row = 0 if self._update(loss, value) else in_a_row + 1
            self.step += 1
            self.losses.append(value)
            if in_a_row == SKIPS_IN_A_ROW:
                raise UserError(
                    "D011",
                    f"training, step {self.step}",
                    "a finite loss",
                    f"{in_a_row} non-finite ones in a row",
                    "Lower the learning rate or start from an older checkpoint.",
                )
            smoothed = value if math.isnan(smoothed) else smoothed + 0.02 * (value - smoothed)
            if self.step % self.settings.checkpoint_every == 0 or self.step == total:
                self.save()
            taken = time.perf_counter() - began
            pace = taken if math.isnan(pace) else pace + 0.05 * (taken - pace)
            if self.hooks.on_step is not None:
                try:
                    self.hooks.on_step(Progress(self.step, total, value, smoothed, rate, pace))
                except Cancelled:  # whoever reports progress may learn there that the run is to stop
                    self.save()
                    raise
        for network in self.networks.values():
            network.eval()
        return self.losses

    def save(self) -> None:
        """Write a checkpoint now (nothing without a folder)."""
        if self.checkpoints is None or not self.settings.writes:
            return
        self.checkpoints.save(self.step, *self._snapshot())
        if self.hooks.on_checkpoint is not None:
            with self.average.applied():  # what the caller looks at or exports is the average
                for network in self.networks.values():
                    network.eval()
                self.hooks.on_checkpoint(self.step)
                for network in self.networks.values():
                    network.train()

    def _update(self, loss: torch.Tensor, value: float) -> bool:
        """Apply one step of the optimizer and the average; a non-finite loss or gradient changes nothing."""
        self.optimizer.zero_grad(set_to_none=True)
        shared = self.hooks.on_gradients
        # Together with others a bad loss goes on to the gradients, so that all see it and skip the same step.
        if math.isfinite(value) or shared is not None:
            loss.backward()  # type: ignore[no-untyped-call]
            if shared is not None:
                parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
                shared(self.step, [p.grad for p in parameters if p.grad is not None])
            if math.isfinite(clip_gradients(self.optimizer, self.optimizer_settings.clip)):
                self.optimizer.step()
                self.average.update()
                return True
        self.skipped += 1
        return False

    def _snapshot(self) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
        tensors: dict[str, torch.Tensor] = {"rng/torch": torch.get_rng_state()}
        for name, network in self.networks.items():
            tensors |= {f"weights/{name}.{key}": value for key, value in network.state_dict().items()}
        tensors |= {f"average/{name}": value for name, value in self.average.state().items()}
        for index, entry in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{key}": value for key, value in entry.items()}
        state: dict[str, object] = {
            "seed": self.settings.seed,
            "losses": self.losses,
            "skipped": self.skipped,
            "average_updates": self.average.updates,
        }
        return tensors, state

    def _restore(self, snapshot: Snapshot) -> None:
        tensors = snapshot.tensors
        try:
            for name, network in self.networks.items():
                prefix = f"weights/{name}."
                network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
            average = {k.removeprefix("average/"): v for k, v in tensors.items() if k.startswith("average/")}
            self.average.load(average, int(snapshot.state["average_updates"]))
        except (RuntimeError, KeyError) as problem:
            raise UserError(
                "D012",
                f"training checkpoint of step {snapshot.step}",
                "the networks being trained",
                str(problem).splitlines()[0],
                "Use another checkpoint folder, or the settings that this one was made with.",
            ) from problem
        entries: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer/"):
                _, index, part = key.split("/")
                entries.setdefault(int(index), {})[part] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": entries, "param_groups": groups})
        for parameter, entry in self.optimizer.state.items():
            for part, value in entry.items():
                if value.shape == parameter.shape:
                    # Files are contiguous; the fused kernel walks memory and needs the layout of the parameter.
                    entry[part] = torch.empty_like(parameter).copy_(value)
        torch.set_rng_state(tensors["rng/torch"])
        self.step = snapshot.step
        self.losses = [float(value) for value in snapshot.state["losses"]]
        self.skipped = int(snapshot.state["skipped"])
