"""What is saved in ComfyUI, where our nodes have ids and wire types of their own, opens stand-alone."""

import json
from pathlib import Path

import pytest

from latentloom.engine.comfy.convert import open_workflow
from latentloom.engine.folders import Folders
from latentloom.engine.graph.validate import validate
from latentloom.engine.library import registry

FILES = sorted((Path(__file__).resolve().parents[2] / "example_workflows").glob("*.json"))


@pytest.fixture(scope="module")
def nodes():
    return registry()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_of_the_pack_is_valid_here(path, nodes, tmp_path):
    document = json.loads(path.read_text(encoding="utf-8"))
    opened = open_workflow(document, nodes)
    assert not [note for note in opened.report if note.level != "info"]
    assert not validate(opened.graph, nodes, Folders(tmp_path))


def test_twins_lose_their_prefix_and_our_own_nodes_keep_it(nodes):
    types = set()
    for path in FILES:
        document = json.loads(path.read_text(encoding="utf-8"))
        assert any(node["type"] == "LoomKSampler" for node in document["nodes"]) or "draw" not in path.stem
        types |= {node.type for node in open_workflow(document, nodes).graph}
    assert "KSampler" in types and "LoomKSampler" not in types
    assert any(kind.startswith("Loom") for kind in types)
