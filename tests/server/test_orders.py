"""What may be done to the queue of a real server: order, edit, hold, copy, cancel and pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from follow import end_of, fresh, graph, hear, job_of, loom, queue_paused, ready, runs_at, sleeping, state_of, submit
from serving import Serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("orders") / "data") as running:
        yield ready(running)


@pytest.fixture
def post(server: Serving) -> Any:
    """Ask for something to be done to a job, which must succeed; gives the job of the answer."""

    def ask(job_id: str, action: str, **body: Any) -> dict[str, Any]:
        status, answer = server.ask(f"/api/loom/jobs/{job_id}/{action}", body)
        assert status in (200, 201), answer
        return dict(answer["job"])

    return ask


def show(value: int | None = None) -> dict[str, Any]:
    return graph(("ProbeShow", {}), value=value)


def order(server: Serving, ids: list[str]) -> list[str]:
    """Wait for all to be done and return them as they were started."""
    ends = [end_of(server, job_id) for job_id in ids]
    assert {job["state"] for job in ends} == {"done"}
    return [job["id"] for job in sorted(ends, key=lambda job: job["started"])]


def test_jobs_run_by_priority_then_as_they_came_and_can_be_moved(server: Serving, post: Any) -> None:
    with queue_paused(server):
        plain = [submit(server, show()) for _ in range(3)]
        late = submit(server, show(), priority=5)
        early = submit(server, show(), priority=-5)
        first = submit(server, show(), front=True)
        comfy_early = server.ask("/prompt", {"prompt": show(), "number": -7})[1]["prompt_id"]
        moved = submit(server, show(), priority=9)
        assert server.ask(f"/api/loom/jobs/{moved}", {"priority": -6}, "PATCH")[0] == 200
        post(plain[2], "front")
        # "front" is before all that waited when it was asked for: `first` came to -6, before `moved` of the same priority.
        expected = [plain[2], comfy_early, first, moved, early, plain[0], plain[1], late]
        pending = server.ask("/queue")[1]["queue_pending"]
        assert [item[1] for item in pending] == expected
    assert order(server, expected) == expected


def test_a_job_that_waits_can_be_edited_and_one_that_ended_cannot(server: Serving) -> None:
    value = fresh()
    with queue_paused(server):
        job_id = submit(server, show(), title="before")
        status, answer = server.ask(f"/api/loom/jobs/{job_id}", {"title": "after", "graph": show(value)}, "PATCH")
        assert status == 200 and answer["job"]["title"] == "after"
        wrong = {"0": {"class_type": "NoSuchNode", "inputs": {}}}
        assert server.ask(f"/api/loom/jobs/{job_id}", {"graph": wrong}, "PATCH")[0] == 400
    job = end_of(server, job_id)
    assert job["state"] == "done" and job["title"] == "after"
    assert job["outputs"]["1"]["text"] == [{"text": str(value)}]
    status, answer = server.ask(f"/api/loom/jobs/{job_id}", {"title": "too late"}, "PATCH")
    assert status == 409 and job_of(server, job_id)["title"] == "after"


def test_a_held_job_waits_until_it_is_released(server: Serving, post: Any) -> None:
    held = submit(server, show(), held=True)
    with queue_paused(server):
        late = submit(server, show())
        assert post(late, "hold")["held"]
    passing = submit(server, show())
    assert end_of(server, passing)["state"] == "done"
    assert state_of(server, held) == state_of(server, late) == "pending"
    for job_id in (held, late):
        assert not post(job_id, "release")["held"]
        assert end_of(server, job_id)["state"] == "done"


def test_jobs_are_copied_and_tried_again(server: Serving, post: Any) -> None:
    value = fresh()
    done = submit(server, show(value), title="one")
    assert end_of(server, done)["state"] == "done"
    copy = post(done, "duplicate", title="two")
    assert copy["id"] != done and copy["title"] == "two"
    assert end_of(server, copy["id"])["outputs"] == end_of(server, done)["outputs"]
    assert server.ask(f"/api/loom/jobs/{done}/diff/{copy['id']}")[1]["same"] is True
    assert server.ask(f"/api/loom/jobs/{done}/retry", {})[0] == 409

    failed = submit(server, graph(("ProbeFail", {}), ("ProbeShow", {})))
    assert end_of(server, failed)["state"] == "failed"
    again = post(failed, "retry")
    assert again["id"] != failed and end_of(server, again["id"])["state"] == "failed"
    assert job_of(server, failed)["state"] == "failed"


def test_a_range_of_jobs_is_cancelled_running_ones_with_it(server: Serving) -> None:
    before, running = submit(server, show()), submit(server, sleeping(60_000))
    runs_at(server, running, "1")
    inside = [submit(server, show()) for _ in range(3)]
    after = submit(server, show())
    first, last = job_of(server, running)["sequence"], job_of(server, inside[-1])["sequence"]
    status, answer = server.ask("/api/loom/queue", {"cancel": {"from": first, "to": last}})
    assert status == 200 and set(answer["cancelled"]) == {running, *inside}
    assert {end_of(server, job_id)["state"] for job_id in (running, *inside)} == {"cancelled"}
    assert {end_of(server, job_id)["state"] for job_id in (before, after)} == {"done"}

    with queue_paused(server):
        ids = [submit(server, show()) for _ in range(3)]
        status, answer = server.ask("/api/loom/queue", {"cancel": {"ids": [*ids[:2], "nobody", before]}})
        assert status == 200 and sorted(answer["cancelled"]) == sorted(ids[:2])
        third = server.ask(f"/api/loom/jobs/{ids[2]}/cancel", {})
        assert third[0] == 200 and third[1]["job"]["state"] == "cancelled"


def test_a_pause_after_the_job_lets_it_end_and_starts_no_other(server: Serving) -> None:
    running, waiting = submit(server, sleeping(500)), submit(server, show())
    runs_at(server, running, "1")
    with queue_paused(server):
        assert end_of(server, running)["state"] == "done"
        time.sleep(0.2)
        assert state_of(server, waiting) == "pending"
    assert end_of(server, waiting)["state"] == "done"


def test_a_pause_after_the_node_puts_the_job_back_and_it_continues_there(server: Serving) -> None:
    table = graph(("ProbeSleep", {"milliseconds": 400}), ("ProbeSleep", {"milliseconds": 400}), ("ProbeShow", {}))
    job_id = submit(server, table)
    runs_at(server, job_id, "1")
    with loom(server, f"job={job_id}") as listener:
        hear(listener)
        assert server.ask("/api/loom/queue", {"pause": "after_node"})[1]["paused"] == "after_node"
        states, finished = [], []
        while "pending" not in states:
            event = hear(listener)
            states += [event["data"]["state"]] if event["kind"] == "job" else []
            finished += [event["data"]["node"]] if event["kind"] == "finished" else []
        assert finished == ["1"]
        time.sleep(0.2)
        job = job_of(server, job_id)
        assert job["state"] == "pending" and job["attempts"] == 0
        assert server.ask("/api/loom/queue", {"pause": "no"})[0] == 200
        started = []
        while "done" not in states:
            event = hear(listener)
            states += [event["data"]["state"]] if event["kind"] == "job" else []
            started += [event["data"]["node"]] if event["kind"] == "started" else []
        assert started == ["2", "3"]


def test_an_idempotency_key_makes_one_job_however_often_it_is_sent(server: Serving) -> None:
    body = {"graph": show(), "idempotency_key": "once"}
    answers: list[tuple[int, Any]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.ask("/api/loom/jobs", body))) for _ in range(8)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(status for status, _ in answers) == [200] * 7 + [201]
    assert len({answer["job"]["id"] for _, answer in answers}) == 1
    assert end_of(server, answers[0][1]["job"]["id"])["state"] == "done"
    assert server.ask("/api/loom/jobs", body)[0] == 200
    status, answer = server.ask("/api/loom/jobs", {**body, "graph": show()})
    assert status == 409 and answer["error"]["code"] == "J002"
