import json

import pytest

from latentloom.engine.server.journal import Journal


def fill(journal: Journal, count: int, job: str = "a") -> None:
    for number in range(count):
        journal.append("note", job, {"n": number})


def test_numbers_have_no_gaps_and_start_where_told():
    journal = Journal(1000)
    assert (journal.last, journal.first) == (999, 1000)
    seqs = [journal.append("note", None, {}).seq for _ in range(5)]
    seqs += [entry.seq for entry in journal.append_many("a", [{"kind": "cached", "nodes": []}] * 3)]
    assert seqs == list(range(1000, 1008))
    assert (journal.last, journal.first) == (1007, 1000)


def test_an_entry_reads_as_what_was_said():
    journal = Journal(7)
    entry = journal.append("job", "a", {"state": "done", "loss": float("nan"), "name": "gr\u00fc\udc80n"})
    assert (entry.seq, entry.kind, entry.job) == (7, "job", "a")
    assert entry.data == {"state": "done", "loss": None, "name": "gr\u00fc\udc80n"}
    message = json.loads(entry.text)
    assert list(message) == ["seq", "at", "kind", "job", "data"]
    assert abs(message["at"] - entry.at) < 0.001 and entry.at > 1.7e9


@pytest.mark.parametrize("after", [9, 10, 14, 19])
def test_since_gives_what_came_after(after):
    journal = Journal(10)
    fill(journal, 10)
    assert [entry.seq for entry in journal.since(after)] == list(range(after + 1, 20))
    assert [entry.seq for entry in journal.since(after, 2)] == list(range(after + 1, 20))[:2]


@pytest.mark.parametrize("after", [0, 8, 20, 1 << 60])
def test_since_a_number_it_cannot_know_is_none(after):
    journal = Journal(10)
    fill(journal, 10)
    assert journal.since(after) is None


def test_it_is_bounded_in_entries():
    journal = Journal(1, capacity=10)
    fill(journal, 25)
    assert (journal.first, journal.last) == (16, 25)
    assert journal.since(14) is None
    assert [entry.data["n"] for entry in journal.since(15)] == list(range(15, 25))


def test_it_is_bounded_in_bytes():
    journal = Journal(1, max_bytes=100_000)
    for _ in range(50):
        journal.append("failed", "a", {"traceback": "x" * 10_000})
    kept = journal.since(journal.first - 1)
    assert 5 <= len(kept) <= 10
    assert kept[-1].seq == journal.last == 50


def test_progress_is_told_but_not_kept():
    journal = Journal(1)
    progress = {"kind": "progress", "at": 5.0, "node": "3", "display": "3", "value": 1, "total": 20, "note": {}}
    entries = journal.append_many("a", [progress, {"kind": "ended", "at": 6.0, "status": "done", "seconds": 1.0}])
    assert [(entry.seq, entry.kind) for entry in entries] == [(None, "progress"), (1, "ended")]
    assert [entry.kind for entry in journal.since(0)] == ["ended"]
    assert "seq" not in json.loads(entries[0].text)
