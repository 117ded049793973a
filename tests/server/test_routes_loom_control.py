"""Changing jobs at `/api/loom/jobs/{job}/...` and the queue at `/api/loom/queue`, over a real store."""

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("server_desk", Path(__file__).with_name("desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
chain = desk.chain
JOBS, QUEUE = "/api/loom/jobs", "/api/loom/queue"


@pytest.fixture
def client(tmp_path):
    with desk.Client(tmp_path) as client:
        yield client


def waiting(client):
    """Ids of the jobs that wait, in the order they will run."""
    return [job["id"] for job in client.get(JOBS, params={"state": "pending", "sort": "queue"}).json()["jobs"]]


def test_cancel_waiting_running_and_ended(client):
    running, pending = client.submit()["id"], client.submit()["id"]
    client.claim()
    for job_id in (pending, running):
        answer = client.post(f"{JOBS}/{job_id}/cancel")
        assert answer.status_code == 200 and answer.json()["job"]["state"] == "cancelled"
        assert client.post(f"{JOBS}/{job_id}/cancel").status_code == 200  # asking twice is no mistake
    done = client.submit()["id"]
    client.finish(client.claim().id)
    assert client.code("POST", f"{JOBS}/{done}/cancel", 409) == "J004"


def test_retry_is_for_what_failed(client):
    job = client.submit(chain(4), title="mine", targets=["2"], extra={"a": 1}, client_id="me")["id"]
    assert client.code("POST", f"{JOBS}/{job}/retry", 409) == "J005"
    client.claim()
    assert client.code("POST", f"{JOBS}/{job}/retry", 409) == "J005"
    client.finish(job, "failed")
    answer = client.post(f"{JOBS}/{job}/retry")
    assert answer.status_code == 201
    new = client.get(answer.headers["location"]).json()["job"]
    assert new["id"] != job and new["state"] == "pending" and new["attempts"] == 0
    old = client.get(f"{JOBS}/{job}").json()["job"]
    assert old["state"] == "failed"
    for part in ("graph", "targets", "title", "extra", "client_id"):
        assert new[part] == old[part]
    client.claim()
    client.finish(new["id"])
    assert client.code("POST", f"{JOBS}/{new['id']}/retry", 409) == "J004"


def test_duplicate_with_changes(client):
    job = client.submit(chain(1), title="mine", idempotency_key="k", priority=3)["id"]
    plain = client.post(f"{JOBS}/{job}/duplicate").json()["job"]
    assert plain["title"] == "mine" and plain["id"] != job
    edited = client.post(f"{JOBS}/{job}/duplicate", json={"graph": chain(2), "held": True, "title": ""}).json()["job"]
    assert edited["held"] is True and edited["title"] == ""
    change = client.get(f"{JOBS}/{job}/diff/{edited['id']}").json()["changed"]
    assert [entry["inputs"] for entry in change] == [[{"input": "value", "was": 1, "now": 2}]]
    assert client.code("POST", f"{JOBS}/{job}/duplicate", 400, json={"graph": {}}) == "G000"
    assert client.code("POST", f"{JOBS}/{job}/duplicate", 400, json={"id": "x"}) == "P010"
    assert client.code("POST", f"{JOBS}/{job}/duplicate", 400, content=b"{") == "P101"


def test_a_copy_is_checked_against_the_nodes_of_today(client):
    job = client.submit()["id"]
    client.finish(client.claim().id, "failed")
    client.hub.registry = desk.Registry([desk.number, desk.show])
    answer = client.post(f"{JOBS}/{job}/retry")
    assert answer.status_code == 400 and answer.json()["problems"][0]["code"] == "G001"


def test_front_hold_and_release(client):
    first, second, third = (client.submit()["id"] for _ in range(3))
    assert client.post(f"{JOBS}/{third}/front").json()["job"]["priority"] < 0
    assert waiting(client) == [third, first, second]
    assert client.post(f"{JOBS}/{third}/hold").json()["job"]["held"] is True
    assert client.claim().id == first
    assert client.post(f"{JOBS}/{third}/release").json()["job"]["held"] is False
    assert client.claim().id == third
    assert [job.id for job in client.hub.announced] == [third] * 3
    for action in ("front", "hold", "release"):
        assert client.code("POST", f"{JOBS}/{third}/{action}", 409) == "J005"


def test_edit_a_job_that_waits(client):
    client.submit()
    job = client.submit()["id"]
    answer = client.patch(f"{JOBS}/{job}", json={"title": "new", "priority": -1, "graph": chain(9), "held": True})
    shown = answer.json()["job"]
    assert (shown["title"], shown["priority"], shown["held"]) == ("new", -1, True)
    assert client.get(f"{JOBS}/{job}").json()["job"]["graph"] == chain(9)
    assert waiting(client)[0] == job
    assert client.hub.announced[-1].title == "new"
    assert client.patch(f"{JOBS}/{job}", json={"front": True, "held": False}).json()["job"]["priority"] < -1


def test_an_edit_that_cannot_be_made_changes_nothing(client):
    job = client.submit(title="old", targets=["2"])["id"]
    for document, code in (
        ({"title": "new", "graph": {"2": chain()["1"]}}, "G000"),
        ({"title": "new", "graph": chain(length=2)}, "G000"),  # the target is gone
        ({"title": "new", "priority": "high"}, "P010"),
        ({"title": None}, "P010"),
        ({}, "P010"),
        ({"state": "done"}, "P010"),
    ):
        assert client.code("PATCH", f"{JOBS}/{job}", 400, json=document) == code
    shown = client.get(f"{JOBS}/{job}").json()["job"]
    assert shown["title"] == "old" and shown["graph"] == chain() and not client.hub.announced
    client.claim()
    assert client.code("PATCH", f"{JOBS}/{job}", 409, json={"title": "new"}) == "J005"


def test_pause_and_go_on(client):
    for mode in ("after_job", "after_node", "no"):
        assert client.post(QUEUE, json={"pause": mode}).json()["paused"] == mode
        assert client.get(QUEUE).json()["paused"] == client.hub.paused == mode


def test_queue_shows_counts_and_what_runs(client):
    running = client.submit()["id"]
    client.submit(held=True)
    client.claim()
    shown = client.get(QUEUE).json()
    assert shown["counts"] == {"pending": 1, "running": 1, "done": 0, "failed": 0, "cancelled": 0}
    assert [job["id"] for job in shown["running"]] == [running] and shown["draining"] is False


def test_cancel_by_ids_and_by_range(client):
    jobs = [client.submit() for _ in range(6)]
    ids = [job["id"] for job in jobs]
    client.claim()
    answer = client.post(QUEUE, json={"cancel": {"ids": [ids[5], "nobody", ids[5]]}})
    assert answer.json()["cancelled"] == [ids[5]]
    span = {"from": jobs[0]["sequence"], "to": jobs[2]["sequence"]}
    answer = client.post(QUEUE, json={"cancel": span, "pause": "after_job"})
    assert sorted(answer.json()["cancelled"]) == sorted(ids[:3]) and answer.json()["paused"] == "after_job"
    assert waiting(client) == ids[3:5]
    assert client.post(QUEUE, json={"cancel": span}).json()["cancelled"] == []


@pytest.mark.parametrize(
    "document",
    [
        {}, [], {"pause": None}, {"pause": "yes"}, {"pause": True}, {"pause": []}, {"cancel": {}}, {"cancel": []},
        {"cancel": {"ids": []}}, {"cancel": {"ids": "x"}}, {"cancel": {"ids": [1]}}, {"cancel": {"ids": [""]}},
        {"cancel": {"from": 1}}, {"cancel": {"to": 1}}, {"cancel": {"from": 2, "to": 1}},
        {"cancel": {"from": -1, "to": 1}}, {"cancel": {"from": 0.5, "to": 1}}, {"cancel": {"from": 0, "to": 2**53}},
        {"cancel": {"from": False, "to": True}}, {"cancel": {"ids": ["x"], "from": 0, "to": 1}},
        {"cancel": {"ids": ["x"] * 10_001}}, {"pause": "no", "cancel": {"all": True}}, {"paused": "no"},
    ],
)  # fmt: skip
def test_controls_that_are_refused_do_nothing(client, document):
    job = client.submit()["id"]
    client.hub.paused = "after_job"
    assert client.code("POST", QUEUE, 400, json=document) == "P010"
    assert waiting(client) == [job] and client.hub.paused == "after_job"
