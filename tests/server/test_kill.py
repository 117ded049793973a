"""kill -9 at random moments: what was acknowledged ends done, once, with whole files.

The short form of the soak: the same code with more kills (`make soak`).
"""

from __future__ import annotations

import random
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from serving import Serving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")


def job_graph(name: str, value: int) -> dict[str, Any]:
    """Return a graph of several nodes that takes some 400 ms and writes one file of its own."""
    return {
        "0": {"class_type": "ProbeNumber", "inputs": {"value": value}},
        "1": {"class_type": "ProbeSleep", "inputs": {"value": ["0", 0], "milliseconds": 200}},
        "2": {"class_type": "ProbeAdd", "inputs": {"a": ["1", 0], "value": 1}},
        "3": {"class_type": "ProbeSleep", "inputs": {"value": ["2", 0], "milliseconds": 200}},
        "4": {"class_type": "ProbeWrite", "inputs": {"value": ["3", 0], "name": name, "kilobytes": 256}},
    }


class Submitter(threading.Thread):
    """Submits jobs until it has `count` of them acknowledged, over as many servers as come and go."""

    def __init__(self, count: int, pause: float) -> None:
        """pause: seconds between two jobs, so that kills meet jobs in all states."""
        super().__init__(daemon=True)
        self.count = count
        self.pause = pause
        self.acknowledged: list[str] = []
        self.server: Serving | None = None
        self.ending = False

    def run(self) -> None:
        number = 0
        while len(self.acknowledged) < self.count and not self.ending:
            server = self.server
            if server is None or not server.url:
                time.sleep(0.01)
                continue
            body = {"graph": job_graph(f"job{number}", number), "title": f"job{number}", "idempotency_key": f"key{number}"}
            try:
                status, answer = server.ask("/api/loom/jobs", body, timeout=5)
            except OSError:  # the server is dead or dying: the same key again, so that it comes once
                time.sleep(0.02)
                continue
            assert status in (200, 201), answer
            self.acknowledged.append(answer["job"]["id"])
            number += 1
            time.sleep(self.pause)


def ended(server: Serving, ids: list[str], seconds: float) -> dict[str, dict[str, Any]]:
    """Wait until all have ended and return them by id."""
    until = time.monotonic() + seconds
    found: dict[str, dict[str, Any]] = {}
    while time.monotonic() < until:
        for job_id in ids:
            if job_id in found:
                continue
            status, answer = server.ask(f"/api/loom/jobs/{job_id}")
            assert status == 200, (job_id, answer)
            if answer["job"]["state"] in ("done", "failed", "cancelled"):
                found[job_id] = answer["job"]
        if len(found) == len(ids):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{len(ids) - len(found)} of {len(ids)} jobs never ended\n{server.errors()}")


def kill_servers(data: Path, kills: int, jobs: int, pause: float) -> None:
    rng = random.Random(kills)
    submitter = Submitter(jobs, pause)
    submitter.start()
    for _ in range(kills):
        server = Serving(data).wait()
        submitter.server = server
        # From before the worker is up to several jobs on.
        time.sleep(rng.random() * 4.0 if rng.random() < 0.8 else rng.random() * 0.1)
        submitter.server = None
        server.kill()
    with Serving(data) as server:
        submitter.server, submitter.pause = server, 0.0
        submitter.join(120)
        assert len(submitter.acknowledged) == jobs == len(set(submitter.acknowledged))
        found = ended(server, submitter.acknowledged, 120)
        assert {job["state"] for job in found.values()} == {"done"}, [j for j in found.values() if j["state"] != "done"][:3]
        for job in found.values():
            assert job["attempts"] == 0, "the death of a server counted"
            text = (data / "output" / f"{job['title']}.txt").read_text(encoding="ascii")
            assert text.endswith("whole") and len(text) == 256 * 1024 + 5
        _, listed = server.ask("/api/loom/jobs?limit=1000")
        assert len(listed["jobs"]) == jobs
    (database,) = [path for path in data.rglob("jobs.*") if path.suffix in (".sqlite3", ".sqlite", ".db")]
    assert sqlite3.connect(database).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.timeout(280)
def test_ten_kills_of_the_server_lose_nothing(tmp_path: Path) -> None:
    kill_servers(tmp_path / "data", kills=10, jobs=20, pause=0.5)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_hundred_kills_of_the_server_lose_nothing(tmp_path: Path) -> None:
    kill_servers(tmp_path / "data", kills=200, jobs=50, pause=7.0)


def workers_of(server: Serving) -> list[int]:
    """Return the process ids of its workers."""
    _, answer = server.ask("/api/loom/workers")
    return [worker["info"]["pid"] for worker in answer["workers"] if worker["info"].get("pid")]


def test_a_job_that_kills_its_worker_twice_fails_with_the_reason(tmp_path: Path) -> None:
    with Serving(tmp_path / "data") as server:
        poison = {
            "0": {"class_type": "ProbeNumber", "inputs": {"value": 1}},
            "1": {"class_type": "ProbeDie", "inputs": {"value": ["0", 0]}},
            "2": {"class_type": "ProbeShow", "inputs": {"value": ["1", 0]}},
        }
        bad = server.ask("/api/loom/jobs", {"graph": poison})[1]["job"]["id"]
        good = server.ask("/api/loom/jobs", {"graph": job_graph("after", 5)})[1]["job"]["id"]
        found = ended(server, [bad, good], 90)
        assert found[good]["state"] == "done"
        assert found[bad]["state"] == "failed" and found[bad]["attempts"] == 2
        assert "ProbeDie" in found[bad]["error"]["message"] and "SIGKILL" in found[bad]["error"]["message"]
        status, history = server.ask(f"/history/{bad}")
        assert status == 200 and history[bad]["status"]["status_str"] == "error"


def test_a_worker_killed_while_a_job_runs_is_replaced_and_the_job_done(tmp_path: Path) -> None:
    import os

    with Serving(tmp_path / "data") as server:
        slow = job_graph("slow", 3)
        slow["1"]["inputs"]["milliseconds"] = 3000
        job_id = server.ask("/api/loom/jobs", {"graph": slow})[1]["job"]["id"]
        until = time.monotonic() + 60
        while server.ask(f"/api/loom/jobs/{job_id}")[1]["job"].get("running", {}).get("node") != "1":
            assert time.monotonic() < until
            time.sleep(0.05)
        os.kill(workers_of(server)[0], signal.SIGKILL)
        job = ended(server, [job_id], 60)[job_id]
        assert job["state"] == "done" and job["attempts"] == 1
