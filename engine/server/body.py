"""A request's JSON, read with caps that hold before anything is parsed, and parsed beside the event loop when long.

Bytes, values, depth, digits and text are bounded, so that no document costs more than its size suggests. Any content
type is taken: scripts send JSON as form data. Which sender may send what is `access`'s business.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from typing import Any

from starlette.requests import Request

from ..errors import UserError, brief

__all__ = [
    "DIGITS",
    "JSON_BYTES",
    "JSON_DEPTH",
    "JSON_VALUES",
    "check_document",
    "parse_json",
    "read_bytes",
    "read_json",
]

JSON_BYTES = 32 << 20
JSON_DEPTH = 64
JSON_VALUES = 1_000_000  # fifty for each node of the largest graph; the worst kind of them takes 250 MB
DIGITS = 40  # of a whole number
_ASIDE = 64 << 10  # bytes that parse in a millisecond; more are parsed in a thread
# Digits as "0", e and E as "e", all but them and "+" as blanks: ten times as fast to search as the text itself.
_NUMERALS = bytes(
    48 if code in b"0123456789" else 101 if code in b"eE" else 43 if code == 43 else 32 for code in range(256)
)
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # an escape that may be half of a surrogate pair
_REFUSE: Any = object()


async def read_json(request: Request, limit: int = JSON_BYTES, *, empty: Any = _REFUSE) -> Any:
    """Return the request's JSON document.

    limit: bytes. empty: what an empty body means; by default it is refused. Raises: UserError P101 (no JSON), P102
    (413: too many bytes), P103 (too deep, too many values), P104 (NaN, infinities, numbers of more than 40 digits).
    """
    data = await read_bytes(request, limit)
    if not data.strip():
        if empty is not _REFUSE:
            return empty
        raise _unfit("a JSON document", "an empty body")
    return parse_json(data) if len(data) <= _ASIDE else await asyncio.to_thread(parse_json, data)


async def read_bytes(request: Request, limit: int) -> bytes:
    """Return the whole body. Raises: UserError P102 as soon as it is known to be longer than `limit` bytes."""
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and (len(told) > 18 or int(told) > limit):
        raise _too_long(limit)
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > limit:
            raise _too_long(limit)
        body += chunk
    return bytes(body)


def parse_json(data: bytes) -> Any:
    """Parse strict JSON in UTF-8. Raises: UserError P101, P103, P104."""
    if data.count(b",") + data.count(b"[") + data.count(b"{") > JSON_VALUES:
        raise _too_many()
    try:
        text = data.decode("utf-8-sig")
        if _may_be_large(data):
            document = json.loads(text, parse_int=_whole, parse_float=_fraction, parse_constant=_constant)
        else:
            document = json.loads(text, parse_constant=_constant)
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError as error:
        raise _unfit("UTF-8", f"a byte that is none at {error.start}") from None
    except json.JSONDecodeError as error:
        raise _unfit("a JSON document", f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    _check(document, texts=_HALF.search(data) is not None)
    return document


def check_document(document: Any, where: str) -> None:
    """Hold data that was parsed elsewhere to the caps of a request's JSON. Raises: UserError P101, P103."""
    try:
        _check(document, texts=True)
    except UserError as error:
        raise UserError(error.code, where, error.expected, error.got, error.fix) from None


def _check(document: Any, *, texts: bool) -> None:
    """Refuse what is nested too deep and, where escapes could have made it, text that UTF-8 cannot hold."""
    level, depth, seen = [document], 0, 0
    while level:
        below: list[Any] = []
        deeper = False
        for value in level:
            kind = type(value)
            if kind is dict or kind is list:
                deeper = True
                below.extend(value.values() if kind is dict else value)
                if texts and kind is dict:
                    below.extend(value)
            elif texts and kind is str and not _encodes(value):
                raise _unfit("text of whole characters", f"half of a surrogate pair in {brief(value)}")
        if deeper and depth == JSON_DEPTH:
            raise _too_deep()
        seen += len(below)
        if seen > 2 * JSON_VALUES:  # names and values; of what was parsed elsewhere, and never counted before
            raise _too_many()
        level, depth = below, depth + 1


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _may_be_large(data: bytes) -> bool:
    """Tell whether some number may have too many digits or no float: only then must each be looked at."""
    numerals = data.translate(_NUMERALS)
    return b"0" * (DIGITS + 1) in numerals or b"e000" in numerals or b"e+000" in numerals


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > DIGITS:
        raise _number(f"a number of {len(text)} digits")
    return int(text)


def _fraction(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _number(brief(text, 40))
    return value


def _constant(text: str) -> Any:
    raise _number(text)


def _number(got: str) -> UserError:
    expected = f"finite numbers, whole ones of at most {DIGITS} digits"
    return UserError("P104", "request body", expected, got, "Send another number, or null.")


def _too_many() -> UserError:
    return UserError("P103", "request body", f"at most {JSON_VALUES} values", "more", "Send less at once.")


def _too_deep() -> UserError:
    return UserError("P103", "request body", f"at most {JSON_DEPTH} levels", "more", "Send a flatter document.")


def _unfit(expected: str, got: str) -> UserError:
    return UserError("P101", "request body", expected, got, "Send one JSON document in UTF-8.")


def _too_long(limit: int) -> UserError:
    return UserError("P102", "request body", f"at most {limit} bytes", "more", "Send less at once.")
