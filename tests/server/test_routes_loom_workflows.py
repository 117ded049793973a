"""Saved workflows as calls: listed, described as JSON Schema, run with typed inputs, answered with results."""

import importlib.util
import json
from pathlib import Path

import jsonschema
import pytest

from latentloom.engine.library import registry
from latentloom.engine.server.openapi import document

_spec = importlib.util.spec_from_file_location("server_desk", Path(__file__).with_name("desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
NODES = registry()
FLOWS = "/api/loom/workflows"


def mark(name, **inputs):
    return {"class_type": "LoomInput", "inputs": {"name": name, **inputs}}


SIZES = {
    "a": mark("width", description="In pixels."),
    "b": mark("style", options="ink\noil", default="oil"),
    "c": mark("photo", otherwise=["1", 0]),
    "d": mark("count", type="INT", range="1..4"),
    "s": mark("seed"),
    "1": {"class_type": "EmptyImage", "inputs": {"width": ["a", 0], "batch_size": ["d", 0]}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["c", 0]}},
    "3": {"class_type": "LoomOutput", "inputs": {"name": "negative", "value": ["2", 0]}},
    "4": {"class_type": "LoomOutput", "inputs": {"name": "style", "value": ["b", 0]}},
    "5": {"class_type": "KSampler", "inputs": {"seed": ["s", 0]}},
}


@pytest.fixture
def client(tmp_path):
    with desk.Client(tmp_path) as client:
        client.hub.registry = NODES
        yield client


def save(client, name, graph):
    client.hub.folders.target("user", f"default/workflows/{name}.json").write_text(json.dumps(graph))


def runnable():
    return {key: entry for key, entry in SIZES.items() if key not in ("5", "s")}


def ask(client, method, path, template, **given):
    """Ask, and hold the answer to the published description."""
    answer = client.request(method, path, **given)
    shapes = document("1")
    responses = shapes["paths"][template][method.lower()]["responses"]
    code = str(answer.status_code)
    found = responses.get(code) or shapes["components"]["responses"][responses[f"{code[0]}XX"]["$ref"].rsplit("/")[-1]]
    schema = found["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": shapes["components"]})
    return answer


def test_all_saved_ones_are_listed(client):
    save(client, "mine", SIZES)
    save(client, "sub/deep", SIZES)
    save(client, "txt2img", SIZES)
    found = {entry["name"]: entry["source"] for entry in ask(client, "GET", FLOWS, FLOWS).json()["workflows"]}
    assert found["mine"] == found["sub/deep"] == found["txt2img"] == "user"
    assert found["img2img"] == "package" and "img2img.smoke" not in found


def test_a_workflow_describes_itself(client):
    save(client, "sub/flow", SIZES)
    shown = ask(client, "GET", f"{FLOWS}/sub/flow", FLOWS + "/{name}").json()["workflow"]
    schema = shown["inputs"]
    jsonschema.Draft202012Validator.check_schema(schema)
    properties = schema["properties"]
    assert properties["width"] == {
        "type": "integer", "minimum": 1, "maximum": 16384, "default": 512, "description": "In pixels.", "x-type": "INT",
    }  # fmt: skip
    assert properties["style"]["enum"] == ["ink", "oil"] and properties["style"]["default"] == "oil"
    assert properties["seed"]["maximum"] == 2**64 - 1 and properties["photo"]["type"] == "string"
    assert (properties["count"]["minimum"], properties["count"]["maximum"]) == (1, 4)
    assert schema["required"] == [] and schema["additionalProperties"] is False
    assert [(port["name"], port["type"]) for port in shown["outputs"]] == [("negative", "IMAGE"), ("style", "*")]
    assert shown["problems"] == []


def test_marks_that_cannot_be_used_are_told_of(client):
    save(client, "odd", {"a": mark("x y")})
    (problem,) = client.get(f"{FLOWS}/odd").json()["workflow"]["problems"]
    assert problem["code"] == "C060" and problem["node_id"] == "a"
    answer = client.post(f"{FLOWS}/odd/run", json={})
    assert answer.status_code == 400 and answer.json()["problems"][0]["code"] == "C060"


def test_a_run_is_a_job_with_the_inputs_in_it(client):
    save(client, "flow", runnable())
    client.hub.folders.target("input", "a.png").write_bytes(b"x")
    inputs = {"width": 32, "photo": "a.png", "count": 2, "style": "ink"}
    answer = ask(
        client, "POST", f"{FLOWS}/flow/run", FLOWS + "/{name}/run",
        json={"inputs": inputs, "front": True, "title": "mine"}, headers={"Idempotency-Key": "k"},
    )  # fmt: skip
    assert answer.status_code == 201 and "outputs" not in answer.json()
    job = answer.json()["job"]
    assert answer.headers["location"] == f"/api/loom/jobs/{job['id']}" and job["title"] == "mine"
    assert answer.json()["results"] == [
        {"name": "negative", "type": "IMAGE", "node": "3"}, {"name": "style", "type": "*", "node": "4"},
    ]  # fmt: skip
    graph = client.get(f"/api/loom/jobs/{job['id']}").json()["job"]["graph"]
    assert graph["1"]["inputs"] == {"width": 32, "batch_size": 2}
    assert graph["c"]["class_type"] == "LoadImage" and graph["4"]["inputs"]["value"] == "ink"
    again = client.post(f"{FLOWS}/flow/run", json={"inputs": inputs}, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["job"]["id"]) == (200, job["id"])
    other = client.post(f"{FLOWS}/flow/run", json={"inputs": {}}, headers={"Idempotency-Key": "k"})
    assert other.json()["error"]["code"] == "J002"


def test_an_empty_body_runs_with_the_defaults(client):
    save(client, "flow", runnable())
    job = client.post(f"{FLOWS}/flow/run").json()["job"]
    graph = client.get(f"/api/loom/jobs/{job['id']}").json()["job"]["graph"]
    assert graph["1"]["inputs"] == {"width": 512, "batch_size": 1} and graph["2"]["inputs"]["image"] == ["1", 0]
    assert job["title"] == "flow"


@pytest.mark.parametrize(
    "name, body, status, code",
    [
        ("flow", {"inputs": {"width": 0}}, 400, "G003"),
        ("flow", {"inputs": {"width": "wide"}}, 400, "G005"),
        ("flow", {"inputs": {"style": "chalk"}}, 400, "G008"),
        ("flow", {"inputs": {"widht": 8}}, 400, "C062"),
        ("flow", {"inputs": []}, 400, "P010"),
        ("flow", {"input": {}}, 400, "P010"),
        ("flow", {"graph": {}}, 400, "P010"),
        ("flow", {"inputs": {"photo": "absent.png"}}, 400, "G000"),
        ("flow", {"inputs": {"photo": "../secret.png"}}, 400, "G000"),
        ("needs", {}, 400, "C063"),
        ("absent", {}, 404, "F001"),
        ("../flow", {}, 404, None),
        ("%2e%2e%2fflow", {}, None, None),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_queued(client, name, body, status, code):
    save(client, "flow", runnable())
    save(
        client, "needs", {"a": mark("n", type="INT"), "3": {"class_type": "LoomOutput", "inputs": {"value": ["a", 0]}}}
    )
    answer = client.post(f"{FLOWS}/{name}/run", json=body)
    assert 400 <= answer.status_code < 500 and (status is None or answer.status_code == status), answer.text
    assert code is None or answer.json()["error"]["code"] == code
    assert client.get("/api/loom/jobs").json()["total"] == 0


def test_results_stand_in_the_answer_when_it_waits(client):
    save(client, "flow", runnable())
    first = client.post(f"{FLOWS}/flow/run", json={"idempotency_key": "k"}).json()["job"]["id"]
    client.claim()
    images = [{"filename": "negative_00001_.png", "subfolder": "", "type": "output"}]
    outputs = {"3": {"images": images}, "4": {"text": [{"text": "oil", "name": "style", "value": "oil"}]}}
    client.finish(first, outputs=outputs)
    answer = ask(client, "POST", f"{FLOWS}/flow/run?wait=5", FLOWS + "/{name}/run", json={"idempotency_key": "k"})
    assert answer.status_code == 200
    assert answer.json()["outputs"] == {"negative": images, "style": "oil"}


def test_a_model_that_stands_in_is_told_of(client):
    loads = {"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x/Loom_Shapes sd15.ckpt"}}}
    save(client, "model", {**loads, "2": {"class_type": "LoomOutput", "inputs": {"name": "m", "value": ["1", 0]}}})
    answer = ask(client, "POST", f"{FLOWS}/model/run", FLOWS + "/{name}/run").json()
    (note,) = answer["notes"]
    assert (note["code"], note["node"]) == ("C050", "1")
    graph = client.get(f"/api/loom/jobs/{answer['job']['id']}").json()["job"]["graph"]
    assert graph["1"]["inputs"]["ckpt_name"] == "loom-shapes-sd15.safetensors"


def test_waiting_ends_after_its_time(client):
    save(client, "flow", runnable())
    answer = client.post(f"{FLOWS}/flow/run?wait=1")
    assert answer.status_code == 201 and "outputs" not in answer.json()
    assert client.code("POST", f"{FLOWS}/flow/run?wait=61", 400) == "P011"


def test_a_name_that_leaves_the_folder_is_refused(client, tmp_path):
    (tmp_path / "secret.json").write_text(json.dumps(SIZES))
    for name in ("..%2f..%2f..%2fsecret", "%2e%2e/secret", "/etc/passwd"):
        assert client.get(f"{FLOWS}/{name}").status_code in (400, 404)
