"""A workflow file as a Python function: its signature, its results, and what it refuses."""

import inspect
import json
import typing

import pytest
from PIL import Image

import latentloom
from latentloom.engine.engine import Engine
from latentloom.engine.errors import InvalidGraph, LatentloomError, UserError
from latentloom.engine.function import function


def mark(name, **inputs):
    return {"class_type": "LoomInput", "inputs": {"name": name, **inputs}}


def out(name, source):
    return {"class_type": "LoomOutput", "inputs": {"name": name, "value": source}}


@pytest.fixture
def write(tmp_path):
    def write(**nodes):
        path = tmp_path / "my flow.json"
        path.write_text(json.dumps(nodes))
        return path

    return write


@pytest.fixture
def engine(tmp_path):
    with Engine(tmp_path / "data", device="cpu") as engine:
        yield engine


SIZES = {
    "a": mark("width", type="INT", range="1..64", description="In pixels."),
    "b": mark("class", type="FLOAT", default="1.5"),
    "c": mark("mode", type="COMBO", options="x\ny", default="x"),
    "d": mark("on", type="BOOLEAN", default="yes"),
    "1": {"class_type": "EmptyImage", "inputs": {"width": ["a", 0], "height": 4}},
    "2": out("picture", ["1", 0]),
    "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
}


def test_its_signature_is_real(write, engine):
    call = function(write(**SIZES), engine)
    signature = inspect.signature(call)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    shown = {name: (entry.annotation, entry.default) for name, entry in signature.parameters.items()}
    assert shown == {
        "width": (int, inspect.Parameter.empty),
        "class_": (float, 1.5),
        "mode": (typing.Literal["x", "y"], "x"),
        "on": (bool, True),
    }
    assert call.__name__ == "my_flow" and "width: In pixels." in call.__doc__ and "picture (IMAGE)" in call.__doc__


def test_one_output_gives_its_value_and_nothing_else_runs(write, engine):
    call = function(write(**SIZES), engine)
    assert call(width=8, class_=2).shape == (1, 4, 8, 3)
    assert not engine.folders.roots("output")[0].exists()


def test_several_outputs_give_a_named_tuple(write, engine):
    nodes = {
        "a": mark("n", type="INT", default="3"),
        "1": {"class_type": "PrimitiveInt", "inputs": {"value": ["a", 0]}},
        "2": out("first", ["1", 0]),
        "3": out("given-back", ["a", 0]),
        "4": out("fixed", "text"),
    }
    results = function(write(**nodes), engine)(n=5)
    assert results == (5, 5, "text") and results._fields == ("first", "given_back", "fixed")


def test_without_outputs_it_gives_what_the_effects_announce(write, engine):
    nodes = {
        "a": mark("text"),
        "1": {"class_type": "PreviewAny", "inputs": {"source": ["a", 0]}},
    }
    assert function(write(**nodes), engine)(text="hello") == {"1": {"text": [{"text": "hello"}]}}


def test_pictures_are_given_by_path_or_left_to_the_workflow(write, engine, tmp_path):
    Image.new("RGB", (6, 4)).save(tmp_path / "a.png")
    nodes = {
        "0": {"class_type": "EmptyImage", "inputs": {"width": 2, "height": 2}},
        "a": mark("photo", otherwise=["0", 0]),
        "1": {"class_type": "ImageInvert", "inputs": {"image": ["a", 0]}},
        "2": out("negative", ["1", 0]),
    }
    call = function(write(**nodes), engine)
    assert inspect.signature(call).parameters["photo"].default is None
    assert call(photo=tmp_path / "a.png").shape == (1, 4, 6, 3)
    assert call().shape == call(photo=None).shape == (1, 2, 2, 3)


@pytest.mark.parametrize(
    "values, code", [({}, "C063"), ({"width": 65}, "G003"), ({"width": "8", "mode": "z"}, "G008"), ({"x": 1}, "C062")]
)
def test_wrong_values_are_refused(write, engine, values, code):
    with pytest.raises(UserError) as stop:
        function(write(**SIZES), engine)(**values)
    assert stop.value.code == code


def test_marks_that_cannot_be_used_and_names_that_collide(write, engine):
    with pytest.raises(InvalidGraph):
        function(write(a=mark("x y"), b=out("o", ["a", 0])), engine)
    with pytest.raises(UserError) as stop:
        function(write(a=mark("class", type="INT"), b=mark("class_", type="INT")), engine)
    assert stop.value.code == "C061"


def test_a_failing_node_raises_its_error(write, engine):
    nodes = {
        "a": mark("name", type="STRING"),
        "1": {"class_type": "LoadImage", "inputs": {"image": ["a", 0]}},
        "2": out("o", ["1", 0]),
    }
    with pytest.raises(LatentloomError):
        function(write(**nodes), engine)(name="absent.png")


def test_it_is_public_and_reading_it_loads_no_torch(python, tmp_path, write):
    path = write(**SIZES)
    code = """
import sys, latentloom
call = latentloom.function(sys.argv[1])
print(call)
print("torch" in sys.modules)
with call:
    print(tuple(call(width=3).shape))
"""
    lines = python(code, str(path)).splitlines()
    assert lines[0].startswith("<workflow my_flow(*, width: int, class_: float = 1.5")
    assert lines[1:] == ["False", "(1, 4, 3, 3)"]
    assert latentloom.function is function
