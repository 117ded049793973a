"""Frames between the server and a worker: a JSON object, and bytes beside it where there are some.

A frame is the length of the JSON in 4 bytes, the JSON, the rest. Nothing that is not JSON is ever executed or
unpickled; what a node reported and JSON cannot hold becomes text. Knows nothing of what messages mean.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

from ..errors import EngineBug, brief

__all__ = ["decode", "encode", "frame", "plain"]

_LENGTH = struct.Struct(">I")
_DEEPEST = 64
_DIGITS = 4000  # Python refuses to write or read integers of more than 4300
_write = json.JSONEncoder(separators=(",", ":"), check_circular=True, default=lambda value: plain(value)).encode


def encode(message: dict[str, Any], blob: bytes = b"") -> bytes:
    """Return the frame of `message` and `blob`. Never fails: values that JSON does not know become text."""
    try:
        text = _write(message)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, cycles, integers of thousands of digits
        text = _write(plain(message))
    return frame(text.encode("ascii"), blob)


def frame(text: bytes, blob: bytes = b"") -> bytes:
    """Return the frame of a JSON object that is already written."""
    return b"".join((_LENGTH.pack(len(text)), text, blob))


def decode(data: bytes | memoryview) -> tuple[dict[str, Any], memoryview]:
    """Return the message of a frame and the bytes beside it, not copied. Raises EngineBug W020."""
    view = memoryview(data)
    try:
        (length,) = _LENGTH.unpack_from(view)
        end = _LENGTH.size + length
        if end > len(view):
            raise ValueError(f"{length} bytes of text in a frame of {len(view)}")
        message = json.loads(bytes(view[_LENGTH.size : end]))
        if not isinstance(message, dict):
            raise ValueError(f"{type(message).__name__} instead of an object")
    except (ValueError, struct.error, RecursionError) as error:
        raise EngineBug("W020", "wire", "a frame", str(error), "Report it to us.") from error
    return message, view[end:]


def plain(value: Any, depth: int = 0) -> Any:
    """Return `value` as data that JSON can hold: numbers of other libraries as numbers, the rest as short text."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() * math.log10(2) < _DIGITS else f"integer of {value.bit_length()} bits"
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (dict, list, tuple)):
        if depth >= _DEEPEST:
            return "…"
        if isinstance(value, dict):
            return {str(plain(key, depth + 1)): plain(item, depth + 1) for key, item in value.items()}
        return [plain(item, depth + 1) for item in value]
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():  # a number of NumPy or torch
        return plain(item(), depth + 1)
    return brief(value)
