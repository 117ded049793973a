"""What uvicorn's websocket protocol lacks: ready-made frames in one write, and a way to cut off a peer that is stuck.

Offered to the application as ASGI extensions: a send whose message has FRAMES writes those bytes as they are; ABORT in
the scope's extensions is a function that drops the connection and what it still buffers. Knows no message.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

__all__ = ["ABORT", "FRAMES", "LoomSocket"]

FRAMES = "latentloom.frames"
ABORT = "latentloom.abort"

# A write waits while more than this is unsent: uvicorn asks before each write, so one more message can follow.
HIGH_BYTES, LOW_BYTES = 64 << 10, 16 << 10
# Else the kernel would take some 4 MiB for a client that reads nothing, and hide for long that it does not.
KERNEL_BYTES = 256 << 10


class LoomSocket(WebSocketsSansIOProtocol):
    """For `uvicorn.Config(ws=LoomSocket)`."""

    close_seconds = 10.0  # that a peer has to read what was written before it is cut off

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound what is buffered for the peer."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(HIGH_BYTES, LOW_BYTES)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)

    def handle_connect(self, event: Request) -> None:
        """Tell the application, which starts in the loop's next turn, of the extensions."""
        super().handle_connect(event)
        if hasattr(self, "scope"):  # it has none when the handshake was refused
            extensions = cast(dict[str, Any], self.scope["extensions"])
            extensions[FRAMES] = {}
            extensions[ABORT] = self.transport.abort

    async def send(self, message: ASGISendEvent) -> None:
        """Write FRAMES, waiting as for any message; leave the rest to uvicorn. Raises ClientDisconnected."""
        frames = cast(dict[str, Any], message).get(FRAMES)
        if frames is None:
            await super().send(message)
            if message["type"] == "websocket.close":
                self._abort_later()
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.conn.state is not State.OPEN or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(frames)

    def keepalive_timeout(self) -> None:
        """Close; a peer that answers no ping will not read the closing either."""
        super().keepalive_timeout()
        self._abort_later()

    def _abort_later(self) -> None:
        """Closing waits until all is written, for ever if nobody reads; nothing happens if it is closed by then."""
        self.loop.call_later(self.close_seconds, self.transport.abort)
