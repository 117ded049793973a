"""Which HTTP status an error has, and its JSON body: the one place where error codes meet HTTP.

    J001 another server holds the data folder   J010 disk full: nothing was acknowledged
    J002 id or key of a job in use already      J011 server is stopping
    J003 too many jobs wait                     W... no worker, or it died at it
    J004 job ended already                      P010 field of a request unfit
    J005 job is not in a state that allows it   P011 query parameter unfit
    J006 value that no job can hold             P404, P405 no such address, not this method
    J007 no such job                            P500 our own mistake
    J012, J016 the jobs' file is damaged or cannot be written; P101 to P104: see `body`

A code without an entry has the status of its letter, else 400: the caller's mistake. Nothing answers with another 5xx
than 503 and 507 on purpose; a 500 is a bug of ours. Knows nothing of routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..errors import EngineBug, InvalidGraph, LatentloomError, UserError, brief
from .reply import Reply

__all__ = ["RETRY_AFTER", "STATUS", "bad_field", "bad_parameter", "problem_response", "status_of", "unknown_job"]

STATUS: Mapping[str, int] = MappingProxyType(
    {
        "J001": 409,
        "J002": 409,
        "J003": 429,
        "J004": 409,
        "J005": 409,
        "J007": 404,
        "J010": 507,
        "J011": 503,
        "J012": 503,
        "J016": 503,
        "P102": 413,
        "P111": 414,
        "P112": 431,
        "P113": 415,
        "P115": 408,
        "P404": 404,
        "P405": 405,
        "P500": 500,
        "W": 503,
        "A001": 401,
        "A": 403,
        "G001": 404,
        "F001": 404,
        "F003": 404,
        "F021": 409,
        "F026": 409,
        "F024": 507,
        "F025": 404,
    }
)

RETRY_AFTER: Mapping[int, int] = MappingProxyType({429: 5, 503: 5})
"""Seconds to wait before the same request may be worth repeating, by status."""


def status_of(error: LatentloomError) -> int:
    """Return the HTTP status of `error`: of its code, 500 for a bug of ours, else of the code's letter, else 400."""
    if error.code not in STATUS and isinstance(error, EngineBug):
        return 500
    return STATUS.get(error.code) or STATUS.get(error.code[:1], 400)


def problem_response(error: LatentloomError, **more: int | float | str | None) -> Reply:
    """Return {"error": record} with the status of the error; an invalid graph's findings stand under "problems".

    more: further fields of the answer, such as which of many jobs is meant.
    """
    status = status_of(error)
    body: dict[str, Any] = {"error": error.as_dict(), **more}
    if isinstance(error, InvalidGraph):
        body["problems"] = found = body["error"].pop("problems")
        # The text of all of them would say everything twice.
        body["error"]["message"] = found[0]["message"] + (f" And {len(found) - 1} more." if len(found) > 1 else "")
    headers = {"Retry-After": str(RETRY_AFTER[status])} if status in RETRY_AFTER else None
    return Reply(body, status, headers)


def bad_field(where: str, expected: str, got: object, fix: str = "Mend the request.") -> UserError:
    """Return P010: a field of a JSON request is not as it must be."""
    return UserError("P010", where, expected, got if isinstance(got, str) else brief(got), fix)


def bad_parameter(name: str, expected: str, got: object) -> UserError:
    """Return P011: a parameter of the query is not as it must be."""
    return UserError("P011", f'parameter "{name}"', expected, brief(got), "Mend the address.")


def unknown_job(job_id: str) -> UserError:
    """Return J007: nothing is known of the job, or it was dropped by the retention."""
    return UserError("J007", "jobs", "the id of a job", brief(job_id), "List the jobs at /api/loom/jobs.")
