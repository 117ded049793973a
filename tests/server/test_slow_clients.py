"""Clients that read slowly or not at all: nobody else notices, memory stays, and they end with a reason."""

import contextlib
import importlib.util
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from latentloom.engine.server.journal import Journal

_spec = importlib.util.spec_from_file_location("socket_server", Path(__file__).with_name("socket_server.py"))
_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_server)
Live, until, hear = _server.Live, _server.until, _server.hear


def stuck(live, path):
    """Open a websocket by hand and read nothing beyond the handshake's answer."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(("127.0.0.1", live.port))
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    peer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n".encode())
    assert peer.recv(12) == b"HTTP/1.1 101"
    return peer


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def say(live, count, size):
    """Publish `count` events of `size` bytes to everybody, as state."""

    def work():
        for _ in range(count):
            live.sessions.publish([live.journal.append("note", "job", {"sent": time.monotonic(), "x": "x" * size})])
            live.sessions.say("note", {"sent": time.monotonic(), "x": "x" * size})

    live.do(work)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_stuck_readers_harm_nobody_and_are_cut_off():
    live = Live(Journal(1, max_bytes=1 << 20), write_seconds=0.5)
    late, seen = [], []
    with live.loom() as good:
        hear(good)
        peers = [stuck(live, path) for path in ("/loom", "/loom?batch=1", "/ws?clientId=stuck")]
        until(lambda: len(live.sessions) == 4)
        connected = open_files()

        def listen():
            while len(seen) < 500:
                message = hear(good, 20)
                seen.append(message["seq"])
                late.append(time.monotonic() - message["data"]["sent"])

        listener = threading.Thread(target=listen)
        listener.start()
        before = resident()
        for _ in range(50):
            say(live, 10, 100_000)  # 50 MB for each protocol
            until(lambda: len(seen) >= live.journal.last)
        listener.join(20)
        assert seen == list(range(1, 501))
        assert max(late) < 1.0
        assert resident() - before < 32 << 20
        until(lambda: len(live.sessions) == 1)
        until(lambda: open_files() == connected - 3)  # the server's ends are gone though the peers hold theirs
        for peer in peers:
            peer.close()
    live.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_peer_that_takes_the_closing_but_not_what_is_before_it_is_cut_off():
    class Hasty(_server.LoomSocket):
        close_seconds = 0.2

    live = Live(transport=Hasty)
    peer = stuck(live, "/loom")
    until(lambda: len(live.sessions) == 1)
    connected = open_files()
    [connection] = live.server.server_state.connections
    while not live.do(connection.transport.get_write_buffer_size):
        say(live, 1, 20_000)
        time.sleep(0.01)  # until the kernel takes no more, but we may still write
    assert live.do(connection.writable.is_set)
    live.do(lambda: [session.close(1008, "enough") for session in live.sessions._audience])
    until(lambda: open_files() == connected - 1, 5)
    assert not live.server.server_state.connections and len(live.sessions) == 0
    peer.close()
    live.stop()


def test_a_client_that_lags_and_reads_on_gets_every_event():
    live = Live(write_seconds=20)
    with live.loom() as slow:
        hear(slow)
        say(live, 100, 100_000)
        time.sleep(0.3)  # all buffers between it and us are full by now
        say(live, 100, 100_000)
        kinds, seqs = [], []
        while len(seqs) < 200:
            message = hear(slow)
            kinds.append(message["kind"])
            if message["kind"] == "note":
                seqs.append(message["seq"])
            else:
                assert message["data"] == {"reason": "slow"} and message["after"] == (seqs[-1] if seqs else 0)
        assert seqs == list(range(1, 201))
        assert "resync" in kinds
    live.stop()


def test_a_comfy_client_that_lags_is_closed_with_a_reason():
    live = Live(write_seconds=20)
    with live.comfy() as slow:
        hear(slow)
        say(live, 400, 100_000)
        with pytest.raises(ConnectionClosed) as caught:
            for _ in range(500):
                hear(slow)
        assert caught.value.rcvd.code == 1013 and "history" in caught.value.rcvd.reason
    live.stop()


def test_two_hundred_clients_get_everything_in_time():
    """All of one process: the clients' share of the time is included."""
    live = Live()
    total, late, missed = 40, [], []
    with contextlib.ExitStack() as stack:
        sockets = []
        for number in range(200):
            url = f"ws://127.0.0.1:{live.port}/" + ("loom?batch=1" if number % 2 else f"ws?clientId={number}")
            sockets.append(stack.enter_context(connect(url, max_size=None, compression=None)))
        until(lambda: len(live.sessions) == 200)

        def listen(mine):
            for peer in mine:
                peer.recv(timeout=10)
            heard = dict.fromkeys(mine, 0)
            while any(count < total for count in heard.values()):
                for peer in mine:
                    if heard[peer] >= total:
                        continue
                    found = json.loads(peer.recv(timeout=10))
                    entries = [entry["data"] for entry in (found if isinstance(found, list) else [found])]
                    heard[peer] += len(entries)
                    late.extend(time.monotonic() - entry["sent"] for entry in entries)
            missed.extend(total - count for count in heard.values())

        listeners = [threading.Thread(target=listen, args=(sockets[start::4],)) for start in range(4)]
        for listener in listeners:
            listener.start()
        for _ in range(total):
            say(live, 1, 100)
            time.sleep(0.02)
        for listener in listeners:
            listener.join(60)
            assert not listener.is_alive()
    assert missed == [0] * 200
    late.sort()
    assert late[int(len(late) * 0.99)] < 1.0
    until(lambda: len(live.sessions) == 0)
    live.stop()


def test_clients_that_come_and_go_leave_nothing_behind():
    live = Live()
    for number in range(100):
        with live.comfy("clientId=me") if number % 2 else live.loom() as peer:
            if number % 3:
                hear(peer)
    until(lambda: len(live.sessions) == 0)
    assert live.do(lambda: list(live.sessions._audience)) == [] and not live.sessions._audience._comfy
    live.stop()
