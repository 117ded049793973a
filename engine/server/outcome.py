"""How a job came out of a worker, and how patient the server is with one. Plain values; knows nothing of processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import UserError

__all__ = ["Limits", "Outcome", "died"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient the server is; seconds.

    grace: between a request to stop and the kill. silence: without a beat before the kill; loading a big library may
    hold the interpreter for a few. stall: without an event of the job before the worker's `info` says so. backoff,
    backoff_most: before a start after an unwanted end, doubling. settled: a life this long makes it begin anew.
    """

    grace: float = 10.0
    silence: float = 30.0
    stall: float = 600.0
    backoff: float = 0.5
    backoff_most: float = 30.0
    settled: float = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job came out. failures: records as of `report.failure`. reason, node: of a worker that died.

    A job of status "died" may be run again; "cancelled" was asked for, even if the process had to be killed for it.
    """

    status: Literal["done", "failed", "cancelled", "died"]
    outputs: dict[str, Any] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    stats: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    node: str | None = None

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Outcome:
        """Return what a worker's last message of a job says."""
        return cls(message["status"], message["outputs"], message["failures"], message["stats"])


def died(worker: str, reason: str, place: tuple[str, str] | None) -> Outcome:
    """Return the outcome of a job whose worker ended. place: the node that ran and its type, if one did."""
    node, kind = place or (None, None)
    doing = f" while {kind} (node {node}) ran" if place else ""
    error = UserError(
        "W001",
        f"worker {worker}",
        "to finish the job",
        f"died ({reason}){doing}",
        "If memory ran out, make the picture or the batch smaller; else report it to the node's author.",
        node_id=node,
    )
    record = {
        **error.as_dict(),
        "node_type": kind,
        "exception_type": "WorkerDied",
        "exception_message": str(error),
        "traceback": [],
        "inputs": {},
    }
    return Outcome("died", failures=[record], reason=f"W001 worker {worker} died ({reason}){doing}", node=node)
