"""Hashes of files: right, computed once, never holding a run up."""

import hashlib
import os
import threading
import time

import pytest

from latentloom.engine.run import hashes
from latentloom.engine.run.hashes import FileHashes


def old(path, content, seconds=60):
    """Write a file that was last changed a while ago."""
    path.write_bytes(content)
    then = time.time_ns() - seconds * 10**9
    os.utime(path, ns=(then, then))
    return path


@pytest.fixture
def reads(monkeypatch):
    """The files read, in order; every file counts as a large one."""
    found, digest = [], hashes._digest
    monkeypatch.setattr(hashes, "AT_ONCE_BYTES", 0)
    monkeypatch.setattr(hashes, "_digest", lambda path: found.append(path.name) or digest(path))
    return found


def test_the_hash_is_sha256(tmp_path, reads):
    for content in (b"x", b"abc" * 1000):
        path = old(tmp_path / "x", content)
        assert FileHashes().of(path) == hashlib.sha256(content).hexdigest()


def test_a_large_file_is_read_once_for_all_processes(tmp_path, reads):
    path = old(tmp_path / "model", b"weights")
    cache = tmp_path / "cache"
    first = FileHashes(lambda: cache)
    expected = first.of(path)
    assert first.of(path) == expected
    assert FileHashes(lambda: cache).of(path) == expected
    assert reads == ["model"]
    old(path, b"other", seconds=30)
    assert FileHashes(lambda: cache).of(path) == hashlib.sha256(b"other").hexdigest()
    assert reads == ["model", "model"]


def test_what_is_known_is_told_without_reading(tmp_path, reads, monkeypatch):
    path = old(tmp_path / "model", b"weights")
    found = FileHashes(lambda: tmp_path / "cache")
    assert found.known(path) is None and found.known(tmp_path) is None and found.known(tmp_path / "absent") is None
    assert reads == []
    wanted = found.of(path)
    assert found.known(path) == wanted == FileHashes(lambda: tmp_path / "cache").known(path)
    assert reads == ["model"]
    old(path, b"others")
    assert found.known(path) is None
    monkeypatch.setattr(hashes, "AT_ONCE_BYTES", 100)
    assert found.known(path) == hashlib.sha256(b"others").hexdigest()


def test_two_processes_keep_each_others_hashes(tmp_path, reads):
    one, two = old(tmp_path / "one", b"1"), old(tmp_path / "two", b"2")
    first, second = FileHashes(lambda: tmp_path / "cache"), FileHashes(lambda: tmp_path / "cache")
    second.expect(two)  # has read what was stored: nothing
    assert second.of(two) and first.of(one)
    fresh = FileHashes(lambda: tmp_path / "cache")
    assert fresh.of(one) and fresh.of(two)
    assert sorted(reads) == ["one", "two"]


def test_processes_that_keep_hashes_at_once_lose_none(tmp_path, reads):
    files = [old(tmp_path / f"file{number}", b"%d" % number) for number in range(12)]
    hashers = [FileHashes(lambda: tmp_path / "cache") for _ in files]
    for hasher, path in zip(hashers, files, strict=True):
        hasher.expect(path)
    assert all(hasher.of(path) for hasher, path in zip(hashers, files, strict=True))
    fresh = FileHashes(lambda: tmp_path / "cache")
    assert all(fresh.of(path) for path in files)
    assert len(reads) == len(files)


def test_a_damaged_store_is_no_harm(tmp_path, reads):
    path = old(tmp_path / "model", b"weights")
    for junk in (b"{", b"[]", b'{"a": 1}', b"\xff", b'{"a": [1, 2, "x"]}'):
        (tmp_path / hashes.NAME).write_bytes(junk)
        assert FileHashes(lambda: tmp_path).of(path) == hashlib.sha256(b"weights").hexdigest()


def test_nothing_is_kept_of_a_file_that_may_still_change(tmp_path, reads):
    path = tmp_path / "model"
    path.write_bytes(b"weights")
    assert FileHashes(lambda: tmp_path / "cache").of(path)
    assert not (tmp_path / "cache").exists()


def test_hashing_goes_on_beside_and_is_not_waited_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(hashes, "AT_ONCE_BYTES", 0)
    may_go, calls = threading.Event(), []
    monkeypatch.setattr(hashes, "_digest", lambda path: calls.append(path) or (may_go.wait(20) and "abc"))
    path = old(tmp_path / "model", b"weights")
    known = FileHashes()
    begun = time.monotonic()
    known.expect(path)
    known.expect(path)
    assert known.of(path, wait=0.05) is None
    assert time.monotonic() - begun < 2
    may_go.set()
    assert known.of(path) == "abc"
    assert len(calls) == 1


def test_a_folder_is_known_by_names_and_contents(tmp_path, reads):
    folder = tmp_path / "model"
    (folder / "unet").mkdir(parents=True)
    old(folder / "unet" / "a", b"1")
    first = FileHashes().of(folder)
    assert first == FileHashes().of(folder)
    (folder / "unet" / "a").rename(folder / "unet" / "b")
    second = FileHashes().of(folder)
    old(folder / "unet" / "b", b"2")
    assert len({first, second, FileHashes().of(folder)}) == 3


def test_what_cannot_be_read_has_none(tmp_path):
    known = FileHashes()
    known.expect(tmp_path / "absent")
    assert known.of(tmp_path / "absent") is None
