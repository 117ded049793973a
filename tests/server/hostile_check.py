"""Fires the rows of the hostile table at a server and says what is wrong with what came of it; asserts nothing itself."""

from __future__ import annotations

import hashlib
import json
import select
import socket
import struct
import time
from pathlib import Path

from hostile_table import MARKER, PREPARED, Row
from raw_http import Answer, ask, read

PROTOCOL = (b"Invalid HTTP request received", b"Failed to open a WebSocket connection")
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "frame-ancestors 'self'",
}


def prepare(data: Path) -> None:
    """Put the files into the data folder that the table's requests ask for."""
    for name, content in PREPARED.items():
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def outside(data: Path) -> dict[str, str]:
    """Return a picture of everything beside the data folder, to be compared with a later one."""
    beside = [path for path in data.parent.rglob("*") if not path.is_relative_to(data) and path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in beside if path.suffix != ".log"}


def fire(port: int, row: Row) -> list[str]:
    """Send the row's request and return what is wrong with the answer: nothing, when it is as it must be."""
    request = row.request.replace(b"@PORT@", str(port).encode())
    if row.needs == "socket":
        code = closed_with(port, request)
        return [] if code in row.expected else [f"close code {code}, expected {sorted(row.expected)}"]
    begun = time.monotonic()
    answer = ask(port, request)
    wrong = faults(answer, row)
    if (taken := time.monotonic() - begun) > 5:
        wrong.append(f"took {taken:.1f} s")
    return wrong


def faults(answer: Answer, row: Row) -> list[str]:
    """Return what is wrong with an answer to a hostile request."""
    wrong = []
    if answer.status not in row.expected:
        wrong.append(f"status {answer.status}, expected {sorted(row.expected)}: {answer.body[:200]!r}")
    tells = (b"Traceback", b'File "', b"/site-packages/", b"owned")
    wrong += [f"the answer tells {tell!r}" for tell in tells if tell in answer.body]
    if "content-security-policy" not in answer.headers:
        # What is no HTTP at all is answered by the protocol, before any application.
        if answer.status and not any(text in answer.body for text in PROTOCOL):
            wrong.append("no security headers")
        return wrong
    wrong += [f"no {name}" for name, value in HEADERS.items() if value not in answer.headers.get(name, "")]
    if "access-control-allow-origin" in answer.headers:
        wrong.append("another origin is allowed")
    if answer.body and answer.status != 416:
        try:
            error = json.loads(answer.body)["error"]
            if not (isinstance(error, dict) and (error.get("message") and (error.get("code") or error.get("type")))):
                wrong.append(f"no clear message: {error!r}")
        except (ValueError, KeyError, TypeError):
            wrong.append(f"no clear message: {answer.body[:200]!r}")
    return wrong


def closed_with(port: int, request: bytes) -> int:
    """Send a handshake and frames; return the close code, 0 when the connection ended without one."""
    handshake, _, frames = request.partition(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(handshake + b"\r\n\r\n")
        data = read(connection).body
        try:
            # In pieces, and none once it has answered: a reset for unread bytes would take the answer away.
            for start in range(0, len(frames), 16384):
                connection.sendall(frames[start : start + 16384])
                if select.select([connection], [], [], 0.002)[0]:
                    break
            while chunk := connection.recv(65536):
                data += chunk
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
    while len(data) >= 2:
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = struct.unpack(">H", data[2:4])[0], 4
        elif size == 127:
            size, start = struct.unpack(">Q", data[2:10])[0], 10
        if data[0] & 0x0F == 8 and size >= 2:
            return int.from_bytes(data[start : start + 2], "big")
        data = data[start + size :]
    return 0


def still_answers(port: int, path: str = "/settings") -> list[str]:
    """Return what is wrong with the server itself: it must answer an honest request within 2 s."""
    begun = time.monotonic()
    answer = ask(port, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    taken = time.monotonic() - begun
    return [] if answer.status == 200 and taken < 2 else [f"status {answer.status} after {taken:.1f} s"]


def executed(*folders: Path) -> list[str]:
    """Return where the marker of an executed pickle came to be."""
    return [str(folder / MARKER) for folder in folders if (folder / MARKER).exists()]
