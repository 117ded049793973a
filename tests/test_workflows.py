"""Every workflow in the box: valid, understood by reading and writing, and run small through the command line."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from latentloom.engine.cli import main
from latentloom.engine.folders import Folders
from latentloom.engine.graph.codec import read_api, write_api
from latentloom.engine.graph.validate import validate
from latentloom.engine.library import package_root, registry

FOLDER = package_root() / "workflows"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if not path.name.endswith(".smoke.json"))
WANTED = {"txt2img", "img2img", "inpaint", "two_pass", "area_composition", "xy_grid", "train_shapes"}
CLASSIC = {
    "3": "KSampler",
    "4": "CheckpointLoaderSimple",
    "6": "CLIPTextEncode",
    "7": "CLIPTextEncode",
    "8": "VAEDecode",
    "9": "SaveImage",
}  # fmt: skip


def document(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    return registry(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One data folder for all runs of this file, with a cache on disk that they share."""
    return tmp_path_factory.mktemp("data")


def test_the_promised_workflows_are_there():
    assert set(NAMES) >= WANTED


@pytest.mark.parametrize("name", NAMES)
def test_workflow_is_valid_and_survives_reading_and_writing(name, nodes, tmp_path):
    graph = read_api(document(name), nodes)
    assert validate(graph, nodes, Folders(tmp_path)) == ()
    assert read_api(write_api(graph, nodes), nodes) == graph


@pytest.mark.parametrize("name", NAMES)
def test_workflow_names_plain_files_and_titles_every_node(name):
    titles = []
    for node in document(name).values():
        titles.append(node["_meta"]["title"])
        for key, value in node["inputs"].items():
            if key.endswith("_name") or key == "image":
                assert "/" not in str(value) and "\\" not in str(value)
    assert len(set(titles)) == len(titles), "a title must be enough to name a node"


def test_picture_workflows_keep_the_ids_that_clients_know():
    for name in WANTED - {"train_shapes", "xy_grid"}:
        graph = document(name)
        assert {key: graph[key]["class_type"] for key in CLASSIC} == CLASSIC, name


def test_purposes_stand_in_the_readme():
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[(\w+)\]\(\1\.json\) \| (.+?) \|$", table, re.MULTILINE))
    assert rows == {name: next(iter(document(name).values()))["_meta"]["purpose"] for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_smoke_values_name_inputs_that_are_there(name):
    graph = document(name)
    values = json.loads((FOLDER / f"{name}.smoke.json").read_text(encoding="utf-8"))
    assert values
    for place in values:
        node, _, entry = place.partition(".")
        assert entry in graph[node]["inputs"], place


@pytest.mark.timeout(240)  # for one that hangs; tests/bench/bench_workflows.py states the seconds
@pytest.mark.parametrize("name", NAMES)
def test_workflow_runs_small(name, home, tmp_path, capsys):
    arguments = ["run", str(FOLDER / f"{name}.json"), "--smoke", "--json", "--out", str(tmp_path)]
    code = main([*arguments, "--data-dir", str(home), "--device", "cpu", "--cache", "disk"])
    out, err = capsys.readouterr()
    assert code == 0, err
    report = json.loads(out)
    assert report["status"] == "done"
    pictures = [item["path"] for item in report["outputs"] if item["kind"] == "images"]
    assert pictures
    for path in pictures:
        with Image.open(path) as picture:
            assert json.loads(picture.text["prompt"])
            pixels = np.asarray(picture)
        assert pixels.ndim == 3 and min(pixels.shape[:2]) >= 64
        assert pixels.std() > 1, "a plain picture"
