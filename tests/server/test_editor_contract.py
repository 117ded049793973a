"""What the editor lives by, against a real server and worker: events and previews of the declared shapes, documents
that come back out of pictures, one answer for all node types.
"""

from __future__ import annotations

import gzip
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from follow import end_of, graph, hear, hear_until, loom, ready, submit
from serving import Serving

from latentloom.engine.server.openapi import document
from latentloom.engine.server.openapi_events import EVENTS, MOMENTS, NODE_SHAPES, PREVIEW

SHAPES = {"schemas": {**document("")["components"]["schemas"], **NODE_SHAPES}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    data = tmp_path_factory.mktemp("contract") / "data"
    with Serving(data, environment={"LATENTLOOM_NO_WEB": "1"}) as running:
        yield ready(running)


def get(server: Serving, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(server.url + path, headers={name.replace("_", "-"): text for name, text in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, {name.lower(): text for name, text in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): text for name, text in error.headers.items()}, error.read()


def fits(shape: dict[str, Any], value: Any) -> None:
    jsonschema.validate(value, {**shape, "components": SHAPES}, jsonschema.Draft202012Validator)
    known = set(shape.get("properties", {}))
    assert not known or set(value) <= known, set(value) - known


def subgraph(inner: list[dict[str, Any]], links: list[list[Any]]) -> dict[str, Any]:
    """Put nodes into a subgraph in a subgraph, as the document's node 12."""
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    deep = {"id": "deep", "nodes": inner, "links": [dict(zip(names, link, strict=True)) for link in links]}
    outer = {"id": "outer", "nodes": [{"id": 7, "type": "deep"}], "links": []}
    return {
        "nodes": [{"id": 12, "type": "outer"}], "links": [], "version": 0.4,
        "definitions": {"subgraphs": [outer, deep]},
    }  # fmt: skip


def test_every_message_of_runs_has_its_declared_shape(server: Serving) -> None:
    wired = {"inputs": [{"name": "value", "type": "INT", "link": 1}]}
    number = {"id": 3, "type": "ProbeNumber", "widgets_values_named": {"value": 5}, "outputs": [{"name": "value", "type": "INT", "links": [1]}]}
    shown = subgraph([number, {"id": 4, "type": "ProbeShow", **wired}], [[1, 3, 0, 4, 0, "INT"]])
    failing = graph(("ProbeFail", {}), ("ProbeShow", {}))
    curve = graph(("ProbeSleep", {"milliseconds": 100}), ("ProbeCurve", {"count": 5}))
    seen: dict[str, list[Any]] = {}
    with loom(server, "previews=1") as socket:
        for table in (shown, shown, failing, curve):
            job = submit(server, table)
            for message in hear_until(socket, lambda m, job=job: m["job"] == job and m["kind"] == "job" and m["data"]["ended"]):
                fits({**EVENTS, **MOMENTS}[message["kind"]], message["data"])
                seen.setdefault(message["kind"], []).append(message)
    assert set(EVENTS) - set(seen) <= {"queue", "server"} and "hello" in seen
    started = [message["data"]["display"] for message in seen["started"]]
    assert started[:2] == ["12:7:3", "12:7:4"], "the document's own nodes"
    assert seen["cached"][0]["data"]["nodes"] == ["12:7:3"], "the second run knows the number"


def test_a_preview_says_when_it_was_handed_over_and_whose_it_is(server: Serving) -> None:
    with loom(server, "previews=1") as socket:
        hear(socket)
        before = time.time()
        job = submit(server, graph(("ProbePicture", {"count": 10})))
        pictures = [m for m in hear_until(socket, lambda m: isinstance(m, dict) and m["kind"] == "ended") if isinstance(m, bytes)]
    assert pictures
    for data in pictures:
        assert int.from_bytes(data[:4], "big") == 4
        length = int.from_bytes(data[4:8], "big")
        head = json.loads(data[8 : 8 + length])
        fits(PREVIEW, head)
        assert head["prompt_id"] == job and head["display_node_id"] == "1"
        assert before <= head["at"] <= time.time()


def test_a_picture_of_a_drawn_job_opens_as_the_document(server: Serving) -> None:
    template = server.ask("/api/loom/templates/txt2img")[1]["document"]
    nodes = [
        {"id": 1, "type": "EmptyImage", "widgets_values_named": {"width": 64, "height": 64, "batch_size": 1, "color": 9},
         "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}], "pos": [17, 4]},
        {"id": 2, "type": "SaveImage", "widgets_values_named": {"filename_prefix": "drawn"}, "pos": [400, 4],
         "inputs": [{"name": "images", "type": "IMAGE", "link": 1}]},
    ]  # fmt: skip
    drawn = {**template, "nodes": nodes, "links": [[1, 1, 0, 2, 0, "IMAGE"]]}
    job = end_of(server, submit(server, drawn))
    [picture] = job["outputs"]["2"]["images"]
    _, _, data = get(server, f"/view?filename={picture['filename']}&type={picture['type']}")
    request = urllib.request.Request(f"{server.url}/api/loom/open?name={picture['filename']}", data)
    request.add_header("Content-Type", "image/png")
    with urllib.request.urlopen(request, timeout=30) as answer:
        opened = json.loads(answer.read())
    assert opened["format"] == "ui" and opened["missing"] == []
    assert [node["pos"] for node in opened["document"]["nodes"]] == [[17, 4], [400, 4]]
    saved = server.ask("/api/loom/documents/from%20a%20picture", {"document": opened["document"], "base": None}, "PUT")
    assert saved[0] == 200, saved
    again = server.ask("/api/loom/documents/from%20a%20picture")[1]
    assert again["document"] == opened["document"] and again["revision"] == saved[1]["revision"]


def test_a_browsers_page_may_send_a_picture_and_no_other_page_may(server: Serving) -> None:
    def sent(**headers: str) -> int:
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        request = urllib.request.Request(f"{server.url}/api/loom/open", b"\x89PNG\r\n\x1a\n", {"Content-Type": "image/png", **given})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert sent(Origin=server.url, Sec_Fetch_Site="same-origin") == 400, "heard, and no workflow in it"
    assert sent(Origin="http://evil.example", Sec_Fetch_Site="cross-site") == 403
    assert sent(Cookie="a=b") == 403


@pytest.mark.parametrize(
    ("path", "most"), [("/object_info", 40_000), ("/api/loom/types", 12_000), ("/api/loom/types/words", 16_000)]
)
def test_node_types_are_sent_once_and_small(server: Serving, path: str, most: int) -> None:
    status, told, packed = get(server, path, Accept_Encoding="gzip")
    assert status == 200 and told["content-encoding"] == "gzip" and len(packed) < most
    found = json.loads(gzip.decompress(packed))
    assert found == json.loads(get(server, path if path.startswith("/api") else f"/api{path}")[2])
    status, again, nothing = get(server, path, If_None_Match=told["etag"])
    assert (status, nothing, again["etag"]) == (304, b"", told["etag"])
    if path.endswith("words"):
        return
    assert found["ProbeNumber"].get("loom", {}).get("seed", []) == []
    (server.data / "input").mkdir(exist_ok=True)
    (server.data / "input" / f"new {most}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    status, changed, _ = get(server, path, If_None_Match=told["etag"])
    assert status == 200 and changed["etag"] != told["etag"]


def test_the_page_comes_or_says_why_not(server: Serving) -> None:
    status, headers, page = get(server, "/", Accept="text/html")
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert b"<!doctype html>" in page.lower() and "content-security-policy" in headers
    assert json.loads(get(server, "/", Accept="application/json")[2])["api"] == "/api/loom/openapi.json"
