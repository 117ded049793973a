"""POST /prompt, /interrupt and /free over a real store."""

import importlib.util
import json
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("comfy_desk", Path(__file__).with_name("comfy_desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
GRAPH, Client = desk.GRAPH, desk.Client


@pytest.fixture
def client(tmp_path):
    with Client(tmp_path) as client:
        yield client


def test_a_prompt_is_on_disk_when_it_is_acknowledged(client):
    answer = client.post(
        "/prompt", json={"prompt": GRAPH, "client_id": "me", "prompt_id": "mine", "extra_data": {"a": 1}}
    )
    assert answer.status_code == 200
    assert answer.json() == {"prompt_id": "mine", "number": 1.0, "node_errors": {}}
    job = client.hub.store.get("mine")
    assert job.graph == GRAPH and job.targets == ("2",) and job.client_id == "me"
    assert job.extra == {"a": 1, "client_id": "me"}
    assert client.get("/prompt").json() == {"exec_info": {"queue_remaining": 1}}


def test_any_content_type_will_do(client):
    answer = client.post("/api/prompt", content=json.dumps({"prompt": GRAPH}), headers={"content-type": "text/plain"})
    assert answer.status_code == 200


def test_number_and_front_decide_the_order(client):
    for prompt_id, fields in {
        "first": {}, "late": {"number": 5}, "early": {"number": -7.5}, "second": {}, "front": {"front": True},
    }.items():  # fmt: skip
        client.submit(prompt_id=prompt_id, **fields)
    pending = client.get("/queue").json()["queue_pending"]
    assert [item[1] for item in pending] == ["front", "early", "first", "second", "late"]
    numbers = {item[1]: item[0] for item in pending}
    assert numbers["early"] == -7.5 and numbers["late"] == 5.0 and numbers["first"] < numbers["second"]
    assert numbers["front"] < numbers["early"]


def test_a_bad_branch_is_reported_with_success(client):
    graph = {
        **GRAPH,
        "3": {"class_type": "EmptyImage", "inputs": {**GRAPH["1"]["inputs"], "width": -4}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
    }
    answer = client.post("/prompt", json={"prompt": graph})
    assert answer.status_code == 200
    found = answer.json()
    assert found["node_errors"]["3"]["errors"][0]["type"] == "value_smaller_than_min"
    assert found["node_errors"]["3"]["dependent_outputs"] == ["4"]
    job = client.hub.store.get(found["prompt_id"])
    assert set(job.graph) == {"1", "2"} and job.node_errors == found["node_errors"]


@pytest.mark.parametrize(
    "content, status, kind",
    [
        (b"", 400, "invalid_prompt"),
        (b"{", 400, "invalid_prompt"),
        (b"[]", 400, "invalid_prompt"),
        (b"{}", 400, "no_prompt"),
        (b'{"prompt": null}', 400, "no_prompt"),
        (b'{"prompt": {"1": {"class_type": "Nope", "inputs": {}}}}', 400, "missing_node_type"),
        (b'{"prompt": ' + b'{"a":' * 100 + b"1" + b"}" * 101, 400, "invalid_prompt"),
        (b'{"prompt": {}, "number": 1e999}', 400, "invalid_prompt"),
    ],
)
def test_what_is_no_prompt_is_refused_in_comfyuis_shape(client, content, status, kind):
    answer = client.post("/prompt", content=content)
    assert answer.status_code == status
    found = answer.json()
    assert set(found) == {"error", "node_errors"} and found["node_errors"] == {}
    assert set(found["error"]) == {"type", "message", "details", "extra_info"} and found["error"]["type"] == kind
    assert client.hub.store.pending() == []


def test_an_id_in_use_a_full_queue_and_a_stopping_server(tmp_path):
    with Client(tmp_path, cap=1) as client:
        client.submit(prompt_id="a")
        answer = client.post("/prompt", json={"prompt": GRAPH, "prompt_id": "a"})
        assert answer.status_code == 409 and answer.json()["error"]["type"] == "invalid_prompt_id"
        answer = client.post("/prompt", json={"prompt": GRAPH})
        assert answer.status_code == 429 and answer.json()["error"]["type"] == "queue_full"
        assert answer.headers["retry-after"]
        client.hub.draining = True
        answer = client.post("/prompt", json={"prompt": GRAPH})
        assert answer.status_code == 503 and answer.json()["error"]["type"] == "server_stopping"


def test_a_key_makes_asking_twice_harmless(client):
    headers = {"Idempotency-Key": "k1"}
    ids = {client.post("/prompt", json={"prompt": GRAPH}, headers=headers).json()["prompt_id"] for _ in range(3)}
    assert len(ids) == 1 and len(client.hub.store.pending()) == 1


def test_a_large_prompt_does_not_stop_the_server(client):
    graph = dict(GRAPH)
    for number in range(3, 4000):
        graph[str(number)] = {"class_type": "ImageInvert", "inputs": {"image": [str(number - 1 if number > 3 else 1), 0]}}
    graph["2"] = {"class_type": "PreviewImage", "inputs": {"images": ["3999", 0]}}
    job = client.hub.store.get(client.submit(graph))
    assert len(job.graph) == 3999


def test_interrupt_and_free_answer_empty(client):
    for body, told in ((None, None), ({}, None), ({"prompt_id": ""}, None), ({"prompt_id": "p"}, "p")):
        answer = client.post("/interrupt", json=body) if body is not None else client.post("/api/interrupt")
        assert (answer.status_code, answer.content) == (200, b"")
        assert client.hub.interrupted.pop() == told
    for body, freed in (
        ({"unload_models": True}, [(True, False)]),
        ({"unload_models": True, "free_memory": True}, [(True, True)]),
        ({}, []),
    ):
        answer = client.post("/free", json=body)
        assert (answer.status_code, answer.content) == (200, b"")
        assert client.hub.freed == freed
        client.hub.freed.clear()
    assert client.post("/interrupt", content=b"junk").status_code == 400
