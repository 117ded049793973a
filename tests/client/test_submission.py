"""What may be submitted, as a request."""

import json

import pytest

from latentloom.engine.client.submission import read_work
from latentloom.engine.errors import UserError
from latentloom.engine.graph.builder import GraphBuilder
from latentloom.engine.graph.codec import load
from latentloom.engine.library import package_root, registry


@pytest.fixture(scope="module")
def nodes():
    return registry()


def test_a_file_goes_as_it_is(flips):
    graph = json.loads(flips.read_text())
    graph["9"] = {"class_type": "OnlyTheServerHasIt", "inputs": {"x": [1, 2]}}
    flips.write_text(json.dumps(graph))
    assert read_work(flips) == (graph, None, "flips")
    assert read_work(str(flips)) == (graph, None, "flips")


def test_all_forms_of_a_graph_are_one_request(flips, nodes):
    graph = json.loads(flips.read_text())
    assert read_work(graph) == (graph, None, "")
    assert read_work(load(flips, nodes), registry=nodes)[0] == graph
    changed, _, title = read_work(flips, {"Turn.flip_method": "y-axis: horizontally"}, nodes)
    assert changed["2"]["inputs"]["flip_method"] == "y-axis: horizontally"
    assert title == "flips"
    assert changed["3"] == graph["3"]


def test_wires_are_targets(nodes):
    builder = GraphBuilder(nodes)
    latent = builder.EmptyLatentImage(width=64, height=64, batch_size=1)
    other = builder.LatentFlip(samples=latent, flip_method="x-axis: vertically")
    graph, targets, _ = read_work([latent.LATENT, other])
    assert targets == ["1", "2"]
    assert read_work(builder) == (graph, None, "")
    assert read_work(other)[1] == ["2"]


@pytest.mark.parametrize(("content", "code"), [(None, "F001"), ("{", "G021"), ("[]", "G021"), (b"\xff\xfe", "G021")])
def test_what_is_no_workflow_is_said_here(tmp_path, content, code):
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as caught:
        read_work(path)
    assert caught.value.code == code


def test_wires_of_two_builders_and_other_things_are_refused(nodes):
    one, two = (GraphBuilder(nodes).EmptyLatentImage(width=64, height=64, batch_size=1) for _ in range(2))
    for work, code in (([one, two], "G010"), ([], "G010"), ([3], "G015")):
        with pytest.raises(UserError) as caught:
            read_work(work)
        assert caught.value.code == code


def test_an_editors_document_goes_as_it_is_or_changed(tmp_path):
    path = package_root() / "workflows" / "txt2img.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    assert read_work(path) == (document, None, "txt2img")
    assert read_work(path, {"3.steps": 4})[0]["3"]["inputs"]["steps"] == 4
    assert read_work(document, {"3.steps": 4})[0]["3"]["inputs"]["steps"] == 4
