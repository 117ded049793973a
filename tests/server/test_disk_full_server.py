"""A full disk under a real server: what it cannot keep it refuses, what it acknowledged it keeps, and it recovers alone.

The data folder lies on a small file system of its own in memory, which takes the right to mount one.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from follow import end_of, graph, hear_until, job_of, loom, ready, runs_at, sleeping, submit, until
from serving import Serving

MIB = 1 << 20
SIZE = 64 * MIB

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a disk of 64 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("no mount command")
    if mounted.returncode:
        pytest.skip("no right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(path: Path) -> None:
    """Write until not a byte more fits."""
    with path.open("ab", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while True:
                    file.write(b"\xff" * size)
            except OSError:
                continue


def test_a_full_disk_loses_nothing_and_is_recovered_from(small_disk: Path) -> None:
    data, big = small_disk, small_disk / "big"
    with Serving(data) as server:
        ready(server)
        until((data / "jobs" / "reserve.bin").exists)
        running, second = submit(server, sleeping(2500)), submit(server, sleeping(1500))
        waiting = [second, *(submit(server, graph(("ProbeShow", {}), value=number)) for number in range(20))]
        runs_at(server, running, "1")
        fill(big)

        with loom(server) as listener:
            status, answer = server.ask("/api/loom/jobs", {"graph": sleeping(10), "title": "x" * 200})
            assert status == 507 and answer["error"]["code"] == "J010", "acknowledged on a full disk"
            status, answer = server.ask("/prompt", {"prompt": sleeping(10)})
            assert status == 507 and answer["error"]["type"] == "disk_full"
            assert server.ask("/health")[0] == 200
            assert {job_of(server, job_id)["state"] for job_id in waiting} == {"pending"}
            # Its end is recorded all the same: room was kept back for it.
            heard = hear_until(listener, lambda event: event["kind"] == "job" and event["data"]["state"] == "done")
            assert heard[-1]["job"] == running
            assert job_of(server, running)["outputs"]["2"]["text"]

            # Now without that room as well: what runs to its end is kept in mind until it can be written.
            runs_at(server, second, "1")
            fill(big)
            heard = hear_until(listener, lambda event: event["kind"] == "server")
            assert heard[-1]["data"]["error"]["code"] == "J010"
            status, answer = server.ask("/api/loom/jobs", {"graph": sleeping(10)})
            assert status == 507 and answer["error"]["code"] == "J010"
            assert job_of(server, second)["state"] == "running"
            assert {job_of(server, job_id)["state"] for job_id in waiting[1:]} == {"pending"}

        big.unlink()
        for job_id in waiting:
            job = end_of(server, job_id, 30)
            assert job["state"] == "done" and job["attempts"] == 0
        until(lambda: server.ask("/api/loom/jobs", {"graph": sleeping(10)})[0] == 201, 30)
        until((data / "jobs" / "reserve.bin").exists)
        _, listed = server.ask("/api/loom/jobs?limit=1000")
        known = [job["id"] for job in listed["jobs"]]
        assert len(known) == len(set(known)) and {running, *waiting} <= set(known)
        assert len(known) == len(waiting) + 2, "a job that was refused is there"
        said = server.errors()
        assert server.stop() == 0
        print(said)
        assert "unhandled" not in said and "a task of the server failed" not in said
    (database,) = (data / "jobs").glob("jobs.sqlite3")
    connection = sqlite3.connect(database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()

