"""The OpenAPI document: sound by itself, the same addresses as the routes, and true to what they answer."""

import importlib.util
import re
from pathlib import Path

import jsonschema
import pytest

from latentloom.engine.graph.codec import read_api
from latentloom.engine.graph.validate import validate
from latentloom.engine.library import registry
from latentloom.engine.server import routes_comfy, routes_files, routes_loom
from latentloom.engine.server.openapi import document
from latentloom.engine.server.openapi_schemas import EXAMPLE

_spec = importlib.util.spec_from_file_location("server_desk", Path(__file__).with_name("desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
chain = desk.chain
METHODS = {"get", "put", "post", "delete", "patch"}
DOCUMENT = document("1.2.3")


def operations():
    """All operations of the document as (METHOD, path)."""
    return {(method.upper(), path) for path, entry in DOCUMENT["paths"].items() for method in entry}


def addresses(routes):
    """All operations of routes, their paths as the document writes them."""
    return {
        (method, re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)) for route in routes for method in route.methods - {"HEAD"}
    }


def test_document_and_routes_have_the_same_addresses():
    routes = addresses([*routes_loom.routes(), *routes_comfy.routes(), *routes_files.routes()])
    assert operations() - routes == set(), "described, but not there"
    assert routes - operations() == set(), "there, but not described"


def test_it_is_served():
    assert "/api/loom/openapi.json" in {route.path for route in routes_loom.routes()}


def test_every_reference_leads_somewhere_and_every_shape_is_used():
    found = set()

    def walk(value):
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                found.add(value["$ref"])
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(DOCUMENT)
    named = {
        f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in DOCUMENT["components"][kind]
    }
    assert found == named


def test_every_schema_is_one():
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_examples_are_right():
    nodes = registry()
    assert validate(read_api(EXAMPLE, nodes), nodes) == ()
    shapes = DOCUMENT["components"]
    for name, schema in shapes["schemas"].items():
        for example in schema.get("examples", []):
            jsonschema.validate(example, {"$ref": f"#/components/schemas/{name}", "components": shapes})


@pytest.mark.parametrize(
    "given, fits",
    [
        ({"graph": EXAMPLE}, True),
        ({"workflow": "x", "graph": None}, True),
        ({"graph": EXAMPLE, "workflow": "x"}, False),
        ({"title": "x"}, False),
        ({"graph": None, "workflow": None}, False),
        ({"graph": EXAMPLE, "titel": "x"}, False),
        ({"graph": EXAMPLE, "priority": 1e13}, False),
    ],
)
def test_described_requests_are_those_that_are_taken(tmp_path, given, fits):
    schema = {"$ref": "#/components/schemas/Submission", "components": DOCUMENT["components"]}
    assert jsonschema.Draft202012Validator(schema).is_valid(given) == fits
    with desk.Client(tmp_path) as client:
        client.hub.registry = registry()
        answer = client.post("/api/loom/jobs", json=given)
        assert (answer.status_code != 400) == fits  # 404 for the file that is not there


@pytest.mark.parametrize("method, path", sorted(operations()))
def test_operation_is_complete(method, path):
    operation = DOCUMENT["paths"][path][method.lower()]
    assert operation["summary"] and not operation["summary"].endswith(".")
    assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    assert set(re.findall(r"\{(\w+)\}", path)) == {
        entry["name"] for entry in operation.get("parameters", []) if entry["in"] == "path"
    }
    assert "4XX" in operation["responses"]
    server_errors = {status for status in operation["responses"] if status.startswith("5")}
    assert server_errors <= {"503", "507"}


def answered(client, method, path, address, **given):
    """Ask `address` and hold the answer to what the document says of `path`."""
    answer = client.request(method, address, **given)
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    code = str(answer.status_code)
    described = responses.get(code) or responses[f"{code[0]}XX"]
    if "$ref" in described:
        described = DOCUMENT["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
    kind = answer.headers["content-type"].partition(";")[0]
    schema = described["content"][kind]["schema"]
    if kind == "application/json":
        jsonschema.validate(answer.json(), {**schema, "components": DOCUMENT["components"]})
    return answer


def answered_about_documents(client):
    every, one, move = (f"/api/loom/documents{rest}" for rest in ("", "/{name}", "/{name}/move"))
    found = answered(client, "POST", "/api/loom/open", "/api/loom/open?name=x.json", json=chain()).json()
    answered(client, "POST", "/api/loom/open", "/api/loom/open", json=[])
    saved = answered(client, "PUT", one, f"{every}/a/b", json={"document": found["document"], "base": None}).json()
    conflict = answered(client, "PUT", one, f"{every}/a/b", json={"document": found["document"], "base": None})
    assert conflict.status_code == 409
    answered(client, "GET", every, every)
    answered(client, "GET", one, f"{every}/a/b")
    answered(client, "GET", one, f"{every}/nothing")
    answered(client, "POST", move, f"{every}/a/b/move", json={"to": "c", "base": saved["revision"]})
    answered(client, "DELETE", one, f"{every}/c?base={'0' * 32}")
    answered(client, "DELETE", one, f"{every}/c?base={saved['revision']}")
    answered(client, "GET", "/api/loom/templates", "/api/loom/templates")
    answered(client, "GET", "/api/loom/templates/{name}", "/api/loom/templates/txt2img")
    answered(client, "GET", "/api/loom/templates/{name}", "/api/loom/templates/nothing")
    answered(client, "GET", "/api/loom/types", "/api/loom/types")
    answered(client, "GET", "/api/loom/types/words", "/api/loom/types/words")


def test_answers_are_as_described(tmp_path):
    with desk.Client(tmp_path) as client:
        client.hub.workers = [desk.Worker("w0", "cpu", "idle", 0, 1.5, {"rss": 5})]
        jobs, one = "/api/loom/jobs", "/api/loom/jobs/{job}"
        first = answered(client, "POST", jobs, jobs, json={"graph": chain(), "idempotency_key": "k"}).json()["job"]["id"]
        answered(client, "POST", jobs, jobs, json={"graph": chain(), "idempotency_key": "k"})
        answered(client, "POST", jobs, jobs, json={"jobs": [{"graph": chain(7)}]})
        answered(client, "POST", jobs, jobs, json={"graph": {"1": None}})
        answered(client, "POST", jobs, jobs, json={"jobs": [{"graph": {"1": None}}]})
        client.claim()
        client.hub.lives[first].feed({"kind": "started", "node": "1", "display": "1", "type": "DeskAdd"})
        client.hub.lives[first].feed(
            {"kind": "metric", "node": "1", "display": "1", "name": "loss", "step": 0, "value": float("nan")}
        )
        answered(client, "GET", jobs, f"{jobs}?limit=1")
        answered(client, "GET", one, f"{jobs}/{first}")
        answered(client, "GET", one, f"{jobs}/nobody")
        answered(client, "GET", "/api/loom/metrics/{job}", f"/api/loom/metrics/{first}")
        answered(client, "GET", "/api/loom/queue", "/api/loom/queue")
        second = client.get(jobs).json()["jobs"][0]["id"]
        answered(client, "GET", f"{one}/diff/{{other}}", f"{jobs}/{first}/diff/{second}")
        for action in ("front", "hold", "release", "duplicate", "cancel", "retry", "retry"):
            answered(client, "POST", f"{one}/{action}", f"{jobs}/{second}/{action}")
        answered(client, "PATCH", one, f"{jobs}/{second}", json={"title": "x"})
        answered(client, "DELETE", one, f"{jobs}/{second}")
        answered(client, "DELETE", jobs, f"{jobs}?state=done,failed")
        control = {"pause": "after_job", "cancel": {"from": 0, "to": 99}}
        answered(client, "POST", "/api/loom/queue", "/api/loom/queue", json=control)
        answered(client, "POST", "/api/loom/check", "/api/loom/check", json={"graph": {"1": None}})
        answered(client, "POST", "/api/loom/export", "/api/loom/export", json={"graph": chain()})
        answered(client, "POST", "/api/loom/export", "/api/loom/export", json={"graph": None})
        answered(client, "GET", "/api/loom/nodes/{type}", "/api/loom/nodes/DeskAdd")
        answered(client, "GET", "/api/loom/nodes/{type}", "/api/loom/nodes/x")
        for path in ("nodes", "ledger", "workers", "openapi.json"):
            answered(client, "GET", f"/api/loom/{path}", f"/api/loom/{path}")
        client.hub.workers = []
        answered(client, "GET", "/api/loom/ledger", "/api/loom/ledger")
        answered_about_documents(client)
        for path in ("/health", "/ready", "/metrics"):
            answered(client, "GET", path, path)
        client.hub.draining = True
        answered(client, "POST", jobs, jobs, json={"graph": chain()})
