"""Caps that hold before anything is parsed: the head of a request, the bytes of its body, and the pauses in it.

A body is counted while it streams; compressed ones are refused and never inflated. After a refusal the rest is read
for a moment and thrown away, so that the sender gets to read the answer. Knows paths only by which may carry files.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from ..errors import UserError, brief

__all__ = ["BODY_BYTES", "FILE_BYTES", "HEAD_BYTES", "OPEN_BYTES", "Exchange", "body_limit", "check_head"]

BODY_BYTES = 32 << 20
FILE_BYTES = 100 << 20  # ComfyUI's cap for uploads
OPEN_BYTES = 64 << 20  # of a picture or film that carries a workflow
FORM_BYTES = 128 << 10  # what a form has around its file: 16 parts with their heads
HEAD_BYTES = 16 << 10
HEADER_COUNT = 100
ADDRESS_BYTES = 8 << 10
IDLE_SECONDS = 30.0  # without a byte of an unfinished body
LINGER_SECONDS, LINGER_BYTES = 2.0, 8 << 20
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FILES = ("/upload/", "/userdata/")
_OPEN = "/api/loom/open"


def body_limit(path: str) -> int:
    """Return how many bytes a request to `path` may carry."""
    if path == _OPEN:
        return OPEN_BYTES
    return FILE_BYTES + FORM_BYTES if path.removeprefix("/api").startswith(_FILES) else BODY_BYTES


def check_head(scope: Scope, headers: Headers) -> None:
    """Raise UserError P110 (unfit), P111 (414), P112 (431), P113 (415, compressed), P405 for a head beyond the caps."""
    raw: list[tuple[bytes, bytes]] = scope["headers"]
    size = sum(len(name) + len(value) + 4 for name, value in raw)
    if len(raw) > HEADER_COUNT or size > HEAD_BYTES:
        expected = f"at most {HEADER_COUNT} headers of {HEAD_BYTES} bytes together"
        raise UserError("P112", "headers", expected, f"{len(raw)} of {size} bytes", "Send fewer.")
    path: str = scope["path"]
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > ADDRESS_BYTES:
        raise UserError("P111", "address", f"at most {ADDRESS_BYTES} bytes", "more", "Send it as a body.")
    if not path.startswith("/") or path.startswith(("//", "/\\")) or _CONTROL.search(path):
        raise UserError("P110", "address", "a path of printable characters", brief(path), "Mend the address.")
    if scope["type"] == "http":
        if scope["method"] not in METHODS:
            raise UserError("P405", "method", ", ".join(METHODS), brief(scope["method"]), "Use another method.")
        lengths = headers.getlist("content-length")
        if len(lengths) > 1 or (lengths and "transfer-encoding" in headers):
            raise UserError("P110", "body", "one length", "several", "Send Content-Length or chunks, not both.")
        coding = headers.get("content-encoding", "identity")
        if coding.strip().lower() not in ("", "identity"):
            raise UserError("P113", "body", "bytes as they are", f"encoding {brief(coding)}", "Send it uncompressed.")


class Exchange:
    """One HTTP request and its answer: meters what is received, and ends well when the answer comes before the body.

    `receive` raises UserError P102 (too many bytes), P115 (nothing came for `IDLE_SECONDS`) or P116 (the sender left).
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, idle_seconds: float = IDLE_SECONDS) -> None:
        self.started = False
        self._receive, self._send, self._idle = receive, send, idle_seconds
        self._limit = body_limit(scope["path"])
        self._seen = 0
        headers = Headers(scope=scope)
        told = headers.get("content-length", "0")
        self._told = int(told) if told.isdecimal() and len(told) < 19 else 1 << 60
        self._open = self._told > 0 or "transfer-encoding" in headers
        self._refused = False

    def check_body(self) -> None:
        """Raise UserError P102 when the head already tells of too long a body."""
        if self._told > self._limit:
            raise self._too_long()

    async def receive(self) -> Message:
        """Return the next message of the server. Raises as the class says."""
        if not self._open:
            return await self._receive()  # a wait for the client to leave may take long
        try:
            async with asyncio.timeout(self._idle):
                message = await self._receive()
        except TimeoutError:
            got = f"nothing for {self._idle:g} s"
            raise UserError("P115", "body", "a body that keeps coming", got, "Send it again.") from None
        if message["type"] == "http.disconnect" and not self.started:
            # Not Starlette's own exception for it, which would be logged as a bug of ours.
            raise UserError("P116", "body", "a whole body", "a connection that ended", "Send it again.")
        self._count(message)
        if self._seen > self._limit:
            raise self._too_long()
        return message

    async def send(self, message: Message) -> None:
        """Pass on a message of the answer; the last one of a refusal waits for the sender to finish."""
        if message["type"] == "http.response.start":
            self.started = True
            self._refused = message["status"] >= 400 and self._open
            if self._refused:
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        elif self._refused and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _linger(self) -> None:
        """Read on for a moment: closing at once would reset the connection and lose the answer on its way."""
        until = self._seen + LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while self._open and self._seen < until:
                    self._count(await self._receive())
        except TimeoutError:
            return

    def _count(self, message: dict[str, Any] | Message) -> None:
        self._seen += len(message.get("body", b""))
        self._open = message["type"] == "http.request" and message.get("more_body", False)

    def _too_long(self) -> UserError:
        return UserError("P102", "body", f"at most {self._limit} bytes", "more", "Send less at once.")
