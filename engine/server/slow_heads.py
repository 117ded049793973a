"""uvicorn's HTTP protocol with a deadline for the head of a request: nobody holds a connection with half of one.

A pause between requests is uvicorn's `timeout_keep_alive`, one inside a body `limits.IDLE_SECONDS`. Pass the class as
uvicorn's `http`, with `h11_max_incomplete_event_size` twice `limits.HEAD_BYTES`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEAD_SECONDS", "PatientProtocol"]

HEAD_SECONDS = 10.0


class PatientProtocol(H11Protocol):
    """Closes a connection whose first head, or any head that has begun, is not whole within `HEAD_SECONDS`."""

    head_seconds = HEAD_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.head_seconds, self._too_late)

    def data_received(self, data: bytes) -> None:
        """Take bytes; stop the clock while there is a whole head, start it when another has begun."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Go on; the next head may have begun already."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Stop the clock: from here on the websocket's own deadlines count."""
        self._stop()
        super().handle_websocket_upgrade(event)
        self._upgraded = True

    _upgraded = False

    def _watch(self) -> None:
        waits = not self._upgraded and self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if not waits:
            self._stop()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self._too_late)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self, *_: Any) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
