"""JSON replies that are always strict JSON, whatever a node or a trainer reported.

A loss may be NaN and a file name may hold half of a surrogate pair; neither may turn an answer into a failure.
NaN and the infinities become null, since JSON has no word for them. Knows nothing of jobs or routes.
"""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.responses import JSONResponse

__all__ = ["Reply", "dumps", "without_nan"]


class Reply(JSONResponse):
    """A JSON response in ASCII, so that no text can fail to encode."""

    def render(self, content: Any) -> bytes:
        """Return `content` as JSON."""
        return dumps(content)


def dumps(content: Any) -> bytes:
    """Return `content` as strict JSON text in ASCII; NaN and infinities as null. Keys must be texts or numbers."""
    try:
        text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    except ValueError:  # only NaN: what is answered was read from JSON, so it has no cycles
        text = json.dumps(without_nan(content), allow_nan=False, separators=(",", ":"))
    return text.encode("ascii")


def without_nan(value: Any) -> Any:
    """Return a copy of plain data with every number that is not finite replaced by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value
