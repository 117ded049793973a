"""The marks of a workflow's interface when they run as nodes, and whole runs through them."""

import json

import pytest
import torch
from PIL import Image

from latentloom.engine.engine import Engine
from latentloom.engine.errors import UserError
from latentloom.engine.graph.codec import read_api
from latentloom.nodes.interface import loom_output


@pytest.fixture
def engine(tmp_path):
    with Engine(tmp_path / "data", device="cpu", cache="off") as engine:
        yield engine


def run(engine, nodes):
    return engine.execute(read_api(nodes, engine.registry))


def shown(source):
    return {"class_type": "PreviewAny", "inputs": {"source": source}}


def mark(**inputs):
    return {"class_type": "LoomInput", "inputs": inputs}


@pytest.mark.parametrize(
    "inputs, text",
    [
        ({"type": "INT", "default": "7"}, "7"),
        ({"type": "FLOAT", "default": "7"}, "7.0"),
        ({"type": "BOOLEAN", "default": "no"}, "False"),
        ({"default": "a cat"}, "a cat"),
        ({"default": "0.5"}, "0.5"),
    ],
)
def test_unbound_it_hands_on_its_default(engine, inputs, text):
    result = run(engine, {"1": mark(name="x", **inputs), "2": shown(["1", 0])})
    assert result.outputs["2"]["text"] == [{"text": text}]


def test_otherwise_comes_before_the_default(engine):
    nodes = {
        "0": {"class_type": "PrimitiveInt", "inputs": {"value": 3}},
        "1": mark(name="x", default="7", otherwise=["0", 0]),
        "2": shown(["1", 0]),
    }
    assert run(engine, nodes).outputs["2"]["text"] == [{"text": "3"}]


def test_a_picture_by_its_default_name(engine):
    folder = engine.folders.directory("input")
    Image.new("RGB", (5, 3), "red").save(folder / "a.png")
    nodes = {
        "1": mark(name="x", type="IMAGE", default="a.png"),
        "2": shown(["1", 0]),
        "3": mark(name="y", type="MASK"),
        "4": shown(["3", 0]),
    }
    result = run(engine, nodes)
    assert result.outputs["2"]["text"] == [{"text": "tensor (1, 3, 5, 3) torch.float32 on cpu"}]
    assert result.failures["3"].code == "C063" and isinstance(result.failures["3"], UserError)


def test_pictures_and_masks_are_saved_under_the_name(engine):
    nodes = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "color": 0xFF0000, "batch_size": 2}},
        "2": {"class_type": "LoomOutput", "inputs": {"name": "picture", "value": ["1", 0]}},
        "3": {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": 4, "height": 4}},
        "4": {"class_type": "LoomOutput", "inputs": {"name": "sub/region", "value": ["3", 0]}},
    }
    outputs = run(engine, nodes).outputs
    assert [item["filename"] for item in outputs["2"]["images"]] == ["picture_00001_.png", "picture_00002_.png"]
    saved = Image.open(engine.folders.directory("output") / "picture_00001_.png")
    assert saved.getpixel((0, 0)) == (255, 0, 0) and json.loads(saved.info["prompt"])["2"]["class_type"] == "LoomOutput"
    assert outputs["4"]["images"] == [{"filename": "region_00001_.png", "subfolder": "sub", "type": "output"}]
    assert Image.open(engine.folders.directory("output") / "sub/region_00001_.png").getpixel((0, 0)) == 255


@pytest.mark.parametrize(
    "value, entry",
    [
        (3, {"text": "3", "name": "o", "value": 3}),
        (True, {"text": "true", "name": "o", "value": True}),
        ("a cat", {"text": "a cat", "name": "o", "value": "a cat"}),
        (None, {"text": "null", "name": "o", "value": None}),
        ({"samples": torch.zeros(1, 4, 2, 2)}, {"text": "samples: Tensor(1, 4, 2, 2) torch.float32", "name": "o"}),
        ([[torch.zeros(1, 77, 8), {}]], {"text": "1 x list", "name": "o"}),
        ([], {"text": "nothing", "name": "o"}),
        (torch.zeros(3), {"text": "Tensor(3,) torch.float32", "name": "o"}),
        (object(), {"text": "object", "name": "o"}),
    ],
)
def test_other_values_are_shown(value, entry):
    from latentloom.engine.node.context import SilentContext

    context = SilentContext()
    loom_output(name="o", value=value, context=context)
    assert context.outputs == [("text", [entry])]
