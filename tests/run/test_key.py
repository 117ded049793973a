"""Keys: what changes them, what does not, and files."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.node import ANY, File, Registry, Repeat, Socket, Text, node
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.call import Call
from latentloom.engine.run.executor import Executor
from latentloom.engine.run.fingerprint import SAMPLE_BYTES, WHOLE_BYTES, Fingerprints
from latentloom.engine.run.key import Keyer

from .sample_nodes import Kit


@node("Mixed", category="test")
def mixed(
    n: int = 1,
    x: float = 0.5,
    s: str = "text",
    b: bool = False,
    p: Annotated[str, Text(prompt=True)] = "",
    f: Annotated[str, File("input")] = "a.txt",
    a: Annotated[Any, Socket(ANY)] = None,
) -> int:
    """Take one of each."""
    return n


@node("Mixed", category="test", version=2)
def newer(n: int = 1, x: float = 0.5) -> int:
    """Take two."""
    return n


@node("Many", category="test")
def many(**image: Annotated[Any, Repeat("image_{n}", "INT")]) -> int:
    """Take any number."""
    return len(image)


class Files:
    """Finds files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, folder: str, name: str) -> Path:
        return self.folder / folder / name


def key(function: Any = mixed, files: Any = None, parents: Any = None, salt: str = "", **inputs: Any) -> str:
    call = Call(Registry([function]), function.__node__, salt)
    keyer = Keyer(files, Fingerprints(), "nonce")
    return keyer.key(call.key_plan, "1", inputs, parents or {})


def test_defaults_and_order_do_not_matter() -> None:
    assert key() == key(n=1, x=0.5) == key(x=0.5, s="text", n=1)


def test_numbers_have_one_form() -> None:
    assert key(x=2) == key(x=2.0)
    assert key(n=3.0) == key(n=3)
    assert key(x=1e22) == key(x=10**22)


def test_each_of_these_differs() -> None:
    found = [
        key(), key(n=2), key(n=True), key(s="1"), key(s="text "), key(x=0.25), key(x=-0.0), key(x=0.0), key(b=True),
        key(a=[1]), key(a=[1.0]), key(a=["1"]), key(a={"x": 1}), key(a="[1]"), key(a=None), key(salt="cuda:0"),
        key(newer), key(p="a"), key(a=Link("9", "INT"), parents={"9": "k"}), key(a="@k.INT"),
        key(a=Link("9", "MASK"), parents={"9": "k"}), key(a=Link("9", "INT"), parents={"9": "other"}),
        key(s="text'\x1fb=True"), key(s="a\x1fb"), key(a=math.inf), key(a=10**5000),
    ]  # fmt: skip
    assert len(set(found)) == len(found)


def test_not_a_number_equals_itself() -> None:
    assert key(a=float("nan")) == key(a=float("nan"))


def test_repeated_inputs_count_by_name() -> None:
    one = key(many, image_1=Link("9", "INT"), parents={"9": "k"})
    assert one != key(many, image_2=Link("9", "INT"), parents={"9": "k"})
    assert one != key(many)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def exact(value: Any) -> Any:
    """Return a form in which 1, 1.0 and True differ, as they do for a node, but dict order does not matter."""
    if isinstance(value, dict):
        return ("dict", frozenset((name, exact(item)) for name, item in value.items()))
    if isinstance(value, list):
        return ("list", tuple(exact(item) for item in value))
    return (type(value).__name__, repr(value))


@given(JSON, JSON)
def test_two_literals_have_one_key_exactly_when_they_are_the_same(first: Any, second: Any) -> None:
    assert (key(a=first) == key(a=second)) == (exact(first) == exact(second))
    assert key(a=first) == key(a=first)


def test_values_that_nothing_can_name_get_a_key_of_their_own() -> None:
    thing = object()
    call = Call(Registry([mixed]), mixed.__node__, "")
    keyer = Keyer(None, Fingerprints(), "nonce")
    assert keyer.key(call.key_plan, "1", {"a": thing}, {}) != keyer.key(call.key_plan, "1", {"a": thing}, {})
    assert keyer.fresh() != keyer.fresh()
    assert keyer.fresh() != Keyer(None, Fingerprints(), "other nonce").fresh()


def age(path: Path, seconds: float = 10.0) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_changed_file_changes_the_key_and_a_touched_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    file = tmp_path / "input" / "a.txt"
    files = Files(tmp_path)
    absent = key(files=files)
    file.write_text("one")
    first = key(files=files)
    assert first != absent
    age(file)
    assert key(files=files) == first
    file.write_text("two")
    assert key(files=files) != first
    assert key(files=files, f="b.txt") != key(files=files)


def test_the_file_of_an_embedding_counts(tmp_path: Path) -> None:
    (tmp_path / "embeddings").mkdir()
    files = Files(tmp_path)
    prompt = "a (embedding:style:1.2) cat"
    absent = key(files=files, p=prompt)
    (tmp_path / "embeddings" / "style.safetensors").write_text("one")
    first = key(files=files, p=prompt)
    (tmp_path / "embeddings" / "style.safetensors").write_text("two")
    assert len({absent, first, key(files=files, p=prompt)}) == 3
    assert key(files=files, s=prompt, p="") == key(files=None, s=prompt, p="") or not files.find("input", "a.txt").exists()


def test_a_file_is_hashed_once_while_it_stays_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"1" * 100)
    age(file)
    known = Fingerprints()
    reads: list[Path] = []
    original = Fingerprints._content
    monkeypatch.setattr(Fingerprints, "_content", lambda self, path, stat: reads.append(path) or original(self, path, stat))
    first = known.of(file)
    assert known.of(file) == first
    assert len(reads) == 1
    file.write_bytes(b"2" * 100)  # same size, and perhaps the same tick of the clock
    assert known.of(file) != first
    file.write_bytes(b"3" * 100)
    third = known.of(file)
    os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    file.write_bytes(b"4" * 100)
    assert known.of(file) != third


def test_large_files_are_sampled(tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    with file.open("wb") as handle:
        handle.truncate(WHOLE_BYTES + 1)
    age(file)
    before = Fingerprints().of(file)
    stat = file.stat()
    for place in (0, WHOLE_BYTES // 2, WHOLE_BYTES):
        with file.open("r+b") as handle:
            handle.seek(place)
            handle.write(b"x")
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert Fingerprints().of(file) != before
        with file.open("r+b") as handle:
            handle.seek(place)
            handle.write(b"\0")
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert Fingerprints().of(file) == before
    with file.open("r+b") as handle:
        handle.seek(3 * SAMPLE_BYTES)
        handle.write(b"x")
    assert Fingerprints().of(file) != before  # seen by its time


def test_folders_change_with_their_files(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "a.bin").write_bytes(b"1")
    first = Fingerprints().of(tmp_path)
    assert Fingerprints().of(tmp_path) == first
    (tmp_path / "unet" / "a.bin").write_bytes(b"12")
    assert Fingerprints().of(tmp_path) != first


def test_a_node_reruns_when_its_file_changes(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    file = tmp_path / "input" / "a.txt"
    kit = Kit()
    executor = Executor(kit.registry, Cache(), Files(tmp_path))
    graph = Graph([Node("1", "ReadFile", {"name": "a.txt"})])
    for text in ("one", "one", "two"):
        file.write_text(text)
        assert executor.run(graph).values == {"1": {"STRING": text}}
    assert kit.calls["ReadFile"] == 2
