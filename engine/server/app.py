"""The ASGI application: every route under the one gate, every error as one clear record.

Puts together what other modules declare; decides nothing itself. Knows no torch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from ..errors import EngineBug, LatentloomError
from .access import Gate, Policy
from .editor import EditorBuild
from .hub import Hub
from .problems import problem_response
from .recent_log import RecentLog
from .reply import Reply

__all__ = ["build_app"]

server_log = logging.getLogger("latentloom.server")


def build_app(
    hub: Hub,
    policy: Policy,
    log: RecentLog,
    editor: EditorBuild,
    *,
    comfy: Iterable[Route],
    own: Iterable[Route],
    bare: Iterable[BaseRoute],
) -> ASGIApp:
    """Return the application. log: what `/internal/logs` shows. editor: the page, or what is to be said of it.

    comfy: routes that stand both bare and under /api. own: routes that stand where they say. bare: pages and the like,
    asked last.
    """
    sockets = [
        WebSocketRoute("/ws", hub.sessions.comfy_socket),
        WebSocketRoute("/api/ws", hub.sessions.comfy_socket),
        WebSocketRoute("/api/loom/ws", hub.sessions.loom_socket),
    ]
    once = list(comfy)
    twins = [
        Route(f"/api{route.path}", route.endpoint, methods=_methods(route), name=route.name)
        for route in once
        if not route.path.startswith(("/api/", "/internal/"))
    ]

    app = Starlette(
        routes=[*sockets, *own, *once, *twins, *bare],
        exception_handlers={LatentloomError: _problem, HTTPException: _http, Exception: _bug},  # type: ignore[dict-item]
    )
    app.router.redirect_slashes = False
    app.state.hub = hub
    app.state.log = log
    app.state.editor = editor
    return Gate(app, policy)


def _methods(route: Route) -> list[str] | None:
    return sorted(route.methods) if route.methods else None


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, LatentloomError)
    if isinstance(error, EngineBug):
        server_log.error("%s", error, exc_info=error)
    return problem_response(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = {404: "no such address", 405: "not this method"}.get(error.status_code, str(error.detail))
    record = {
        "code": "P404" if error.status_code == 404 else "P405" if error.status_code == 405 else "P000",
        "kind": "UserError",
        "node_id": None,
        "input": None,
        "where": f"{request.method} {request.url.path[:200]}",
        "expected": "an address of docs/protocol.md or /api/loom/openapi.json",
        "got": what,
        "fix": "Check the address and the method.",
        "message": f"{request.method} {request.url.path[:200]}: {what}. Check the address and the method.",
    }
    return Reply({"error": record}, error.status_code, dict(error.headers) if error.headers else None)


async def _bug(request: Request, error: Exception) -> Response:
    """Answer 500 with a code and no detail; the log has the traceback."""
    server_log.error("unhandled: %s %s", request.method, request.url.path, exc_info=error)
    return problem_response(
        EngineBug("P500", "server", "an answer", type(error).__name__, "Please report this with the server's log.")
    )


