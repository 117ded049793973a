"""The store against kill -9, power cuts, a second server and a migration that is cut off."""

from __future__ import annotations

import os
import random
import socket
import sqlite3
import subprocess
import sys
import time

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.server.database import open_database
from latentloom.engine.server.jobs import State, Submission
from latentloom.engine.server.lock_folder import FolderLock
from latentloom.engine.server.schema import STEPS, connect, migrate, version_of

from .job_process import NEXT_STEP, kill, start
from .stores import integrity, opened, run, some_jobs

# --- kill -9


def test_nothing_acknowledged_is_lost_by_ten_kills(data):
    chance = random.Random(5)
    submitted, done, ran = set(), set(), 0
    for _ in range(10):
        process = start("work", data)
        first = process.stdout.readline()
        time.sleep(chance.uniform(0, 0.25))
        lines = [first.strip(), *kill(process)]
        words = [line.split() for line in lines]
        submitted |= {job_id for kind, job_id in words if kind == "submitted"}
        finished = [job_id for kind, job_id in words if kind == "done"]
        assert len(finished) == len(set(finished)) and not done & set(finished)  # no job's end twice, ever
        done |= set(finished)

        assert integrity(data) == "ok"
        store = opened(data)
        assert store.recovered is None
        ran += len(store.running())
        jobs = {job.id: job for job in store.find(limit=-1)}
        store.close()
        assert submitted <= jobs.keys()
        for job_id in done:
            assert jobs[job_id].state is State.DONE and jobs[job_id].outputs == {"1": {"images": [job_id]}}
        unsaid = {job.id for job in jobs.values() if job.state is State.DONE} - done
        assert all(jobs[job_id].outputs == {"1": {"images": [job_id]}} for job_id in unsaid)
        done |= unsaid  # on disk, but killed before it could be said
        assert {job.state for job in jobs.values()} <= {State.PENDING, State.RUNNING, State.DONE}
        assert all(job.attempts == 0 for job in jobs.values())
    assert len(submitted) >= 10 and done
    store = opened(data)
    store.recover()
    assert store.counts()[State.RUNNING] == 0
    store.close()


def test_a_log_cut_anywhere_after_an_acknowledgement_holds_the_job(data, tmp_path):
    """A power cut leaves a prefix of what was flushed last; what was acknowledged is in every prefix that matters."""
    log = data / "jobs.sqlite3-wal"
    acknowledged = []

    async def fill(store):
        for n in range(20):
            await store.submit(Submission({"text": "x" * 2000 * (n % 3)}, job_id=f"j{n}"))
            acknowledged.append(log.stat().st_size)

    store = opened(data)
    run(fill(store))
    whole = log.read_bytes()
    database = (data / "jobs.sqlite3").read_bytes()
    store.close()
    assert acknowledged == sorted(acknowledged) and acknowledged[-1] == len(whole)

    chance = random.Random(1)
    cuts = {*acknowledged, *(chance.randrange(len(whole)) for _ in range(25)), 0}
    for number, cut in enumerate(sorted(cuts)):
        folder = tmp_path / f"cut{number}"
        folder.mkdir()
        (folder / "jobs.sqlite3").write_bytes(database)
        (folder / "jobs.sqlite3-wal").write_bytes(whole[:cut] + chance.randbytes(100))  # and the disk's old bytes
        store = opened(folder)
        kept = [job.id for job in store.pending()]
        assert store.recovered is None and kept == [f"j{n}" for n in range(len(kept))]
        assert len(kept) >= sum(size <= cut for size in acknowledged)
        store.close()
        assert integrity(folder) == "ok"


# --- two servers on one folder


def test_a_second_server_is_refused_by_name_until_the_first_dies(data):
    process = start("hold", data)
    assert process.stdout.readline() == "open\n"
    with pytest.raises(UserError) as refused:
        opened(data)
    assert refused.value.code == "J001"
    assert f"process {process.pid} on {socket.gethostname()}" in str(refused.value) and str(data) in str(refused.value)
    process.stdin.write("\n")
    process.stdin.flush()
    acknowledged = process.stdout.readline().strip()
    kill(process)
    store = opened(data)
    assert [job.id for job in store.pending()] == [acknowledged]
    with pytest.raises(UserError, match=f"process {os.getpid()} on "):
        opened(data)
    store.close()
    opened(data).close()


def test_a_lock_is_not_passed_on_to_children_and_its_record_may_be_junk(data):
    data.mkdir()
    (data / "server.lock").write_bytes(b"\xff{" * 5000)
    lock = FolderLock.take(data)
    command = [sys.executable, "-c", "print(flush=True); input()"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
    try:
        child.stdout.readline()  # it runs: what it does not inherit is closed
        lock.release()
        lock.release()
        again = FolderLock.take(data)
        (data / "server.lock").write_bytes(b"")
        with pytest.raises(UserError, match=r"J001 .* in use by another process"):
            FolderLock.take(data)
        again.release()
    finally:
        child.communicate(b"\n", timeout=30)


# --- versions


@pytest.mark.parametrize("stop", range(len(NEXT_STEP)))
def test_a_migration_killed_half_way_leaves_the_old_version_whole(data, stop):
    jobs = some_jobs(data)
    store = opened(data)
    store.next_sequence_block(1)
    store.close()
    process = start("migrate", data, stop)
    assert process.stdout.readline() == "middle\n"
    kill(process)

    store = opened(data)  # this version still opens it and finds every row
    assert store.recovered is None and store.find(limit=-1) == jobs
    store.close()
    assert integrity(data) == "ok"

    path = data / "jobs.sqlite3"
    connection = connect(path)
    migrate(connection, path, (*STEPS, NEXT_STEP))
    assert version_of(connection) == len(STEPS) + 1
    assert connection.execute("SELECT count(*), min(colour), max(colour) FROM jobs").fetchone() == (300, "blue", "blue")
    assert connection.execute("SELECT count(*) FROM copies").fetchone() == (900,)
    migrate(connection, path, (*STEPS, NEXT_STEP))  # nothing left to do
    connection.close()
    backup = sqlite3.connect(data / f"jobs.v{len(STEPS)}.sqlite3")
    assert version_of(backup) == len(STEPS) and backup.execute("SELECT count(*) FROM jobs").fetchone() == (300,)
    backup.close()


def test_a_step_that_fails_leaves_the_old_version_whole(data):
    jobs = some_jobs(data, 20)
    path = data / "jobs.sqlite3"
    connection = connect(path)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, path, (*STEPS, NEXT_STEP[:1], ("CREATE NONSENSE",)))
    connection.close()
    store = opened(data)
    assert store.find(limit=-1) == jobs
    store.close()


def test_a_database_of_a_later_version_is_refused_and_left_alone(data):
    some_jobs(data, 20)
    connection = sqlite3.connect(data / "jobs.sqlite3")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (data / "jobs.sqlite3").read_bytes()
    with pytest.raises(UserError, match=r"J014 .* got version 99"):
        opened(data)
    assert (data / "jobs.sqlite3").read_bytes() == before and not list(data.glob("*damaged*"))
    FolderLock.take(data).release()  # the folder was let go


def test_the_schema_of_this_version_is_what_the_steps_make(data):
    data.mkdir()
    connection, report = open_database(data)
    assert report is None and version_of(connection) == len(STEPS)
    assert {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} >= {"jobs", "counters"}
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO jobs VALUES (1, 'a', 'odd', 0, 0, '', '', 0, 0, 0, 0, '', '', '', '', '')")
    connection.close()
