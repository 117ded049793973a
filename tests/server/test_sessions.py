"""Both websocket protocols over a real server on a free port, with the clients that people use."""

import asyncio
import contextlib
import importlib.util
import json
import struct
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from latentloom.engine.run.events import Finished, Output, Progress, Queued, Started
from latentloom.engine.server.comfy_protocol import ComfyRun
from latentloom.engine.server.journal import Journal

_spec = importlib.util.spec_from_file_location("socket_server", Path(__file__).with_name("socket_server.py"))
_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_server)
Live, until, hear, silent, at = _server.Live, _server.until, _server.hear, _server.silent, _server.at


@pytest.fixture
def live():
    live = Live()
    yield live
    live.stop()


# --- ComfyUI's protocol


def test_the_first_message_is_status_with_the_id(live):
    with live.comfy() as me, live.comfy("") as nameless, live.comfy("clientId=") as empty:
        assert hear(me) == {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 5}}, "sid": "me"}}
        ids = {hear(nameless)["data"]["sid"], hear(empty)["data"]["sid"]}
        assert len(ids) == 2 and all(len(found) == 32 for found in ids)
        silent(me)


def test_an_owner_who_comes_back_is_told_the_current_node(live):
    live.running["me"] = ("job", "3")
    with live.comfy() as me, live.comfy("clientId=you") as you:
        assert hear(me)["type"] == "status"
        assert hear(me) == {"type": "executing", "data": {"node": "3"}}
        assert hear(you)["type"] == "status"
        silent(you)


@pytest.mark.parametrize(
    "first, answer",
    [
        (['{"type": "feature_flags", "data": {"supports_preview_metadata": true}}'], True),
        (["junk {", b"\x00\x01", '{"type": "feature_flags", "data": {}}'], True),
        (['{"type": "other"}', '{"type": "feature_flags", "data": {}}'], False),
        (["[" * 100_000], False),
    ],
    ids=["flags", "junk first", "another first", "deep"],
)
def test_feature_flags_are_the_first_json_message(live, first, answer):
    with live.comfy() as me:
        hear(me)
        for message in first:
            me.send(message)
        if answer:
            assert hear(me) == {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
        silent(me)
        live.do(lambda: live.sessions.say("x", {}))
        assert hear(me)["type"] == "x"


def test_previews_are_plain_until_metadata_is_asked_for(live):
    header = {"node": "3", "display": "3", "format": "jpeg", "at": 5.0}
    with live.comfy() as plain, live.comfy("clientId=new") as rich, live.comfy("clientId=deaf&previews=0") as deaf:
        for socket in (plain, rich, deaf):
            hear(socket)
        rich.send('{"type": "feature_flags", "data": {"supports_preview_metadata": true}}')
        hear(rich)
        live.do(lambda: live.sessions.preview("job", None, header, b"PICTURE"))
        assert hear(plain) == struct.pack(">II", 1, 1) + b"PICTURE"
        data = hear(rich)
        assert struct.unpack(">I", data[:4]) == (4,) and data.endswith(b"PICTURE") and b'"node_id":"3"' in data
        silent(deaf)


def test_a_picture_that_is_a_result_arrives_each_time_and_in_its_place(live):
    header = {"node": "9", "display": "9", "format": "png", "at": 5.0, "whole": True}

    def work():
        for number in range(5):
            live.sessions.publish_comfy("me", ComfyRun("job", "me").feed(at(Started("9", "9", "Save"))))
            live.sessions.preview("job", "me", header, bytes([number]))

    with live.comfy() as me:
        hear(me)
        live.do(work)
        kinds = []
        while len([kind for kind in kinds if isinstance(kind, int)]) < 5:
            message = hear(me)
            kinds.append(message[8] if isinstance(message, bytes) else message["type"])
        for number in range(5):
            assert kinds[kinds.index(number) - 1] == "executing"
        assert [kind for kind in kinds if isinstance(kind, int)] == [0, 1, 2, 3, 4]


def run_through(live, job, owner):
    run = ComfyRun(job, owner)

    def work():
        sessions = live.sessions
        sessions.publish_comfy(owner, run.start(1.0), run)
        events = at(
            Queued(("1",)), Started("1", "1", "T"), Progress("1", "1", 1, 2, {}), Output("1", "1", "images", []),
            Finished("1", "1", 0.1, None),
        )  # fmt: skip
        sessions.publish_comfy(owner, run.feed(events), run)
        before, after = run.end(SimpleNamespace(status="done", failures=[], reason=None, node=None), 2.0)
        sessions.publish_comfy(owner, before)
        sessions.publish_comfy(owner, after, run)

    live.do(work)


RUN = [
    "execution_start", "execution_cached", "progress_state", "executing", "progress", "progress_state", "executed",
    "progress_state", "execution_success", "status", "executing",
]  # fmt: skip


def test_a_run_goes_to_its_owner_in_comfyuis_order(live):
    with live.comfy() as me, live.comfy("clientId=you") as you:
        hear(me), hear(you)
        run_through(live, "job", "me")
        assert [hear(me)["type"] for _ in RUN] == RUN
        assert hear(you)["type"] == "status"
        silent(me), silent(you)


def test_another_websocket_server_than_ours_will_do():
    live = Live(transport="websockets-sansio")
    with live.comfy() as me, live.loom() as loom:
        hear(me), hear(loom)
        run_through(live, "job", "me")
        assert [hear(me)["type"] for _ in RUN] == RUN
        live.do(lambda: live.sessions.preview("job", "me", {"node": "3", "display": "3", "format": "png", "at": 5.0}, b"PIC"))
        assert hear(me) == struct.pack(">II", 1, 2) + b"PIC"
        live.do(lambda: live.sessions.publish(live.journal.append_many("job", at(Queued(("1",)), Queued(("2",))))))
        assert [hear(loom)["seq"], hear(loom)["seq"]] == [1, 2]
    live.stop()


def test_of_a_run_without_owner_only_progress_goes_to_all(live):
    with live.comfy() as me, live.comfy("clientId=you") as you:
        hear(me), hear(you)
        run_through(live, "job", None)
        for socket in (me, you):
            heard = [hear(socket)["type"] for _ in range(3)]
            assert set(heard) <= {"progress", "progress_state", "status"} and heard[-1] == "status"
            silent(socket)


def test_a_new_socket_takes_over_and_the_older_one_closing_does_not_silence_it(live):
    with live.comfy() as older, live.comfy() as newer:
        hear(older), hear(newer)
        run_through(live, "a", "me")
        assert [hear(newer)["type"] for _ in RUN] == RUN
        older.close()
        until(lambda: len(live.sessions) == 1)
        run_through(live, "b", "me")
        heard = [hear(newer) for _ in RUN]
        assert [message["type"] for message in heard] == RUN
        assert heard[0]["data"]["prompt_id"] == "b"
    with live.comfy() as older:
        hear(older)
        with live.comfy() as newer:
            hear(newer)
        until(lambda: len(live.sessions) == 1)
        run_through(live, "c", "me")
        assert hear(older)["type"] == "execution_start"


def test_status_in_a_storm_is_throttled_and_the_last_one_arrives(live):
    with live.comfy() as me:
        hear(me)
        began = time.monotonic()
        while time.monotonic() - began < 0.6:
            live.do(live.sessions.status)
        heard = 0
        with contextlib.suppress(TimeoutError):
            while True:
                hear(me, 0.3)
                heard += 1
        assert 10 <= heard <= 16 + 20 * 0.6 + 8


def test_logs_go_to_those_who_asked(live):
    with live.comfy() as me, live.comfy("clientId=you") as you:
        hear(me), hear(you)
        live.do(lambda: live.sessions.log_to("me", True))
        live.do(lambda: live.sessions.logs([{"t": "now", "m": "hello"}]))
        data = {"entries": [{"t": "now", "m": "hello"}], "size": {"cols": 120, "rows": 40}}
        assert hear(me) == {"type": "logs", "data": data}
        live.do(lambda: live.sessions.log_to("me", False))
        live.do(lambda: live.sessions.logs([{"t": "now", "m": "more"}]))
        silent(me), silent(you)


# --- Latentloom's own


def note(live, count=1, job="a"):
    def work():
        for _ in range(count):
            live.sessions.publish([live.journal.append("note", job, {})])

    live.do(work)


def test_replay_then_live_without_gap_or_double(live):
    note(live, 700)
    with live.loom("after=100") as socket:
        for _ in range(5):
            note(live, 20)
        first = hear(socket)
        assert (first["kind"], first["data"]) == ("hello", {"first": 1, "remaining": 5})
        assert 700 <= first["seq"] <= 800
        assert [hear(socket)["seq"] for _ in range(700)] == list(range(101, 801))
        silent(socket)


def test_without_after_only_what_comes(live):
    note(live, 10)
    with live.loom() as socket:
        assert hear(socket)["seq"] == 10
        note(live)
        assert hear(socket)["seq"] == 11


@pytest.mark.parametrize("after", [0, 99999], ids=["forgotten", "never given"])
def test_what_cannot_be_replayed_is_said(after):
    live = Live(Journal(1000, capacity=10))
    note(live, 50)
    with live.loom(f"after={after}") as socket:
        assert hear(socket)["data"]["first"] == 1040
        notice = hear(socket)
        assert (notice["kind"], notice["after"], notice["seq"], notice["data"]) == (
            "resync", after, 1049, {"reason": "gone"},
        )  # fmt: skip
        note(live)
        assert hear(socket)["seq"] == 1050
    live.stop()


def test_arrays_and_one_job(live):
    with live.loom("batch=1&job=mine") as socket:
        assert hear(socket)["kind"] == "hello"
        events = at(Started("1", "1", "T"), Progress("1", "1", 1, 2, {}), Finished("1", "1", 0.1, None))
        for job in ("other", "mine"):
            live.do(lambda job=job: live.sessions.publish(live.journal.append_many(job, events)))
        heard = [entry for _ in range(3) for entry in hear(socket)]
        assert [(entry["kind"], entry["job"]) for entry in heard] == [
            ("started", "mine"), ("progress", "mine"), ("finished", "mine"),
        ]  # fmt: skip
        silent(socket)
        note(live, job=None)
        assert [entry["kind"] for entry in hear(socket)] == ["note"]
    with live.loom("job=mine&after=0") as socket:
        hear(socket)
        assert [(hear(socket)["job"]) for _ in range(3)] == ["mine", "mine", None]


def test_previews_for_subscribers_who_may_change_their_mind(live):
    header = {"node": "3", "display": "3", "format": "jpeg", "at": 5.0}
    with live.loom("previews=1") as wants, live.loom() as not_yet:
        hear(wants), hear(not_yet)
        assert live.previews == [True]
        live.do(lambda: live.sessions.preview("job", None, header, b"ONE"))
        assert hear(wants).endswith(b"ONE")
        silent(not_yet)
        not_yet.send('{"do": "previews", "on": true}')
        until(lambda: live.do(lambda: live.sessions.wants_previews("job", None)) and len(live.previews) == 2)
        time.sleep(0.06)
        live.do(lambda: live.sessions.preview("job", None, header, b"TWO"))
        assert hear(wants).endswith(b"TWO") and hear(not_yet).endswith(b"TWO")
    until(lambda: live.previews[-1] is False)


@pytest.mark.parametrize(
    "message, code",
    [("junk", 1008), ('{"do": "rm"}', 1008), ("[" * 100_000, 1008), (b"\x80\x04N.", 1003), ("x" * (2 << 20), 1009)],
    ids=["no JSON", "unknown", "deep", "binary", "giant"],
)
def test_what_is_not_understood_closes_with_a_reason(live, message, code):
    with live.loom() as socket:
        hear(socket)
        with pytest.raises(ConnectionClosed) as caught:
            socket.send(message)
            hear(socket)
        said = caught.value.rcvd
        # A client that is still sending its giant may meet the end of the connection before the reason for it.
        assert (said is None and code == 1009) or (said.code == code and said.reason)
    with live.loom() as socket:
        assert hear(socket)["kind"] == "hello"


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=1e3", "after=" + "9" * 40, "job=" + "x" * 300])
def test_an_unfit_query_is_refused_with_a_record(live, query):
    with pytest.raises(InvalidStatus) as caught, live.loom(query):
        pass
    assert caught.value.response.status_code == 400
    assert json.loads(caught.value.response.body)["error"]["code"] == "P011"


def test_too_many_clients_are_refused():
    live = Live(max_clients=3)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            hear(stack.enter_context(live.loom()))
        for path in (live.loom, live.comfy):
            with pytest.raises(InvalidStatus) as caught, path(""):
                pass
            assert caught.value.response.status_code == 503
    until(lambda: len(live.sessions) == 0)
    with live.loom() as socket:
        hear(socket)
    live.stop()


def test_closing_tells_every_client_to_come_back(live):
    with live.loom() as loom, live.comfy() as comfy:
        hear(loom), hear(comfy)
        loop = live.server.servers[0].get_loop()
        closing = asyncio.run_coroutine_threadsafe(live.sessions.close(), loop)
        for socket in (loom, comfy):
            with pytest.raises(ConnectionClosed) as caught:
                hear(socket)
            assert caught.value.rcvd.code == 1012
        closing.result(5)
        assert len(live.sessions) == 0
