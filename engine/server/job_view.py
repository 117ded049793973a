"""A job as `/api/loom` shows it: short in lists, whole by itself, with its live progress while it runs.

Lists hold no graph and no outputs: three hundred queued jobs must not make an answer of megabytes. Times are seconds
since 1970, sizes bytes. Knows no store and no HTTP.
"""

from __future__ import annotations

from typing import Any

from .jobs import Job
from .live import Live

__all__ = ["curves", "detail", "summary"]

_LONG = ("traceback", "inputs")  # of an error; only a job by itself shows them


def summary(job: Job, live: Live | None = None) -> dict[str, Any]:
    """Return the job as a list shows it; `live` adds the node that runs under "running"."""
    shown: dict[str, Any] = {
        "id": job.id,
        "sequence": job.sequence,
        "state": str(job.state),
        "held": job.held,
        "priority": job.priority,
        "title": job.title,
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "attempts": job.attempts,
        "device": job.device,
        "client_id": job.client_id,
        "nodes": len(job.graph),
        "outputs_count": sum(len(items) for kinds in job.outputs.values() for items in kinds.values()),
        "error": job.error and {name: value for name, value in job.error.items() if name not in _LONG},
    }
    if live is not None:
        place = live.nodes.get(live.node or "", {})
        progress = {"value": place.get("value"), "total": place.get("total")}
        shown["running"] = {"node": live.node, "type": live.type, **progress}
    return shown


def detail(job: Job, live: Live | None = None) -> dict[str, Any]:
    """Return the whole job; `live` adds under "live" where each node stands and the outputs so far."""
    stats = {name: value for name, value in job.stats.items() if name != "curves"}  # long; they have their own address
    shown = {
        **summary(job, live),
        "error": job.error,
        "targets": None if job.targets is None else list(job.targets),
        "graph": job.graph,
        "extra": job.extra,
        "node_errors": job.node_errors,
        "outputs": job.outputs,
        "stats": stats,
        "idempotency_key": job.idempotency_key,
    }
    if live is not None:
        shown["live"] = live.as_dict()
    return shown


def curves(job: Job, live: Live | None, after: int, most: int) -> list[dict[str, Any]]:
    """Return the job's curves as [{"node", "name", "steps", "values"}], only steps beyond `after`.

    Of a curve with more than `most` points every n-th is returned, always with the last, so that it can be drawn.
    """
    found = live.curves if live is not None else job.stats.get("curves") or {}
    series = []
    for node, names in found.items():
        for name, points in names.items():
            kept = [point for point in points if point[0] > after]
            stride = -(-len(kept) // most)
            if stride > 1:
                kept = kept[::-1][::stride][::-1]
            series.append(
                {"node": node, "name": name, "steps": [point[0] for point in kept], "values": [p[1] for p in kept]}
            )
    return series
