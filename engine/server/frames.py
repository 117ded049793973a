"""Websocket frames as bytes: made once, shared by every client that gets them, joined into one write.

A server's frames carry no mask, so the same bytes serve all. Source: RFC 6455, section 5.2. Also the strict JSON of
everything that is sent. Knows no socket and no message.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from .reply import without_nan

__all__ = ["binary_frame", "quote", "split", "strict_json", "text_frame"]

_TEXT, _BINARY = 0x81, 0x82  # final frame of one message each
_SHORT = struct.Struct(">BB")
_MEDIUM = struct.Struct(">BBH")
_LONG = struct.Struct(">BBQ")
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def text_frame(payload: bytes) -> bytes:
    """Return one text message, `payload` in UTF-8, as it goes over the wire."""
    return _header(_TEXT, len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    """Return one binary message as it goes over the wire."""
    return _header(_BINARY, len(payload)) + payload


def split(wire: bytes) -> Iterator[tuple[bool, bytes]]:
    """Yield (is text, payload) of each message in `wire`, which `text_frame` and `binary_frame` made."""
    place = 0
    while place < len(wire):
        kind, length = wire[place], wire[place + 1]
        place += 2
        if length == 126:
            length = int.from_bytes(wire[place : place + 2], "big")
            place += 2
        elif length == 127:
            length = int.from_bytes(wire[place : place + 8], "big")
            place += 8
        yield kind == _TEXT, wire[place : place + length]
        place += length


def strict_json(data: Any) -> str:
    """Return compact ASCII JSON that every parser reads: NaN and infinities become null."""
    try:
        return _ENCODER.encode(data)
    except ValueError:
        return _ENCODER.encode(without_nan(data))


@lru_cache(maxsize=8192)
def quote(text: str) -> str:
    """Return a short text, such as a node's id, as JSON; remembered, as the same ones come again and again."""
    return _ENCODER.encode(text)


def _header(kind: int, length: int) -> bytes:
    if length < 126:
        return _SHORT.pack(kind, length)
    if length < 1 << 16:
        return _MEDIUM.pack(kind, 126, length)
    return _LONG.pack(kind, 127, length)

