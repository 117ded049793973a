"""Jobs on a real server, from the submission to the history: followed, interrupted, failed, lost from sight and found."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from follow import (
    comfy,
    end_of,
    fresh,
    graph,
    hear,
    hear_until,
    job_of,
    loom,
    ready,
    runs_at,
    sleeping,
    state_of,
    submit,
    worker_pid,
    workers,
)
from serving import Serving
from websockets.sync.client import ClientConnection


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("life") / "data") as running:
        yield ready(running)


def prompt(server: Serving, table: dict[str, Any], client_id: str) -> str:
    """Submit as ComfyUI's clients do."""
    status, answer = server.ask("/prompt", {"prompt": table, "client_id": client_id})
    assert status == 200, answer
    return str(answer["prompt_id"])


def test_the_history_can_be_read_the_moment_success_is_told(server: Serving) -> None:
    with comfy(server, "reader") as listener:
        for _ in range(200):
            value = fresh()
            prompt_id = prompt(server, graph(("ProbeShow", {}), value=value), "reader")
            hear_until(listener, lambda message: message["type"] == "execution_success", 30)
            entry = server.ask(f"/history/{prompt_id}")[1].get(prompt_id)
            assert entry is not None, "told before it was on record"
            assert entry["outputs"] == {"1": {"text": [{"text": str(value)}]}}
            assert entry["status"]["status_str"] == "success" and entry["status"]["completed"]
            assert entry["prompt"][2]["0"]["inputs"]["value"] == value, "the graph that ran"


# --- interrupting


def test_an_interrupt_stops_the_job_named_and_nothing_else(server: Serving) -> None:
    pid = worker_pid(server)
    running = submit(server, sleeping(60_000))
    waiting = submit(server, sleeping(10), title="next")
    runs_at(server, running, "1")
    for body in ({"prompt_id": "nobody"}, {"prompt_id": waiting}):
        assert server.ask("/interrupt", body)[0] == 200
    time.sleep(0.3)
    assert state_of(server, running) == "running" and state_of(server, waiting) == "pending"

    begun = time.monotonic()
    assert server.ask("/interrupt", {"prompt_id": running})[0] == 200
    job = end_of(server, running)
    assert time.monotonic() - begun < 5.0, "a step takes 10 ms; ten seconds would be the kill"
    assert job["state"] == "cancelled" and job["error"] is None
    messages = server.ask(f"/history/{running}")[1][running]["status"]["messages"]
    assert messages[-1][0] == "execution_interrupted" and messages[-1][1]["node_id"] == "1"
    assert end_of(server, waiting)["state"] == "done"
    assert worker_pid(server) == pid, "the worker was killed for it"


def test_an_interrupt_without_a_name_stops_what_runs_and_leaves_what_waits(server: Serving) -> None:
    running, waiting = submit(server, sleeping(60_000)), submit(server, sleeping(10))
    runs_at(server, running, "1")
    assert server.ask("/interrupt", method="POST")[0] == 200
    assert end_of(server, running)["state"] == "cancelled"
    assert end_of(server, waiting)["state"] == "done"


def test_a_node_that_does_not_listen_is_ended_after_the_grace_time_and_the_queue_goes_on(server: Serving) -> None:
    pid, restarts = worker_pid(server), workers(server)[0]["restarts"]
    hanging = submit(server, graph(("ProbeHang", {}), ("ProbeShow", {})))
    waiting = [submit(server, sleeping(10)) for _ in range(2)]
    runs_at(server, hanging, "1")
    begun = time.monotonic()
    assert server.ask("/interrupt", {"prompt_id": hanging})[0] == 200
    time.sleep(2)
    assert state_of(server, hanging) == "running", "not given its time"
    assert end_of(server, hanging)["state"] == "cancelled"
    assert time.monotonic() - begun > 9.0
    for job_id in waiting:
        job = end_of(server, job_id)
        assert job["state"] == "done" and job["attempts"] == 0
    assert worker_pid(server) != pid and workers(server)[0]["restarts"] == restarts + 1


# --- failing


def test_a_failing_node_is_named_with_its_lines_and_the_rest_is_kept(server: Serving) -> None:
    value = fresh()
    table = graph(("ProbeFail", {}), ("ProbeShow", {}), value=value)
    table["other"] = {"class_type": "ProbeShow", "inputs": {"value": ["0", 0]}}
    with comfy(server, "unlucky") as listener:
        prompt_id = prompt(server, table, "unlucky")
        heard = hear_until(listener, lambda message: message["type"] == "execution_error")
    told = heard[-1]["data"]
    assert told["prompt_id"] == prompt_id
    assert told["node_id"] == "1" and told["node_type"] == "ProbeFail"
    assert told["exception_type"].endswith("RuntimeError") and f"no luck with {value}" in told["exception_message"]
    assert any("probe.py" in line and "in fail" in line for line in told["traceback"])
    assert list(told["current_inputs"]) == ["value"]
    assert "other" in told["executed"] and "2" not in told["executed"]

    job = job_of(server, prompt_id)
    assert job["state"] == "failed" and job["error"]["node_id"] == "1"
    assert job["outputs"] == {"other": {"text": [{"text": str(value)}]}}
    entry = server.ask(f"/history/{prompt_id}")[1][prompt_id]
    assert entry["outputs"] == job["outputs"]
    assert entry["status"]["status_str"] == "error" and not entry["status"]["completed"]
    assert entry["status"]["messages"][-1] == ["execution_error", told]


# --- clients that go and come back


def test_a_comfyui_client_that_comes_back_hears_how_its_run_ends(server: Serving) -> None:
    with comfy(server, "wanderer") as listener:
        prompt_id = prompt(server, graph(("ProbeSleep", {"milliseconds": 2000}), ("ProbeShow", {})), "wanderer")
        hear_until(listener, lambda message: message["type"] == "progress")
    with comfy(server, "wanderer") as again, comfy(server, "stranger") as stranger:
        first, second = hear(again), hear(again)
        assert first["type"] == "status" and first["data"]["sid"] == "wanderer"
        assert second == {"type": "executing", "data": {"node": "1"}}
        heard = hear_until(again, lambda message: message["type"] == "executing" and message["data"]["node"] is None)
        kinds = [message["type"] for message in heard]
        assert "progress" in kinds and "executed" in kinds and "execution_success" in kinds
        assert all(message["data"]["prompt_id"] == prompt_id for message in heard if "prompt_id" in message["data"])
        assert hear(stranger)["type"] == "status"
        prompt(server, graph(("ProbeShow", {})), "stranger")
        others = hear_until(stranger, lambda message: message["type"] == "execution_success")
        assert prompt_id not in {message["data"].get("prompt_id") for message in others}


class Whole(threading.Thread):
    """Hears every numbered event of a job to its end, over one connection."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__(daemon=True)
        self.connection = connection
        self.start_at = int(hear(connection)["seq"])
        self.events: list[dict[str, Any]] = []
        self.start()

    def run(self) -> None:
        while not self.events or not last(self.events[-1]):
            message = hear(self.connection, 60)
            if "seq" in message:
                self.events.append(message)


def last(event: dict[str, Any]) -> bool:
    return event["kind"] == "job" and event["data"]["state"] in ("done", "failed", "cancelled")


def heard_until_cut(server: Serving, seq: int, late: float, rng: random.Random) -> list[dict[str, Any]]:
    """Connect with after=seq, read numbered events until the job's end or `late`, then cut: orderly, or not at all so."""
    found: list[dict[str, Any]] = []
    connection = loom(server, f"after={seq}")
    assert hear(connection)["kind"] == "hello"
    while time.monotonic() < late and not (found and last(found[-1])):
        try:
            message = hear(connection, 0.05)
        except TimeoutError:
            continue
        assert message["kind"] not in ("hello", "resync"), message
        if "seq" in message:
            found.append(message)
    if rng.random() < 0.5:  # as a network does that breaks: what is on its way is lost
        connection.socket.shutdown(socket.SHUT_RDWR)
    connection.close()
    return found


def test_thirty_cuts_lose_no_event_and_repeat_none(server: Serving) -> None:
    rng = random.Random(30)
    steps = [("ProbeSleep" if index % 3 else "ProbeAdd", {"milliseconds": 60} if index % 3 else {}) for index in range(90)]
    with loom(server) as uncut:
        whole = Whole(uncut)
        seq, cuts = whole.start_at, 0
        job_id = submit(server, graph(*steps, ("ProbeShow", {})))
        pieces: list[dict[str, Any]] = []
        while not pieces or not last(pieces[-1]):
            late = time.monotonic() + rng.random() * 0.12 if cuts < 30 else float("inf")
            found = heard_until_cut(server, seq, late, rng)
            pieces += found
            seq = found[-1]["seq"] if found else seq
            cuts += 1
        whole.join(60)
    assert cuts > 30, "the run was over before the cuts"
    assert len(pieces) == len({event["seq"] for event in pieces})
    assert pieces == whole.events
    kinds = [event["kind"] for event in pieces if event["job"] == job_id]
    assert kinds.count("started") == kinds.count("finished") == len(steps) + 2
    assert [event["seq"] for event in pieces] == list(range(whole.start_at + 1, pieces[-1]["seq"] + 1))


# --- curves


def test_a_curve_is_told_and_kept_with_null_for_what_is_no_number(server: Serving) -> None:
    expected = [1.0, 0.5, None, 0.25, 0.2]
    with loom(server) as listener:
        hear(listener)
        job_id = submit(server, graph(("ProbeCurve", {"count": 5})))
        heard = hear_until(listener, lambda event: last(event) and event["job"] == job_id)
    points = [point for event in heard if event["kind"] == "metric" for point in event["data"]["points"]]
    assert points == [["loss", step, value] for step, value in enumerate(expected)]

    status, answer = server.ask(f"/api/loom/metrics/{job_id}")
    assert status == 200 and answer["state"] == "done"
    assert answer["series"] == [{"node": "1", "name": "loss", "steps": [0, 1, 2, 3, 4], "values": expected}]
    assert server.ask(f"/api/loom/metrics/{job_id}?after=2")[1]["series"][0]["steps"] == [3, 4]
