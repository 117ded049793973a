"""Routes about model files: which folders there are, which names in them, their pictures and what their heads say.

Model files are read by `models.header` only, and only their heads. Sends no model file to anybody.
"""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import UserError, brief
from ..folders import IO_KINDS, Folders, safe_name
from .files import PICTURES, absent, media_type, sealed
from .reach import hub_of
from .reply import Reply

__all__ = ["routes"]

WEIGHTS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin")
_OTHER = {"configs": (".yaml", ".yml", ".json"), "diffusers": ()}  # folders that hold no weights of their own
_NO_MODELS = (*IO_KINDS, "user", "cache")
_PREVIEWS = (".png", ".preview.png", ".jpg", ".preview.jpg", ".jpeg", ".webp", ".preview.webp", ".gif")


def routes() -> list[Route]:
    """Return the routes."""
    return [
        Route("/models", _types, methods=["GET"]),
        Route("/models/{folder}", _names, methods=["GET"]),
        Route("/embeddings", _embeddings, methods=["GET"]),
        Route("/view_metadata/{folder}", _metadata, methods=["GET"]),
        Route("/experiment/models", _browse, methods=["GET"]),
        Route("/experiment/models/preview/{folder}/{index}/{file:path}", _preview, methods=["GET"]),
        Route("/experiment/models/{folder}", _files, methods=["GET"]),
    ]


async def _types(request: Request) -> Response:
    return Reply(list(hub_of(request).folders.types()))


async def _names(request: Request) -> Response:
    folders, folder = hub_of(request).folders, _folder(request)
    return Reply(list(await asyncio.to_thread(folders.names, folder, _endings(folder))))


async def _embeddings(request: Request) -> Response:
    names = await asyncio.to_thread(hub_of(request).folders.names, "embeddings", WEIGHTS)
    return Reply([str(PurePosixPath(name).with_suffix("")) for name in names])


async def _metadata(request: Request) -> Response:
    """Answer a safetensors file's own `__metadata__`. Raises: UserError F001, F025 (it has none), M010 to M013."""
    folder, name = _folder(request), request.query_params.get("filename", "")
    path = await asyncio.to_thread(_found, hub_of(request).folders, folder, name)
    found = await asyncio.to_thread(_head, path, name)
    if not found:
        raise UserError("F025", brief(name), "a file with metadata", "none", "Only safetensors files have it.")
    return Reply(found)


async def _browse(request: Request) -> Response:
    folders = hub_of(request).folders
    shown = [name for name in folders.types() if name not in ("configs",)]
    return Reply([{"name": name, "folders": [str(root) for root in folders.roots(name)]} for name in shown])


async def _files(request: Request) -> Response:
    return Reply(await asyncio.to_thread(_listing, hub_of(request).folders, _folder(request)))


async def _preview(request: Request) -> Response:
    """Answer the picture beside a model file, made small by a worker."""
    folder, index = _folder(request), request.path_params["index"]
    if not (index.isascii() and index.isdigit() and len(index) < 4):
        raise absent(index)
    name = request.path_params["file"]
    path = await asyncio.to_thread(_beside, hub_of(request).folders, folder, int(index), name)
    _, data = await hub_of(request).call("picture", path=str(path), preview="webp;90", channel=None)
    return sealed(data, f"{path.stem}.webp")


def _folder(request: Request) -> str:
    """Return the model folder of the address. Raises: UserError F003 (404) for any other, e.g. "input" or "user"."""
    folder: str = request.path_params["folder"]
    if folder in _NO_MODELS:
        raise UserError("F003", "models", "a folder of models", brief(folder), "See /models for all of them.")
    hub_of(request).folders.roots(folder)  # refuses an unknown one; "unet" and "clip" are known by their older names
    return folder


def _endings(folder: str) -> tuple[str, ...]:
    return _OTHER.get(folder, WEIGHTS)


def _found(folders: Folders, folder: str, name: str) -> Path:
    path = folders.look(folder, safe_name(name))
    if path is None or not path.is_file():
        raise absent(name)
    return path


def _head(path: Path, name: str) -> dict[str, str]:
    from ..models.header import read_header  # the one reader of model heads; it needs no torch

    return dict(read_header(path).metadata) if name.lower().endswith((".safetensors", ".sft")) else {}


def _listing(folders: Folders, folder: str) -> list[dict[str, Any]]:
    roots = folders.roots(folder)
    found = []
    for name in folders.names(folder, _endings(folder)):
        for index in range(len(roots)):
            path = folders.look(folder, name, root=index)
            if path is not None:
                status = path.stat()
                times = {"modified": status.st_mtime, "created": status.st_ctime}
                found.append({"name": name, "pathIndex": index, **times, "size": status.st_size})
    return found


def _beside(folders: Folders, folder: str, index: int, name: str) -> Path:
    stem = str(PurePosixPath(safe_name(name)).with_suffix(""))
    for ending in _PREVIEWS:
        path = folders.look(folder, stem + ending, root=index)
        if path is not None and path.is_file() and media_type(path) in PICTURES:
            return path
    raise absent(name)
