"""`/api/loom/templates`: workflows to begin with, as documents for the editor.

Which there are is `templates`' business. Needs no worker.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from .compress import Content, packed, respond
from .files import media_type
from .opening import open_bytes
from .reach import hub_of
from .reply import dumps
from .templates import listed, picture_of, read

__all__ = ["routes"]


def routes() -> list[Route]:
    """Return the routes, with full paths."""
    return [
        Route("/api/loom/templates", _list, methods=["GET"]),
        Route("/api/loom/templates/{name}", _one, methods=["GET"]),
        Route("/api/loom/templates/{name}/picture", _picture, methods=["GET"]),
    ]


async def _list(request: Request) -> Response:
    """Answer all templates, and which of them would run here."""
    hub = hub_of(request)
    await hub.nodes_known()
    found = await asyncio.to_thread(lambda: packed(dumps({"templates": listed(hub.registry, hub.folders)})))
    return respond(request, found, "application/json")


async def _one(request: Request) -> Response:
    """Answer one template as a document."""
    hub = hub_of(request)
    await hub.nodes_known()
    name: str = request.path_params["name"]

    def work() -> Content:
        title, data = read(name)
        return packed(dumps({**open_bytes(data, f"{name}.json", hub.registry), "name": name, "title": title}))

    return respond(request, await asyncio.to_thread(work), "application/json")


async def _picture(request: Request) -> Response:
    path = await asyncio.to_thread(picture_of, request.path_params["name"])
    kind = await asyncio.to_thread(media_type, path)
    return FileResponse(path, media_type=kind, headers={"Cache-Control": "private, max-age=3600"})
