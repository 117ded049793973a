"""Answers that are compressed for clients that take it, once for each content, and told apart by an ETag.

Keeps what it compressed for as long as the content is the same. Knows no route and what no content means.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["Content", "accepted", "is_known", "packed", "respond"]

_LEAST = 1024  # bytes below which compressing gains nothing
_LEVEL = 6
_CODING = re.compile(r"\s*([\w*-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


class Content(NamedTuple):
    """Bytes to be answered, their ETag, and the same bytes compressed (None where that gains nothing)."""

    data: bytes
    tag: str
    gzipped: bytes | None


def packed(data: bytes) -> Content:
    """Return the content; takes some 30 ms for a megabyte, so call it in a thread."""
    small = gzip.compress(data, _LEVEL, mtime=0) if len(data) >= _LEAST else None
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    return Content(data, tag, small if small is not None and len(small) < len(data) else None)


def respond(request: Request, content: Content, kind: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer the content as the client takes it, or 304 when it has it already."""
    told = {"ETag": content.tag, "Vary": "Accept-Encoding", "Cache-Control": "private, no-cache", **(headers or {})}
    if is_known(request, content.tag):
        return Response(status_code=304, headers=told)
    if content.gzipped is not None and "gzip" in accepted(request):
        return Response(content.gzipped, media_type=kind, headers={**told, "Content-Encoding": "gzip"})
    return Response(content.data, media_type=kind, headers=told)


def accepted(request: Request) -> frozenset[str]:
    """Return which of "br" and "gzip" the client takes."""
    given: dict[str, bool] = {}
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        match = _CODING.fullmatch(part)
        if match is not None:
            given[match[1]] = match[2] is None or float(match[2]) > 0
    return frozenset(name for name in ("br", "gzip") if given.get(name, given.get("*", False)))


def is_known(request: Request, tag: str) -> bool:
    """Tell whether the client says that it has the content of this ETag."""
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return tag in given or "*" in given
