"""Reading and writing API-format JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.errors import UserError
from latentloom.engine.graph.codec import detect_format, load, read_api, save, write_api
from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.graph.validate import validate

TEXT = json.dumps(
    {
        "12": {"class_type": "Empty", "inputs": {"width": 64}, "_meta": {"title": "Canvas"}},
        "x y": {"class_type": "Resize", "inputs": {"image": ["r", 1], "size": 3}},
        "r": {"class_type": "Resize", "inputs": {"image": ["12", 0]}},
        "?": {"class_type": "Foreign", "inputs": {"a": ["r", 1], "b": ["?", 5], "c": {"__value__": [1, ["r", 0]]}}},
    }
)


def test_reads_ids_titles_links_and_lists(registry):
    graph = read_api(TEXT, registry)
    assert list(graph.nodes) == ["12", "x y", "r", "?"]
    assert graph["12"].title == "Canvas"
    assert graph["x y"].inputs == {"image": Link("r", "mask"), "size": 3}  # a later node, its output by name
    assert graph["?"].inputs == {"a": Link("r", "mask"), "b": Link("?", 5), "c": [1, ["r", 0]]}
    assert isinstance(graph["x y"], Node)
    assert isinstance(graph["r"].inputs["image"], Link)
    assert graph.faults == ()


def test_bytes_text_and_data_give_one_graph(registry):
    data = json.loads(TEXT)
    graph = read_api(TEXT, registry)
    assert read_api(TEXT.encode(), registry) == graph
    assert read_api(b"\xef\xbb\xbf" + TEXT.encode(), registry) == graph
    assert read_api(data, registry) == graph
    assert data == json.loads(TEXT)  # never mutated
    assert read_api({"prompt": data, "client_id": "1"}, registry) == graph


def test_numbers_as_ids_are_taken(registry):
    empty, masked = {"class_type": "Empty", "inputs": {}}, {"class_type": "Mask", "inputs": {"image": [1, 0]}}
    graph = read_api({1: empty, "2": masked}, registry)
    assert graph["2"].inputs["image"] == Link("1", "LATENT")
    assert read_api(json.dumps({"1": empty, "2": masked}), registry) == graph


def test_bad_slots_stay_for_validation(registry):
    graph = read_api({"r": {"class_type": "Resize", "inputs": {"image": ["r", 2], "size": ["r", -1]}}}, registry)
    assert graph["r"].inputs == {"image": Link("r", 2), "size": Link("r", -1)}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", '"x"', "{'a': 1}", b"\xff\xfe", '{"a": ' + "[" * 100_000, '{"a": 1} x', "9" * 5000,
     '{"1": {"class_type": "Caption", "inputs": {"text": "\\ud800"}}}'],
    ids=str,
)  # fmt: skip
def test_what_is_no_workflow_is_refused(text, registry):
    with pytest.raises(UserError) as caught:
        read_api(text, registry)
    assert caught.value.code == "G021"


def test_the_ui_format_is_named(registry):
    ui = {"last_node_id": 3, "nodes": [{"id": 3, "type": "KSampler"}], "links": [], "version": 0.4}
    assert detect_format(ui) == "ui"
    assert detect_format(json.loads(TEXT)) == "api"
    assert detect_format([]) == "unknown"
    with pytest.raises(UserError, match="latentloom convert") as caught:
        read_api(json.dumps(ui), registry)
    assert caught.value.code == "G024"


def test_surrogate_pairs_are_whole(registry):
    graph = read_api('{"1": {"class_type": "Caption", "inputs": {"text": "\\ud83d\\ude00"}}}', registry)
    assert graph["1"].inputs["text"] == "😀"


def test_text_that_looks_like_keys_is_no_duplicate(registry):
    data = {"1": {"class_type": "Caption", "inputs": {"text": '{"text": "text": "a" : '}}}
    graph = read_api(json.dumps(data), registry)
    assert graph.faults == ()
    assert graph["1"].inputs["text"] == data["1"]["inputs"]["text"]


@pytest.mark.parametrize("colon", [":", ": ", " : ", "\n:\t"])
def test_duplicates_are_found_however_the_file_is_laid_out(colon, registry):
    text = '{"1": {"class_type": "Caption", "inputs": {"text"%s"a", "size"%s1, "text"%s"b"}}}'.replace("%s", colon)
    graph = read_api(text, registry)
    assert [(f.code, f.node_id, f.input) for f in graph.faults] == [("G023", "1", "text")]
    assert graph["1"].inputs["text"] == "b"


def test_a_duplicate_hidden_by_a_text_is_found(registry):
    """The quick count must not let `":` inside a text make up for a key that is lost."""
    text = '{"1": {"class_type": "Caption", "inputs": {"text": "a", "text" : "\\":"}}}'
    assert [f.code for f in read_api(text, registry).faults] == ["G023"]
    text = '{"1": {"class_type": "Caption", "inputs": {"text": "a", "text" : "b", "size": 1}}}'
    assert [f.code for f in read_api(text, registry).faults] == ["G023"]


def test_mending_a_graph_takes_its_faults_away(registry):
    graph = read_api({"1": {"class_type": "Mask", "inputs": {"image": [1]}}, "2": 5}, registry)
    assert [f.code for f in graph.faults] == ["G016", "G022"]
    assert [f.code for f in graph.with_inputs("1", image=Link("3", 0)).faults] == ["G022"]
    assert [f.code for f in graph.without("2").faults] == ["G016"]
    assert graph.with_nodes(Node("1", "Empty", {}), Node("2", "Empty", {})).faults == ()


def test_load_and_save(registry, tmp_path):
    graph = read_api(TEXT, registry)
    path = tmp_path / "flow.json"
    save(graph, path, registry)
    assert load(path, registry) == graph
    assert [entry.name for entry in tmp_path.iterdir()] == ["flow.json"]
    with pytest.raises(UserError) as caught:
        load(tmp_path / "none.json", registry)
    assert caught.value.code == "F001"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), "\ud800"], ids=repr)
def test_save_refuses_what_json_cannot_hold_and_leaves_no_file(value, registry, tmp_path):
    path = tmp_path / "flow.json"
    with pytest.raises(UserError) as caught:
        save(Graph([Node("1", "Empty", {"width": value})]), path, registry)
    assert caught.value.code == "G021"
    assert list(tmp_path.iterdir()) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ids = st.text(max_size=4)
types = st.sampled_from(["Empty", "Resize", "Save", "Foreign"]) | st.text(max_size=4)


@st.composite
def graphs(draw):
    """Any graph that a file can hold: links by the names that the source has, by slot where it has none."""
    names = draw(st.lists(ids, unique=True, max_size=5))
    kinds = {name: draw(types) for name in names}
    outputs = {"Empty": ["LATENT"], "Resize": ["image", "mask"], "Save": []}
    nodes = []
    for name in names:
        inputs = {}
        for key in draw(st.lists(st.text(max_size=4), unique=True, max_size=3)):
            if draw(st.booleans()):
                source = draw(st.sampled_from(names) | ids)
                known = outputs.get(kinds.get(source, ""), [])
                slot = draw(st.integers(-2, 3))
                inputs[key] = Link(source, known[slot] if 0 <= slot < len(known) else slot)
            else:
                inputs[key] = draw(json_values)
        nodes.append(Node(name, kinds[name], inputs, draw(st.text(max_size=3))))
    return Graph(nodes)


@given(graph=graphs())
def test_round_trip(graph, shared_registry):
    data = write_api(graph, shared_registry)
    again = read_api(json.dumps(data), shared_registry)
    assert again == graph
    assert again.faults == ()
    assert write_api(again, shared_registry) == data
    assert validate(again, shared_registry) == validate(graph, shared_registry)
