"""The messages themselves: frames, binary forms, Latentloom's entries. ComfyUI's runs are in test_comfy_protocol."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from latentloom.engine.run.events import Cached, Finished, Metric, Progress, Queued, Started, as_dict
from latentloom.engine.server.binary import node_text, preview_plain, preview_with_metadata
from latentloom.engine.server.frames import binary_frame, quote, split, strict_json, text_frame
from latentloom.engine.server.loom_protocol import Chunk, entries_of, hello, make_entry, resync
from latentloom.engine.server.pace import Pace


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
def test_frames_are_those_of_the_websocket_library(size):
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert binary_frame(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=300))))
def test_joined_frames_split_into_what_they_were(messages):
    wire = b"".join(text_frame(data) if is_text else binary_frame(data) for is_text, data in messages)
    assert list(split(wire)) == messages


def test_json_is_strict_whatever_a_node_reports():
    text = strict_json({"a": [float("nan"), 1.5, (float("inf"),)], "b": "\udc80"})
    assert json.loads(text) == {"a": [None, 1.5, [None]], "b": "\udc80"}
    assert text.isascii() and "NaN" not in text


@given(st.text())
def test_quote_is_json(text):
    assert json.loads(quote(text)) == text


def test_preview_for_clients_that_announced_nothing():
    assert preview_plain(b"PIC", "jpeg") == bytes.fromhex("00000001 00000001") + b"PIC"
    assert preview_plain(b"PIC", "png") == bytes.fromhex("00000001 00000002") + b"PIC"


def test_preview_with_metadata():
    data = preview_with_metadata(b"PIC", "png", job="j", node="2.0.0.1", display="2", at=1795412345.67891)
    kind, length = struct.unpack(">II", data[:8])
    assert kind == 4
    assert json.loads(data[8 : 8 + length]) == {
        "node_id": "2.0.0.1", "prompt_id": "j", "display_node_id": "2", "parent_node_id": "2", "real_node_id": "2",
        "image_type": "image/png", "at": 1795412345.6789,
    }  # fmt: skip
    assert data[8 + length :] == b"PIC"


def test_text_beside_a_node():
    assert node_text("3\u00e4", "hi") == struct.pack(">II", 3, 3) + "3\u00e4hi".encode()


def test_entries_of_a_run_say_all_and_are_numbered():
    events = [
        Queued(("1", "2")), Cached(("0",)), Started("1", "1", 'Load"er'), Progress("1", "1", 3, 20, {"loss": 0.5}),
        Finished("1", "1", 0.25, None), Started("2", "2", "S"), Finished("2", "2", 0.5, {"rss": 7}),
    ]  # fmt: skip
    entries = entries_of("job", [{**as_dict(event), "at": 9.25} for event in events], 100, 0.0)
    said = [json.loads(entry.text) for entry in entries]
    assert [message.get("seq") for message in said] == [100, 101, 102, None, 103, 104, 105]
    assert all((message["job"], message["at"]) == ("job", 9.25) for message in said)
    for message, event in zip(said, events, strict=True):
        data = as_dict(event)
        assert message["kind"] == data.pop("kind")
        assert message["data"] == json.loads(json.dumps(data))


def test_points_of_one_node_become_one_entry():
    points = [Metric("4", "4", "loss", step, 1 / (step + 1)) for step in range(3)] + [Metric("5", "5", "acc", 0, 1.0)]
    events = [as_dict(event) for event in [*points, Started("6", "6", "X"), Metric("5", "5", "acc", 1, 0.5)]]
    entries = entries_of("job", events, 1, 2.0)
    assert [(entry.seq, entry.kind) for entry in entries] == [
        (1, "metric"), (2, "metric"), (3, "started"), (4, "metric"),
    ]  # fmt: skip
    assert entries[0].data == {
        "node": "4", "display": "4", "points": [["loss", 0, 1.0], ["loss", 1, 0.5], ["loss", 2, 1 / 3]],
    }  # fmt: skip
    assert entries[1].data["points"] == [["acc", 0, 1.0]]
    assert entries[3].data["points"] == [["acc", 1, 0.5]]


def test_a_chunk_is_one_message_each_or_one_array():
    entries = [make_entry(number, 1.0, "note", "a", {"n": number}) for number in range(3)]
    chunk = Chunk(entries)
    single = [json.loads(payload) for is_text, payload in split(chunk.wire(False)) if is_text]
    [(_, array)] = split(chunk.wire(True))
    assert json.loads(array) == single and len(single) == 3
    assert chunk.wire(False) is chunk.wire(False) and chunk.wire(True) is chunk.wire(True)
    assert (chunk.job, chunk.last) == ("a", 2)


def test_first_message_and_notice():
    [(_, first)] = split(hello(9, 3, 1.0, {"remaining": 2}))
    assert json.loads(first) == {
        "seq": 9, "at": 1.0, "kind": "hello", "job": None, "data": {"first": 3, "remaining": 2},
    }  # fmt: skip
    [(_, notice)] = split(resync(4, 9, 1.0, "slow"))
    assert json.loads(notice) == {
        "seq": 9, "at": 1.0, "kind": "resync", "job": None, "after": 4, "data": {"reason": "slow"},
    }  # fmt: skip


def test_pace_gives_its_burst_then_its_rate():
    pace = Pace(20.0, 4)
    assert [pace.take(0.0) for _ in range(6)] == [True] * 4 + [False] * 2
    assert pace.wait(0.0) == pytest.approx(0.05)
    assert pace.take(0.05) and not pace.take(0.06)
    taken = sum(pace.take(1 + step / 1000) for step in range(10_000))
    assert taken == pytest.approx(200 + 4, abs=2)
