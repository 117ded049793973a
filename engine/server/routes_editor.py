"""The editor's page and its files, as they were built; without them, a page that says where the build stands.

What is built may come while the server runs: every request looks anew. Files below /assets have a hash of their content
in their names and never change; beside them may lie compressed twins. Knows neither the build nor what the page does.
"""

from __future__ import annotations

import asyncio
import html
import mimetypes
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from ..folders import safe_name
from .compress import Content, accepted, is_known, packed, respond
from .editor import EditorBuild
from .files import absent
from .reach import hub_of
from .reply import Reply

__all__ = ["routes"]

_BESIDE = ("favicon.svg", "favicon.ico", "manifest.webmanifest", "icon-192.png", "icon-512.png", "robots.txt")
_FOREVER = "public, max-age=31536000, immutable"
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".css": "text/css",
        ".html": "text/html",
        ".json": "application/json",
        ".webmanifest": "application/manifest+json",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".webp": "image/webp",
        ".ico": "image/x-icon",
        ".woff2": "font/woff2",
        ".wasm": "application/wasm",
        ".txt": "text/plain",
    }
)
_TWINS = (("br", ".br"), ("gzip", ".gz"))  # the better first
_PACKABLE = (".js", ".mjs", ".css", ".svg", ".json", ".webmanifest", ".txt")
_MOST_PACKED = 4 << 20  # bytes of a file that is compressed here, when it has no twin
_KEPT = 64  # files whose compressed content is kept

_NO_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{again}<title>Latentloom</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 42em; margin: 10vh auto; padding: 0 1em;
color-scheme: light dark }}</style></head>
<body><h1>Latentloom {version}</h1>
<p>The server runs, but the editor is not built. {message}</p>
<p>Everything else works: the API is described at <a href="/api/loom/openapi.json">/api/loom/openapi.json</a>.</p>
</body></html>
"""
_AGAIN = '<meta http-equiv="refresh" content="2">'  # while it is being built


def routes() -> list[Route]:
    """Return the routes."""
    editor = _Editor()
    return [
        Route("/", editor.page, methods=["GET"]),
        Route("/assets/{file:path}", editor.asset, methods=["GET"]),
        *(Route(f"/{name}", editor.beside, methods=["GET"]) for name in _BESIDE),
    ]


class _Editor:
    """The built files, and what was compressed of them."""

    def __init__(self) -> None:
        self._packed: dict[tuple[str, int, int], Content] = {}  # by path, time and size

    async def page(self, request: Request) -> Response:
        """Answer the page; to clients that want JSON, what this server is."""
        wanted = request.headers.get("accept", "")
        build = _build(request)
        # While it is built anew, the parts that an old page loads later would be gone when it asks.
        page = None if build.state == "building" else await asyncio.to_thread(_read, build.folder / "index.html")
        if "text/html" in wanted or (page is not None and "application/json" not in wanted):
            if page is not None:
                return respond(request, await asyncio.to_thread(packed, page), "text/html")
            return _not_built(hub_of(request).version, build)
        about = {
            "latentloom": hub_of(request).version,
            "api": "/api/loom/openapi.json",
            "health": "/health",
            "editor": build.state if page is None else "ready",
        }
        return Reply(about, headers={"Vary": "Accept"})

    async def asset(self, request: Request) -> Response:
        """Answer a file whose name has its hash in it: it may be kept for ever."""
        return await asyncio.to_thread(self._file, request, f"assets/{request.path_params['file']}", _FOREVER)

    async def beside(self, request: Request) -> Response:
        """Answer one of the few files beside the page."""
        return await asyncio.to_thread(self._file, request, request.url.path.lstrip("/"), "no-cache")

    def _file(self, request: Request, name: str, caching: str) -> Response:
        path = _find(_build(request).folder, name)
        kind = _KINDS.get(path.suffix.lower(), mimetypes.types_map.get(path.suffix.lower(), "application/octet-stream"))
        headers = {"Cache-Control": caching, "Vary": "Accept-Encoding"}
        takes = accepted(request)
        for coding, ending in _TWINS:
            twin = path.with_name(f"{path.name}{ending}")
            if coding in takes and twin.is_file():
                return _whole(request, twin, kind, {**headers, "Content-Encoding": coding})
        status = path.stat()
        if path.suffix.lower() in _PACKABLE and status.st_size <= _MOST_PACKED and "gzip" in takes:
            return respond(request, self._content(path, status.st_mtime_ns, status.st_size), kind, headers)
        return _whole(request, path, kind, headers)

    def _content(self, path: Path, modified: int, size: int) -> Content:
        key = (str(path), modified, size)
        found = self._packed.get(key)
        if found is None:
            while len(self._packed) >= _KEPT:
                self._packed.pop(next(iter(self._packed)), None)
            found = self._packed[key] = packed(path.read_bytes())
        return found


def _find(dist: Path, name: str) -> Path:
    """Return a file that was built; a compressed twin is none. Raises UserError F001, F002."""
    path = dist / safe_name(name)
    try:
        inside = path.resolve().is_relative_to(dist.resolve()) and stat.S_ISREG(path.stat().st_mode)
    except OSError:
        inside = False
    if not inside or path.suffix in (".br", ".gz"):
        raise absent(name)
    return path


def _whole(request: Request, path: Path, kind: str, headers: Mapping[str, str]) -> Response:
    try:
        answer = FileResponse(path, media_type=kind, stat_result=path.stat(), headers=dict(headers))
    except OSError:
        raise absent(path.name) from None
    if is_known(request, answer.headers["etag"]):
        keep = ("etag", "cache-control", "vary")
        return Response(status_code=304, headers={name: answer.headers[name] for name in keep})
    return answer


def _not_built(version: str, build: EditorBuild) -> Response:
    again = _AGAIN if build.state in ("building", "ready") else ""  # ready: it was put there this moment
    text = _NO_PAGE.format(version=html.escape(version), message=html.escape(build.message), again=again)
    return Response(text, media_type="text/html", headers={"Cache-Control": "no-store", "Vary": "Accept"})


def _build(request: Request) -> EditorBuild:
    build: EditorBuild = request.app.state.editor
    return build


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
