"""The server's token: made once, kept in a file only its owner reads, compared in constant time, kept out of logs.

Who must show it, and when, is `access`'s business. Knows nothing of HTTP.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
from pathlib import Path

from ..errors import UserError, brief

__all__ = ["Redact", "cookie_value", "load_or_make_token", "redacted", "same"]

TOKEN_BYTES = 32  # 256 bits, as many as a session key of TLS
SHORTEST = 16  # characters of a token that somebody wrote into the file by hand
_FITS = re.compile(r"[A-Za-z0-9._~+/=-]+")  # what an Authorization header and a query carry unescaped
_QUERY = re.compile(r"(?i)\b(token(?:=|%3d))[^&\s\"'#;<>]+")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]+")


def load_or_make_token(folder: Path) -> str:
    """Return the token kept in `folder`, made at the first call: 256 random bits, a file of mode 0600.

    folder: must be one that no route serves. Raises: UserError A010 for a token that is too short or cannot be sent,
    A011 for a file that can be neither read nor made.
    """
    path = folder / "token"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise _unreadable(error) from error
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    return token


def _read(path: Path) -> str:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(0o600)  # made by hand or copied: nobody else needs it
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error) from error
    return checked(token, f'file "{path.name}"')


def checked(token: str, where: str) -> str:
    """Return `token`. Raises UserError A010 when it is too short or has characters that no header carries."""
    if len(token) < SHORTEST or not _FITS.fullmatch(token):
        expected = f"at least {SHORTEST} letters, digits and -._~+/="
        raise UserError("A010", where, expected, f"{len(token)} characters", "Delete the file, or name a longer token.")
    return token


def same(given: str, token: str) -> bool:
    """Compare in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


def cookie_value(token: str) -> str:
    """Return what a browser keeps instead of the token, so that a copied cookie does not tell the token itself."""
    return hmac.new(token.encode(), b"latentloom cookie", hashlib.sha256).hexdigest()


def redacted(text: str, token: str | None = None) -> str:
    """Return `text` with `token`, its cookie, and whatever stands after "token=" or "Bearer " blotted out."""
    for secret in (token, cookie_value(token)) if token else ():
        text = text.replace(secret, "[token]")
    return _BEARER.sub(r"\1[token]", _QUERY.sub(r"\1[token]", text))


class Redact(logging.Filter):
    """Blots tokens out of every record it sees: message, arguments, extra fields and the text of tracebacks."""

    def __init__(self, token: str | None) -> None:
        super().__init__()
        self._token = token

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; always True."""
        record.msg, record.args = redacted(record.getMessage(), self._token), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text, self._token)
        for name, value in vars(record).items():
            if isinstance(value, str) and name not in ("msg", "exc_text"):
                setattr(record, name, redacted(value, self._token))
        return True


def _unreadable(error: Exception) -> UserError:
    return UserError("A011", "token", "a file that can be read or made", brief(str(error)), "Check the data folder.")
