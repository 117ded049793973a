"""`/settings` and `/users`: what the page remembers for its user, in one JSON file of the user data.

Nothing here changes what the server does or whom it trusts; that is in files no route writes.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..durable import replace_file
from ..errors import UserError, brief
from .body import read_json
from .incoming import disk_problems
from .problems import bad_field
from .reach import hub_of
from .reply import Reply, dumps
from .routes_userdata import USER

__all__ = ["routes"]

FILE = "comfy.settings.json"
LIMIT = 1 << 20  # bytes of one request
TOTAL = 8 << 20  # bytes of the file


def routes() -> list[Route]:
    """Return the routes; they share one lock, so that two pages that save at once both get their way."""
    lock = asyncio.Lock()

    async def read_all(request: Request) -> Response:
        return Reply(await asyncio.to_thread(_load, _path(request)))

    async def read_one(request: Request) -> Response:
        return Reply((await asyncio.to_thread(_load, _path(request))).get(request.path_params["id"]))

    async def merge(request: Request) -> Response:
        given = await read_json(request, LIMIT)
        if not isinstance(given, dict):
            raise bad_field("settings", "an object", given)
        return await change(request, given)

    async def set_one(request: Request) -> Response:
        return await change(request, {request.path_params["id"]: await read_json(request, LIMIT)})

    async def change(request: Request, given: dict[str, Any]) -> Response:
        async with lock:
            with disk_problems("settings"):
                await asyncio.to_thread(_merge, _path(request), given)
        return Response(status_code=200)

    return [
        Route("/settings", read_all, methods=["GET"]),
        Route("/settings", merge, methods=["POST"]),
        Route("/settings/{id:path}", read_one, methods=["GET"]),
        Route("/settings/{id:path}", set_one, methods=["POST"]),
        Route("/users", _users, methods=["GET"]),
        Route("/users", _new_user, methods=["POST"]),
    ]


def _path(request: Request) -> Path:
    return hub_of(request).folders.roots("user")[0] / USER / FILE


def _load(path: Path) -> dict[str, Any]:
    """Return the settings; none where the file is absent or no JSON object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _merge(path: Path, given: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    known = _load(path)
    if not known and path.is_file() and path.stat().st_size > 2:
        path.replace(path.with_name(f"{FILE}.damaged"))  # not ours to throw away
    data = dumps({**known, **given})
    if len(data) > TOTAL:
        raise UserError("P102", "settings", f"at most {TOTAL} bytes in all", "more", "Keep less in the settings.")
    replace_file(path, lambda partial: partial.write_bytes(data))


async def _users(_request: Request) -> Response:
    return Reply({"storage": "server", "migrated": True})


async def _new_user(request: Request) -> Response:
    given = await read_json(request, LIMIT)
    name = given.get("username") if isinstance(given, dict) else None
    raise bad_field("username", "nobody: this server has one user", brief(name), "Start another server for them.")
