"""`/upload/image` and `/upload/mask`: any file into the input, temp or output folder.

The file streams to a hidden one and gets its name when it is whole, on the disk and, if it is or claims to be a
picture, decoded by a worker. Knows nothing of pixels itself.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import UserError, brief
from ..folders import IO_KINDS, Folders
from .body import parse_json
from .files import PICTURES, sniff
from .form import Form, read_form
from .incoming import Incoming, bare_name, disk_problems, new_name, place
from .problems import bad_field
from .reach import hub_of
from .reply import Reply
from .routes_view import located

__all__ = ["routes"]

_PICTURE_NAMES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_OTHER_PICTURES = (b"BM", b"II*\x00", b"MM\x00*")  # pictures that are read, but not shown by a browser
_YES = ("true", "1")


def routes() -> list[Route]:
    """Return the routes."""
    return [
        Route("/upload/image", _image, methods=["POST"]),
        Route("/upload/mask", _mask, methods=["POST"]),
    ]


async def _image(request: Request) -> Response:
    hub = hub_of(request)
    form, incoming = await _received(request, hub.folders)
    with incoming:
        name, place_of = _wanted(form, hub.folders)
        partial = await _sealed(incoming)
        await _check(request, partial, name)
        return Reply(await _kept(form, partial, name, place_of))


async def _mask(request: Request) -> Response:
    """Store the original's colours with the upload's transparency; the texts in the original are kept."""
    hub = hub_of(request)
    form, incoming = await _received(request, hub.folders)
    with incoming:
        name, place_of = _wanted(form, hub.folders)
        original = await asyncio.to_thread(_original, form, hub.folders)
        partial = await _sealed(incoming)
        blob = await asyncio.to_thread(partial.read_bytes)
        _, joined = await hub.call("mask", blob, path=str(original))
        with Incoming(partial.parent) as whole, disk_problems("upload"):
            await asyncio.to_thread(whole.write, joined)
            return Reply(await _kept(form, await asyncio.to_thread(whole.seal), name, place_of))


async def _received(request: Request, folders: Folders) -> tuple[Form, Incoming]:
    """Read the form. Its file goes to the temp folder, as its own folder may be named behind it."""
    form, incoming = await read_form(request, "image", lambda: Incoming(folders.directory("temp")))
    if incoming is None:
        raise bad_field("image", "a file", "none", 'Send it as the part "image".')
    return form, incoming


def _wanted(form: Form, folders: Folders) -> tuple[str, tuple[Folders, str, str]]:
    """Return the file's name, and what `_path` needs to place it. Raises: UserError F002, P010."""
    kind = form.fields.get("type") or "input"
    if kind not in IO_KINDS:
        raise bad_field("type", f"one of {', '.join(IO_KINDS)}", kind)
    subfolder = form.fields.get("subfolder", "").strip()
    if subfolder:
        subfolder = new_name(subfolder)
        if any(part.startswith(".") for part in subfolder.split("/")):
            raise UserError("F002", "subfolder", "a folder that is not hidden", brief(subfolder), "Choose another.")
    return bare_name(form.filename or ""), (folders, kind, subfolder)


def _path(place_of: tuple[Folders, str, str], name: str) -> Path:
    folders, kind, subfolder = place_of
    return folders.target(kind, f"{subfolder}/{name}" if subfolder else name)


async def _sealed(incoming: Incoming) -> Path:
    with disk_problems("upload"):
        return await asyncio.to_thread(incoming.seal)


async def _kept(form: Form, partial: Path, name: str, place_of: tuple[Folders, str, str]) -> dict[str, str]:
    overwrite = form.fields.get("overwrite", "").lower() in _YES
    with disk_problems("upload"):
        kept = await asyncio.to_thread(place, partial, lambda each: _path(place_of, each), name, overwrite=overwrite)
    return {"name": kept, "subfolder": place_of[2], "type": place_of[1]}


async def _check(request: Request, partial: Path, name: str) -> None:
    """Let a worker decode what is a picture, or claims to be. Raises: UserError F010 for one that is unfit."""

    def suspected() -> bytes:
        with partial.open("rb") as file:
            head = file.read(64)
            claims = name.lower().endswith(_PICTURE_NAMES)
            if not (claims or sniff(head) in PICTURES or head.startswith(_OTHER_PICTURES)):
                return b""
            return head + file.read() or b"\0"  # an empty file that claims to be a picture is none

    blob = await asyncio.to_thread(suspected)
    if blob:
        await hub_of(request).call("check_picture", blob)


def _original(form: Form, folders: Folders) -> Path:
    reference: Any = parse_json(form.fields.get("original_ref", "").encode() or b"null")
    if not isinstance(reference, dict) or not isinstance(reference.get("filename"), str):
        raise bad_field("original_ref", 'JSON with "filename", "subfolder" and "type"', reference)
    kind, subfolder = reference.get("type", "output"), reference.get("subfolder", "")
    if not isinstance(kind, str) or not isinstance(subfolder, str):
        raise bad_field("original_ref", "texts", reference)
    return located(folders, reference["filename"], subfolder, kind)[0]
