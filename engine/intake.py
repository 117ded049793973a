"""Brings a file from anywhere on this machine into the input folder, for whoever runs a workflow here.

Only the command line and Python functions use it: what comes over the network or stands in a workflow never names a
path. Knows no graph.
"""

from __future__ import annotations

import shutil
from functools import partial
from hashlib import file_digest
from pathlib import Path

from .durable import replace_file
from .errors import UserError, brief
from .folders import Folders

__all__ = ["take"]

_DIGITS = 12  # of the SHA-256 in a copy's name: the same content is copied once


def take(folders: Folders, given: str | Path) -> str:
    """Return the name of an input file: `given` if it is one, else that of a copy of the file at this path.

    Raises UserError F001 when it is neither.
    """
    text = str(given)
    try:
        if folders.look("input", text) is not None:
            return text
    except UserError:
        pass  # an absolute path is no name of the folder
    path = Path(text).expanduser()
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        fix = "Name a file of the input folder, or a path."
        raise UserError("F001", "input file", "an existing file", brief(text), fix) from error
    name = f"given/{path.stem[:100]}-{digest[:_DIGITS]}{path.suffix}"
    if folders.look("input", name) is None:
        replace_file(folders.target("input", name), partial(shutil.copyfile, path))
    return name
