"""A multipart form read while it arrives: short text fields, and one file that goes straight to its place on the disk.

Parts, their heads and fields are bounded; what is too much is refused when it is seen, not after. Knows no route.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from ..errors import UserError
from .incoming import Incoming, disk_problems

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["Form", "read_form"]

MAX_PARTS = 16
FIELD_BYTES = 4 << 10
PART_HEADERS, PART_HEADER_BYTES = 8, 4 << 10
_AT_ONCE = 1 << 20  # bytes gathered before the disk is troubled


@dataclass(slots=True)
class Form:
    """What was read. `filename` is as the client sent it, None when there was no file."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None


async def read_form(request: Request, file_field: str, into: Callable[[], Incoming]) -> tuple[Form, Incoming | None]:
    """Read the whole form; the part `file_field` goes into the file that `into` makes, which the caller closes.

    Raises: UserError F022 (no fit form, too many or too long parts), F024 (disk full) and what the request raises.
    """
    boundary = parse_options_header(request.headers.get("content-type"))[1].get(b"boundary")
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data") or not boundary:
        raise _unfit("multipart/form-data with a boundary", "another content type")
    reading = _Reading(file_field)
    with ExitStack() as failed:  # what was begun is removed unless all of it came
        try:
            incoming = await _stream(request, boundary, reading, lambda: failed.enter_context(into()))
        except FormParserError as error:
            raise _unfit("a well-formed multipart body", str(error)[:80]) from None
        failed.pop_all()
    return reading.form, incoming


async def _stream(
    request: Request, boundary: bytes, reading: _Reading, begin: Callable[[], Incoming]
) -> Incoming | None:
    """Feed the parser; what it finds of the file is written as it comes, a mebibyte at once."""
    parser = MultipartParser(
        boundary, reading.callbacks(), max_header_count=PART_HEADERS, max_header_size=PART_HEADER_BYTES
    )  # fmt: skip
    incoming: Incoming | None = None
    async for chunk in request.stream():
        for start in range(0, len(chunk), _AT_ONCE):
            parser.write(chunk[start : start + _AT_ONCE])
            if incoming is None and reading.form.filename is not None:
                with disk_problems("upload"):
                    incoming = begin()
            if incoming is not None and len(reading.pending) >= _AT_ONCE:
                await _spill(incoming, reading)
    parser.finalize()
    if not reading.ended:
        raise _unfit("a form with an end", "one that stops before it")
    if incoming is not None:
        await _spill(incoming, reading)
    return incoming


async def _spill(incoming: Incoming, reading: _Reading) -> None:
    data, reading.pending = bytes(reading.pending), bytearray()
    with disk_problems("upload"):
        await asyncio.to_thread(incoming.write, data)


class _Reading:
    """The parser's callbacks: gathers fields into the form and the file's bytes into `pending`."""

    def __init__(self, file_field: str) -> None:
        self.form = Form()
        self.pending = bytearray()
        self.ended = False
        self._file_field = file_field
        self._parts = 0
        self._name, self._is_file = "", False
        self._head, self._value, self._disposition = bytearray(), bytearray(), b""
        self._text = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _unfit(f"at most {MAX_PARTS} parts", "more")
        self._disposition = b""
        self._text.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._head += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._head.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._head.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if b"name" not in options:
            raise _unfit("parts with a name", "one without")
        self._name = _text(options[b"name"])
        self._is_file = b"filename" in options
        if self._is_file and self._name == self._file_field:
            if self.form.filename is not None:
                raise _unfit("one file", "several")
            self.form.filename = _text(options[b"filename"])

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            if self._name != self._file_field:
                raise _unfit(f'one file, in the part "{self._file_field}"', "a file in another part")
            self.pending += data[start:end]
            return
        self._text += data[start:end]
        if len(self._text) > FIELD_BYTES:
            raise _unfit(f"fields of at most {FIELD_BYTES} bytes", "a longer one")

    def _end(self) -> None:
        if not self._is_file:
            self.form.fields[self._name] = _text(self._text)

    def _finish(self) -> None:
        self.ended = True


def _text(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _unfit("names and fields in UTF-8", "other bytes") from None


def _unfit(expected: str, got: str) -> UserError:
    return UserError("F022", "form", expected, got, "Send one multipart form with one file.")
