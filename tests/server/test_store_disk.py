"""The store against damaged files, a full disk and network folders."""

from __future__ import annotations

import asyncio
import errno
import random
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.server import changes
from latentloom.engine.server.database import file_system
from latentloom.engine.server.jobs import State, Submission
from latentloom.engine.server.reserve import Reserve
from latentloom.engine.server.rows import prepare
from latentloom.engine.server.schema import connect
from latentloom.engine.server.store import Store
from latentloom.engine.server.writer import Writer

from .job_process import kill, start
from .stores import RESERVE, integrity, opened, run, some_jobs

MIB = 2**20

# --- damage


def overwrite_header(content):
    return b"\x13" * 100 + content[100:]


def overwrite_pages(content):
    return content[:8192] + random.Random(0).randbytes(8192) + content[16384:]


def overwrite_all(content):
    return b"not a database, but long enough to be read as one" * 500


def cut_in_half(content):
    return content[: len(content) // 2]


def empty(content):
    return b""


def zeros(content):
    return bytes(len(content))


def another_database(content):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE unrelated (a)")
    content = connection.serialize()
    connection.close()
    return content


@pytest.mark.parametrize("damage", [overwrite_header, overwrite_pages, cut_in_half, empty, zeros, another_database])
def test_a_damaged_database_is_set_aside_and_a_new_one_made(data, damage):
    some_jobs(data)
    path = data / "jobs.sqlite3"
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    store = opened(data)
    (aside,) = data.glob("jobs.damaged-*.sqlite3")
    assert aside.read_bytes() == damaged
    assert aside.name in store.recovered and "damaged" in store.recovered
    assert store.find() == []
    assert run(store.submit(Submission({}, job_id="new"))).sequence == 1
    store.close()
    store = opened(data)
    assert store.recovered is None and [job.id for job in store.pending()] == ["new"]
    store.close()
    assert integrity(data) == "ok" and aside.read_bytes() == damaged


@pytest.mark.parametrize("damage", [overwrite_header, overwrite_all, empty, zeros])
def test_the_log_of_a_damaged_database_is_kept_with_it(data, damage):
    process = start("hold", data)
    process.stdout.readline()
    process.stdin.write("\n")
    process.stdin.flush()
    process.stdout.readline()
    kill(process)
    path, log = data / "jobs.sqlite3", data / "jobs.sqlite3-wal"
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    said = log.read_bytes()
    assert said
    store = opened(data)
    (aside,) = data.glob("jobs.damaged-*.sqlite3")
    assert aside.read_bytes() == damaged and aside.with_name(aside.name + "-wal").read_bytes() == said
    assert store.pending() == []
    store.close()


def test_a_folder_in_the_databases_place_is_set_aside_too(data):
    (data / "jobs.sqlite3").mkdir(parents=True)
    (data / "jobs.sqlite3" / "mine").write_text("keep")
    store = opened(data)
    assert "not a file" in store.recovered
    store.close()
    (aside,) = data.glob("jobs.damaged-*")
    assert (aside / "mine").read_text() == "keep"


def test_damage_while_in_use_is_named(data):
    some_jobs(data)
    store = opened(data)
    path = data / "jobs.sqlite3"
    path.write_bytes(path.read_bytes()[:4096] + b"\x13" * (path.stat().st_size - 4096))
    with pytest.raises(UserError, match="J012"):
        store.find(limit=-1)
    store.close()


def test_a_first_start_that_was_cut_off_leaves_no_damage(data):
    data.mkdir()
    (data / ".jobs.sqlite3.part").write_bytes(b"half")
    (data / ".jobs.sqlite3.part-journal").write_bytes(b"half")
    store = opened(data)
    assert store.recovered is None and run(store.submit(Submission({})))
    store.close()
    assert not list(data.glob(".jobs*"))


# --- a full disk


def test_a_database_that_may_not_grow_refuses_whole_and_recovers(data):
    """SQLite's own answer for a full disk, without needing one."""

    def limit(pages):
        return lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    def noise(n):
        return {"text": random.Random(n).randbytes(30_000).hex()}

    async def scenario():
        await store.submit_many([Submission({}, job_id="runs"), Submission({}, job_id="waits")])
        await store.claim("cpu")
        (pages,) = await store._writer.ask(lambda connection: connection.execute("PRAGMA page_count").fetchone())
        await store._writer.ask(limit(pages))
        before = store.find()
        for n in range(3):
            with pytest.raises(UserError, match="J010"):
                await store.submit_many([Submission({}, job_id=f"small{n}"), Submission(noise(n), job_id=f"big{n}")])
            with pytest.raises(UserError, match="J010"):
                await store.finish("runs", State.DONE, outputs=noise(n))
        assert store.find() == before
        store._writer._reserve._next_try = 0.0  # what spent the reserve was this limit; the disk has room
        big = asyncio.create_task(store.submit(Submission(noise(0), job_id="big")))
        small = asyncio.create_task(store.submit(Submission({}, job_id="small")))
        answers = await asyncio.gather(big, small, return_exceptions=True)
        assert answers[0].code == "J010" and answers[1].id == "small"  # asked together, judged apart
        await store._writer.ask(limit(2**30))
        assert (await store.finish("runs", State.DONE, outputs=noise(1))).outputs == noise(1)
        await store.submit(Submission(noise(2), job_id="big"))
        assert [job.id for job in store.find()] == ["runs", "waits", "small", "big"]

    store = opened(data)
    run(scenario())
    store.close()
    assert integrity(data) == "ok"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 12 MiB of its own, where this machine lets tests mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("no mount")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], capture_output=True)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill_up(folder):
    """Take all room there is."""
    with (folder / "filler").open("ab", buffering=0) as file:
        for size in (MIB, 4096, 1):
            while True:
                try:
                    file.write(b"\xff" * size)
                except OSError as error:
                    assert error.errno == errno.ENOSPC
                    break


def test_a_full_disk_loses_nothing_records_the_end_of_what_runs_and_passes(small_disk):
    noise = {"1": {"text": [random.Random(3).randbytes(100_000).hex()]}}

    async def scenario():
        await store.submit_many([Submission({}, job_id=f"j{n}") for n in range(3)])
        await store.claim("cpu")
        assert (small_disk / "reserve.bin").stat().st_size == 2 * MIB
        fill_up(small_disk)
        began = time.monotonic()
        taken = []
        with pytest.raises(UserError, match=f"J010 disk of {small_disk}") as refused:
            for n in range(100):
                await store.submit(Submission(noise, job_id=f"big{n}"))
                taken.append(f"big{n}")
        assert refused.value.code == "J010" and time.monotonic() - began < 5
        fill_up(small_disk)
        assert [job.id for job in store.pending()] == ["j1", "j2", *taken]

        done = await store.finish("j0", State.DONE, outputs=noise)  # the reserve is for this
        assert done.outputs == noise and not (small_disk / "reserve.bin").exists()
        with pytest.raises(UserError, match="J010"):  # there is room in what was the reserve, but not for new work
            await store.submit(Submission({}, job_id="small"))
        claimed = await store.claim("cpu")
        assert claimed.id == "j1" and await store.finish("j1", State.FAILED, error={"code": "F9"})

        (small_disk / "filler").unlink()
        for _ in range(60):  # by itself, some seconds after there is room
            try:
                await store.submit(Submission({}, job_id="after"))
                break
            except UserError as error:
                assert error.code == "J010"
                await asyncio.sleep(0.05)
        assert [job.id for job in store.pending()] == ["j2", *taken, "after"]
        assert (small_disk / "reserve.bin").stat().st_size == 2 * MIB
        assert {job.id: job.state for job in store.ended()} == {"j0": State.DONE, "j1": State.FAILED}

    store = Store.open(small_disk, reserve_bytes=2 * MIB)
    run(scenario())
    store.close()
    assert integrity(small_disk) == "ok"
    store = Store.open(small_disk, reserve_bytes=2 * MIB)
    assert store.recovered is None and store.get("j0").outputs == noise
    store.close()


def test_a_server_starts_again_on_a_disk_without_any_room(small_disk):
    store = Store.open(small_disk, reserve_bytes=2 * MIB)
    run(store.submit_many([Submission({}, job_id=job_id) for job_id in "abc"]))
    run(store.claim("cpu"))
    store.close()
    fill_up(small_disk)
    store = Store.open(small_disk, reserve_bytes=2 * MIB)
    assert store.recovered is None and [job.id for job in store.recover()] == ["a"]
    assert store.next_sequence_block(5) == 1
    with pytest.raises(UserError, match="J010"):
        run(store.submit(Submission({})))
    assert [job.id for job in store.pending()] == ["a", "b", "c"]
    (small_disk / "filler").unlink()
    time.sleep(1.1)
    run(store.submit(Submission({}, job_id="d")))
    assert [job.id for job in store.pending()] == ["a", "b", "c", "d"]
    store.close()
    assert integrity(small_disk) == "ok" and not list(small_disk.glob("*damaged*"))


def test_a_store_opens_on_a_disk_without_room_for_the_reserve(small_disk):
    some_jobs(small_disk, 10)
    (small_disk / "reserve.bin").unlink()
    fill_up(small_disk)
    (small_disk / "filler").open("rb+").truncate((small_disk / "filler").stat().st_size - MIB)
    store = Store.open(small_disk, reserve_bytes=2 * MIB)
    assert len(store.pending()) == 5
    with pytest.raises(UserError, match="J010"):
        run(store.submit(Submission({})))
    (small_disk / "filler").unlink()
    time.sleep(1.1)
    assert run(store.submit(Submission({}, job_id="later"))).id == "later"
    store.close()


# --- network folders


def test_the_file_system_of_a_folder_is_that_of_its_nearest_mount():
    mounts = "disk / ext4 rw 0 0\nnas:/a /mnt/my\\040files nfs4 rw 0 0\nsrv /mnt cifs rw 0 0\ntmpfs /mnt tmpfs rw 0 0\nodd\n"
    assert file_system(Path("/home/a"), mounts) == "ext4"
    assert file_system(Path("/mnt/my files/data"), mounts) == "nfs4"
    assert file_system(Path("/mnt/my"), mounts) == "tmpfs"
    assert file_system(Path("/home"), "") == ""


def test_the_journal_for_network_folders_keeps_jobs_too(data):
    some_jobs(data, 20)
    path = data / "jobs.sqlite3"
    connection = connect(path, rollback=True)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    writer = Writer(connection, path, Reserve(data, RESERVE))

    def change(connection):
        return changes.submit(connection, [prepare(Submission({}, job_id="new"))], 100, 1.0)

    assert [job.id for job in writer.make(change)] == ["new"]
    writer.close()
    assert not list(data.glob("*-journal"))
    store = opened(data)
    assert store.get("new") is not None and len(store.find(limit=-1)) == 21
    store.close()
