"""From a request to the hub, to the job that its path names, and to its JSON body with optional parts.

Knows no store and nothing of what routes do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from .jobs import Job
from .problems import unknown_job

if TYPE_CHECKING:  # the routes work with whatever has the hub's parts
    from .hub import Hub

__all__ = ["hub_of", "job_of"]

_LONGEST = 256  # characters of a job's id


def hub_of(request: Request) -> Hub:
    """Return the hub that the application was built with."""
    hub: Hub = request.app.state.hub
    return hub


def job_of(request: Request, parameter: str = "job") -> Job:
    """Return the job whose id the path holds as `parameter`. Raises UserError J007 when there is none."""
    job_id: str = request.path_params[parameter]
    job = hub_of(request).store.get(job_id) if len(job_id) <= _LONGEST and job_id.isprintable() else None
    if job is None:
        raise unknown_job(job_id)
    return job
