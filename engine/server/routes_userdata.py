"""`/userdata`: the files of the user's page (workflows, templates), below `user/default` of the data folder.

Nothing of the server's own configuration is there. `{file}` is one percent-encoded part of the address; it is decoded
once. A name that is not encoded is understood as well.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import UserError, brief
from ..folders import Folders, safe_name
from .files import absent, file_response
from .incoming import Incoming, disk_problems, is_partial, new_name, publish
from .limits import FILE_BYTES
from .reach import hub_of
from .reply import Reply
from .userdata import describe, entries, listing

__all__ = ["USER", "routes"]

USER = "default"  # there is one user; ComfyUI's name for it
_MOVE = re.compile(r"([^/]+)/move/([^/]+)")


def routes() -> list[Route]:
    """Return the routes."""
    return [
        Route("/userdata", _list, methods=["GET"]),
        Route("/v2/userdata", _entries, methods=["GET"]),
        Route("/userdata/{file:path}", _get, methods=["GET"]),
        Route("/userdata/{file:path}", _post, methods=["POST"]),
        Route("/userdata/{file:path}", _delete, methods=["DELETE"]),
    ]


async def _list(request: Request) -> Response:
    query = request.query_params
    if not query.get("dir"):
        raise UserError("P011", 'parameter "dir"', "a folder", "none", "Name the folder to list.")
    recurse, full, split = (_yes(query.get(name)) for name in ("recurse", "full_info", "split"))
    folder = await asyncio.to_thread(_folder, hub_of(request).folders, query["dir"])
    return Reply(await asyncio.to_thread(listing, folder, recurse=recurse, full=full, split=split))


async def _entries(request: Request) -> Response:
    folders = hub_of(request).folders
    asked = request.query_params.get("path", "").strip("/")
    folder = await asyncio.to_thread(_folder, folders, asked) if asked else _root(folders)
    return Reply(await asyncio.to_thread(entries, _root(folders), folder))


async def _get(request: Request) -> Response:
    name = _names(request)[0]
    path = await asyncio.to_thread(_existing, hub_of(request).folders, name)
    return await asyncio.to_thread(file_response, request, path, name, json=True)


async def _post(request: Request) -> Response:
    """Keep the body as a file, or move one. An existing one stays with ?overwrite=false (409)."""
    folders = hub_of(request).folders
    overwrite = request.query_params.get("overwrite") != "false"
    names = _names(request)
    with disk_problems("user data"):
        if len(names) == 2:
            target = await asyncio.to_thread(_move, folders, names[0], names[1], overwrite)
        else:
            target = await asyncio.to_thread(_target, folders, names[0])
            await _receive(request, target, overwrite)
    relative = target.relative_to(_root(folders)).as_posix()
    if _yes(request.query_params.get("full_info")):
        return Reply(await asyncio.to_thread(describe, target, relative))
    return Reply(relative)


async def _delete(request: Request) -> Response:
    path = await asyncio.to_thread(_existing, hub_of(request).folders, _names(request)[0])
    with disk_problems("user data"):
        await asyncio.to_thread(path.unlink, missing_ok=True)
    return Response(status_code=204)


async def _receive(request: Request, target: Path, overwrite: bool) -> None:
    if not overwrite and target.exists():
        raise FileExistsError
    with await asyncio.to_thread(Incoming, target.parent) as incoming:
        async for chunk in request.stream():
            if incoming.size + len(chunk) > FILE_BYTES:
                raise UserError("P102", "body", f"at most {FILE_BYTES} bytes", "more", "Send less.")
            await asyncio.to_thread(incoming.write, chunk)
        sealed = await asyncio.to_thread(incoming.seal)
        await asyncio.to_thread(publish, sealed, target, replace=overwrite)


def _names(request: Request) -> list[str]:
    """Return the file's name, decoded once; two names for a move. The address as sent tells %2F from a slash."""
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    rest = raw.decode("latin-1").partition("?")[0].partition("/userdata/")[2]
    match = _MOVE.fullmatch(rest) if request.method == "POST" else None
    try:
        return [unquote(part, errors="strict") for part in (match.groups() if match else [rest])]
    except UnicodeDecodeError:
        raise UserError("F002", "file name", "UTF-8", brief(rest), "Mend the address.") from None


def _root(folders: Folders) -> Path:
    return folders.roots("user")[0] / USER


def _existing(folders: Folders, name: str) -> Path:
    path = None if is_partial(safe_name(name)) else folders.look("user", f"{USER}/{safe_name(name)}")
    if path is None or not path.is_file():
        raise absent(name)
    return path


def _folder(folders: Folders, name: str) -> Path:
    try:
        plain = safe_name(name)
    except UserError as error:
        raise UserError("A020", "folder", "a folder of the user data", brief(name), "Name a folder inside.") from error
    path = folders.look("user", f"{USER}/{plain}")
    if path is None or not path.is_dir():
        raise absent(name)
    return path


def _target(folders: Folders, name: str) -> Path:
    target = folders.target("user", f"{USER}/{new_name(name)}")
    if target.is_dir():
        raise IsADirectoryError(21, "is a folder")
    return target


def _move(folders: Folders, source: str, target: str, overwrite: bool) -> Path:
    path, goal = _existing(folders, source), _target(folders, target)
    if path != goal:
        publish(path, goal, replace=overwrite)
    return goal


def _yes(value: str | None) -> bool:
    return value is not None and value.lower() in ("true", "1", "yes")

