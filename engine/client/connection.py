"""One server's HTTP and websockets for a client: every answer is data or an error of ours, every hiccup is tried again.

A request that may have been heard is sent again only if twice is once: reading, and what carries an idempotency key.
Knows no job.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2 as httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from ..errors import UserError
from .address import Address
from .answers import read_answer, refusal

__all__ = ["Connection", "Lost", "Refused"]

_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 2.0)  # seconds before the next try; the last one again and again
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_LARGEST_MESSAGE = 64 << 20  # bytes; a batch of events or a whole picture
_TEMPORARY = frozenset((502, 503, 504))  # a server, or a proxy before it, that will be back


class Lost(Exception):
    """The websocket broke off; what comes next can be asked for again."""


class Refused(Exception):
    """The server, or something before it, answers no websocket at this address."""


class Connection:
    """Opens what it needs when first asked. patience: seconds to wait for a server that has answered before."""

    def __init__(self, address: Address, patience: float) -> None:
        self.address = address
        self.newest = 0  # number of the newest event heard of
        self._patience = patience
        self._answered = False
        self._http = httpx.AsyncClient(
            base_url=address.base, headers=address.headers, timeout=_TIMEOUT, trust_env=not address.near
        )

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
        repeat: bool | None = None,
        accept: tuple[int, ...] = (),
    ) -> dict[str, Any]:
        """Send a request and return the JSON object of its answer.

        repeat: whether it may be sent twice; by default only reading may. accept: statuses that are no errors either.
        Raises UserError P102 (no answer), P103 (not ours), and whatever the server reports.
        """
        again = method == "GET" if repeat is None else repeat
        request = self._http.build_request(method, path, json=body, params=dict(query) if query else None)
        asked = f"{method} {path}"
        begun, tries = time.monotonic(), 0
        while True:
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            late = time.monotonic() - begun + pause > self._patience
            tries += 1
            try:
                answer = await self._http.send(request)
            except httpx.TransportError as error:
                # A connection that was never made was not heard, so the request may go again whatever it is.
                heard = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
                if late or (not again and heard) or not (self._answered or heard):
                    raise self._silent(asked, error) from error
            else:
                self._answered = True
                if answer.is_success or answer.status_code in accept:
                    return read_answer(asked, answer.content)
                if late or method != "GET" or answer.status_code not in _TEMPORARY:
                    raise refusal(asked, answer.status_code, answer.content)
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def download(self, path: str, query: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a file of the server and give its bytes in pieces. Raises as `ask`."""
        try:
            async with self._http.stream("GET", path, params=dict(query)) as answer:
                if not answer.is_success:
                    raise refusal(f"GET {path}", answer.status_code, await answer.aread())
                yield answer.aiter_bytes()
        except httpx.TransportError as error:
            raise self._silent(f"GET {path}", error) from error

    @asynccontextmanager
    async def listen(self, path: str, **query: str | int) -> AsyncIterator[ClientConnection]:
        """Open a websocket. Raises Lost or Refused; inside, what breaks off is Lost too."""
        url = self.address.socket(path, **query)
        proxy: Literal[True] | None = None if self.address.near else True
        try:
            async with connect(
                url, additional_headers=self.address.headers, proxy=proxy, max_size=_LARGEST_MESSAGE, close_timeout=1
            ) as socket:
                yield socket
        except InvalidStatus as error:
            if error.response.status_code in _TEMPORARY:
                raise Lost from error
            raise Refused from error
        except (InvalidHandshake, ValueError) as error:
            raise Refused from error
        except (ConnectionClosed, OSError, TimeoutError) as error:
            raise Lost from error

    async def close(self) -> None:
        """Close what is open."""
        await self._http.aclose()

    def _silent(self, asked: str, error: Exception) -> UserError:
        reason = f"{type(error).__name__} {error}".strip()
        fix = f"Start it with `latentloom serve`, or check the address {self.address.base}."
        return UserError("P102", asked, "a server that answers", reason, fix)
