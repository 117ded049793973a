"""A job as plain data: what was asked for, where it stands, what came of it, and which steps it may take.

Pure: no clock, no file, no database. Knows nothing of HTTP, ComfyUI's formats or torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from ..errors import EngineBug, UserError

__all__ = ["ENDED", "MAX_ATTEMPTS", "Job", "State", "Submission", "order_key", "transition"]

MAX_ATTEMPTS = 2
"""A job whose worker died this often while it ran is not tried again: it is what kills them."""


class State(StrEnum):
    """Where a job stands. A held job is a pending one with `held` set."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})

_STEPS = {
    State.PENDING: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: ENDED | {State.PENDING},
}


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody asks to be run.

    graph: API-format JSON. targets: the nodes wanted, None for all. extra: ComfyUI's `extra_data`. priority: smaller
    runs first, finite, at most 1e12 either way. front: ahead of all that wait; `priority` is then ignored. held: waits
    until released. idempotency_key: asking again with it gives the earlier job. node_errors: what validation found in
    branches that were left out.
    """

    graph: dict[str, Any]
    targets: tuple[str, ...] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    client_id: str | None = None
    job_id: str | None = None
    priority: float = 0.0
    front: bool = False
    held: bool = False
    idempotency_key: str | None = None
    node_errors: dict[str, Any] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One job as the store holds it.

    sequence: the order of acceptance, never reused. created, started, ended: epoch seconds. attempts: how many workers
    died while it ran. error: `LatentloomError.as_dict`. outputs: node to kind to items. messages: ComfyUI's status
    messages. stats: "seconds" and "memory" by node, "cached" and "ran" as counts.
    """

    id: str
    sequence: int
    state: State
    priority: float
    held: bool
    graph: dict[str, Any]
    targets: tuple[str, ...] | None
    extra: dict[str, Any]
    client_id: str | None
    title: str
    created: float
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    device: str | None = None
    error: dict[str, Any] | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)
    stats: dict[str, Any] = field(default_factory=dict)
    node_errors: dict[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None


def order_key(job: Job) -> tuple[float, int]:
    """Return what the queue is sorted by: priority, then order of acceptance."""
    return job.priority, job.sequence


def transition(job: Job, to: State, **changes: Any) -> Job:
    """Return `job` in the state `to` with `changes` to its other fields.

    A job that goes back to pending loses its start and its device. Raises: UserError J004 for a job that has ended,
    EngineBug J009 for any other step that is not allowed.
    """
    if job.state in ENDED:
        raise UserError(
            "J004", f"job {job.id}", "a job that has not ended", f"one that is {job.state}", "Submit it again instead."
        )
    if to not in _STEPS[job.state]:
        raise EngineBug(
            "J009",
            f"job {job.id}",
            f"a step from {job.state} to {_words(_STEPS[job.state])}",
            f"to {to}",
            "Please report this with the server's log.",
        )
    fresh: Mapping[str, Any] = {"started": None, "device": None} if to is State.PENDING else {"held": False}
    return replace(job, state=to, **{**fresh, **changes})


def _words(states: frozenset[State]) -> str:
    return " or ".join(sorted(states))
