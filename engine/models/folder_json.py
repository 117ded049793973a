"""The JSON files of a diffusers folder, and the error for a folder that is no checkpoint. No torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import UserError

__all__ = ["bad", "read_json"]


def read_json(path: Path) -> dict[str, Any]:
    """Return a configuration. Raises: UserError M009 when it is missing or no JSON object."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise bad(path.parent, path.name, "no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise bad(path.parent, f"JSON in {path.name}", type(error).__name__) from error
    if not isinstance(data, dict):
        raise bad(path.parent, f"an object in {path.name}", type(data).__name__)
    return data


def bad(path: Path, expected: str, got: str) -> UserError:
    """Return the error for a folder that is no checkpoint."""
    return UserError(
        "M009",
        where=f'folder "{path.name}"',
        expected=expected,
        got=got,
        fix="Check that the folder is complete.",
    )
