"""Submitting, listing, reading, comparing and forgetting jobs at `/api/loom/jobs`, over a real store."""

import importlib.util
import json
from pathlib import Path

import pytest

from latentloom.engine.library import registry

_spec = importlib.util.spec_from_file_location("server_desk", Path(__file__).with_name("desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
chain = desk.chain
JOBS = "/api/loom/jobs"


@pytest.fixture
def client(tmp_path):
    with desk.Client(tmp_path) as client:
        yield client


def test_submitted_job_is_on_disk_when_acknowledged(client, tmp_path):
    answer = client.post(JOBS, json={"graph": chain(), "title": "My picture", "priority": -2.5, "client_id": "me"})
    assert answer.status_code == 201
    job = answer.json()["job"]
    assert answer.headers["location"] == f"{JOBS}/{job['id']}"
    assert (job["state"], job["title"], job["priority"], job["client_id"]) == ("pending", "My picture", -2.5, "me")
    assert job["nodes"] == 3
    client.hub.store.close()
    reopened = desk.Store.open(tmp_path / "server")
    assert reopened.get(job["id"]).graph == chain()
    reopened.close()


def test_graph_is_kept_exactly_as_sent(client):
    graph = chain()
    graph["2"]["_meta"] = {"title": "Sum", "note": "mine"}
    extra = {"extra_pnginfo": {"workflow": {"id": 1}}, "api_key_comfy_org": "secret"}
    job = client.submit({"prompt": graph}, extra=extra, targets=["2"])
    whole = client.get(f"{JOBS}/{job['id']}").json()["job"]
    assert whole["graph"] == graph and whole["targets"] == ["2"]
    assert whole["extra"] == {"extra_pnginfo": {"workflow": {"id": 1}}}


def test_all_problems_of_a_graph_are_reported_and_nothing_is_queued(client):
    graph = chain()
    graph["0"]["inputs"]["value"] = "many"
    graph["1"]["class_type"] = "DeskAdds"
    answer = client.post(JOBS, json={"graph": graph})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "G000"
    found = {problem["code"]: problem for problem in answer.json()["problems"]}
    assert {"G001", "G005"} <= set(found)
    assert found["G001"]["node_id"] == "1" and "DeskAdd" in found["G001"]["fix"]
    assert client.get(JOBS).json()["total"] == 0


@pytest.mark.parametrize(
    "document, code",
    [
        ([], "P010"),
        ("x", "P010"),
        ({}, "P010"),
        ({"graph": [], "title": "x"}, "P010"),
        ({"graph": chain(), "workflow": "txt2img"}, "P010"),
        ({"graph": chain(), "titel": "x"}, "P010"),
        ({"graph": chain(), "title": "x" * 201}, "P010"),
        ({"graph": chain(), "title": "a\nb"}, "P010"),
        ({"graph": chain(), "title": 5}, "P010"),
        ({"graph": chain(), "priority": 1e13}, "P010"),
        ({"graph": chain(), "priority": True}, "P010"),
        ({"graph": chain(), "priority": "1"}, "P010"),
        ({"graph": chain(), "held": 1}, "P010"),
        ({"graph": chain(), "front": "yes"}, "P010"),
        ({"graph": chain(), "targets": []}, "P010"),
        ({"graph": chain(), "targets": [2]}, "P010"),
        ({"graph": chain(), "extra": []}, "P010"),
        ({"graph": chain(), "idempotency_key": ""}, "P010"),
        ({"graph": chain(), "targets": ["9"]}, "G000"),
        ({"graph": {}}, "G000"),
        ({"graph": {"nodes": [], "links": []}}, "G000"),
        ({"graph": {"1": None}}, "G000"),
        ({"jobs": []}, "P010"),
        ({"jobs": {}}, "P010"),
        ({"jobs": [{"graph": chain()}], "title": "x"}, "P010"),
        ({"jobs": [{"graph": chain()}] * 1001}, "P010"),
        ({"workflow": "../settings"}, "F002"),
    ],
)
def test_requests_that_are_refused(client, document, code):
    answer = client.post(JOBS, json=document)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == code
    assert client.get(JOBS).json()["total"] == 0


@pytest.mark.parametrize("field", ["graph", "workflow"])
def test_the_editors_format_is_taken_too(client, field):
    outputs = [{"name": "INT", "type": "INT", "links": [1]}]
    number = {"id": 4, "type": "DeskNumber", "inputs": [], "outputs": outputs, "widgets_values": [7]}
    show = {"id": 9, "type": "DeskShow", "inputs": [{"name": "value", "type": "INT", "link": 1}], "outputs": []}
    strange = {"id": 10, "type": "OfAPackThatIsNotHere", "inputs": [], "outputs": []}
    ui = {"nodes": [number, show, strange], "links": [[1, 4, 0, 9, 0, "INT"]], "version": 0.4}
    answer = client.post(JOBS, json={field: ui})
    assert answer.status_code == 201, answer.text
    graph = client.get(f"{JOBS}/{answer.json()['job']['id']}").json()["job"]["graph"]
    assert {node: entry["inputs"] for node, entry in graph.items()} == {"4": {"value": 7}, "9": {"value": ["4", 0]}}
    found = client.post("/api/loom/check", json={field: ui}).json()
    assert found["ok"] and {"C010"} <= {note["code"] for note in found["report"]}


def test_a_slip_in_a_fields_name_is_told(client):
    answer = client.post(JOBS, json={"graph": chain(), "titel": "x"})
    assert '"title"' in answer.json()["error"]["fix"]


def test_saved_workflow_by_name(client, tmp_path):
    folder = tmp_path / "user" / "default" / "workflows"
    folder.mkdir(parents=True)
    (folder / "mine.json").write_text(json.dumps(chain(5)))
    (folder / "twice.json").write_text('{"1": {"class_type": "DeskNumber", "inputs": {"value": 1, "value": 2}}}')
    (folder / "broken.json").write_text("{")
    job = client.post(JOBS, json={"workflow": "mine"}).json()["job"]
    assert client.get(f"{JOBS}/{job['id']}").json()["job"]["graph"] == chain(5)
    assert client.post(JOBS, json={"workflow": "twice.json"}).json()["problems"][0]["code"] == "G023"
    assert client.code("POST", JOBS, 400, json={"workflow": "broken"}) == "G021"
    answer = client.post(JOBS, json={"workflow": "txt2imh"})
    assert answer.status_code == 404 and "txt2img.json" in answer.json()["error"]["fix"]
    assert client.code("POST", JOBS, 400, json={"workflow": "x" * 300}) == "F002"


def test_packaged_workflow_by_name(client):
    client.hub.registry = registry()
    job = client.post(JOBS, json={"workflow": "txt2img"})
    assert job.status_code == 201, job.text
    assert job.json()["job"]["nodes"] > 5


def test_idempotency_key_gives_the_first_job_again(client):
    first = client.post(JOBS, json={"graph": chain(), "idempotency_key": "k"})
    again = client.post(JOBS, json={"graph": chain()}, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["job"]["id"] == again.json()["job"]["id"]
    assert client.get(JOBS).json()["total"] == 1
    assert client.code("POST", JOBS, 409, json={"graph": chain(7), "idempotency_key": "k"}) == "J002"
    both = {"json": {"graph": chain(), "idempotency_key": "a"}, "headers": {"Idempotency-Key": "b"}}
    assert client.code("POST", JOBS, 400, **both) == "P010"


def test_many_jobs_all_or_none(client):
    answer = client.post(JOBS, json={"jobs": [{"graph": chain(value)} for value in range(5)]})
    assert answer.status_code == 201
    sequences = [job["sequence"] for job in answer.json()["jobs"]]
    assert sequences == sorted(sequences) and len(set(sequences)) == 5
    bad = [{"graph": chain()}, {"graph": {}}, {"graph": chain()}]
    answer = client.post(JOBS, json={"jobs": bad})
    assert answer.status_code == 400 and answer.json()["job"] == 1 and answer.json()["problems"]
    assert client.get(JOBS).json()["total"] == 5


def test_full_queue_and_stopping_server(tmp_path):
    with desk.Client(tmp_path, cap=2) as client:
        client.submit()
        answer = client.post(JOBS, json={"jobs": [{"graph": chain()}] * 2})
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
        assert client.get(JOBS).json()["total"] == 1
        client.hub.draining = True
        assert client.code("POST", JOBS, 503, json={"graph": chain()}) == "J011"


def test_list_in_pages_by_cursor_stays_right_while_jobs_come(client):
    ids = [client.submit(chain(value))["id"] for value in range(7)]
    seen, cursor = [], None
    while True:
        page = client.get(JOBS, params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
        if cursor is None:
            break
        client.submit()  # in front of what is listed; a page by offset would show one twice
    assert seen == ids[::-1]
    assert page["more"] is False and page["total"] == 9
    assert "graph" not in page["jobs"][0] and "outputs" not in page["jobs"][0]


def test_list_by_state_and_order(client):
    later = client.submit(priority=5)["id"]
    sooner = client.submit(priority=1)["id"]
    running = client.submit(priority=-1)["id"]
    assert client.claim().id == running
    assert [job["id"] for job in client.get(JOBS, params={"state": "pending", "sort": "queue"}).json()["jobs"]] == [
        sooner,
        later,
    ]
    both = client.get(JOBS, params=[("state", "pending"), ("state", "running"), ("sort", "created")]).json()
    assert [job["id"] for job in both["jobs"]] == [later, sooner, running] and both["total"] == 3
    assert client.get(JOBS, params={"state": "done,failed"}).json() == {"jobs": [], "total": 0, "more": False, "next": None}
    assert [job["id"] for job in client.get(JOBS, params={"sort": "created", "offset": 1}).json()["jobs"]] == [sooner, running]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "limit=-1", "limit=1.5", "limit=", "limit=%D9%A3", "offset=-1", "offset=10000001",
        "limit=99999999999999999999", "state=running,lost", "state=", "sort=name", "sort=", "cursor=x", "cursor=%00",
        "cursor=YWZ0ZXI6", "cursor=%C3%A9", "sort=queue&cursor=YWZ0ZXI6MQ",
    ],
)  # fmt: skip
def test_pages_that_are_refused(client, query):
    assert client.code("GET", f"{JOBS}?{query}", 400) == "P011"


def test_one_job_with_its_live_progress(client):
    job = client.submit()
    assert "live" not in client.get(f"{JOBS}/{job['id']}").json()["job"]
    live = client.claim() and client.hub.lives[job["id"]]
    live.feed({"kind": "started", "node": "1", "display": "1", "type": "DeskAdd"})
    live.feed({"kind": "progress", "node": "1", "display": "1", "value": 3, "total": 8, "note": {}})
    shown = client.get(f"{JOBS}/{job['id']}").json()["job"]
    assert shown["state"] == "running"
    assert shown["running"] == {"node": "1", "type": "DeskAdd", "value": 3, "total": 8}
    assert shown["live"]["nodes"]["1"]["value"] == 3
    assert client.get(JOBS).json()["jobs"][0]["running"]["value"] == 3


def test_one_job_with_what_came_of_it(client):
    job = client.submit()
    client.claim()
    outputs = {"2": {"images": [{"filename": "a.png"}, {"filename": "b.png"}]}}
    stats = {"seconds": {"1": 0.5, "2": float("nan")}, "curves": {"2": {"loss": [[0, 1.0]]}}}
    client.finish(job["id"], outputs=outputs, stats=stats)
    shown = client.get(f"{JOBS}/{job['id']}").json()["job"]
    assert shown["state"] == "done" and shown["outputs"] == outputs and shown["outputs_count"] == 2
    assert shown["stats"] == {"seconds": {"1": 0.5, "2": None}}
    assert shown["created"] <= shown["started"] <= shown["ended"]


def test_list_leaves_out_what_is_long_of_an_error(client):
    job = client.submit()["id"]
    client.claim()
    error = {"code": "R004", "message": "no luck", "traceback": ["..."] * 50, "inputs": {"a": "1"}}
    client.finish(job, "failed", error=error)
    assert client.get(JOBS).json()["jobs"][0]["error"] == {"code": "R004", "message": "no luck"}
    assert client.get(f"{JOBS}/{job}").json()["job"]["error"] == error


@pytest.mark.parametrize("job_id", ["nobody", "x" * 5000, "%00", "%FF", "a%0Ab", "%ED%A0%80"])
@pytest.mark.parametrize(
    "method, rest", [("GET", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/cancel"), ("POST", "/retry"), ("GET", "/diff/x")]
)
def test_unknown_job(client, job_id, method, rest):
    given = {"json": {"title": "x"}} if method == "PATCH" else {}
    assert client.code(method, f"{JOBS}/{job_id}{rest}", 404, **given) == "J007"


def test_difference_of_two_jobs(client):
    one, other = client.submit(chain(1))["id"], client.submit(chain(2, 4))["id"]
    found = client.get(f"{JOBS}/{one}/diff/{other}").json()
    assert (found["a"], found["b"], found["same"]) == (one, other, False)
    assert [entry["node"] for entry in found["added"]] == ["3"]
    assert found["changed"][0]["inputs"] == [{"input": "value", "was": 1, "now": 2}]
    assert client.get(f"{JOBS}/{one}/diff/{one}").json()["same"] is True


def test_forgetting_ended_jobs(client):
    done, failed, waiting = (client.submit(chain(value))["id"] for value in range(3))
    for state in ("done", "failed"):
        client.finish(client.claim().id, state)
    assert client.code("DELETE", f"{JOBS}/{waiting}", 409) == "J005"
    assert client.delete(f"{JOBS}/{done}").json() == {"deleted": [done]}
    assert client.code("GET", f"{JOBS}/{done}", 404) == "J007"
    for query in ("", "?state=pending", "?state="):
        assert client.code("DELETE", f"{JOBS}{query}", 400) == "P011"
    assert client.delete(f"{JOBS}?state=done,cancelled").json() == {"deleted": 0}
    assert client.delete(f"{JOBS}?state=failed").json() == {"deleted": 1}
    assert [job["id"] for job in client.get(JOBS).json()["jobs"]] == [waiting]
    assert client.code("GET", f"{JOBS}/{failed}", 404) == "J007"
