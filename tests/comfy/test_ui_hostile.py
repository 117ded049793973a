"""Files made to break a reader: wrong types at every field, rings, recursion, floods. Each gives a report."""

import copy
import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentloom.engine.comfy.convert import open_workflow, to_api
from latentloom.engine.comfy.flatten import MAX_DEPTH
from latentloom.engine.comfy.report import CODES
from latentloom.engine.graph.validate import validate
from latentloom.engine.library import registry as built_in

FOLDER = Path(__file__).parent / "ui"
REGISTRY = built_in()
DOCUMENTS = [
    json.loads(path.read_text("utf-8"))
    for path in sorted(FOLDER.glob("*.json"))
    if not path.stem.endswith(".api") and path.stem != "notes"
]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from((0, 1, 2, 3, 4, 5, -1, -10, -20, 10**400, -(10**30), 0.0, 1.0, 1.5, float("nan"), float("inf"))),
    st.sampled_from(("", "1", "-10", "-20", "57:8", "__proto__", "*", "IMAGE", "PrimitiveNode", "Reroute", "\ud800")),
    st.sampled_from(("self", "outer", "make", "workflow>pair", "workflow/pair", "GetNode", "KSampler", "x" * 5000)),
    st.sampled_from(([], {}, [[]], [None], {"__proto__": {}}, {"nodes": []}, [1, 2], {"0": 1})),
)


def places(data):
    """All (container, key) in `data`, without recursion."""
    found, waiting = [], [data]
    while waiting:
        at = waiting.pop()
        keys = list(at) if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ()
        for key in keys:
            found.append((at, key))
            waiting.append(at[key])
    return found


def check(document):
    """Convert, and hold the result to what is promised of it."""
    found = to_api(document, REGISTRY)
    for note in found.report:
        assert note.code in CODES and str(note)
    for entry in found.api.values():
        assert isinstance(entry["class_type"], str) and isinstance(entry["_meta"]["title"], str)
        for value in entry["inputs"].values():
            if isinstance(value, list):
                source, slot = value
                assert source in found.api and type(slot) is int and slot >= 0
    assert set(found.origin) == set(found.api)
    opened = open_workflow(document, REGISTRY)
    validate(opened.graph, REGISTRY)
    rest = to_api(document, REGISTRY, keep_unknown=False)
    assert set(rest.api) <= set(found.api)
    return found


@settings(max_examples=400)
@given(st.data())
def test_any_field_may_hold_anything(data):
    document = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS)))
    for _ in range(data.draw(st.integers(1, 4))):
        spots = places(document)
        owner, key = spots[data.draw(st.integers(0, len(spots) - 1))]
        choice = data.draw(st.integers(0, 3))
        if choice == 0:
            del owner[key]
        elif choice == 1:
            other, name = spots[data.draw(st.integers(0, len(spots) - 1))]
            owner[key] = copy.deepcopy(other[name])
        else:
            owner[key] = copy.deepcopy(data.draw(ODD))  # the strategy gives one and the same list each time
    check(document)


def test_values_of_any_depth_are_carried_and_never_entered():
    for document in DOCUMENTS[::7]:
        for index in range(0, len(places(document)), 5):
            broken = copy.deepcopy(document)
            owner, key = places(broken)[index]
            owner[key] = deep = []
            for _ in range(20_000):
                deep.append([])
                deep = deep[0]
            to_api(broken, REGISTRY)
            open_workflow(broken, REGISTRY)


@settings(max_examples=100)
@given(st.recursive(ODD, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner)))
def test_anything_at_all_opens(document):
    check({"nodes": [document], "links": document, "extra": document, "definitions": document})
    opened = open_workflow(document, REGISTRY)
    if not isinstance(document, dict):
        assert not len(opened.graph) and opened.report[0].code == "C001"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(len(document["nodes"])))
def test_each_field_of_each_file_alone(document):
    """Every field once as null, a number, a text, a list and an object: all of them, not a sample."""
    for index in range(len(places(document))):
        for value in (None, -7, "odd", [3], {"x": 1}) if index % 4 == 0 else ([{"id": 1}],):
            broken = copy.deepcopy(document)
            owner, key = places(broken)[index]
            owner[key] = value
            to_api(broken, REGISTRY)


def chain(count, kind="Reroute", mode=0):
    """A picture, `count` nodes behind one another, and a consumer at each hundredth."""
    nodes = [
        {"id": 0, "type": "EmptyImage", "outputs": [{"name": "IMAGE", "type": "IMAGE"}], "widgets_values": [8, 8, 1, 0]}
    ]
    links = []
    for number in range(1, count + 1):
        slots = [{"name": "image", "type": "IMAGE", "link": number}]
        nodes.append(
            {"id": number, "type": kind, "mode": mode, "inputs": slots, "outputs": [{"name": "o", "type": "IMAGE"}]}
        )
        links.append([number, number - 1, 0, number, 0, "IMAGE"])
        if number % 100 == 0:
            slots = [{"name": "image", "type": "IMAGE", "link": -number}]
            nodes.append({"id": f"end{number}", "type": "ImageInvert", "inputs": slots})
            links.append([-number, number, 0, f"end{number}", 0, "IMAGE"])
    return {"nodes": nodes, "links": links}


def seconds(document):
    best = float("inf")
    for _ in range(2):
        start = time.process_time()  # not the clock: other processes may be busy
        to_api(document, REGISTRY)
        best = min(best, time.process_time() - start)
    return best


def wide(count):
    """`count` links out of one node, each to a node of its own."""
    nodes = [{"id": 0, "type": "EmptyImage", "widgets_values": [8, 8, 1, 0]}]
    nodes += [
        {"id": n, "type": "ImageInvert", "inputs": [{"name": "image", "type": "IMAGE", "link": n}]}
        for n in range(1, count + 1)
    ]
    return {"nodes": nodes, "links": [[n, 0, 0, n, 0, "IMAGE"] for n in range(1, count + 1)]}


def one_node(count):
    """`count` links into one bypassed node of as many types, and as many consumers of its outputs."""
    slots = [{"name": f"i{n}", "type": f"T{n}", "link": n} for n in range(count)]
    outputs = [{"name": f"o{n}", "type": "OTHER"} for n in range(count)]
    nodes = [
        {"id": "a", "type": "EmptyImage"},
        {"id": "b", "type": "X", "mode": 4, "inputs": slots, "outputs": outputs},
    ]
    links = [[n, "a", 0, "b", n, "*"] for n in range(count)]
    for n in range(count):
        nodes.append({"id": n, "type": "Y", "inputs": [{"name": "y", "type": f"T{count - 1 - n}", "link": count + n}]})
        links.append([count + n, "b", n, n, 0, "*"])
    return {"nodes": nodes, "links": links}


def tangle(count):
    """Bypassed nodes behind one another, with as many consumers of different types at the end."""
    document = chain(count, "X", 4)
    for n in range(count):
        slots = [{"name": "y", "type": f"T{n},IMAGE", "link": f"l{n}"}]
        document["nodes"].append({"id": f"t{n}", "type": "Y", "inputs": slots})
        document["links"].append([f"l{n}", count, 0, f"t{n}", 0, "*"])
    return document


@pytest.mark.parametrize(
    "make", [chain, wide, one_node, tangle, lambda n: chain(n, "ImageInvert"), lambda n: chain(n, "X", 4)]
)
def test_time_grows_as_the_links_do(make):
    """Ten times the links take at most twenty-five times as long; what is quadratic takes a hundred times."""
    small, large = seconds(make(2_000)), seconds(make(20_000))
    assert large < 25 * small + 0.05


def test_a_hundred_thousand_links_and_reroutes():
    for document in (wide(100_000), chain(100_000), chain(100_000, "ImageInvert")):
        found = to_api(document, REGISTRY)
        assert not len(found.report)  # pytest would compare two long tuples for minutes
    assert len(found.api) == 101_001
    assert to_api(chain(100_000), REGISTRY).api["end100000"]["inputs"] == {"image": ["0", 0]}


def test_too_tangled_wires_are_reported_and_cut():
    found = check(tangle(2_000))
    assert {"C013"} <= {note.code for note in found.report}


def nest(depth, hosts=1):
    """A definition in a definition ..., `depth` deep, each with `hosts` hosts of the next."""
    definitions = []
    for level in range(depth):
        inner = "ImageInvert" if level == depth - 1 else f"d{level + 1}"
        slot = {"name": "image", "type": "IMAGE"}
        nodes = [
            {"id": n, "type": inner, "inputs": [{**slot, "link": n}], "outputs": [slot]} for n in range(1, hosts + 1)
        ]
        links = [
            {
                "id": n,
                "origin_id": n - 1 if n > 1 else -10,
                "origin_slot": 0,
                "target_id": n if n <= hosts else -20,
                "target_slot": 0,
            }
            for n in range(1, hosts + 2)
        ]
        definitions.append({"id": f"d{level}", "inputs": [slot], "outputs": [slot], "nodes": nodes, "links": links})
    nodes = [
        {"id": 1, "type": "EmptyImage", "widgets_values": [8, 8, 1, 0]},
        {"id": 2, "type": "d0", "inputs": [{"name": "image", "link": 1}], "outputs": [{"name": "image"}]},
        {
            "id": 3,
            "type": "SaveImage",
            "inputs": [{"name": "images", "type": "IMAGE", "link": 2}],
            "widgets_values": ["x"],
        },
    ]
    links = [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"]]
    return {"nodes": nodes, "links": links, "definitions": {"subgraphs": definitions}}


def test_subgraphs_nest_as_deep_as_promised_and_deeper_ones_are_reported():
    found = check(nest(MAX_DEPTH))
    assert found.report == ()
    inner = "2:" + "1:" * (MAX_DEPTH - 1) + "1"
    assert found.api["3"]["inputs"]["images"] == [inner, 0] and found.api[inner]["inputs"] == {"image": ["1", 0]}
    found = check(nest(MAX_DEPTH + 1))
    assert [note.code for note in found.report] == ["C012", "C034"]
    assert "images" not in found.api["3"]["inputs"]


def test_a_small_file_cannot_grow_without_bound():
    found = to_api(nest(40, hosts=2), REGISTRY)
    assert {note.code for note in found.report} == {"C013", "C034"}
    assert len(found.api) < 500_000


def test_definitions_that_contain_one_another_are_reported():
    document = nest(3)
    document["definitions"]["subgraphs"][2]["nodes"][0]["type"] = "d0"
    found = check(document)
    assert [(note.code, note.node) for note in found.report] == [("C011", "2:1:1:1"), ("C034", "3")]


def test_ids_that_run_into_one_another_stay_apart():
    document = nest(1)
    document["nodes"].append({"id": "2:1", "type": "EmptyImage", "widgets_values": [4, 4, 1, 0]})
    found = check(document)
    assert len(found.api) == 4 and [note.code for note in found.report] == ["C003"]
    assert found.api["3"]["inputs"]["images"] == ["2:1", 0] and "2:1~2" in found.api
