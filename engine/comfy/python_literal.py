"""Plain values as Python source: strict, printable, in double quotes, long texts over several lines.

What comes out means the same to Python as the value that went in. Knows no graph.
"""

from __future__ import annotations

import json
import math
from typing import Any

__all__ = ["MAX_BITS", "MAX_NESTING", "WIDTH", "spelled", "text_lines"]

WIDTH = 100  # columns of a script
MAX_NESTING = 64  # of lists and objects, as of the JSON form
MAX_BITS = 13_000  # of a whole number; Python itself refuses to write or read longer ones

_PIECE = WIDTH - 16  # characters of one piece of a long text
_ESCAPED = 0xFFFF  # the last character that "\u" can say


def spelled(value: Any, depth: int = 0) -> str:
    """Return the source of a value on one line. Raises ValueError, which says what would be expected."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise ValueError("a smaller number")
        return repr(int(value))
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else f'float("{value}")'
    if isinstance(value, str):
        return _quoted(value)
    if depth >= MAX_NESTING:
        raise ValueError(f"lists and objects at most {MAX_NESTING} deep")
    if isinstance(value, (list, tuple)):
        inner = ", ".join([spelled(item, depth + 1) for item in value])
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ValueError("objects whose names are texts")
        return f"{{{', '.join([f'{_quoted(name)}: {spelled(item, depth + 1)}' for name, item in value.items()])}}}"
    raise ValueError("plain data")


def text_lines(text: str) -> list[str]:
    """Return the source of a text: one line, or a bracket around its pieces, which Python joins."""
    if len(text) <= _PIECE and "\n" not in text[:-1]:
        return [_quoted(text)]
    pieces: list[str] = []
    for line in text.splitlines(keepends=True):
        begin = 0
        while len(line) - begin > _PIECE:
            cut = line.rfind(" ", begin, begin + _PIECE) + 1 or begin + _PIECE
            pieces.append(line[begin:cut])
            begin = cut
        pieces.append(line[begin:])
    return ["(", *(f"    {_quoted(piece)}" for piece in pieces), ")"]


def _quoted(text: str) -> str:
    """Return a text in double quotes; JSON's escapes are Python's too. What cannot be seen is escaped as well."""
    source = json.dumps(text, ensure_ascii=False)
    if source.isprintable():
        return source
    return "".join(letter if letter.isprintable() else _escaped(ord(letter)) for letter in source)


def _escaped(number: int) -> str:
    return f"\\u{number:04x}" if number <= _ESCAPED else f"\\U{number:08x}"
