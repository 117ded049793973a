"""Specs, sockets and widgets as data."""

import copy
import json
import pickle
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.node import (
    MISSING,
    Bool,
    File,
    FileFacets,
    Float,
    Int,
    Repeat,
    Seed,
    SilentContext,
    Slider,
    Socket,
    Text,
    accepts,
    node,
)
from latentloom.engine.node.spec import from_json


@node("Everything", category="test", aliases=("a",), former_ids=("b",), needs=lambda **k: [])
def everything(
    *,
    a: Annotated[int, Int(1, 5, control=True)] = 3,
    b: Annotated[int, Seed()] = 0,
    c: Annotated[float, Float(0, 1, 0.1, 0.01)] = 0.5,
    d: Annotated[bool, Bool("on", "off")] = True,
    e: Annotated[str, Text(multiline=True, prompt=True)],
    f: Literal["x", "y"] = "y",
    g: Annotated[str, File("input", (".png",), upload=True)],
    h: Annotated[Any, Socket("IMAGE,MASK", {"x": "$y"}, lazy=True)],
    i: Annotated[float, Slider(0, 2)] | None = None,
    **more: Annotated[Any, Repeat("m_{n}", "LATENT", 1, 4)],
) -> Annotated[Any, Socket("MODEL", {"x": "$y"}), FileFacets("g")]:
    """Everything at once.

    a: tip
    """


def test_specs_survive_json_and_pickle():
    spec = everything.__node__
    assert from_json(json.loads(json.dumps(spec.as_json()))) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert copy.deepcopy(spec).inputs[4].default is MISSING
    assert "default" not in spec.as_json()["inputs"][4]


def test_data_of_another_make_is_refused():
    with pytest.raises((KeyError, TypeError)):
        from_json({"id": "x"})
    with pytest.raises(TypeError):
        from_json({**everything.__node__.as_json(), "novelty": 1})


@pytest.mark.parametrize(
    "wanted, given_type, fits",
    [
        ("IMAGE", "IMAGE", True),
        ("IMAGE", "MASK", False),
        ("*", "MASK", True),
        ("IMAGE", "*", True),
        ("IMAGE,MASK", "MASK", True),
        ("IMAGE, MASK", "LATENT , MASK", True),
        ("IMAGE,MASK", "LATENT", False),
        ("IMAGE,*", "LATENT", True),
        ("INT", "FLOAT", False),
    ],
)
def test_accepts(wanted, given_type, fits):
    assert accepts(wanted, given_type) is fits


kinds = st.lists(st.sampled_from(["A", "B", "C", "*"]), min_size=1, max_size=3).map(",".join)


@given(kinds, kinds)
def test_fitting_is_mutual(left, right):
    assert accepts(left, right) == accepts(right, left)
    assert accepts(left, left)


def test_socket_names():
    assert Socket("IMAGE, MASK").names == ("IMAGE", "MASK")


def test_the_silent_context_keeps_what_is_announced():
    context = SilentContext()
    context.progress(1, 2)
    context.check()
    context.preview(None)
    context.output("images", [{"filename": "a"}])
    context.metric("loss", 1, 0.5)
    assert context.outputs == [("images", [{"filename": "a"}])]
    assert context.metrics == [("loss", 1, 0.5)]
    assert not context.wants_previews
    for use in (lambda: context.files, lambda: context.evaluate(None, {})):
        with pytest.raises(LookupError):
            use()
