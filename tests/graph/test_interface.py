"""What a workflow marks as its inputs and outputs: read as ports, bound to values, refused with a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.errors import InvalidGraph, UserError
from latentloom.engine.graph.codec import read_api
from latentloom.engine.graph.graph import Link
from latentloom.engine.graph.interface import KINDS, bind, interface, read_default
from latentloom.engine.graph.validate import validate
from latentloom.engine.library import registry as all_nodes
from latentloom.engine.node.spec import MISSING
from latentloom.engine.node.widget import Choice, File, Float, Int, Seed, Text

NODES = all_nodes()


def mark(name, **inputs):
    return {"class_type": "LoomInput", "inputs": {"name": name, **inputs}}


def out(name, source):
    return {"class_type": "LoomOutput", "inputs": {"name": name, "value": source}}


def graph(**nodes):
    return read_api(nodes, NODES)


def sampler(**inputs):
    return {"class_type": "KSampler", "inputs": inputs}


def ports(given):
    return {port.name: port for port in interface(given, NODES).inputs}


def code(problems):
    return [problem.code for problem in problems]


def test_the_node_offers_the_kinds_that_are_read():
    (kind,) = [entry for entry in NODES.spec("LoomInput").inputs if entry.name == "type"]
    assert kind.widget == Choice(KINDS)


def test_auto_takes_type_range_choices_and_default_from_the_input_it_feeds():
    found = ports(
        graph(
            a=mark("seed"), b=mark("steps", default="7"), c=mark("cfg"), d=mark("sampler"), e=mark("prompt"),
            f=mark("model"), g=mark("photo"),
            k=sampler(seed=["a", 0], steps=["b", 0], cfg=["c", 0], sampler_name=["d", 0]),
            t={"class_type": "CLIPTextEncode", "inputs": {"text": ["e", 0]}},
            m={"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": ["f", 0]}},
            p={"class_type": "ImageInvert", "inputs": {"image": ["g", 0]}},
        )
    )  # fmt: skip
    assert {name: port.type for name, port in found.items()} == {
        "seed": "INT", "steps": "INT", "cfg": "FLOAT", "sampler": "COMBO", "prompt": "STRING", "model": "COMBO",
        "photo": "IMAGE",
    }  # fmt: skip
    assert isinstance(found["seed"].widget, Seed) and found["seed"].default == 0
    assert (found["steps"].widget.min, found["steps"].widget.max, found["steps"].default) == (1, 10000, 7)
    assert isinstance(found["cfg"].widget, Float) and found["cfg"].default == 8.0
    assert "euler" in found["sampler"].widget.options
    assert found["prompt"].default == "" and not found["prompt"].required
    assert found["model"].widget.folder == "checkpoints" and found["model"].required
    assert isinstance(found["photo"].widget, File) and found["photo"].default is MISSING


def test_a_number_that_feeds_two_inputs_has_the_range_of_both():
    found = ports(
        graph(
            a=mark("n"),
            e={"class_type": "EmptyLatentImage", "inputs": {"width": ["a", 0]}},
            k=sampler(steps=["a", 0]),
        )
    )
    assert (found["n"].widget.min, found["n"].widget.max) == (16, 10000)


@pytest.mark.parametrize(
    "limits, low, high",
    [("1..100", 1, 100), ("..5", None, 5), (" 2 .. ", 2, None), ("-3..-1", -3, -1)],
)
def test_a_range_is_read(limits, low, high):
    widget = ports(graph(a=mark("n", type="INT", default="1", range=limits)))
    face = interface(graph(a=mark("n", type="INT", range=limits)), NODES)
    assert not face.problems
    (port,) = face.inputs
    plain = Int()
    assert (port.widget.min, port.widget.max) == (
        plain.min if low is None else low,
        plain.max if high is None else high,
    )
    assert widget or (limits == "-3..-1")


@pytest.mark.parametrize("limits", ["5..1", "a..b", "1", "1..2..3", "1e999..", "." * 5000])
def test_a_range_that_is_none_is_a_problem(limits):
    assert code(interface(graph(a=mark("n", type="FLOAT", range=limits)), NODES).problems) == ["C064"]


def test_options_make_a_choice():
    given = graph(a=mark("size", options="small\n large \n\nsmall", default="large"), s={
        "class_type": "SaveImage", "inputs": {"filename_prefix": ["a", 0]}})  # fmt: skip
    (port,) = interface(given, NODES).inputs
    assert port.widget == Choice(("small", "large")) and port.default == "large"
    with pytest.raises(UserError) as stop:
        bind(given, NODES, {"size": "huge"})
    assert (stop.value.code, stop.value.input) == ("G008", "size")
    numbers = graph(a=mark("n", type="INT", options="1\n2"))
    assert bind(numbers, NODES, {"n": 2}) == read_api({}, NODES)


def test_bound_values_are_literals_and_the_marks_are_gone():
    given = graph(a=mark("Width", default="64"), e={"class_type": "EmptyLatentImage", "inputs": {"width": ["a", 0]}})
    for values, width in (({}, 64), ({"Width": 128}, 128), ({"width": 96}, 96)):
        bound = bind(given, NODES, values)
        assert bound.nodes.keys() == {"e"} and bound["e"].inputs["width"] == width
    assert "a" in given  # the graph given stays


@pytest.mark.parametrize(
    "values, expected",
    [
        ({"width": 8}, "G003"),
        ({"width": "wide"}, "G005"),
        ({"width": float("nan")}, "G009"),
        ({"widht": 8}, "C062"),
        ({}, "C063"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(values, expected):
    given = graph(a=mark("width", type="INT", range="16..64"), b=out("o", ["a", 0]))
    with pytest.raises(UserError) as stop:
        bind(given, NODES, values)
    assert stop.value.code == expected
    assert "width" in str(stop.value)


def test_a_picture_is_loaded_by_a_node_in_the_marks_place():
    given = graph(a=mark("photo"), i={"class_type": "ImageInvert", "inputs": {"image": ["a", 0]}},
                  m=mark("region", type="MASK"), j={"class_type": "InvertMask", "inputs": {"mask": ["m", 0]}})  # fmt: skip
    bound = bind(given, NODES, {"photo": "a.png", "region": "b.png"})
    assert (bound["a"].type, bound["a"].inputs) == ("LoadImage", {"image": "a.png"})
    assert bound["i"].inputs["image"] == Link("a", "IMAGE") and bound["j"].inputs["mask"] == Link("m", "MASK")
    assert code(validate(bound, NODES)) == ["G014"]  # nothing but the missing output


def test_otherwise_stands_where_nothing_is_given():
    given = graph(
        e={"class_type": "EmptyImage", "inputs": {}}, a=mark("photo", otherwise=["e", 0]), b=mark("same", otherwise=["a", 0]),
        i={"class_type": "PreviewImage", "inputs": {"images": ["b", 0]}},
    )  # fmt: skip
    assert [port.required for port in interface(given, NODES).inputs] == [False, False]
    assert bind(given, NODES, {})["i"].inputs["images"] == Link("e", "IMAGE")
    assert bind(given, NODES, {"photo": "x.png"})["i"].inputs["images"] == Link("a", "IMAGE")


def test_marks_wired_in_a_ring_end_in_a_report():
    given = graph(
        a=mark("x", otherwise=["b", 0]), b=mark("y", otherwise=["a", 0]),
        s={"class_type": "PreviewAny", "inputs": {"source": ["b", 0]}},
    )  # fmt: skip
    assert "G010" in code(validate(bind(given, NODES, {}), NODES))


@pytest.mark.parametrize(
    "nodes, expected",
    [
        ({"a": mark("")}, "C060"),
        ({"a": mark("9lives")}, "C060"),
        ({"a": mark(7)}, "C060"),
        ({"a": out("a b", ["x", 0])}, "C060"),
        ({"a": mark("x_y"), "b": mark("X-Y")}, "C061"),
        ({"a": mark("x", type="MODEL")}, "C064"),
        ({"a": mark("x", type=["INT"])}, "C064"),
        ({"a": mark("x", type="INT", default="many")}, "C064"),
        ({"a": mark("x"), "k": sampler(model=["a", 0])}, "C064"),
    ],
)
def test_marks_that_cannot_be_used_are_problems(nodes, expected):
    given = graph(**nodes)
    assert code(interface(given, NODES).problems) == [expected]
    with pytest.raises(InvalidGraph):
        bind(given, NODES, {})


def test_outputs_know_their_type():
    given = graph(
        e={"class_type": "EmptyImage", "inputs": {}},
        a=out("picture", ["e", 0]),
        b=out("number", 3),
        c=out("lost", ["z", 0]),
    )
    assert [(port.name, port.type) for port in interface(given, NODES).outputs] == [
        ("picture", "IMAGE"), ("number", "INT"), ("lost", "*"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "kind, text, value",
    [("INT", "7", 7), ("FLOAT", "7", 7.0), ("STRING", "7", "7"), ("BOOLEAN", "yes", True), ("auto", "7", 7),
     ("auto", "true", True), ("auto", "[1]", "[1]"), ("auto", "a cat", "a cat"), ("INT", 3, 3)],
)  # fmt: skip
def test_a_default_is_read_by_its_kind(kind, text, value):
    found = read_default(kind, text)
    assert found == value and type(found) is type(value)


def test_a_file_in_no_order_and_many_marks_are_read_in_linear_time():
    count = 20_000
    nodes = {f"i{n}": mark(f"n{n}", type="INT", default="1") for n in range(count)}
    nodes["s"] = {"class_type": "PreviewAny", "inputs": {"source": [f"i{count - 1}", 0]}}
    bound = bind(read_api(nodes, NODES), NODES, {"n19999": 5})
    assert bound["s"].inputs["source"] == 5 and len(bound) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["name", "type", "default", "range", "options", "description", "otherwise", "value"]), JSON
    ),
    st.sampled_from(["LoomInput", "LoomOutput"]),
    JSON,
)
def test_no_mark_makes_reading_raise(inputs, kind, value):
    given = read_api({"a": {"class_type": kind, "inputs": inputs}, "k": sampler(seed=["a", 0])}, NODES)
    face = interface(given, NODES)
    try:
        bind(given, NODES, {port.name: value for port in face.inputs}, ports=face)
    except UserError as error:
        assert error.code


def test_text_widgets_take_what_they_get():
    (port,) = interface(graph(a=mark("t", type="STRING", default="  spaces stay ")), NODES).inputs
    assert isinstance(port.widget, Text) and port.default == "  spaces stay "
