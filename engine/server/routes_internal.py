"""`/internal`: helpers of ComfyUI's page: the log, folders and newest files. Bare addresses only, as there.

The log comes from `request.app.state.log`, a `RecentLog`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ..folders import IO_KINDS
from .body import read_json
from .problems import bad_field, bad_parameter
from .reach import hub_of
from .recent_log import RecentLog
from .reply import Reply

__all__ = ["routes"]

_SIZE = {"cols": 120, "rows": 40}  # of the page's panel; nothing here has a terminal


def routes() -> list[Route]:
    """Return the routes."""
    return [
        Route("/internal/logs", _text, methods=["GET"]),
        Route("/internal/logs/raw", _raw, methods=["GET"]),
        Route("/internal/logs/subscribe", _subscribe, methods=["PATCH"]),
        Route("/internal/folder_paths", _folder_paths, methods=["GET"]),
        Route("/internal/files/{kind}", _files, methods=["GET"]),
    ]


def _log(request: Request) -> RecentLog:
    log: RecentLog = request.app.state.log
    return log


async def _text(request: Request) -> Response:
    return PlainTextResponse("".join(f"{entry['t']} - {entry['m']}" for entry in list(_log(request).entries)))


async def _raw(request: Request) -> Response:
    return Reply({"entries": list(_log(request).entries), "size": _SIZE})


async def _subscribe(request: Request) -> Response:
    """Send the log to a client's websocket from now on, or no more."""
    given = await read_json(request)
    client, on = (given.get("clientId"), given.get("enabled")) if isinstance(given, dict) else (None, None)
    if not isinstance(client, str) or not isinstance(on, bool):
        raise bad_field("request", '"clientId" (text) and "enabled" (true or false)', given)
    hub_of(request).sessions.log_to(client, on)
    return Response(status_code=200)


async def _folder_paths(request: Request) -> Response:
    folders = hub_of(request).folders
    return Reply({name: [str(root) for root in folders.roots(name)] for name in folders.types()})


async def _files(request: Request) -> Response:
    """Answer the names of the visible files directly in a folder, newest first."""
    kind = request.path_params["kind"]
    if kind not in IO_KINDS:
        raise bad_parameter("type", f"one of {', '.join(IO_KINDS)}", kind)
    return Reply(await asyncio.to_thread(_newest, hub_of(request).folders.roots(kind)[0]))


def _newest(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return [path.name for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)]
