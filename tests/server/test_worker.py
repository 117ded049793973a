"""The worker's own side: events in order and few frames, previews, reports, calls, and the process without a supervisor."""

import io
import json
import multiprocessing
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentloom.engine.errors import NodeBug
from latentloom.engine.run.events import Finished, Metric, Preview, Progress, Queued, Started
from latentloom.engine.server.batch import FLUSH_EVENTS, EventBatch
from latentloom.engine.server.place import Place, new_memory, read_place
from latentloom.engine.server.previews import Previews, as_jpeg
from latentloom.engine.server.report import failure, out_of_memory
from latentloom.engine.server.wire import decode, encode
from latentloom.engine.server.worker import WorkerOptions, main
from latentloom.engine.settings import CacheChoice, Settings


class Frames(list):
    """Frames as they were sent, decoded, each with its time and thread."""

    def __call__(self, data):
        message, blob = decode(data)
        self.append((message, bytes(blob), time.monotonic(), threading.get_ident()))

    def events(self):
        return [event for message, *_ in self for event in message.get("events", ())]

    def wait(self, count, seconds=5.0):
        until = time.monotonic() + seconds
        while len(self) < count and time.monotonic() < until:
            time.sleep(0.002)
        assert len(self) >= count, f"{len(self)} of {count} frames"


# Events


def test_events_keep_their_order_and_share_frames():
    frames = Frames()
    batch = EventBatch(frames)
    batch.begin("j")
    for number in range(1000):
        batch.add(Progress("n", "n", number, 1000, {}))
    batch.flush()
    assert [event["value"] for event in frames.events()] == list(range(1000))
    assert len(frames) <= 1000 / FLUSH_EVENTS + 5
    assert {message["job"] for message, *_ in frames} == {"j"}


def test_nothing_is_lost_when_many_threads_add_while_it_flushes():
    frames = Frames()
    batch = EventBatch(frames)
    batch.begin("j")

    def work(name):
        for number in range(2000):
            batch.add(Progress(name, name, number, 2000, {}))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    batch.flush()
    for name in "abc":
        assert [event["value"] for event in frames.events() if event["node"] == name] == list(range(2000))


def test_a_lone_event_leaves_by_itself_after_some_milliseconds():
    frames = Frames()
    batch = EventBatch(frames)
    batch.begin("j")
    for _ in range(3):
        frames.clear()
        begun = time.monotonic()
        batch.add(Started("1", "1", "Slow"))
        frames.wait(1)
        assert frames[0][2] - begun >= 0.004
        assert frames[0][3] != threading.get_ident()


def test_events_written_by_hand_are_the_same_as_those_that_are_not():
    frames = Frames()
    batch = EventBatch(frames)
    batch.begin('job "1"')
    odd = 'ü"\\\n\ud800'
    batch.add(Queued(("1", odd)))
    batch.add(Started(odd, "2", odd))
    batch.add(Finished(odd, "2", 1e-7, None))
    batch.add(Finished("1", "2", 0.25, {"rss": 5}))
    batch.add(Metric("1", "1", "loss", 3, np.float32(0.5)))
    batch.add(Progress("1", "1", 1, 2, {"shape": np.zeros((2, 2)), (1, 2): "key"}))
    batch.flush()
    events = frames.events()
    assert frames[0][0]["job"] == 'job "1"'
    assert all(abs(event.pop("at") - time.time()) < 10 for event in events)
    assert events[0] == {"kind": "queued", "nodes": ["1", odd]}
    assert events[1] == {"kind": "started", "node": odd, "display": "2", "type": odd}
    assert events[2] == {"kind": "finished", "node": odd, "display": "2", "seconds": 1e-7, "memory": None}
    assert events[3] == {"kind": "finished", "node": "1", "display": "2", "seconds": 0.25, "memory": {"rss": 5}}
    assert events[4] == {"kind": "metric", "node": "1", "display": "1", "name": "loss", "step": 3, "value": 0.5}
    assert events[5]["note"]["[1, 2]"] == "key" and events[5]["note"]["shape"].startswith("ndarray(2, 2)")


# Previews


def test_previews_are_small_jpegs_the_latest_of_each_node_at_most_twenty_a_second():
    frames = Frames()
    previews = Previews(frames, lambda: None)
    previews.begin("j")
    begun, started = time.monotonic(), time.time()
    for level in range(60):
        previews.add(Preview("1", "1", np.full((64, 1024, 3), level * 4, np.uint8)))
        previews.add(Preview("2", "9", np.full((8, 8, 3), level * 4, np.uint8)))
        time.sleep(0.005)
    time.sleep(0.1)
    most = (time.monotonic() - begun) / 0.05 + 1
    for node, size, display in (("1", (512, 32), "1"), ("2", (8, 8), "9")):
        sent = [(message, blob) for message, blob, *_ in frames if message["node"] == node]
        assert 3 <= len(sent) <= most
        header, blob = sent[-1]
        picture = Image.open(io.BytesIO(blob))
        assert started <= header.pop("at") <= time.time(), "when it was handed over"
        assert header == {
            "is": "preview", "job": "j", "node": node, "display": display, "format": "jpeg",
            "width": size[0], "height": size[1],
        }  # fmt: skip
        assert picture.format == "JPEG" and picture.size == size
        assert abs(picture.getpixel((0, 0))[0] - 236) < 4, "the latest wins"


def test_no_preview_comes_after_the_end():
    frames = Frames()
    previews = Previews(frames, lambda: None)
    previews.begin("j")
    for _ in range(50):
        previews.add(Preview("1", "1", np.zeros((256, 256, 3), np.uint8)))
    previews.end()
    count = len(frames)
    time.sleep(0.15)
    assert len(frames) == count
    previews.begin("k")
    previews.add(Preview("1", "1", np.zeros((8, 8, 3), np.uint8)))
    frames.wait(count + 1)
    assert frames[-1][0]["job"] == "k"


def test_what_is_no_picture_harms_no_later_one():
    frames = Frames()
    previews = Previews(frames, lambda: None)
    previews.begin("j")
    for wrong in (None, "text", np.zeros((2, 2, 2, 2)), np.zeros((0, 0, 3), np.uint8), object()):
        previews.add(Preview("bad", "bad", wrong))
        time.sleep(0.06)
    previews.add(Preview("1", "1", Image.new("RGBA", (20, 10))))
    frames.wait(1)
    assert [message["node"] for message, *_ in frames] == ["1"]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "I;16"])
def test_pictures_of_any_mode_become_jpegs(mode):
    blob, width, height = as_jpeg(Image.new(mode, (2000, 3)))
    assert (width, height) == (512, 1) and blob.startswith(b"\xff\xd8")


# Place


def test_place_names_a_node_that_still_runs():
    memory = new_memory(multiprocessing.get_context("spawn"))
    place = Place(memory)
    assert read_place(memory) is None
    place.enter("1", "1", "A")
    place.enter("2.x", "2", "Bü")
    assert read_place(memory) == ("2", "Bü")
    place.leave("2.x")
    assert read_place(memory) == ("1", "A") and place.node == "1"
    place.enter("3", "x" * 5000, "C")
    assert read_place(memory)[0].startswith("xxx")
    place.clear()
    assert read_place(memory) is None


# Reports


def test_a_report_names_node_type_exception_and_inputs():
    error = NodeBug("R002", "A (node 1)", "a result", "ValueError: no", "Report it.", node_id="1")
    error.__cause__ = ValueError("no")
    error.add_note("Traceback:\n  line\nValueError: no\n")
    record = failure(error, "1")
    assert record["code"] == "R002" and record["exception_type"] == "ValueError"
    assert record["exception_message"] == "no" and record["traceback"][-1] == "ValueError: no\n"
    json.dumps(record)


def test_out_of_memory_is_told_apart_with_its_numbers():
    inner = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes.")
    error = NodeBug("R002", "A (node 1)", "a result", "RuntimeError", "Report it.", node_id="1")
    assert not out_of_memory(error)
    error.__cause__ = inner
    assert out_of_memory(error)
    record = failure(error, "1")
    assert record["code"] == "W003" and record["kind"] == "UserError" and "4,096 bytes" in record["message"]

    class OutOfMemoryError(RuntimeError):
        """Named as torch's, whose text this is."""

    error.__cause__ = OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB of which 1.25 GiB is free."
    )
    record = failure(error, "1")
    assert f"{2 << 30:,} bytes" in record["expected"] and f"{5 << 28:,} bytes" in record["got"]


# The process


PACK = '''
import time
from typing import Annotated
from latentloom.engine.node import Context, Int, node

@node("TinyEnd", category="test", effect=True)
def end(*, value: int = 1, context: Context) -> None:
    context.output("text", [{"text": str(value)}])

@node("TinyHang", category="test", effect=True)
def hang(*, context: Context) -> None:
    context.progress(0, 1)
    time.sleep(1e9)
'''


def begin(folder: Path, **changes):
    (folder / "pack").mkdir()
    (folder / "pack" / "tiny.py").write_text(PACK, encoding="utf-8")
    settings = Settings(folder / "data", device=changes.pop("device", "cpu"), nodes=(folder / "pack",), cache=CacheChoice("ram"))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    memory = new_memory(context)
    options = WorkerOptions(settings, threads=1, parent=os.getpid(), **changes)
    process = context.Process(target=main, args=(theirs, options, memory))
    process.start()
    theirs.close()
    return ours, process


def hear(connection, what, seconds=60):
    """Return messages up to the first of kind `what`."""
    found = []
    until = time.monotonic() + seconds
    while connection.poll(max(0.0, until - time.monotonic())):
        message, _ = decode(connection.recv_bytes())
        found.append(message)
        if message["is"] == what:
            return found
    raise AssertionError(f"no {what} among {found}")


def test_a_process_beats_while_it_loads_runs_a_job_and_leaves_when_its_server_does(tmp_path):
    connection, process = begin(tmp_path)
    try:
        early = hear(connection, "ready")
        assert early[0]["is"] == "beat", "it must be heard before torch is loaded"
        assert early[-1]["device"] == "cpu" and early[-1]["pid"] == process.pid
        graph = {"1": {"class_type": "TinyEnd", "inputs": {"value": 7}}}
        run = {"do": "run", "targets": None, "extra": {}, "previews": False}
        connection.send_bytes(encode({**run, "job": "a", "graph": graph}))
        done = hear(connection, "done")[-1]
        assert done["status"] == "done" and done["outputs"] == {"1": {"text": [{"text": "7"}]}}
        connection.send_bytes(encode({**run, "job": "b", "graph": {"1": {"class_type": "TinyHang", "inputs": {}}}}))
        kinds = [event["kind"] for event in hear(connection, "events")[-1]["events"]]
        assert "started" in kinds and process.is_alive()
        connection.close()
        process.join(2)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()


def test_a_worker_that_cannot_be_made_says_why(tmp_path):
    connection, process = begin(tmp_path, device="cuda:99")
    try:
        unfit = hear(connection, "unfit")[-1]
        assert unfit["error"]["code"] == "S010" and "cuda:99" in unfit["error"]["message"]
        process.join(5)
        assert process.exitcode == 1
    finally:
        process.kill()
        process.join()


def test_a_worker_can_be_stopped_while_it_loads(tmp_path):
    connection, process = begin(tmp_path)
    try:
        assert hear(connection, "beat")
        connection.send_bytes(encode({"do": "stop"}))
        process.join(10)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()
