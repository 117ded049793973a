"""Where a server is and how it is asked: base address, token, whether proxies apply. Knows no request."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

from ..errors import UserError, brief

__all__ = ["Address"]

_SOCKETS = {"http": "ws", "https": "wss"}


@dataclass(frozen=True, slots=True)
class Address:
    """`base`: scheme, host, port and path before `/api`, without a slash at the end."""

    base: str
    token: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, url: str, token: str | None = None) -> Address:
        """Read "http://host:port", "host:port", or the launch address with its token. Raises UserError P101."""
        text = url if "://" in url else f"http://{url}"
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme not in _SOCKETS or not host or port == 0 or parts.username is not None:
            example = "Write it as http://127.0.0.1:8188."
            raise UserError("P101", "server", "an http or https address", brief(url), example)
        in_query = parse_qs(parts.query).get("token", [None])[0]
        return cls(urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")), token or in_query)

    @property
    def headers(self) -> dict[str, str]:
        """Return what every request carries. Raises UserError P101 for a token that no header can hold."""
        if self.token is None:
            return {}
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise UserError("P101", "token", "printable ASCII without spaces", "another", "Copy the token anew.")
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def near(self) -> bool:
        """Whether the server is on this machine, where no proxy may stand between."""
        host = urlsplit(self.base).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def socket(self, path: str, **query: str | int) -> str:
        """Return the websocket address of `path`."""
        scheme, rest = self.base.split(":", 1)
        return f"{_SOCKETS[scheme]}:{rest}{path}?{urlencode(query)}"

    @staticmethod
    def part(name: str) -> str:
        """Return `name` as one part of a path, whatever it holds."""
        return quote(name, safe="")
