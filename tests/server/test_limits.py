"""Caps before parsing, over a real socket: sizes, pauses, and that the sender gets to read why."""

import asyncio
import socket
import time

import pytest
from files_desk import FilesDesk, application
from raw_http import ask, listening, read, served

from latentloom.engine.errors import UserError
from latentloom.engine.server import limits
from latentloom.engine.server.access import Policy
from latentloom.engine.server.limits import BODY_BYTES, FILE_BYTES, Exchange, body_limit
from latentloom.engine.server.slow_heads import PatientProtocol


class Hurried(PatientProtocol):
    head_seconds = 0.4


@pytest.fixture
def port(data):
    with listening() as (listener, number):
        app = application(FilesDesk(data), Policy("127.0.0.1", number))
        with served(app, listener, http=Hurried):
            yield number


def head(port, line, *lines):
    return "\r\n".join((f"{line} HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines, "", "")).encode("latin-1")


def code(answer):
    import json

    return json.loads(answer.body)["error"]["code"]


def test_limits_by_path():
    assert body_limit("/prompt") == body_limit("/api/prompt") == body_limit("/settings") == BODY_BYTES
    for path in ("/upload/image", "/api/upload/mask", "/userdata/a.json", "/api/userdata/a"):
        assert FILE_BYTES < body_limit(path) < FILE_BYTES + (1 << 20)


def test_a_length_beyond_the_cap_is_answered_before_the_body(port):
    begun = time.monotonic()
    answer = ask(port, head(port, "POST /echo", f"Content-Length: {BODY_BYTES + 1}"))
    assert (answer.status, code(answer), answer.headers["connection"]) == (413, "P102", "close")
    assert time.monotonic() - begun < 3


def test_a_body_beyond_the_cap_is_cut_and_its_sender_reads_why(port):
    """4 MiB are on their way when the refusal is known; a reset would lose it."""
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    request = head(port, "POST /settings", "Transfer-Encoding: chunked", "Content-Type: application/json") + chunk * 4
    for _ in range(3):
        answer = ask(port, request)
        assert (answer.status, code(answer)) == (413, "P102")


@pytest.mark.parametrize(
    "lines, status, expected",
    [
        (["Content-Encoding: gzip", "Content-Length: 5"], 415, "P113"),
        (["Content-Encoding: identity, br", "Content-Length: 5"], 415, "P113"),
        ([f"X-{index}: a" for index in range(101)], 431, "P112"),
        (["X-Long: " + "a" * 17_000], 431, "P112"),
        (["Content-Length: 5", "Content-Length: 6"], 400, None),
        (["Content-Length: -5"], 400, None),
        (["Content-Length: 5x"], 400, None),
    ],
)
def test_heads_beyond_the_caps(port, lines, status, expected):
    answer = ask(port, head(port, "POST /echo", *lines) + b"[1,2]")
    assert answer.status == status
    assert expected is None or code(answer) == expected


def test_a_head_that_never_ends_is_cut(port):
    answer = ask(port, head(port, "GET /settings", "X-Longest: " + "a" * 4_000_000))
    assert answer.status in (0, 400, 431)  # 0: cut before all of it was sent
    assert ask(port, head(port, "GET /settings")).status == 200


def test_addresses_beyond_the_caps(port):
    assert code(ask(port, head(port, "GET /" + "a" * 9000))) == "P111"
    assert code(ask(port, head(port, "GET /settings?" + "a" * 9000))) == "P111"
    assert code(ask(port, head(port, "GET /settings%00"))) == "P110"
    assert code(ask(port, head(port, "GET //settings"))) == "P110"
    assert code(ask(port, head(port, "TRACE /settings"))) == "P405"


def test_a_connection_serves_on_after_an_ordinary_refusal(port):
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(head(port, "GET /nothing"))
        assert read(connection).status == 404
        connection.sendall(head(port, "POST /echo", "Content-Length: 1") + b"{")
        assert read(connection).status == 400
        connection.sendall(head(port, "POST /echo", "Content-Length: 2") + b"{}")
        assert read(connection).status == 200


def test_a_head_that_does_not_come_is_not_waited_for(port):
    for start in (b"", b"GET / HT", head(port, "GET /")[:-2]):
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(start)
            begun = time.monotonic()
            assert connection.recv(100) == b""
            assert 0.2 < time.monotonic() - begun < 3


def test_the_second_head_of_a_connection_has_a_deadline_too_and_pauses_between_do_not(port):
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(head(port, "GET /settings"))
        assert read(connection).status == 200
        time.sleep(0.8)
        connection.sendall(head(port, "GET /settings"))
        assert read(connection).status == 200
        connection.sendall(b"GET /sett")
        begun = time.monotonic()
        assert connection.recv(100) == b""
        assert 0.2 < time.monotonic() - begun < 3


def test_a_body_and_a_websocket_outlive_the_deadline_of_heads(port):
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(head(port, "POST /echo", "Content-Length: 2") + b"{")
        time.sleep(0.8)
        connection.sendall(b"}")
        assert read(connection).status == 200
    lines = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    assert ask(port, head(port, "GET /ws", *lines)).status == 101


def exchange(chunks, length=100, idle=30.0, path="/echo", pause=0.0):
    """An exchange over a scripted connection; what it sends is gathered."""
    sent = []
    pending = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]

    async def receive():
        await asyncio.sleep(pause if pending else 3600)
        return pending.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": [(b"content-length", str(length).encode())]}
    return Exchange(scope, receive, send, idle), sent


def test_a_body_that_stops_coming_is_408():
    async def stalled():
        metered, _ = exchange([b"a"], idle=0.05)
        assert (await metered.receive())["body"] == b"a"
        with pytest.raises(UserError) as refused:
            await metered.receive()
        return refused.value.code

    assert asyncio.run(stalled()) == "P115"


def test_what_is_counted_is_what_came_not_what_was_told(monkeypatch):
    monkeypatch.setattr(limits, "BODY_BYTES", 10)

    async def more_than_told():
        metered, _ = exchange([b"12345678", b"90123"], length=5)
        metered.check_body()
        await metered.receive()
        with pytest.raises(UserError) as refused:
            await metered.receive()
        return refused.value.code

    assert asyncio.run(more_than_told()) == "P102"


def test_lingering_after_a_refusal_has_an_end(monkeypatch):
    monkeypatch.setattr(limits, "LINGER_SECONDS", 0.1)

    async def refused():
        metered, sent = exchange([b"x"] * 3)
        await metered.send({"type": "http.response.start", "status": 413, "headers": []})
        await metered.send({"type": "http.response.body", "body": b"why"})
        return sent

    begun = time.monotonic()
    sent = asyncio.run(refused())
    assert time.monotonic() - begun < 2
    assert [(message.get("body"), message.get("more_body")) for message in sent[1:]] == [(b"why", True), (b"", None)]
    assert (b"connection", b"close") in sent[0]["headers"]
