"""ComfyUI's binary websocket messages: previews with and without metadata, and text beside a node.

All numbers are unsigned 32-bit, big-endian; the first says what follows. Pure: bytes in, bytes out.
"""

from __future__ import annotations

from typing import Literal

from .frames import strict_json

__all__ = ["Format", "node_text", "preview_plain", "preview_with_metadata"]

Format = Literal["jpeg", "png"]

_PREVIEW, _TEXT, _PREVIEW_WITH_METADATA = 1, 3, 4
_FORMATS: dict[str, int] = {"jpeg": 1, "png": 2}


def preview_plain(picture: bytes, form: Format) -> bytes:
    """Return a preview for clients that announced nothing: kind 1, format, picture."""
    return _word(_PREVIEW) + _word(_FORMATS[form]) + picture


def preview_with_metadata(picture: bytes, form: Format, *, job: str, node: str, display: str, at: float) -> bytes:
    """Return a preview that says whose it is: kind 4, length, JSON, picture.

    at: when the node handed the picture over, in seconds since 1970.
    """
    about = strict_json(
        {
            "node_id": node,
            "prompt_id": job,
            "display_node_id": display,
            "parent_node_id": display if display != node else None,
            "real_node_id": display,
            "image_type": f"image/{form}",
            "at": round(at, 4),
        }
    ).encode()
    return _word(_PREVIEW_WITH_METADATA) + _word(len(about)) + about + picture


def node_text(node: str, text: str) -> bytes:
    """Return a line of text to be shown on a node: kind 3, length of the id, id, text."""
    name = node.encode(errors="replace")
    return _word(_TEXT) + _word(len(name)) + name + text.encode(errors="replace")


def _word(number: int) -> bytes:
    return number.to_bytes(4, "big")
