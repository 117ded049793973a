"""What the routes about files need of a server: real folders, the worker's own functions, errors, and the gate.

The picture functions are those of the worker, called in this process instead of through its pipe.
"""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from latentloom.engine.errors import LatentloomError
from latentloom.engine.folders import Folders
from latentloom.engine.server import picture_calls
from latentloom.engine.server.access import Gate, Policy
from latentloom.engine.server.body import read_json
from latentloom.engine.server.problems import problem_response
from latentloom.engine.server.recent_log import RecentLog
from latentloom.engine.server.reply import Reply
from latentloom.engine.server.routes_files import routes


class Listeners:
    """Notes which clients asked for the log, as the live sockets do."""

    def __init__(self):
        self.wanted = {}

    def log_to(self, client_id, on):
        self.wanted[client_id] = on


class FilesDesk:
    """The hub's side of the contract with the routes about files."""

    def __init__(self, data: Path, **folders):
        self.folders = Folders(data, **folders)
        self.sessions = Listeners()

    async def call(self, name, blob=b"", **arguments):
        return getattr(picture_calls, name)(arguments, memoryview(blob))


def application(desk: FilesDesk, policy: Policy | None = None, more: list[Route] | None = None):
    """Return the routes bare and under /api, with errors as the server shapes them; behind the gate with a policy."""

    async def problem(_request: Request, error: Exception) -> Response:
        return problem_response(error)

    async def http(_request: Request, error: Exception) -> Response:
        return Reply({"error": {"code": f"P{error.status_code}", "message": error.detail}}, error.status_code)

    async def echo(request: Request) -> Response:
        return Reply({"got": await read_json(request)})

    async def page(_request: Request) -> Response:
        return Response(b"<!doctype html>", media_type="text/html")

    async def bug(_request: Request) -> Response:
        raise RuntimeError("a bug of ours")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    once = [*routes(), Route("/echo", echo, methods=["GET", "POST"]), *(more or [])]
    twins = [Route(f"/api{route.path}", route.endpoint, methods=sorted(route.methods)) for route in once]
    pages = [Route("/", page), Route("/bug", bug), WebSocketRoute("/ws", socket)]
    handlers = {LatentloomError: problem, HTTPException: http}
    app = Starlette(routes=[*once, *twins, *pages], exception_handlers=handlers)
    app.router.redirect_slashes = False
    app.state.hub = desk
    app.state.log = RecentLog(logging.DEBUG)
    return Gate(app, policy) if policy else app


def png(width: int = 4, height: int = 3, colour: int = 200, claim: tuple[int, int] | None = None, text: str = "") -> bytes:
    """Return a grey PNG; `claim` is the size its header tells instead of the true one."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", *(claim or (width, height)), 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes([colour]) * width) * height
    note = chunk(b"tEXt", b"prompt\0" + text.encode()) if text else b""
    body = chunk(b"IHDR", header) + note + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
