"""A workflow's own flags: read, listed, refused; and a run through them, pictures from anywhere included."""

import json

import pytest
from PIL import Image

from latentloom.engine.commands.flags import describe, read_flags
from latentloom.engine.errors import UserError
from latentloom.engine.graph.codec import read_api
from latentloom.engine.graph.interface import interface
from latentloom.engine.library import registry

NODES = registry()
OWN = ("-h", "--help", "--json", "--out", "--set")


def mark(name, **inputs):
    return {"class_type": "LoomInput", "inputs": {"name": name, **inputs}}


FACE = interface(
    read_api(
        {
            "a": mark("prompt_text", type="STRING", description="What to draw."),
            "b": mark("steps", type="INT", default="20", range="1..50"),
            "c": mark("tiled", type="BOOLEAN", default="false"),
            "d": mark("out", type="STRING", default=""),
            "e": mark("style", options="ink\noil", type="COMBO"),
            "f": mark("amount", type="FLOAT"),
            "g": mark("photo", type="IMAGE"),
            "o": {"class_type": "LoomOutput", "inputs": {"name": "picture", "value": 3, "description": "It."}},
        },
        NODES,
    ),
    NODES,
)


@pytest.mark.parametrize(
    "words, values",
    [
        ([], {}),
        (["--prompt-text", "a cat"], {"prompt_text": "a cat"}),
        (["--prompt_text=--a cat=", "--STEPS", "5"], {"prompt_text": "--a cat=", "steps": 5}),
        (["--tiled"], {"tiled": True}),
        (["--tiled", "--steps", "5"], {"tiled": True, "steps": 5}),
        (["--tiled", "no", "--style", "oil"], {"tiled": False, "style": "oil"}),
        (["--no-tiled"], {"tiled": False}),
        (["--tiled=on"], {"tiled": True}),
        (["--input-out", "x"], {"out": "x"}),
        (["--amount", "-3"], {"amount": -3.0}),
        (["--amount", "-1e-3", "--amount", "2"], {"amount": 2.0}),
        (["--steps", "many"], {"steps": "many"}),
        (["--prompt-text", ""], {"prompt_text": ""}),
    ],
)
def test_flags_are_read_as_their_inputs_ask(words, values):
    assert read_flags(words, FACE, OWN) == values


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["--stpes", "5"], "C062", "--steps"),
        (["--jsno"], "C062", "--json"),
        (["other.json"], "C062", "--help"),
        (["--steps"], "C063", "--steps"),
        (["--prompt-text", "--steps", "5"], "C063", "--prompt-text=VALUE"),
        (["--no-steps"], "C062", "--steps"),
        (["--no-tiled=1"], "C062", "--tiled"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_nearest(words, code, said):
    with pytest.raises(UserError) as stop:
        read_flags(words, FACE, OWN)
    assert stop.value.code == code and said in stop.value.fix


def test_a_workflow_without_marks_says_so():
    with pytest.raises(UserError) as stop:
        read_flags(["--zzz"], interface(read_api({}, NODES), NODES), OWN)
    assert stop.value.code == "C062" and "--set" in stop.value.fix


def test_help_lists_every_flag_and_result():
    text = describe(FACE, OWN)
    for part in (
        "--prompt-text TEXT", "What to draw", "--steps N", "1 to 50; default 20", "--tiled [yes|no]", "--input-out",
        "--style ink|oil", "must be given", "--amount X", "--photo FILE", "or a path", "picture (INT)  It.",
    ):  # fmt: skip
        assert part in text, part


@pytest.fixture
def flow(tmp_path):
    graph = {
        "w": mark("width", default="64", description="In pixels."),
        "1": {"class_type": "EmptyLatentImage", "inputs": {"width": ["w", 0], "height": 64, "batch_size": 1}},
        "3": {"class_type": "SaveLatent", "inputs": {"samples": ["1", 0], "filename_prefix": "a"}},
    }
    path = tmp_path / "flow.json"
    path.write_text(json.dumps(graph))
    return path


def latent(path):
    from safetensors.torch import load_file

    return load_file(path)["latent_tensor"].shape


def test_a_run_with_a_flag_and_without(latentloom, flow):
    for flags, columns in (((), 8), (("--width", "128"), 16), (("--width=32", "--json"), 4)):
        code, out, err = latentloom("run", flow, *flags)
        assert code == 0, err
        path = json.loads(out)["outputs"][0]["path"] if "--json" in flags else out.strip()
        assert latent(path) == (1, 4, 8, columns)


def test_wrong_flags_run_nothing(latentloom, flow, data):
    for flags, expected in ((["--widht", "8"], "C062"), (["--width", "8"], "G003"), (["--width", "x"], "G005")):
        code, out, err = latentloom("run", flow, *flags)
        assert (code, out) == (2, "") and err.startswith(expected)
    assert not (data / "output").exists()


def test_help_before_and_after_the_file(latentloom, flow):
    for arguments in (["run", "--help"], ["run", "-h", flow]):
        code, out, _ = latentloom(*arguments)
        assert code == 0 and "usage: latentloom run" in out and "--width" not in out
    code, out, _ = latentloom("run", flow, "--help")
    assert code == 0 and "--width N" in out and "In pixels; 16 to 16384; default 64" in out and "--set" in out
    code, out, err = latentloom("run", "absent.json", "--help")
    assert code == 2 and err.startswith("F001")


def test_a_picture_from_anywhere_is_brought_into_the_input_folder_once(latentloom, tmp_path, data):
    path = tmp_path / "my cat.png"
    Image.new("RGB", (6, 4), "blue").save(path)
    flow = tmp_path / "flow.json"
    flow.write_text(json.dumps({
        "p": mark("photo"), "1": {"class_type": "ImageInvert", "inputs": {"image": ["p", 0]}},
        "2": {"class_type": "LoomOutput", "inputs": {"name": "negative", "value": ["1", 0]}},
    }))  # fmt: skip
    for _ in range(2):
        code, out, err = latentloom("run", flow, "--photo", path)
        assert code == 0, err
        saved = Image.open(out.strip())
        assert saved.size == (6, 4) and saved.getpixel((0, 0)) == (255, 255, 0)
    (taken,) = (data / "input" / "given").iterdir()
    code, out, err = latentloom("run", flow, "--photo", f"given/{taken.name}")
    assert code == 0, err
    code, out, err = latentloom("run", flow, "--photo", tmp_path / "absent.png")
    assert (code, out) == (2, "") and err.startswith("F001")
    code, out, err = latentloom("run", flow)
    assert (code, out) == (2, "") and err.startswith("C063")
    code, out, err = latentloom("run", flow, "--photo", path, "--server", "http://127.0.0.1:9")
    assert (code, out) == (2, "") and err.startswith("S013")


def test_a_model_of_a_like_name_stands_in_and_is_told_of(latentloom, tmp_path):
    flow = tmp_path / "flow.json"
    flow.write_text(json.dumps({
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "other\\LOOM_shapes sd15.ckpt"}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }))  # fmt: skip
    code, _, err = latentloom("check", flow)
    assert code == 0 and "C050" in err and "loom-shapes-sd15.safetensors" in err
    code, _, err = latentloom("run", flow)
    assert code == 0 and "C050" in err
