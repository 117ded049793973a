"""A server that is told to stop: what runs may end, what cannot end goes back, and nobody is left without a word."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from follow import comfy, end_of, graph, hear_until, job_of, loom, ready, runs_at, sleeping, submit, until, worker_pid
from serving import Serving
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stops by signal")


class Listener(threading.Thread):
    """Hears a socket to its end: `messages`, then `code`."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__(daemon=True)
        self.socket = socket
        self.messages: list[str | bytes] = []
        self.code: int | None = None
        self.start()

    def run(self) -> None:
        try:
            while True:
                self.messages.append(self.socket.recv())
        except ConnectionClosed as closed:
            self.code = closed.rcvd.code if closed.rcvd else None

    def says(self, text: str) -> bool:
        return any(text in message for message in self.messages if isinstance(message, str))


def test_a_running_job_may_end_and_nothing_new_comes_in(tmp_path: Path) -> None:
    with Serving(tmp_path / "data") as server:
        ready(server)
        listeners = [Listener(loom(server)), Listener(comfy(server, "me"))]
        running = submit(server, sleeping(1500), client_id="me")
        waiting = submit(server, sleeping(10))
        runs_at(server, running, "1")
        server.process.terminate()
        until(lambda: server.ask("/api/loom/queue")[1]["draining"])
        status, answer = server.ask("/api/loom/jobs", {"graph": sleeping(10)})
        assert status == 503 and answer["error"]["code"] == "J011"
        status, answer = server.ask("/prompt", {"prompt": sleeping(10)})
        assert status == 503 and answer["error"]["type"] == "server_stopping"
        assert server.ask("/ready")[0] == 503 and server.ask("/health")[0] == 200
        assert job_of(server, waiting)["state"] == "pending"
        assert server.process.wait(30) == 0, server.errors()
        for listener in listeners:
            listener.join(10)
            assert listener.code == 1012
        assert listeners[0].says('"draining":true')
        assert listeners[1].says("execution_success")
    with Serving(tmp_path / "data", "--paused") as server:
        assert job_of(server, running)["state"] == "done"
        assert job_of(server, waiting)["state"] == "pending"


def test_a_long_job_goes_back_and_continues_from_what_was_computed(tmp_path: Path) -> None:
    table = graph(
        ("ProbeSleep", {"milliseconds": 300}),
        ("ProbeSleep", {"milliseconds": 2000}),
        ("ProbeShow", {}),
    )
    with Serving(tmp_path / "data", "--drain-seconds", "0.3") as server:
        ready(server)
        job_id = submit(server, table)
        runs_at(server, job_id, "2")
        pid = worker_pid(server)
        assert server.stop() == 0, server.errors()
        with pytest.raises(ProcessLookupError):
            until(lambda: os.kill(pid, 0), 5)
    with Serving(tmp_path / "data", "--paused") as server:
        ready(server)
        assert server.ask("/api/loom/queue")[1]["paused"] == "after_job"
        time.sleep(0.3)  # a worker is idle, a job waits: only the pause keeps them apart
        job = job_of(server, job_id)
        assert job["state"] == "pending" and job["attempts"] == 0
        with loom(server, f"job={job_id}") as socket:
            assert server.ask("/api/loom/queue", {"pause": "no"})[0] == 200
            heard = hear_until(socket, lambda message: message["kind"] == "ended")
        assert next(message for message in heard if message["kind"] == "started")["data"]["node"] == "2"
        cached = [node for message in heard if message["kind"] == "cached" for node in message["data"]["nodes"]]
        assert "1" in cached
        job = end_of(server, job_id)
        assert job["state"] == "done" and job["attempts"] == 0
        assert job["outputs"]["3"]["text"] == [{"text": str(table["0"]["inputs"]["value"])}]


def test_ctrl_c_drains_and_a_second_one_does_not_wait(tmp_path: Path) -> None:
    def ctrl_c() -> None:  # a terminal sends it to the workers as well
        for process in (pid, server.process.pid):
            os.kill(process, signal.SIGINT)

    with Serving(tmp_path / "data") as server:
        ready(server)
        job_id = submit(server, graph(("ProbeHang", {"spin": True}), ("ProbeShow", {})))
        listener = Listener(loom(server))
        runs_at(server, job_id, "1")
        pid = worker_pid(server)
        ctrl_c()
        until(lambda: server.ask("/api/loom/queue")[1]["draining"])
        begun = time.monotonic()
        ctrl_c()
        assert server.process.wait(30) == 0, server.errors()
        assert time.monotonic() - begun <= 5.0
        with pytest.raises(ProcessLookupError):
            until(lambda: os.kill(pid, 0), 5)
        listener.join(10)
        assert listener.code == 1012
    with Serving(tmp_path / "data", "--paused") as server:
        job = job_of(server, job_id)
        assert job["state"] == "pending" and job["attempts"] == 0
