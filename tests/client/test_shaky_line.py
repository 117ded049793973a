"""The client over a line that breaks: no event is lost or told twice, nothing runs twice."""

import socket
import time

import pytest

import latentloom
from latentloom.engine.errors import UserError


def titles(client, title):
    return [job for job in client.jobs(limit=1000) if job.record["title"] == title]


def test_a_lost_answer_submits_once(client, line, shaky, chain):
    line.lose_answers = 2
    job = shaky.submit(chain(value=31), title="answer lost")
    assert line.lost == 2
    assert [other.id for other in titles(client, "answer lost")] == [job.id]
    assert job.result(timeout=30) == {"3": {"text": [{"text": "31"}]}}


def test_a_request_that_may_not_be_repeated_is_not(client, line, shaky, chain):
    source = client.submit(chain(value=32), title="copied")
    line.lose_answers = 1
    with pytest.raises(UserError) as caught:
        shaky.ask("POST", f"/api/loom/jobs/{source.id}/duplicate")
    assert caught.value.code == "P102"
    assert len(titles(client, "copied")) == 2  # the one, and the copy whose answer was lost


def test_a_cut_connection_loses_no_event_and_tells_none_twice(line, shaky, chain):
    graph = chain(0, value=33)
    for number in range(4, 10):
        graph[str(number)] = {
            "class_type": "ProbeSleep",
            "inputs": {"value": [str(number - 1) if number > 4 else "1", 0], "milliseconds": 150},
        }
    graph["3"]["inputs"]["value"] = ["9", 0]
    del graph["2"]
    seen, cuts = [], 0
    job = shaky.submit(graph)
    for message in job.messages():
        seen.append(message)
        if message.kind == "finished" and cuts < 4:
            cuts += 1
            line.cut()
    assert job.state == "done"
    assert cuts == 4 and line.sockets >= 4
    numbers = [message.seq for message in seen if message.seq is not None]
    assert numbers == sorted(set(numbers))
    expected = ["1", *map(str, range(4, 10)), "3"]
    for kind in ("started", "finished"):
        assert [message.data["node"] for message in seen if message.kind == kind] == expected


def test_where_no_websocket_gets_through_the_job_is_looked_at(line, shaky, chain):
    line.no_sockets = True
    job = shaky.submit(chain(400, value=34))
    states = [message.data["state"] for message in job.messages()]
    assert line.sockets == 0
    assert states[-1] == "done" and set(states) <= {"pending", "running", "done"}
    assert job.result() == {"3": {"text": [{"text": "34"}]}}


def test_a_restart_of_the_server_is_waited_for(tmp_path, chain):
    """The job that ran goes on; the client sees its end without being told of the restart."""
    from serving import Serving

    first = Serving(tmp_path / "data", "--device", "cpu").wait()
    port = int(first.url.rpartition(":")[2])
    with latentloom.Client(first.url, patience=60) as client:
        job = client.submit(chain(1500, value=35))
        states = []
        for message in job.messages():
            if message.kind == "started" and message.data["node"] == "2" and first.process.poll() is None:
                first.kill()
                second = Serving(tmp_path / "data", "--device", "cpu", port=port)
            if message.kind == "job":
                states.append(message.data["state"])
        assert job.result() == {"3": {"text": [{"text": "35"}]}}
        assert states[-1] == "done"
        assert len(titles(client, "")) == 1
    second.kill()


def test_nobody_at_the_address_is_said_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begun = time.monotonic()
    with latentloom.Client(f"127.0.0.1:{port}") as client, pytest.raises(UserError) as caught:
        client.jobs()
    assert caught.value.code == "P102"
    assert "latentloom serve" in str(caught.value)
    assert time.monotonic() - begun < 5


def test_a_server_that_stays_away_is_given_up(server, chain):
    from shaky_line import TOKEN, ShakyLine

    with ShakyLine(int(server.url.rpartition(":")[2])) as line, latentloom.Client(line.url, TOKEN, patience=1.0) as client:
        job = client.submit(chain(5_000, value=36))
        line.target = 1  # nobody listens there
        line.cut()
        with pytest.raises(UserError) as caught:
            list(job.messages())
        assert caught.value.code == "P102"
    with latentloom.Client(server.url, TOKEN) as client:
        client.job(job.id).cancel()
