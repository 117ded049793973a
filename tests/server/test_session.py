"""What waits for one client: order, bounds, what may be replaced. Replay from the journal included, sockets not."""

import json

import pytest

from latentloom.engine.server.audience import Audience
from latentloom.engine.server.frames import split, text_frame
from latentloom.engine.server.journal import Journal
from latentloom.engine.server.loom_protocol import Chunk
from latentloom.engine.server.replay import refill
from latentloom.engine.server.session import WRITE_BYTES, Session


def told(session: Session, journal: Journal | None = None, now: float = 0.0) -> list[dict]:
    """Take everything that is due, as a sender does."""
    found = []
    while True:
        if journal is not None:
            refill(session, journal)
        data = session.take(now)
        if data is None:
            return found
        found += [json.loads(payload) for _, payload in split(data)]


def text(value) -> bytes:
    return text_frame(json.dumps(value).encode())


def numbers(messages) -> list[int]:
    return [message["seq"] for message in messages if message["kind"] == "note"]


def say(journal: Journal, session: Session, count: int, size: int = 10, job: str = "a") -> None:
    for _ in range(count):
        chunk = Chunk([journal.append("note", job, {"x": "x" * size})])
        if not session.behind:
            session.offer(chunk.wire(False), chunk.last)


def test_state_keeps_its_order_and_wakes_the_sender():
    session, woken = Session("me", "comfy"), []
    session.wake = lambda: woken.append(True)
    for number in range(100):
        session.offer(text(number))
    assert len(woken) == 100
    assert told(session) == list(range(100))
    assert session.take(0.0) is None and session.waiting == 0


def test_one_take_is_bounded():
    session = Session("me", "comfy")
    for _ in range(100):
        session.offer(b"x" * 10_000)
    sizes = []
    while data := session.take(0.0):
        sizes.append(len(data))
    assert sum(sizes) == 1_000_000 and max(sizes) <= WRITE_BYTES + 10_000


def test_the_latest_takes_the_place_of_what_waits():
    session = Session("me", "comfy")
    session.offer(text("started"))
    for step in range(50):
        session.offer_latest(("progress", "3"), text(step))
        session.offer_latest(("progress", "4"), text(-step))
    assert told(session) == ["started", 49, -49]
    session.offer_latest(("progress", "3"), text(50))
    assert told(session) == [50]


def test_progress_never_overtakes_state():
    session = Session("me", "comfy")
    session.offer_latest("3", text("half"))
    session.offer(text("finished"))
    session.offer_latest("3", text("again"))
    assert told(session) == ["half", "finished", "again"]


def test_what_was_taken_is_not_changed_any_more():
    session = Session("me", "comfy")
    session.offer_latest("3", text("x" * WRITE_BYTES))
    session.offer_latest("4", text("old"))
    assert session.take(0.0) == text("x" * WRITE_BYTES)
    session.offer_latest("3", text("next"))
    session.offer_latest("4", text("new"))
    assert told(session) == ["new", "next"]


def test_previews_keep_the_latest_of_each_node_twenty_times_a_second():
    session = Session("me", "comfy")
    sent = []
    for millisecond in range(1000):
        now = millisecond / 1000
        for node in ("3", "4"):
            session.offer_preview(("job", node), text([node, millisecond]))
        data = session.take(now)
        if data is not None:
            sent += [(now, *json.loads(payload)) for _, payload in split(data)]
    for node in ("3", "4"):
        times = [now for now, whose, _ in sent if whose == node]
        assert 19 <= len(times) <= 21
        gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
        assert gaps[0] > 0.0245 and min(gaps[1:]) > 0.0485
    assert all(now * 1000 == pytest.approx(made) for now, _, made in sent)


def test_previews_at_just_the_rate_that_is_sent_do_not_wait():
    session = Session("me", "loom", previews=True)
    waits = []
    for number in range(100):
        made = number * 0.05
        session.offer_preview(("job", "3"), text(number))
        # The loop wakes a little late each time, and once much too late; neither must stay.
        now = made + (session.due(made) or 0.0) + (0.02 if number == 50 else 0.002)
        assert session.take(now) is not None
        waits.append(now - made)
    assert max(waits[:50] + waits[51:]) < 0.005


def test_a_preview_that_waits_says_when_it_is_due():
    session = Session("me", "comfy")
    assert session.due(5.0) is None
    session.offer_preview(("job", "3"), text(1))
    assert session.due(5.0) == 0.0 and session.take(5.0) is not None
    session.offer_preview(("job", "3"), text(2))
    assert session.take(5.02) is None
    assert session.due(5.02) == pytest.approx(0.005)
    session.forget_previews("other")
    assert session.take(5.06) == text(2)
    session.offer_preview(("job", "3"), text(3))
    session.forget_previews("job")
    assert session.due(6.0) is None and session.take(6.0) is None


def test_previews_only_for_subscribers():
    session = Session("", "loom", previews=False)
    session.offer_preview(("job", "3"), text(1))
    assert session.take(0.0) is None


@pytest.mark.parametrize("size, count", [(10, 256), (100_000, 84)], ids=["messages", "bytes"])
def test_a_comfy_client_that_does_not_read_is_closed(size, count):
    session = Session("me", "comfy")
    accepted = 0
    while session.close_code is None:
        assert session.waiting <= (8 << 20) + size and accepted <= 256
        session.offer(b"x" * size)
        accepted += session.close_code is None
    assert accepted == pytest.approx(count, abs=1)
    assert session.close_code == 1013 and "slowly" in session.closed_reason
    assert session.waiting == 0
    session.offer(b"x")
    session.offer_latest("k", b"x")
    session.offer_preview(("job", "3"), b"x")
    assert session.waiting == 0 and session.take(0.0) is None


def test_one_large_message_is_let_through():
    session = Session("me", "comfy")
    session.offer(b"x" * (20 << 20))
    assert session.close_code is None and len(session.take(0.0)) == 20 << 20


@pytest.mark.parametrize("size", [10, 200_000], ids=["messages", "bytes"])
def test_a_loom_client_that_lags_is_told_and_given_everything_from_the_journal(size):
    journal, session = Journal(1, max_bytes=1 << 30), Session("", "loom")
    say(journal, session, 3, size)
    assert numbers(told(session, journal)) == [1, 2, 3]
    say(journal, session, 500, size)
    assert session.lagged and session.waiting == 0
    said = told(session, journal)
    assert (said[0]["kind"], said[0]["after"], said[0]["data"]) == ("resync", 3, {"reason": "slow"})
    assert numbers(said) == list(range(4, 504))
    assert [message["kind"] for message in said].count("resync") == 1
    assert not session.behind
    say(journal, session, 2)
    assert numbers(told(session, journal)) == [504, 505]


def test_what_the_journal_forgot_is_said_to_be_gone():
    journal, session = Journal(1, capacity=300), Session("", "loom")
    say(journal, session, 1)
    told(session, journal)
    say(journal, session, 700)
    said = told(session, journal)
    assert [(message["kind"], message["after"], message["seq"]) for message in said] == [("resync", 1, 701)]
    assert said[0]["data"] == {"reason": "gone"}
    say(journal, session, 1)
    assert numbers(told(session, journal)) == [702]


def test_events_during_a_replay_are_neither_lost_nor_doubled():
    journal = Journal(1)
    session = Session("", "loom", seq=0)
    session.behind = True
    say(journal, session, 600)
    seen = []
    for _ in range(5):
        refill(session, journal)
        seen += [json.loads(payload) for _, payload in split(session.take(0.0) or b"")]
        say(journal, session, 10)
    seen += told(session, journal)
    assert numbers(seen) == list(range(1, 651))


def test_an_entry_larger_than_the_bound_is_replayed_all_the_same():
    journal, session = Journal(1), Session("", "loom", seq=0, max_bytes=1000)
    session.behind = session.lagged = True
    say(journal, session, 3, 5000)
    assert numbers(told(session, journal)) == [1, 2, 3]


def test_a_client_of_one_job_gets_only_that_and_lags_by_nothing_of_others():
    journal = Journal(1, capacity=50)
    session = Session("", "loom", seq=0, job="mine")
    for number in range(40):
        journal.append("note", "mine" if number % 10 == 0 else "other", {})
    session.behind = True
    assert numbers(told(session, journal)) == [1, 11, 21, 31]
    assert session.seq == 40 and not session.behind
    for _ in range(200):
        session.skip(journal.append("note", "other", {}).seq)
    assert session.seq == journal.last
    session.behind = session.lagged = True
    assert [message["data"] for message in told(session, journal)] == [{"reason": "slow"}]


def test_the_newer_of_two_with_one_id_owns_it_and_the_older_takes_nothing_along():
    told_of = []
    audience = Audience(told_of.append)
    older, newer, other = Session("me", "comfy"), Session("me", "comfy"), Session("you", "comfy")
    for session in (older, newer, other):
        audience.add(session)
    assert audience.owners("me") == [newer] and audience.owners("nobody") == []
    assert audience.owners(None) == [newer, other]
    audience.remove(older)
    assert audience.owners("me") == [newer] and len(audience) == 2
    audience.add(older)
    audience.remove(older)
    assert audience.owners("me") == [newer]
    audience.remove(newer)
    audience.remove(other)
    assert audience.owners("me") == [] and len(audience) == 0
    assert told_of[0] is True and told_of[-1] is False


def test_previews_are_made_only_while_somebody_wants_them():
    told_of = []
    audience = Audience(told_of.append)
    deaf = Session("me", "comfy", previews=False)
    loom = Session("", "loom", previews=False, job="a")
    audience.add(deaf)
    audience.add(loom)
    assert told_of == [] and audience.watchers("a") == []
    loom.previews = True
    audience.note_subscribers()
    assert told_of == [True] and audience.watchers("a") == [loom] and audience.watchers("b") == []
    audience.remove(loom)
    assert told_of == [True, False]


def test_many_clients_are_written_to_at_intervals():
    audience = Audience(lambda _on: None)
    rests = []
    for _ in range(300):
        audience.add(Session("", "loom"))
        rests.append(audience.rest())
    assert rests[:15] == [0.0] * 15 and rests[199] == pytest.approx(0.1) and max(rests) <= 0.1
