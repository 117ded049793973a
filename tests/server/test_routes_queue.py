"""/queue and /history over a real store."""

import importlib.util
import time
from pathlib import Path

import pytest

from latentloom.engine.server.jobs import State, Submission

_spec = importlib.util.spec_from_file_location("comfy_desk", Path(__file__).with_name("comfy_desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
GRAPH, FILE, Client = desk.GRAPH, desk.FILE, desk.Client


@pytest.fixture
def client(tmp_path):
    with Client(tmp_path) as client:
        yield client


def test_the_queue_shows_what_runs_and_what_waits(client):
    ids = [client.submit() for _ in range(3)]
    assert client.claim() == ids[0]
    found = client.get("/queue").json()
    assert [item[1] for item in found["queue_running"]] == ids[:1]
    assert [item[1] for item in found["queue_pending"]] == ids[1:]
    number, _, graph, extra, targets = found["queue_pending"][0]
    assert number == 2.0 and graph == GRAPH and targets == ["2"] and abs(extra["create_time"] / 1000 - time.time()) < 60
    assert client.get("/prompt").json()["exec_info"]["queue_remaining"] == 3


def test_waiting_jobs_can_be_taken_out(client):
    ids = [client.submit() for _ in range(4)]
    client.claim()
    answer = client.post("/queue", json={"delete": [ids[0], ids[2], "unknown"]})
    assert (answer.status_code, answer.content) == (200, b"")
    assert [job.id for job in client.hub.store.pending()] == [ids[1], ids[3]]
    assert client.hub.store.get(ids[0]).state is State.RUNNING
    assert client.hub.told_of == [ids[2]]
    answer = client.post("/queue", json={"clear": True})
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.hub.store.pending() == [] and client.hub.told_of == [ids[2], ids[1], ids[3]]
    assert client.post("/queue", json={}).status_code == 200
    for wrong in ([], {"delete": "x"}, "x"):
        assert client.post("/queue", json=wrong).status_code == 400


def test_history_of_one_job(client):
    assert client.get("/history/unknown").json() == {}
    job_id = client.submit()
    assert client.get(f"/history/{job_id}").json() == {}
    outputs = {"2": {"images": [FILE]}}
    messages = [["execution_success", {"prompt_id": job_id, "timestamp": 5}]]
    client.run(outputs=outputs, messages=messages)
    found = client.get(f"/api/history/{job_id}").json()
    assert list(found) == [job_id]
    entry = found[job_id]
    assert entry["prompt"][:3] == [1.0, job_id, GRAPH] and entry["prompt"][4] == ["2"]
    assert entry["outputs"] == outputs and entry["meta"]["2"]["real_node_id"] == "2"
    assert entry["status"] == {"status_str": "success", "completed": True, "messages": messages}


def test_history_in_pages_the_oldest_first(client):
    ids = [client.submit() for _ in range(7)]
    for _ in ids:
        client.run()
    assert list(client.get("/history").json()) == ids
    assert list(client.get("/history?max_items=3").json()) == ids[4:]
    assert list(client.get("/history?max_items=3&offset=2").json()) == ids[2:5]
    assert list(client.get("/history?offset=5").json()) == ids[5:]
    assert list(client.get("/history?max_items=99").json()) == ids
    assert client.get("/history?max_items=0").json() == {}
    for wrong in ("max_items=x", "offset=1.5", "max_items=" + "9" * 30, "offset=²"):
        assert client.get(f"/history?{wrong}").status_code == 400


def test_history_across_pages_of_the_store(client):
    for _ in range(430):
        client.portal.call(client.hub.store.submit, _small())
        client.run()
    assert len(client.get("/history").json()) == 430


def test_history_can_be_forgotten(client):
    ids = [client.submit() for _ in range(4)]
    for _ in range(3):
        client.run()
    answer = client.post("/history", json={"delete": [ids[0], ids[3], "unknown"]})
    assert (answer.status_code, answer.content) == (200, b"")
    assert list(client.get("/history").json()) == ids[1:3]
    answer = client.post("/history", json={"clear": True})
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.get("/history").json() == {} and client.hub.store.get(ids[3]) is not None


def test_numbers_that_json_lacks_do_not_break_history(client):
    client.submit()
    client.run(outputs={"2": {"loss": [{"value": float("nan")}]}})
    (entry,) = client.get("/history").json().values()
    assert entry["outputs"] == {"2": {"loss": [{"value": None}]}}


def _small():
    return Submission({"1": {}}, ("1",))
