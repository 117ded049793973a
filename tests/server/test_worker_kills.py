"""kill -9 of the worker at random moments: each job ends done, or failed with the reason if it was killed twice."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from follow import end_of, graph, ready, submit, until, workers
from serving import Serving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")


def work(name: str, milliseconds: int) -> dict[str, Any]:
    """Return a graph that takes this long and writes one file of its own."""
    return graph(
        ("ProbeSleep", {"milliseconds": milliseconds // 3}),
        ("ProbeAdd", {}),
        ("ProbeSleep", {"milliseconds": milliseconds * 2 // 3}),
        ("ProbeWrite", {"name": name, "kilobytes": 256}),
    )


def kill_workers(data: Path, kills: int, jobs: int, milliseconds: int, longest: float) -> None:
    """Kill one of two workers `kills` times, each within `longest` seconds of the time that one is up."""
    rng = random.Random(kills)
    with Serving(data, "--workers", "2", environment={"PYTHONFAULTHANDLER": "1"}) as server:
        ready(server)
        ids = [submit(server, work(f"job{number}", milliseconds), title=f"job{number}") for number in range(jobs)]
        killed: set[int] = set()

        def up() -> list[int]:
            assert server.process.poll() is None, (server.process.returncode, server.errors())
            live = [worker for worker in workers(server) if worker["state"] in ("idle", "busy")]
            return [worker["info"]["pid"] for worker in live if worker["info"]["pid"] not in killed]

        for _ in range(kills):
            until(up, 120)
            time.sleep(rng.random() * longest)
            pid = rng.choice(up())
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        ends = [end_of(server, job_id, 180) for job_id in ids]
        until(up, 120)
        assert server.ask("/health")[0] == 200
        assert sum(worker["restarts"] for worker in workers(server)) == kills

    for job in ends:
        path = data / "output" / f"{job['title']}.txt"
        if job["state"] == "done":
            assert job["attempts"] <= 1 and job["error"] is None
            text = path.read_text("ascii")
            assert text.endswith("whole") and len(text) == 256 * 1024 + 5
        else:
            assert job["state"] == "failed" and job["attempts"] == 2, job
            assert job["error"]["code"] == "W001" and "SIGKILL" in job["error"]["message"]
            assert "node" in job["error"]["message"], "which node ran"
    assert sum(job["attempts"] for job in ends) <= kills
    assert any(job["attempts"] for job in ends), "no kill met a job"


@pytest.mark.timeout(280)
def test_six_kills_of_the_worker_lose_nothing(tmp_path: Path) -> None:
    kill_workers(tmp_path / "data", kills=6, jobs=12, milliseconds=600, longest=0.6)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_hundred_kills_of_the_worker_lose_nothing(tmp_path: Path) -> None:
    kill_workers(tmp_path / "data", kills=100, jobs=50, milliseconds=1200, longest=1.5)
