"""Serving one websocket: a task that writes what its session holds, one that hears the client, and an orderly end.

A write that does not get through in time cuts the connection. Knows no message and no other client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from ..errors import UserError
from .frames import split
from .reply import Reply
from .session import TRY_AGAIN_LATER, Session
from .socket_transport import ABORT, FRAMES

__all__ = ["refuse", "serve"]

CLOSE_SECONDS = 1.0


async def serve(
    websocket: WebSocket,
    session: Session,
    *,
    hear: Callable[[str | bytes], None],
    refill: Callable[[], None],
    rest: Callable[[], float],
    write_seconds: float,
) -> None:
    """Serve an accepted socket until either side closes it.

    hear: takes each message of the client. refill: called when the session may need more from elsewhere. rest: seconds
    to leave a client alone after a write, so that many clients cost few writes.
    """
    ready = asyncio.Event()
    ready.set()
    session.wake = ready.set
    tasks = {
        asyncio.create_task(_write(websocket, session, ready, refill, rest, write_seconds)),
        asyncio.create_task(_hear(websocket, session, hear)),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        session.wake = lambda: None
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        if session.close_code is not None:
            await _close(websocket, session.close_code, session.closed_reason or "")
    for error in ended:
        if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
            raise error


async def refuse(websocket: WebSocket, code: int, error: UserError) -> None:
    """Answer the handshake with an HTTP status and the error's record."""
    await websocket.send_denial_response(Reply({"error": error.as_dict()}, code))


async def _write(
    websocket: WebSocket,
    session: Session,
    ready: asyncio.Event,
    refill: Callable[[], None],
    rest: Callable[[], float],
    write_seconds: float,
) -> None:
    loop = asyncio.get_running_loop()
    joined = FRAMES in websocket.scope.get("extensions", {})
    while session.close_code is None:
        refill()
        data = session.take(loop.time())
        if data is None:
            ready.clear()
            due = session.due(loop.time())
            timer = None if due is None else loop.call_later(due, ready.set)
            try:
                await ready.wait()
            finally:
                if timer is not None:
                    timer.cancel()
            continue
        try:
            async with asyncio.timeout(write_seconds):
                await _send(websocket, data, joined)
        except TimeoutError:
            session.close(TRY_AGAIN_LATER, f"nothing was read for {write_seconds:g} s")
            return
        except (WebSocketDisconnect, WebSocketDisconnected):
            return
        pause = rest()
        if pause:
            await asyncio.sleep(pause)


async def _send(websocket: WebSocket, data: bytes, joined: bool) -> None:
    if joined:
        await websocket.send({"type": "websocket.send", FRAMES: data})
        return
    for is_text, payload in split(data):  # under another server than ours
        if is_text:
            await websocket.send_text(payload.decode())
        else:
            await websocket.send_bytes(payload)


async def _hear(websocket: WebSocket, session: Session, hear: Callable[[str | bytes], None]) -> None:
    while session.close_code is None:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        hear(text if text is not None else message.get("bytes") or b"")


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    """Say goodbye; a peer that does not take even that is cut off."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await websocket.close(code, reason[:120])
    except TimeoutError:
        abort = websocket.scope.get("extensions", {}).get(ABORT)
        if abort is not None:
            abort()
    except (WebSocketDisconnect, WebSocketDisconnected):
        return  # it left by itself
