"""Who the server is to its clients: the addresses it answers to and whether a token is asked for.

Pure values and text; resolves no name. What follows from them for a request is `access`'s business.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import UserError, brief
from .token import checked

__all__ = ["Policy", "Site", "is_loopback", "parse_origin"]

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORT = {"http": 80, "https": 443}
_HOST = r"\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_-])?"
_AUTHORITY = re.compile(rf"({_HOST})(?::([0-9]{{1,5}}))?")
_ORIGIN = re.compile(r"(https?)://([^/?#@\\\s]+)")


class Site(NamedTuple):
    """An origin as browsers compare it: three parts, all of which must be equal."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What the gate goes by.

    host: the address listened on; "" and "0.0.0.0" are all of them. allowed_hosts: more names under which the server
    is reached, as "name", "name:port" or, behind a proxy that speaks TLS, "https://name". token: what is asked for;
    always off loopback, of everybody with `require_token`. Raises: UserError A010 (unfit token), A012 (none where one
    must be), A013 (unfit name).
    """

    host: str
    port: int
    allowed_hosts: tuple[str, ...] = ()
    token: str | None = None
    require_token: bool = False
    sites: frozenset[Site] = field(init=False)

    def __post_init__(self) -> None:
        if self.token is not None:
            checked(self.token, "token")
        elif self.require_token or not is_loopback(self.host):
            fix = "Leave --no-token out, or listen on 127.0.0.1."
            raise UserError("A012", "token", "a token wherever others reach the server", "none", fix)
        own = {Site("http", name, self.port) for name in LOOPBACK_NAMES}
        if self.host and not self.wildcard:
            own.add(Site("http", _bracketed(self.host), self.port))
        own |= {self._named(name) for name in self.allowed_hosts}
        object.__setattr__(self, "sites", frozenset(own))

    @property
    def wildcard(self) -> bool:
        """Whether every address of the machine is listened on."""
        return self.host in ("", "*", "0.0.0.0", "::", "[::]")

    @property
    def asks_everybody(self) -> bool:
        """Whether every request needs the token, scripts of this machine as well."""
        return self.require_token or not is_loopback(self.host)

    @property
    def cookie(self) -> str:
        """The cookie's name; with the port in it, since browsers share cookies between the ports of a host."""
        return f"latentloom-{self.port}"

    def answers_to(self, authority: str) -> frozenset[Site]:
        """Return the own sites that a Host header of this text may mean; none: the request was meant for another.

        Where every address is listened on, any literal address counts: only names can be bound anew to another machine.
        """
        match = _AUTHORITY.fullmatch(authority)
        if match is None:
            return frozenset()
        host, port = match[1].lower(), int(match[2]) if match[2] else None
        found = {site for site in self.sites if site.host == host and (port or _DEFAULT_PORT[site.scheme]) == site.port}
        if self.wildcard and (port or _DEFAULT_PORT["http"]) == self.port and _address(host) is not None:
            found.add(Site("http", host, self.port))
        return frozenset(found)

    def _named(self, name: str) -> Site:
        scheme, separator, authority = name.strip().partition("://")
        if not separator:
            scheme, authority = "http", name.strip()
        match = _AUTHORITY.fullmatch(authority)
        if match is None or scheme not in _DEFAULT_PORT:
            raise UserError("A013", "allowed host", "name, name:port or https://name", brief(name), "Mend the name.")
        fallback = _DEFAULT_PORT[scheme] if separator else self.port
        return Site(scheme, match[1].lower(), int(match[2]) if match[2] else fallback)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches `host`; a name other than localhost may be anything."""
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def parse_origin(text: str) -> Site | None:
    """Return the three parts of an Origin header; None for "null" and whatever is no http origin."""
    match = _ORIGIN.fullmatch(text)
    authority = match and _AUTHORITY.fullmatch(match[2])
    if not match or not authority:
        return None
    return Site(match[1], authority[1].lower(), int(authority[2]) if authority[2] else _DEFAULT_PORT[match[1]])


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host.lower()}]" if ":" in host and not host.startswith("[") else host.lower()
