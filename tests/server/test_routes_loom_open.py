"""Opening anything: UI and API files, requests, pictures, texts of other programs; and what can not be opened."""

import importlib.util
import io
import json
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from latentloom.engine.comfy.write_ui import to_ui
from latentloom.engine.library import registry
from latentloom.engine.server.jobs import State

_spec = importlib.util.spec_from_file_location("server_desk", Path(__file__).with_name("desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
OPEN = "/api/loom/open"
INFOTEXT = """a cat <lora:fur:0.5>
Negative prompt: a dog
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512, Model: meow, Hires upscale: 2"""


@pytest.fixture
def client(tmp_path):
    with desk.Client(tmp_path) as client:
        yield client


def drawing(client, first=0):
    return to_ui(desk.chain(first), client.hub.registry)


def opened(client, body, name="", status=200):
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(OPEN, content=sent, params={"name": name} if name else {})
    assert answer.status_code == status, answer.text
    return answer.json()


def picture(kind="PNG", **texts):
    about = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        about.add_text(name, text)
    buffer = io.BytesIO()
    extra = {"pnginfo": about} if kind == "PNG" else {}
    if kind == "WEBP":
        exif = Image.Exif()
        exif[0x010F] = "workflow:" + texts["workflow"]
        extra = {"exif": exif}
    Image.new("RGB", (8, 8)).save(buffer, kind, **extra)
    return buffer.getvalue()


def values(document):
    return {str(node["id"]): node.get("widgets_values_named") for node in document["nodes"]}


def test_a_document_is_exported_as_scripts_send_it(client):
    document = drawing(client, 5)
    answer = client.post("/api/loom/export", json={"graph": document})
    assert answer.status_code == 200 and answer.json()["report"] == []
    prompt = answer.json()["prompt"]
    assert {name: (node["class_type"], node["inputs"]) for name, node in prompt.items()} == {
        name: (node["class_type"], node["inputs"]) for name, node in desk.chain(5).items()
    }
    assert client.post("/api/loom/check", json={"graph": prompt}).json()["ok"] is True
    # Nodes of an unknown type are somebody's whom the file is for.
    document["nodes"].append({"id": 99, "type": "SomebodysNode", "pos": [0, 0], "inputs": [], "outputs": []})
    told = client.post("/api/loom/export", json={"graph": document}).json()
    assert told["prompt"]["99"]["class_type"] == "SomebodysNode" and "SomebodysNode" in json.dumps(told["report"])
    for wrong in ({}, {"graph": None}, {"graph": []}, {"graph": document, "name": "x"}):
        assert client.post("/api/loom/export", json=wrong).status_code == 400


def test_a_ui_file_comes_back_with_names_and_all_that_nobody_knows(client):
    data = {**drawing(client, 5), "pack": {"x": [1]}}
    for node in data["nodes"]:
        del node["widgets_values_named"]
        node["strange"] = True
    found = opened(client, data, "cats/My cat.v2.json")
    assert (found["name"], found["format"], found["missing"], found["report"]) == ("My cat.v2", "ui", [], [])
    document = found["document"]
    assert document["pack"] == {"x": [1]} and document["version"] == 0.4
    assert all(node["strange"] for node in document["nodes"])
    assert values(document) == {"0": {"value": 5}, "1": {"value": 1}, "2": None}


def test_an_api_file_gets_a_layout(client):
    found = opened(client, desk.chain(7))
    nodes = found["document"]["nodes"]
    assert found["format"] == "api" and found["name"] == "Untitled"
    assert len({tuple(node["pos"]) for node in nodes}) == len(nodes) == 3
    assert len(found["document"]["links"]) == 2 and values(found["document"])["0"] == {"value": 7}


@pytest.mark.parametrize("wrap", ["prompt", "graph", "job", "document", "drawn prompt", "drawn job"])
def test_requests_and_answers_that_carry_a_workflow_are_opened(client, wrap):
    drawn = drawing(client, 9)
    body = {
        "prompt": {"prompt": desk.chain(9), "client_id": "x"},
        "graph": {"graph": desk.chain(9), "title": "x"},
        "job": {"job": {"id": "x", "graph": desk.chain(9), "extra": {}}},
        "document": {"name": "x", "document": drawn},
        "drawn prompt": {"prompt": desk.chain(1), "extra_data": {"extra_pnginfo": {"workflow": drawn}}},
        "drawn job": {"job": {"graph": desk.chain(1), "extra": {"extra_pnginfo": {"workflow": drawn}}}},
    }[wrap]
    found = opened(client, body)
    assert values(found["document"])["0"] == {"value": 9}
    assert found["format"] == ("ui" if "d" in wrap.split()[0] and wrap != "graph" else "api")


def test_a_graph_may_have_nodes_called_as_requests_name_theirs(client):
    graph = {"graph": {"class_type": "DeskNumber", "inputs": {}}, "prompt": {"class_type": "DeskNumber", "inputs": {}}}
    assert len(opened(client, graph)["document"]["nodes"]) == 2


def test_pictures_carry_the_document_or_what_ran(client):
    drawn, ran = json.dumps(drawing(client, 3)), json.dumps(desk.chain(4))
    both = opened(client, picture(workflow=drawn, prompt=ran), "cat_00001_.png")
    assert (both["format"], both["name"], values(both["document"])["0"]) == ("ui", "cat_00001_", {"value": 3})
    only = opened(client, picture(prompt=ran))
    assert (only["format"], values(only["document"])["0"]) == ("api", {"value": 4})
    assert values(opened(client, picture("WEBP", workflow=drawn))["document"])["0"] == {"value": 3}


def test_the_text_of_another_program_becomes_a_graph_and_what_has_no_place_is_told(client):
    client.hub.registry = registry()
    for body in (picture(parameters=INFOTEXT), INFOTEXT.encode()):
        found = opened(client, body)
        assert found["format"] == "infotext" and found["missing"] == []
        assert any("hires upscale" in note["text"] for note in found["report"] if note["code"] == "C043")
        assert len(found["document"]["nodes"]) == 8


def test_what_is_missing_is_named_with_what_is_like_it(client):
    data = drawing(client)
    data["nodes"][1]["type"] = "DeskAddd"
    data["nodes"][2] |= {"type": "Gone", "mode": 2}
    data["nodes"].append({"id": 9, "type": "Note", "widgets_values": ["hello"]})
    found = opened(client, data)
    ids = [str(data["nodes"][place]["id"]) for place in (1, 2)]
    assert found["missing"] == [
        {"type": "DeskAddd", "nodes": ids[:1], "nearest": ["DeskAdd"]},
        {"type": "Gone", "nodes": ids[1:], "nearest": []},
    ]
    assert "C010" in {note["code"] for note in found["report"]}
    assert found["document"]["nodes"][1]["widgets_values"] == data["nodes"][1]["widgets_values"]


@pytest.mark.parametrize(
    "body, status, code",
    [
        (b"", 400, "P101"),
        (b"{", 400, "P101"),
        (b"hello", 400, "P101"),
        (b"[1,2]", 400, "C001"),
        (b"{}", 400, "C001"),
        (b'{"1": {"inputs": {}}}', 400, "C001"),
        (b'{"nodes": ' + b"[" * 100 + b"]" * 100 + b"}", 400, "P103"),
        (b"\xff\xfe\x00", 400, "P101"),
        (b'{"nodes": [], "x": NaN}', 400, "P104"),
    ],
)
def test_what_holds_no_workflow_is_refused(client, body, status, code):
    assert opened(client, body, status=status)["error"]["code"] == code


def test_pictures_without_a_workflow_are_refused(client):
    assert opened(client, picture(), "cat.png", 400)["error"]["code"] == "C042"
    whole = picture(workflow=json.dumps(drawing(client)))
    assert opened(client, whole[:60], "cat.png", 400)["error"]["code"] in ("C041", "C042")
    deep = picture(workflow='{"nodes": [], "x": ' + "[" * 200 + "]" * 200 + "}")
    assert opened(client, deep, "cat.png", 400)["error"]["code"] == "P103"


def test_a_file_that_is_all_wrong_is_told_of_in_short(client):
    found = opened(client, {"nodes": [7] * 5000, "links": []})
    assert len(found["report"]) == 1001 and "4,000 further" in found["report"][-1]["text"]
    many = opened(client, picture(workflow='{"nodes": [' + "7," * 2_000_100 + "7]}"), "cat.png", 400)
    assert many["error"]["code"] == "P103"


def test_more_bytes_than_a_film_has_are_refused(client):
    answer = client.post(OPEN, content=b"x", headers={"Content-Length": str((64 << 20) + 1)})
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "P102"
    assert client.code("POST", f"{OPEN}?name={'x' * 2000}", 400, content=b"{}") == "P011"


@pytest.mark.parametrize("name", ["graph", "workflow"])
def test_a_job_keeps_the_document_that_it_was_drawn_as(client, name):
    data = drawing(client, 5)
    answer = client.post("/api/loom/jobs", json={name: data, "extra": {"extra_pnginfo": {"mine": 1}, "x": 2}})
    job = client.get(answer.headers["location"]).json()["job"]
    assert job["extra"] == {"extra_pnginfo": {"mine": 1, "workflow": data}, "x": 2}
    assert opened(client, {"job": job})["document"]["nodes"] == data["nodes"]


def test_a_job_given_another_graph_does_not_keep_the_old_document(client):
    data, later = drawing(client, 5), drawing(client, 6)
    job = client.post("/api/loom/jobs", json={"graph": data}).json()["job"]
    address = f"/api/loom/jobs/{job['id']}"

    def kept():
        return client.get(address).json()["job"]["extra"]["extra_pnginfo"].get("workflow")

    assert client.patch(address, json={"title": "x"}).status_code == 200 and kept() == data
    assert client.patch(address, json={"graph": later}).status_code == 200 and kept() == later
    copy = client.post(f"{address}/duplicate", json={"graph": data}).json()["job"]["id"]
    assert client.get(f"/api/loom/jobs/{copy}").json()["job"]["extra"]["extra_pnginfo"]["workflow"] == data
    assert client.patch(address, json={"graph": desk.chain(7)}).status_code == 200 and kept() is None
    assert client.hub.store.get(job["id"]).state is State.PENDING


def inside(client, **broken):
    """Two subgraphs inside one another, with a node of desk in the inner one."""
    number = {"id": 3, "type": "DeskNumber", "outputs": [{"name": "value", "type": "INT", "links": [1]}],
              "widgets_values": [4]}  # fmt: skip
    show = {"id": 4, "type": "DeskShow", "inputs": [{"name": "value", "type": "INT", "link": 1}]}
    number |= broken
    link = {"id": 1, "origin_id": 3, "origin_slot": 0, "target_id": 4, "target_slot": 0, "type": "INT"}
    inner = {"id": "inner", "name": "Inner", "nodes": [number, show], "links": [link]}
    outer = {"id": "outer", "name": "Outer", "nodes": [{"id": 7, "type": "inner"}], "links": []}
    return {
        "nodes": [{"id": 12, "type": "outer"}], "links": [], "version": 0.4,
        "definitions": {"subgraphs": [outer, inner]},
    }  # fmt: skip


def test_inside_subgraphs_names_ids_and_problems_are_those_of_the_document(client):
    found = opened(client, inside(client))
    [_, inner] = found["document"]["definitions"]["subgraphs"]
    assert inner["nodes"][0]["widgets_values_named"] == {"value": 4}
    job = client.post("/api/loom/jobs", json={"graph": inside(client)}).json()["job"]["id"]
    assert set(client.get(f"/api/loom/jobs/{job}").json()["job"]["graph"]) == {"12:7:3", "12:7:4"}
    wrong = inside(client, widgets_values=[4000])
    checked = client.post("/api/loom/check", json={"graph": wrong}).json()
    refused = client.post("/api/loom/jobs", json={"graph": wrong})
    assert refused.status_code == 400
    for problem in (*checked["problems"], *refused.json()["problems"]):
        assert (problem["node_id"], problem["input"]) == ("12:7:3", "value") and problem["fix"]
    unknown = opened(client, inside(client, type="Gone"))
    assert unknown["missing"] == [{"type": "Gone", "nodes": ["12:7:3"], "nearest": []}]
