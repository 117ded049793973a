"""Single parts of reading a UI file: formats told apart, values laid along widgets, types that go together."""

import pytest

from latentloom.engine.comfy.bypass import bypass_input, fits
from latentloom.engine.comfy.convert import open_workflow, to_api
from latentloom.engine.comfy.document import is_ui, read_document
from latentloom.engine.comfy.parts import Definition, UiNode, UiSlot
from latentloom.engine.comfy.positional import align
from latentloom.engine.comfy.report import CODES, Note, describe
from latentloom.engine.comfy.virtual import wire_name
from latentloom.engine.comfy.widgets import widget_order, widget_values
from latentloom.engine.node import Bool, Choice

API = {"1": {"class_type": "EmptyImage", "inputs": {}}}
UI = {"nodes": [{"id": 1, "type": "EmptyImage"}], "links": []}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (UI, True),
        ({"nodes": []}, True),
        ({"nodes": {}, "last_node_id": 3}, True),
        ({"nodes": None, "links": []}, True),
        (API, False),
        (
            {"nodes": {"class_type": "EmptyImage", "inputs": {}}, "links": {"class_type": "EmptyImage", "inputs": {}}},
            False,
        ),
        ({"prompt": API}, False),
        ([], False),
        (None, False),
    ],
)
def test_formats_are_told_apart(data, expected):
    assert is_ui(data) is expected


@pytest.mark.parametrize("data", [UI, {"prompt": UI}])
def test_a_ui_file_opens(data, nodes):
    found = open_workflow(data, nodes)
    assert found.format == "ui" and list(found.graph.nodes) == ["1"] == list(found.api)


@pytest.mark.parametrize("data", [API, {"prompt": API, "client_id": "x"}])
def test_an_api_file_opens(data, nodes):
    found = open_workflow(data, nodes)
    assert found.format == "api" and list(found.graph.nodes) == ["1"] == list(found.api) and found.report == ()


def test_unknown_types_of_an_api_file_are_reported(nodes):
    found = open_workflow({"1": {"class_type": "Foreign", "inputs": {}}}, nodes)
    assert [(note.code, note.node, note.type) for note in found.report] == [("C010", "1", "Foreign")]


@pytest.mark.parametrize("data", [None, 5, "text", [1], True])
def test_what_is_no_workflow_gives_an_empty_graph_and_says_so(data, nodes):
    found = open_workflow(data, nodes)
    assert len(found.graph) == 0 and [note.code for note in found.report] == ["C001"]
    assert to_api(data, nodes).api == {}


def test_former_ids_are_known_under_their_present_node(nodes):
    found = to_api({"nodes": [{"id": 1, "type": "TestMaker", "widgets_values": [7]}], "links": []}, nodes)
    assert found.unknown == () and found.api["1"]["inputs"]["count"] == 7


def test_places_sizes_and_groups_are_read_in_any_form():
    document, notes = read_document(
        {
            "nodes": [
                {"id": 1, "type": "X", "pos": [3, 4.5], "size": {"0": 210, "1": 90}},
                {"id": 2, "type": "X", "pos": {"0": 1, "1": 2}, "size": [float("nan"), 10**400]},
            ],
            "groups": [{"title": "G", "bounding": [1, 2, 3, 4]}, None, {"bounding": "x"}],
        }
    )
    one, two = document.nodes.values()
    assert (one.pos, one.size, two.pos, two.size) == ((3.0, 4.5), (210.0, 90.0), (1.0, 2.0), (0.0, 0.0))
    assert [(group.title, group.bounding) for group in document.groups] == [("G", (1, 2, 3, 4)), ("", (0, 0, 0, 0))]
    assert notes == []


def test_ids_are_one_as_number_and_as_text():
    document, notes = read_document({"nodes": [{"id": 7.0, "type": "X"}], "links": [["3", 7, "0", "7", 1.0, "*"]]})
    assert list(document.nodes) == ["7"] and notes == []
    link = document.links["3"]
    assert (link.origin, link.origin_slot, link.target, link.target_slot) == ("7", 0, "7", 1)


def test_definitions_inside_definitions_are_found():
    inner = {"id": "b", "name": "B", "nodes": []}
    document, notes = read_document(
        {"nodes": [], "definitions": {"subgraphs": [{"id": "a", "definitions": {"subgraphs": [inner]}}]}}
    )
    assert {key: value.place for key, value in document.definitions.items()} == {
        "a": "definitions.subgraphs[0].",
        "b": "definitions.subgraphs[0].definitions.subgraphs[0].",
    }
    assert notes == []


def test_widgets_stand_in_the_order_of_the_files(nodes):
    order = widget_order(nodes.spec("KSampler"))
    assert [(slot.name, slot.controls) for slot in order] == [
        ("seed", 1), ("steps", 0), ("cfg", 0), ("sampler_name", 0), ("scheduler", 0), ("denoise", 0),
    ]  # fmt: skip


def test_a_hosts_values_are_by_the_definitions_names():
    definition = Definition({}, {}, {}, id="d", inputs=(UiSlot("width"), UiSlot("height")))
    host = UiNode("1", "d", named={"height": 3, "other": 4})
    assert widget_values(host, None, definition) == ({"height": 3}, [])


@pytest.mark.parametrize(
    ("values", "found", "surplus"),
    [
        ([1, "fixed", True, "a"], {"seed": 1, "flag": True, "pick": "a"}, 0),
        ([1, True, True, "a"], {"seed": 1, "flag": True, "pick": "a"}, 0),
        ([1, True, "a"], {"seed": 1, "flag": True, "pick": "a"}, 0),
        ([1, None, False, "b"], {"seed": 1, "flag": False, "pick": "b"}, 0),
        ([None, 1, "fixed", True, None, "a"], {"seed": 1, "flag": True, "pick": "a"}, 0),
        ([1, "fixed", True, "a", "randomize"], {"seed": 1, "flag": True, "pick": "a"}, 0),
        ([1, "fixed", True, "a", "randomize", "filter", 9], {"seed": 1, "flag": True, "pick": "a"}, 1),
        ([1, "fixed", True, "a", "x", None], {"seed": 1, "flag": True, "pick": "a"}, 1),
        ([1], {"seed": 1}, 0),
        ([], {}, 0),
    ],
)
def test_lists_are_laid_along_widgets(values, found, surplus):
    places = [("seed", 1, None), ("flag", 0, Bool()), ("pick", 0, Choice(("a", "b")))]
    assert align(values, places)[:2] == (found, surplus)


def test_a_control_word_that_is_a_choice_stays_a_choice():
    places = [("seed", 1, None), ("pick", 0, Choice(("fixed", "b")))]
    aligned = align([1, "fixed"], places)
    assert (aligned.values, aligned.controls) == ({"seed": 1, "pick": "fixed"}, {})
    aligned = align([1, "randomize", "fixed"], places)
    assert (aligned.values, aligned.controls) == ({"seed": 1, "pick": "fixed"}, {"seed": "randomize"})


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("IMAGE", "IMAGE", True),
        ("IMAGE", "image", True),
        ("IMAGE", "MASK", False),
        ("*", "MASK", True),
        ("IMAGE,MASK", "MASK", True),
        ("IMAGE, MASK", "LATENT,mask", True),
        ("IMAGE,LATENT", "MASK", False),
    ],
)
def test_types_go_together(one, other, expected):
    assert fits(one, other) is fits(other, one) is expected


@pytest.mark.parametrize(
    ("slot", "wanted", "expected"),
    [(0, "MASK", 1), (0, "IMAGE", 2), (1, "*", 1), (9, "*", 0), (2, "LATENT", 3), (0, "AUDIO", None), (1, "MASK", 1)],
)
def test_a_bypassed_node_passes_on_by_type(slot, wanted, expected):
    inputs = (UiSlot("a", "MODEL"), UiSlot("b", "MASK"), UiSlot("c", "IMAGE"), UiSlot("d", "VAE,LATENT"))
    outputs = (UiSlot("x", "IMAGE"), UiSlot("y", "MASK"), UiSlot("z", "LATENT"))
    assert bypass_input(UiNode("1", "X", 4, inputs, outputs), slot, wanted) == expected
    assert bypass_input(UiNode("1", "X", 4, (), outputs), slot, wanted) is None


def test_wires_are_named_by_value_or_by_what_the_node_remembers():
    assert wire_name(UiNode("1", "SetNode", values=["a"])) == "a"
    assert wire_name(UiNode("1", "SetNode", values=[""], properties={"previousName": "b"})) == "b"
    assert wire_name(UiNode("1", "SetNode", values={"x": 1})) is None


def test_a_note_says_place_type_and_reason():
    note = Note("warning", "C017", "57:8", "KSampler", "why")
    assert str(note) == "warning C017 node 57:8 (KSampler): why" and note.code in CODES
    assert note.as_dict() == {"level": "warning", "code": "C017", "node": "57:8", "type": "KSampler", "text": "why"}


def test_values_are_described_without_entering_them():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    shown = [describe(value) for value in (None, True, "x" * 100, 10**5000, 1.5, {"a": deep}, deep, b"")]
    assert shown == [
        "nothing",
        "true",
        '"' + "x" * 60 + '…"',
        "a huge number",
        "1.5",
        "an object of 1",
        "a list of 1",
        "bytes",
    ]
