"""Following a job through greetings, gaps and repetitions, without a socket."""

import json

from latentloom.engine.client.following import Following
from latentloom.engine.client.message import events_of, read_frame
from latentloom.engine.errors import NodeBug
from latentloom.engine.run import events


def frame(seq, kind, job="a", **data):
    message = {"at": 1.5, "kind": kind, "job": job, "data": data}
    return json.dumps(message if seq is None else {"seq": seq, **message})


def resync(seq, after, reason):
    return json.dumps({"seq": seq, "at": 1.0, "kind": "resync", "job": None, "after": after, "data": {"reason": reason}})


def numbers(messages):
    return [message.seq for message in messages]


def test_what_was_told_is_not_told_again():
    follow = Following("a")
    assert numbers(follow.take(frame(4, "started", node="1"))) == [4]
    assert follow.take(frame(4, "started", node="1")) == []
    assert follow.take(frame(5, "started", job="b", node="1")) == []
    assert follow.after == 5
    batch = "[" + ",".join([frame(5, "queued", job="b"), frame(6, "finished"), frame(None, "progress"), frame(7, "ended")]) + "]"
    assert numbers(follow.take(batch)) == [6, None, 7]


def test_the_end_is_the_jobs_own():
    follow = Following("a")
    follow.take(frame(1, "job", state="running"))
    follow.take(frame(2, "ended", status="done", seconds=1.0))
    follow.take(frame(3, "job", job="b", state="done"))
    assert not follow.ended
    follow.take(frame(4, "job", state="failed"))
    assert follow.ended


def test_what_the_server_can_still_tell_is_asked_for():
    follow = Following("a", after=0)
    follow.take(frame(90, "hello", job=None, first=41))
    assert follow.again and follow.after == 40
    follow.again = False
    follow.take(frame(95, "hello", job=None, first=41))
    assert not follow.again and follow.after == 40


def test_a_server_whose_numbers_begin_anew_is_followed():
    follow = Following("a", after=500)
    follow.take(frame(3, "hello", job=None, first=1))
    assert follow.again and follow.after == 0


def test_a_gap_that_cannot_be_told_is_looked_at():
    follow = Following("a", after=7)
    follow.take(resync(50, 7, "slow"))
    assert not follow.look and follow.after == 7  # what was missed follows
    follow.take(resync(50, 7, "gone"))
    assert follow.look and follow.after == 50
    (message,) = follow.looked({"id": "a", "state": "done", "ended": 12.0})
    assert (message.kind, message.data["state"], message.seq) == ("job", "done", None)
    assert follow.ended and not follow.look
    assert follow.looked({"id": "a", "state": "done"}) == []


def test_the_pauses_grow_and_shrink_again():
    follow = Following("a")
    pauses = [follow.pause() for _ in range(20)]
    assert pauses == sorted(pauses) and pauses[0] == 0.1 and pauses[-1] == 2.0
    follow.take(frame(1, "started"))
    assert follow.pause() == 0.1


def test_frames_that_say_nothing_are_passed_over():
    for junk in ("", "{", "7", "[7, null]", '{"kind": 3}', b"", b"\0\0\0\4", b"\0\0\0\1" + b"x" * 20, "[" * 100_000):
        assert read_frame(junk) == []


def test_events_are_those_of_a_run():
    (queued,) = events_of(read_frame(frame(1, "queued", nodes=["1", "2"]))[0])
    assert queued == events.Queued(("1", "2"))
    (finished,) = events_of(read_frame(frame(1, "finished", node="1", display="1", seconds=0.5))[0])
    assert finished == events.Finished("1", "1", 0.5, None)
    points = events_of(read_frame(frame(1, "metric", node="1", display="1", points=[["loss", 1, 0.5], ["loss", 2, 0.25]]))[0])
    assert points == [events.Metric("1", "1", "loss", 1, 0.5), events.Metric("1", "1", "loss", 2, 0.25)]
    error = NodeBug("R003", "w", "e", "g", "f", node_id="1")
    (failed,) = events_of(read_frame(frame(1, "failed", node="1", display="1", error=error.as_dict(), blocked=["2"]))[0])
    assert failed.error.as_dict() == error.as_dict() and failed.blocked == ("2",)
    assert events_of(read_frame(frame(1, "job", state="done"))[0]) == []
    assert events_of(read_frame(frame(1, "started", node="1"))[0]) == []  # of a server that says it otherwise


def test_a_preview_is_read():
    about = json.dumps({"node_id": "3:1", "display_node_id": "3", "prompt_id": "a", "image_type": "image/jpeg"}).encode()
    (message,) = read_frame(b"\0\0\0\4" + len(about).to_bytes(4, "big") + about + b"picture")
    assert (message.job, message.data["node"], message.data["display"], message.picture) == ("a", "3:1", "3", b"picture")
    assert events_of(message) == []  # no picture that can be opened
