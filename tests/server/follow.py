"""Submitting to a real server and following what comes of it; for the tests that start one with `serving`."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from serving import Serving
from websockets.sync.client import ClientConnection, connect

T = TypeVar("T")
ENDED = ("done", "failed", "cancelled")
_fresh = random.Random(1)


def until(true: Callable[[], T], seconds: float = 60.0, pause: float = 0.02) -> T:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(pause)
    return found


def ready(server: Serving) -> Serving:
    """Wait until a worker is up."""
    until(lambda: server.ask("/ready")[0] == 200)
    return server


def fresh() -> int:
    """Return a number that no job had before, so that nothing of it is cached."""
    return _fresh.randrange(2**52)


def graph(*steps: tuple[str, dict[str, Any]], value: int | None = None) -> dict[str, Any]:
    """Return a chain: "0" gives a number, then one node for each of `steps`: its type and its further inputs."""
    first = fresh() if value is None else value
    table: dict[str, Any] = {"0": {"class_type": "ProbeNumber", "inputs": {"value": first}}}
    for index, (kind, inputs) in enumerate(steps, 1):
        wire = "a" if kind == "ProbeAdd" else "value"
        table[str(index)] = {"class_type": kind, "inputs": {wire: [str(index - 1), 0], **inputs}}
    return table


def sleeping(milliseconds: int, value: int | None = None) -> dict[str, Any]:
    """Return "0" a number, "1" that sleeps, "2" that shows it."""
    return graph(("ProbeSleep", {"milliseconds": milliseconds}), ("ProbeShow", {}), value=value)


def submit(server: Serving, table: dict[str, Any], **more: Any) -> str:
    """Queue a job and return its id."""
    status, answer = server.ask("/api/loom/jobs", {"graph": table, **more})
    assert status == 201, answer
    return str(answer["job"]["id"])


def job_of(server: Serving, job_id: str) -> dict[str, Any]:
    """Return the whole job."""
    assert server.process.poll() is None, (server.process.returncode, server.errors())
    status, answer = server.ask(f"/api/loom/jobs/{job_id}")
    assert status == 200, answer
    return dict(answer["job"])


def state_of(server: Serving, job_id: str) -> str:
    """Return the job's state."""
    return str(job_of(server, job_id)["state"])


def end_of(server: Serving, job_id: str, seconds: float = 60.0) -> dict[str, Any]:
    """Wait for the job's end and return it."""
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(job_of(server, job_id))
        return found["state"] in ENDED

    until(ended, seconds)
    return found


def runs_at(server: Serving, job_id: str, node: str, seconds: float = 60.0) -> None:
    """Wait until this node of the job runs."""
    until(lambda: job_of(server, job_id).get("running", {}).get("node") == node, seconds)


def workers(server: Serving) -> list[dict[str, Any]]:
    """Return what the server says of its workers."""
    return list(server.ask("/api/loom/workers")[1]["workers"])


def worker_pid(server: Serving) -> int:
    """Return the process id of the only worker, once it is up."""
    until(lambda: workers(server)[0]["state"] in ("idle", "busy"))
    return int(workers(server)[0]["info"]["pid"])


@contextmanager
def queue_paused(server: Serving) -> Iterator[None]:
    """Let nothing begin meanwhile."""
    assert server.ask("/api/loom/queue", {"pause": "after_job"})[0] == 200
    try:
        yield
    finally:
        assert server.ask("/api/loom/queue", {"pause": "no"})[0] == 200


def loom(server: Serving, query: str = "", **options: Any) -> ClientConnection:
    """Connect to our own websocket."""
    return connect(f"ws{server.url[4:]}/api/loom/ws?{query}", max_size=None, proxy=None, **options)


def comfy(server: Serving, client_id: str, **options: Any) -> ClientConnection:
    """Connect as a client of ComfyUI's."""
    return connect(f"ws{server.url[4:]}/ws?clientId={client_id}", max_size=None, proxy=None, **options)


def hear(socket: ClientConnection, seconds: float = 30.0) -> Any:
    """Return the next message, parsed if it is text."""
    data = socket.recv(timeout=seconds)
    return data if isinstance(data, bytes) else json.loads(data)


def hear_until(socket: ClientConnection, true: Callable[[Any], bool], seconds: float = 60.0) -> list[Any]:
    """Return all messages up to the first that is looked for."""
    deadline = time.monotonic() + seconds
    heard = []
    while True:
        heard.append(hear(socket, max(0.1, deadline - time.monotonic())))
        if true(heard[-1]):
            return heard
