"""The hostile table over a real socket, against the routes about files behind the gate; uploads that are served again."""

import os
import pickle
import socket
import threading
import time
from pathlib import Path

import pytest
from files_desk import FilesDesk, application, png
from hostile_check import executed, fire, outside, prepare, still_answers
from hostile_table import HOSTILE, MARKER, PICKLE, PREPARED, form, request
from raw_http import ask, listening, served

from latentloom.engine.server.access import Policy

ROWS = [row for row in HOSTILE if row.needs == "files"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server in this process: (port, data folder)."""
    data = tmp_path_factory.mktemp("hostile") / "room" / "data"
    prepare(data)
    (data / "settings.toml").write_text("secret = 'owned'")
    (data.parent / "settings.toml").write_text("secret = 'owned'")
    with listening() as (listener, port), served(application(FilesDesk(data), Policy("127.0.0.1", port)), listener):
        yield port, data


def test_the_table_is_large_enough_and_its_names_differ():
    assert len({row.name for row in HOSTILE}) == len(HOSTILE) >= 80
    assert {row.needs for row in HOSTILE} == {"files", "server", "socket"}


def test_the_pickle_would_have_left_its_marker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(PICKLE).close()
    assert executed(tmp_path)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_hostile(place, row):
    port, data = place
    before, inside = outside(data), files(data)
    wrong = fire(port, row)
    assert not wrong
    assert outside(data) == before
    assert files(data) == inside  # what is refused leaves nothing behind either
    assert not executed(Path.cwd(), data, data.parent)
    assert not still_answers(port)


def files(data):
    return {path.relative_to(data).as_posix(): path.read_bytes() for path in data.rglob("*") if path.is_file()}


def send(port, line, *headers, body=b""):
    return ask(port, request(line, *headers, body=body).replace(b"@PORT@", str(port).encode()))


@pytest.mark.parametrize(
    "name, content",
    [
        ("page.html", b"<!doctype html><script>alert(1)</script>"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        ("sheet.css", b"*{}"), ("script.js", b"alert(1)"), ("feed.xml", b"<?xml version='1.0'?><x/>"), ("paper.pdf", b"%PDF-1.7"),
        ("film.swf", b"CWS\x0a"), ("page.htm;.txt", b"<script>"), ("weights.ckpt", PICKLE), ("polyglot.bin", b"GIF8<script>alert(1)</script>"),
    ],
)  # fmt: skip
def test_active_content_comes_back_as_a_download(place, name, content):
    port, _ = place
    part = (f'name="image"; filename="{name}"', content)
    assert send(port, "POST /upload/image", "Content-Type: multipart/form-data; boundary=b", body=form(part)).status == 200
    answer = send(port, f"GET /view?type=input&filename={name}")
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


def test_a_prepared_page_is_not_shown(place):
    answer = send(place[0], "GET /view?filename=secret.html")
    assert answer.body == PREPARED["output/secret.html"]
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_body_in_chunks_beyond_the_cap_leaves_nothing(place):
    port, data = place
    before = files(data)
    head = request("POST /userdata/big.bin", "Transfer-Encoding: chunked", length=False).replace(b"@PORT@", str(port).encode())
    answer = ask(port, head + (b"1000000\r\n" + bytes(1 << 24) + b"\r\n") * 7)
    assert answer.status in (0, 413)
    assert files(data) == before
    assert not still_answers(port)


def test_an_upload_that_breaks_off_leaves_nothing(place, caplog):
    """Neither files nor errors: that a sender leaves is no bug."""
    port, data = place
    before = files(data)
    body = form(('name="image"; filename="cut.bin"', bytes(1 << 20)))
    whole = request("POST /upload/image", "Content-Type: multipart/form-data; boundary=b", body=body)
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(whole.replace(b"@PORT@", str(port).encode())[:-500_000])
        time.sleep(0.2)
        assert not [name for name in files(data) if name.startswith("input/cut")]
    until = time.monotonic() + 5
    while files(data) != before and time.monotonic() < until:
        time.sleep(0.05)
    assert files(data) == before
    assert not still_answers(port)
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


def test_others_are_served_while_some_send_slowly_and_much(place):
    """20 connections that stop in the middle, and long documents being parsed: an honest request takes below 2 s."""
    port, _ = place
    stuck = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(20)]
    heavy = request("POST /settings", "Content-Type: application/json", body=b"[" + b"0," * 900_000 + b"0]").replace(b"@PORT@", str(port).encode())
    threads = [threading.Thread(target=ask, args=(port, heavy, 30)) for _ in range(3)]
    try:
        for connection in stuck:
            connection.sendall(b"POST /settings HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 10\r\n\r\n{" % port)
        [thread.start() for thread in threads]
        for _ in range(5):
            assert not still_answers(port)
    finally:
        [connection.close() for connection in stuck]
        [thread.join() for thread in threads]


def test_pictures_are_shown_and_honest_requests_go_through(place):
    """The table proves nothing of a server that refuses everything."""
    port, _ = place
    own = (f"Origin: http://127.0.0.1:{port}", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors")
    part = ('name="image"; filename="fine.png"', png(text="kept"))
    for marks in ((), own):
        sent = send(port, "POST /upload/image", *marks, "Content-Type: multipart/form-data; boundary=b", body=form(part))
        assert sent.status == 200
        shown = send(port, "GET /view?type=input&filename=fine.png", *marks)
        assert (shown.body, shown.headers["content-type"]) == (png(text="kept"), "image/png")
        assert send(port, "POST /userdata/a%2Fb.json", *marks, "Content-Type: text/plain", body=b"{}").status == 200
        assert send(port, "POST /settings", *marks, "Content-Type: application/json", body=b'{"a":1}').status == 200
    handshake = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    assert send(port, "GET /ws", *own, *handshake).status == 101
    assert MARKER not in os.listdir(Path.cwd())
