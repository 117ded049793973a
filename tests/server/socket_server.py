"""Only the websocket part of the server, on a free port in a thread, for tests that play its clients."""

import asyncio
import json
import threading
import time

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.sync.client import connect

from latentloom.engine.run.events import as_dict
from latentloom.engine.server.journal import Journal
from latentloom.engine.server.sessions import Sessions
from latentloom.engine.server.socket_transport import LoomSocket


class Live:
    """A server in a thread; `do` calls a function on its loop."""

    def __init__(self, journal: Journal | None = None, transport: type[LoomSocket] = LoomSocket, **options):
        self.running = {}
        self.previews = []
        self.journal = journal or Journal(1)
        self.sessions = Sessions(
            self.journal, current=self.running.get, queue_remaining=lambda: 5,
            on_subscribers_changed=self.previews.append, **options,
        )  # fmt: skip
        routes = [
            WebSocketRoute("/ws", self.sessions.comfy_socket), WebSocketRoute("/loom", self.sessions.loom_socket),
        ]  # fmt: skip
        config = uvicorn.Config(
            Starlette(routes=routes), port=0, log_level="error", lifespan="off", ws=transport, ws_max_size=1 << 20,
            ws_per_message_deflate=False,
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    async def _on_loop(self, work):
        return work()

    def do(self, work):
        loop = self.server.servers[0].get_loop()
        return asyncio.run_coroutine_threadsafe(self._on_loop(work), loop).result(30)

    def comfy(self, query="clientId=me"):
        return connect(f"ws://127.0.0.1:{self.port}/ws?{query}", max_size=None)

    def loom(self, query=""):
        return connect(f"ws://127.0.0.1:{self.port}/loom?{query}", max_size=None)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()


def until(true, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def hear(socket, seconds=5.0):
    """Return the next message, parsed if it is JSON."""
    data = socket.recv(timeout=seconds)
    return data if isinstance(data, bytes) else json.loads(data)


def silent(socket, seconds=0.1):
    """Fail if a message comes."""
    try:
        heard = socket.recv(timeout=seconds)
    except TimeoutError:
        return
    pytest.fail(f"heard {heard!r}")


def at(*events, when=10.0):
    """Return events as a worker sends them."""
    return [{**as_dict(event), "at": when} for event in events]
