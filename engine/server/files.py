"""How a file is served: by what is in it, never by its name, and so that no file can act as a page of ours.

Pictures, films and sounds on the allow-list are shown; everything else is a download without a type. Every answer
forbids guessing and scripts. Whoever calls has made the path with `Folders`. Knows no route.
"""

from __future__ import annotations

import stat
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ..errors import UserError, brief

__all__ = ["PICTURES", "absent", "file_response", "media_type", "sealed", "sniff"]

SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'self'"
UNKNOWN = "application/octet-stream"
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")
_HEAD_BYTES = 64
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}


def sniff(head: bytes) -> str | None:
    """Return the media type that the first 64 bytes prove, of those on the allow-list; None for everything else."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp" and head[8:12].isalnum() and head[8:12] not in (b"avif", b"heic", b"heix", b"mif1"):
        return "video/mp4"
    if head[:4] == b"\x1aE\xdf\xa3" and b"webm" in head:
        return "video/webm"
    if len(head) > 3 and head[0] == 0xFF and head[1] in (0xFA, 0xFB, 0xF2, 0xF3) and head[2] >> 4 not in (0, 15):
        return "audio/mpeg"
    return None


def media_type(path: Path) -> str:
    """Return the type a file is served with. Raises: OSError."""
    with path.open("rb") as file:
        return sniff(file.read(_HEAD_BYTES)) or UNKNOWN


def file_response(request: Request, path: Path, name: str, *, json: bool = False) -> Response:
    """Return the file, in whole, in ranges or as "not modified", under the name `name`. Blocks; call it in a thread.

    json: a ".json" file may say that it is JSON, for clients that insist. Raises: UserError F001 for what is no file.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise absent(name)
        kind = media_type(path)
    except OSError:
        raise absent(name) from None
    if json and kind == UNKNOWN and path.suffix.lower() == ".json":
        kind = "application/json"
    shown = kind.partition("/")[0] in ("image", "video", "audio")
    answer = FileResponse(
        path,
        media_type=kind,
        stat_result=status,
        filename=name.rpartition("/")[2],
        content_disposition_type="inline" if shown else "attachment",
        headers={"Content-Security-Policy": SANDBOX, "Cache-Control": "private, no-cache"},
    )
    if answer.headers["etag"] in _tags(request):
        keep = ("etag", "cache-control", "content-security-policy", "last-modified")
        return Response(status_code=304, headers={name: answer.headers[name] for name in keep})
    return answer


def sealed(data: bytes, name: str) -> Response:
    """Return a picture that a worker made, under the same rules as a file."""
    kind = sniff(data[:_HEAD_BYTES]) or UNKNOWN
    plain = name.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "/")
    shown = "inline" if kind in PICTURES else "attachment"
    headers = {
        "Content-Security-Policy": SANDBOX,
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'{shown}; filename="{plain}"',
    }
    return Response(data, media_type=kind, headers=headers)


def absent(name: str) -> UserError:
    """Return F001 for a file that is not there."""
    return UserError("F001", "files", "an existing file", brief(name), "Check the name, the type and the subfolder.")


def _tags(request: Request) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
