"""A client that sends exactly the bytes it is given, and a real server around any application. For hostile requests."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import uvicorn

from latentloom.engine.server.limits import HEAD_BYTES
from latentloom.engine.server.slow_heads import PatientProtocol


class Answer(NamedTuple):
    """status 0: the connection was closed without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, request: bytes, timeout: float = 10.0) -> Answer:
    """Send the bytes and read one answer; what the server closes early is no error."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        try:
            connection.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read(connection, head_only=request.startswith(b"HEAD "))


def read(connection: socket.socket, head_only: bool = False) -> Answer:
    """Read one answer of a connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := _some(connection)):
            return Answer(0, {}, data)
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if int(status.split()[1]) in (101, 204, 304) or head_only:
        return Answer(int(status.split()[1]), headers, body)
    length = int(headers["content-length"]) if "content-length" in headers else None
    while length is None or len(body) < length:
        if not (chunk := _some(connection)):
            break
        body += chunk
    return Answer(int(status.split()[1]), headers, body[:length])


def _some(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except (ConnectionResetError, BrokenPipeError):
        return b""


@contextlib.contextmanager
def listening() -> Iterator[tuple[socket.socket, int]]:
    """Give a socket that listens on a free port of this machine, and the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener, listener.getsockname()[1]


@contextlib.contextmanager
def served(application: Any, listener: socket.socket, **settings: Any) -> Iterator[uvicorn.Server]:
    """Serve with the settings of the real server, in a thread."""
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=settings.pop("access_log", False),
        lifespan="off",
        http=settings.pop("http", PatientProtocol),
        ws="websockets-sansio",
        h11_max_incomplete_event_size=2 * HEAD_BYTES,
        timeout_graceful_shutdown=1,
        proxy_headers=False,
        server_header=False,
        **settings,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.005)
    assert server.started
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
