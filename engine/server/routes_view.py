"""`/view`: pictures and other files of the input, output and temp folders, as they are or made smaller by a worker.

Answers as ComfyUI's route: 404 without a file, 400 for an unfit name or type, 403 for a subfolder that leaves the root.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import UserError, brief
from ..folders import IO_KINDS, Folders, safe_name, split_annotation
from .files import PICTURES, absent, file_response, media_type, sealed
from .incoming import is_partial
from .problems import bad_parameter
from .reach import hub_of

__all__ = ["located", "routes"]

_WITHOUT_ALPHA = ("rgb", "a")


def routes() -> list[Route]:
    """Return the route."""
    return [Route("/view", _view, methods=["GET"])]


def located(folders: Folders, filename: str, subfolder: str, kind: str) -> tuple[Path, str]:
    """Return (path, name below its folder) of an existing file; an annotation of the name outweighs `kind`. Blocks.

    Raises: UserError A020 (subfolder leaves the root: 403), F001 (absent), F002 (unfit name), P011 (no such kind).
    """
    kind, filename = split_annotation(filename, kind)
    if kind not in IO_KINDS:
        raise bad_parameter("type", f"one of {', '.join(IO_KINDS)}", kind)
    safe_name(filename)
    name = filename
    if subfolder:
        try:
            name = f"{safe_name(subfolder)}/{filename}"
        except UserError as error:
            fix = "Name a folder inside."
            raise UserError("A020", "subfolder", f'a folder inside "{kind}"', brief(subfolder), fix) from error
    path = None if is_partial(safe_name(name)) else folders.look(kind, name)
    if path is None or not path.is_file():
        raise absent(filename)
    return path, safe_name(name)


async def _view(request: Request) -> Response:
    query = request.query_params
    if "filename" not in query:
        raise absent("")
    hub = hub_of(request)
    asked_for = (query["filename"], query.get("subfolder", ""), query.get("type", "output"))
    path, name = await asyncio.to_thread(located, hub.folders, *asked_for)
    preview, channel = query.get("preview"), query.get("channel", "rgba")
    if (preview or channel in _WITHOUT_ALPHA) and await asyncio.to_thread(media_type, path) in PICTURES:
        kept = channel if channel in _WITHOUT_ALPHA else None
        _, data = await hub.call("picture", path=str(path), preview=preview and preview[:32], channel=kept)
        return sealed(data, name.rpartition("/")[2])
    return await asyncio.to_thread(file_response, request, path, name)
