"""All of `/api/loom` and the addresses for watchers, as one list with full paths; and the document that describes them.

The websocket is the application's. Knows nothing of what the routes do.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import (
    routes_health,
    routes_loom_check,
    routes_loom_control,
    routes_loom_documents,
    routes_loom_jobs,
    routes_loom_open,
    routes_loom_state,
    routes_loom_templates,
    routes_loom_types,
    routes_loom_workflows,
)
from .openapi import document
from .reach import hub_of
from .reply import Reply

__all__ = ["routes"]


def routes() -> list[Route]:
    """Return them all."""
    parts = (
        routes_loom_jobs,
        routes_loom_control,
        routes_loom_check,
        routes_loom_workflows,
        routes_loom_open,
        routes_loom_documents,
        routes_loom_templates,
        routes_loom_types,
        routes_loom_state,
        routes_health,
    )
    own = Route("/api/loom/openapi.json", _openapi, methods=["GET"])
    return [own, *(route for part in parts for route in part.routes())]


async def _openapi(request: Request) -> Response:
    return Reply(document(hub_of(request).version))
