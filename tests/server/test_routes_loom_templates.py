"""Templates: all that the package brings, each of which opens, and says truly whether it runs here."""

import importlib.util
from pathlib import Path

import pytest

from latentloom.engine.comfy.convert import to_api
from latentloom.engine.folders import Folders
from latentloom.engine.library import package_root, registry
from latentloom.engine.node.registry import Registry
from latentloom.engine.server import templates

_spec = importlib.util.spec_from_file_location("server_desk", Path(__file__).with_name("desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
ALL = "/api/loom/templates"
NODES = registry()


@pytest.fixture
def client(tmp_path):
    with desk.Client(tmp_path) as client:
        client.hub.registry = NODES
        yield client


def test_every_workflow_of_the_package_is_listed_and_runs_with_the_bundled_model(client):
    found = client.get(ALL).json()["templates"]
    files = {path.stem for path in (package_root() / "workflows").glob("*.json") if ".smoke" not in path.name}
    assert files <= {entry["name"] for entry in found}
    assert all(entry["runs"] and entry["description"] and entry["nodes"] > 3 for entry in found)
    assert found[0]["name"] == "txt2img", "the first one is the simplest"
    assert {entry["category"] for entry in found} == {"from text", "from a picture", "training"}


def test_each_opens_whole_with_values_by_name(client):
    for entry in client.get(ALL).json()["templates"]:
        found = client.get(f"{ALL}/{entry['name']}").json()
        assert (found["missing"], found["format"], found["title"]) == ([], "ui", entry["title"])
        assert [note for note in found["report"] if note["level"] != "info"] == []
        assert len(to_api(found["document"], NODES).api) == entry["nodes"]
        assert all(
            node["widgets_values_named"] for node in found["document"]["nodes"] if node.get("widgets_values")
        ), entry["name"]


def test_examples_have_pictures(client):
    pictures = [entry["picture"] for entry in client.get(ALL).json()["templates"] if entry["picture"]]
    assert pictures
    for address in pictures:
        answer = client.get(address)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("image/")
    assert client.code("GET", f"{ALL}/txt2img/picture", 404) == "F001"


def test_a_name_that_is_none(client):
    error = client.get(f"{ALL}/txt2im").json()["error"]
    assert error["code"] == "F001" and "txt2img" in error["fix"]
    assert client.get(f"{ALL}/..%2f..%2fpyproject").status_code == 404


def test_without_the_models_or_the_nodes_it_says_that_it_does_not_run(tmp_path, monkeypatch):
    folders = Folders(tmp_path / "data")
    monkeypatch.setattr(folders, "_packaged", tmp_path / "nothing")
    here = {entry["name"]: entry["runs"] for entry in templates.listed(NODES, folders)}
    assert here["train_shapes"] and not here["txt2img"], "training begins with nothing"
    assert not any(entry["runs"] for entry in templates.listed(Registry([]), Folders(tmp_path / "data")))
