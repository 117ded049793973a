"""Files that a job made, brought here: each whole or not at all, never over another file.

A file that is here already, byte for byte, is not written again. Names come from the server and become paths only
through `folders.safe_name`. Knows no job.
"""

from __future__ import annotations

import filecmp
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..durable import flush_folder
from ..errors import UserError, brief
from ..folders import safe_name
from .connection import Connection

__all__ = ["download", "files_of"]

KINDS = ("output", "temp", "input")
_NAMES = 10_000  # tries for a free name, before something else must be wrong


def files_of(outputs: Mapping[str, Mapping[str, Any]], kinds: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield what of a job's outputs is a file of one of `kinds` ("output", "temp", "input"), with "node" and "kind"."""
    for node, found in outputs.items():
        for kind, items in found.items():
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict) and isinstance(item.get("filename"), str) and item.get("type") in kinds:
                    yield {"node": node, "kind": kind, **item}


async def download(connection: Connection, item: Mapping[str, Any], folder: Path) -> Path:
    """Bring one file into `folder`, below its sub-folder, and return where it is.

    Raises: UserError F002 (the name leads out of the folder), F004 (cannot be written), and as `Connection.ask`.
    """
    filename, below = str(item["filename"]), str(item.get("subfolder") or "")
    target = folder.resolve() / safe_name(f"{below}/{filename}" if below else filename)
    query = {"filename": filename, "subfolder": below, "type": str(item.get("type") or "output")}
    partial = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(folder.resolve()):  # a link inside it leads out
            raise UserError("F002", "file from the server", "a path inside the folder", brief(str(target)), "Move it.")
        async with connection.download("/view", query) as pieces:
            with partial.open("xb") as file:
                async for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        return _put(partial, target)
    except OSError as error:
        got = error.strerror or str(error)
        raise UserError("F004", f'folder "{folder}"', "a folder that can be written", got, "Choose another.") from error
    finally:
        partial.unlink(missing_ok=True)


def _put(partial: Path, target: Path) -> Path:
    """Give the file its name, or the next free one when another file has it."""
    for number in range(1, _NAMES):
        place = target if number == 1 else target.with_name(f"{target.stem}-{number}{target.suffix}")
        try:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # claims the name on every file system
        except FileExistsError:
            if place.is_file() and filecmp.cmp(partial, place, shallow=False):
                return place
            continue
        os.replace(partial, place)
        flush_folder(place.parent)
        return place
    raise OSError(f"no free name for {target.name}")
