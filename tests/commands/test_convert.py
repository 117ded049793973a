"""`latentloom convert`, and pictures given where a workflow is asked for."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from latentloom.engine.library import load, package_root, registry

FOLDER = package_root() / "workflows"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if not path.name.endswith(".smoke.json"))


@pytest.fixture(scope="module")
def nodes():
    return registry()


def parsed(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_each_form_can_be_turned_into_each_other_one(name, nodes, tmp_path, latentloom):
    """Around all corners: the graph stays what it was, and the name of the file says the form."""
    graph = load(FOLDER / f"{name}.json", nodes)
    path, goals = FOLDER / f"{name}.json", ("a.py", "a.json", "a.api.json", "b.py", "b.api.json", "b.json", "c.json")
    for goal in goals:
        code, out, err = latentloom("convert", path, tmp_path / goal)
        assert (code, err) == (0, ""), err
        path = tmp_path / goal
        assert (
            out
            == f"{path}: {len(graph)} nodes, {'python' if goal[-2:] == 'py' else 'api' if 'api' in goal else 'ui'}\n"
        )
        if not goal.endswith(".py"):
            assert ("nodes" in parsed(path)) == ("api" not in goal)
            assert load(path, nodes) == graph, goal
    assert parsed(tmp_path / "b.json") == parsed(tmp_path / "c.json"), "a file of the editor stays as it is"


def test_the_form_can_be_asked_for_and_standard_output_be_given(tmp_path, latentloom, nodes):
    source = FOLDER / "txt2img.json"
    code, out, _ = latentloom("convert", source, "-", "--to", "api", "--json")
    assert code == 0
    assert {entry["class_type"] for entry in json.loads(out).values()} >= {"KSampler", "SaveImage"}
    assert latentloom("convert", source, tmp_path / "x.json", "--to", "api")[0] == 0
    assert "3" in parsed(tmp_path / "x.json")
    code, out, _ = latentloom("convert", source, tmp_path / "x.py", "--json")
    assert json.loads(out) == {
        "status": "done",
        "file": str(tmp_path / "x.py"),
        "to": "python",
        "nodes": 7,
        "report": [],
    }


@pytest.mark.parametrize(
    "arguments, code",
    [
        (("{w}", "-"), "C044"),
        (("{w}", "{t}/out.png"), "C044"),
        (("{w}", "{t}/out.json", "--to", "python"), "C044"),
        (("{w}", "{t}/out.py", "--to", "ui"), "C044"),
        (("{w}", "{t}/none/out.py"), "F001"),
        (("{t}/none.json", "{t}/out.py"), "F001"),
        (("{t}/none.py", "{t}/out.json"), "F001"),
        (("{t}", "{t}/out.json"), "F001"),
        (("{t}/bad.py", "{t}/out.json"), "C082"),
        (("{t}/latin.py", "{t}/out.json"), "C081"),
        (("{t}/plain.png", "{t}/out.json"), "C042"),
        (("{t}/broken.json", "{t}/out.py"), "G021"),
        (("{t}/nan.json", "{t}/out.api.json"), "C045"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(arguments, code, tmp_path, latentloom):
    (tmp_path / "bad.py").write_text("for x in y: pass")
    (tmp_path / "latin.py").write_bytes(b"b = '\xe9'")
    (tmp_path / "broken.json").write_text('{"3": {')
    (tmp_path / "nan.json").write_text('{"3": {"class_type": "KSampler", "inputs": {"cfg": NaN}}}')
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    before = sorted(tmp_path.iterdir())
    filled = [text.format(w=FOLDER / "txt2img.json", t=tmp_path) for text in arguments]
    status, out, err = latentloom("convert", *filled)
    assert (status, out) == (2, "")
    assert err.startswith(f"{code} ")
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "data"] == before


def test_what_did_not_map_is_reported(tmp_path, latentloom):
    (tmp_path / "a.json").write_text('{"1": {"class_type": "NobodyKnowsMe", "inputs": {}, "_meta": {"title": "x"}}}')
    code, out, err = latentloom("convert", tmp_path / "a.json", tmp_path / "b.json", "--json")
    assert code == 0
    (note,) = json.loads(out)["report"]
    assert (note["node"], note["type"]) == ("1", "NobodyKnowsMe")
    assert "NobodyKnowsMe" in err
    info = PngInfo()
    info.add_text(
        "parameters", "a cat\nNegative prompt: dog\nSteps: 4, Sampler: Euler a, Seed: 3, Size: 64x64, Hires upscale: 2"
    )
    Image.new("RGB", (4, 4)).save(tmp_path / "c.png", pnginfo=info)
    code, out, err = latentloom("convert", tmp_path / "c.png", tmp_path / "c.py")
    assert code == 0
    assert "hires upscale" in err
    assert 'sampler_name="euler_ancestral"' in (tmp_path / "c.py").read_text()


def test_of_a_picture_the_graph_that_ran_counts_and_its_layout_is_kept(tmp_path, latentloom, nodes):
    latentloom("convert", FOLDER / "txt2img.json", tmp_path / "a.json")
    ui, info = parsed(tmp_path / "a.json"), PngInfo()
    moved = next(node for node in ui["nodes"] if node["type"] == "KSampler")
    moved["pos"] = [12345, 678]
    latentloom("convert", FOLDER / "txt2img.json", tmp_path / "a.api.json")
    api = parsed(tmp_path / "a.api.json")
    api["3"]["inputs"]["seed"] = 99
    info.add_text("prompt", json.dumps(api))
    info.add_text("workflow", json.dumps(ui))
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png", pnginfo=info)
    assert latentloom("convert", tmp_path / "x.png", tmp_path / "x.json")[0] == 0
    found = parsed(tmp_path / "x.json")
    assert next(node for node in found["nodes"] if node["type"] == "KSampler")["pos"] == [12345, 678]
    assert load(tmp_path / "x.json", nodes)["3"].inputs["seed"] == 99


@pytest.mark.timeout(240)
def test_a_picture_dropped_back_makes_the_same_picture(tmp_path, latentloom):
    """Also when it went through a script on the way."""
    run = ("run", "--device", "cpu", "--out")
    code, _, err = latentloom(
        run[0], FOLDER / "txt2img.json", "--smoke", "--set", "3.seed=31", *run[1:], tmp_path / "1"
    )
    assert code == 0, err
    (first,) = (tmp_path / "1").glob("*.png")
    assert latentloom("convert", first, tmp_path / "x.py")[0] == 0
    assert latentloom("convert", tmp_path / "x.py", tmp_path / "x.json")[0] == 0
    for number, source in ((2, first), (3, tmp_path / "x.json")):
        code, _, err = latentloom(run[0], source, *run[1:], tmp_path / str(number))
        assert code == 0, err
        (again,) = (tmp_path / str(number)).glob("*.png")
        with Image.open(first) as one, Image.open(again) as other:
            assert np.array_equal(np.asarray(one), np.asarray(other))
            assert json.loads(one.text["latentloom"])["seeds"] == {"3.seed": 31}


def test_converting_loads_no_torch(python, data, tmp_path):
    code = """
import sys
from latentloom.engine.cli import main
assert main(["convert", sys.argv[1], sys.argv[2], "--data-dir", sys.argv[3]]) == 0
print(sorted({"torch", "numpy", "PIL", "safetensors"} & set(sys.modules)))
"""
    for source, target in ((FOLDER / "txt2img.json", tmp_path / "a.py"), (tmp_path / "a.py", tmp_path / "a.json")):
        assert python(code, str(source), str(target), str(data)).splitlines()[-1] == "[]"


@pytest.mark.skipif(sys.platform == "win32", reason="no /dev/stdout")
def test_a_name_that_is_no_file_is_refused(latentloom):
    assert latentloom("convert", "/dev/null", "-", "--to", "api")[0] == 2
