"""Every workflow in the box: valid, laid out, kept by reading and writing, and run small through the command line."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from latentloom.engine.cli import main
from latentloom.engine.comfy.arrange import Place
from latentloom.engine.comfy.canonical import canonical_bytes
from latentloom.engine.comfy.write_ui import to_ui, ui_text
from latentloom.engine.folders import Folders
from latentloom.engine.graph.validate import validate
from latentloom.engine.library import load, open_file, package_root, registry, save

FOLDER = package_root() / "workflows"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if not path.name.endswith(".smoke.json"))
WANTED = {"txt2img", "img2img", "inpaint", "two_pass", "area_composition", "xy_grid", "train_shapes", "upscale",
          "lora_train_and_use", "controlnet_canny", "controlnet_pose", "train_controlnet"}  # fmt: skip
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


def nodes_of(name):
    """The nodes that run, by id as text."""
    return {str(node["id"]): node for node in document(name)["nodes"] if node["type"] != "MarkdownNote"}


def note(name, title):
    (text,) = [n["widgets_values"][0] for n in document(name)["nodes"] if n.get("title") == title]
    return text


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
    opened = open_file(FOLDER / f"{name}.json", nodes)
    assert (opened.format, opened.report) == ("ui", ())
    assert validate(opened.graph, nodes, Folders(tmp_path)) == ()
    for form in ("ui", "api"):
        save(opened.graph, tmp_path / f"{form}.json", nodes, format=form)
        assert load(tmp_path / f"{form}.json", nodes) == opened.graph
    kept = to_ui(opened.api, nodes, base=document(name))
    assert canonical_bytes(kept) == canonical_bytes(document(name))
    assert ui_text(document(name)) == (FOLDER / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_workflow_names_plain_files_and_titles_every_node(name, nodes):
    titles = []
    for node in load(FOLDER / f"{name}.json", nodes):
        titles.append(node.title)
        for key, value in node.inputs.items():
            if key.endswith("_name") or key == "image":
                assert "/" not in str(value) and "\\" not in str(value)
    assert len(set(titles)) == len(titles), "a title must be enough to name a node"
    assert set(titles) == {node["title"] for node in nodes_of(name).values()}


@pytest.mark.parametrize("name", NAMES)
def test_layout_runs_from_left_to_right_without_overlaps(name):
    data = document(name)
    boxes = {node["id"]: Place(*map(round, (*node["pos"], *node["size"]))) for node in data["nodes"]}
    listed = list(boxes.values())
    for number, one in enumerate(listed):
        for other in listed[number + 1 :]:
            beside = one.x + one.width < other.x or other.x + other.width < one.x
            # A title bar of 30 pixels stands above each box.
            assert beside or one.y + one.height < other.y - 30 or other.y + other.height < one.y - 30
    for _, source, _, target, _, _ in data["links"]:
        assert boxes[source].x + boxes[source].width < boxes[target].x


def test_picture_workflows_keep_the_ids_that_clients_know():
    for name in WANTED - {"train_shapes", "xy_grid", "upscale"}:
        found = nodes_of(name)
        assert {key: found[key]["type"] for key in CLASSIC} == CLASSIC, name


def test_purposes_stand_in_the_readme():
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[(\w+)\]\(\1\.json\) \| (.+?) \|$", table, re.MULTILINE))
    assert rows == {name: note(name, "Purpose") for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_notes_are_of_one_line(name):
    notes = [node["widgets_values"][0] for node in document(name)["nodes"] if node["type"] == "MarkdownNote"]
    assert notes and all(text and "\n" not in text and len(text) < 120 for text in notes)


@pytest.mark.parametrize("name", NAMES)
def test_smoke_values_name_inputs_that_are_there(name, nodes):
    graph = load(FOLDER / f"{name}.json", nodes)
    values = json.loads((FOLDER / f"{name}.smoke.json").read_text(encoding="utf-8"))
    assert values
    for place in values:
        node, _, entry = place.partition(".")
        assert entry in graph[node].inputs, place


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
