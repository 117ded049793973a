"""The whole hostile table against the real server in a process of its own, with a worker that is up."""

import time
from pathlib import Path

import pytest
from hostile_check import executed, fire, outside, prepare, still_answers
from hostile_table import HOSTILE
from serving import Serving


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Give (port, data folder, the server); when all is done it must still run, with nothing of ours in its log."""
    data = tmp_path_factory.mktemp("hostile") / "room" / "data"
    data.mkdir(parents=True)
    prepare(data)
    (data.parent / "settings.toml").write_text("secret = 'owned'")
    with Serving(data) as server:
        until = time.monotonic() + 60
        while server.ask("/ready")[0] != 200 and time.monotonic() < until:
            time.sleep(0.1)
        yield int(server.url.rpartition(":")[2]), data, server
        assert server.process.poll() is None
        assert "Traceback" not in server.errors().replace("Invalid UTF-8 sequence received from client.\nTraceback", "")


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: row.name)
def test_hostile(place, row):
    port, data, _ = place
    before = outside(data)
    assert not fire(port, row)
    assert outside(data) == before
    assert not executed(Path.cwd(), data, data.parent)


def test_it_answers_within_two_seconds_after_all_of_it_and_nothing_was_queued(place):
    port, data, server = place
    assert not still_answers(port)
    assert server.ask("/queue") == (200, {"queue_running": [], "queue_pending": []})
    assert server.ask("/history") == (200, {})
    assert sorted(path.name for path in (data / "input").glob("*")) == []
