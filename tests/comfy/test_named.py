"""Values by name: the same prompt as before, nothing lost, and the same result the second time."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentloom.engine.comfy.convert import to_api
from latentloom.engine.comfy.document import is_ui
from latentloom.engine.comfy.missing import missing_types
from latentloom.engine.comfy.named import CONTROL, with_names
from latentloom.engine.library import registry

NODES = registry()
FOLDER = Path(__file__).parent / "ui"


def files():
    found = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
    return {name: data for name, data in found.items() if is_ui(data)}


FILES = files()


def sampler(values, **more):
    node = {"id": 1, "type": "KSampler", "widgets_values": values, **more}
    return with_names({"nodes": [node], "links": [], "version": 0.4}, NODES)["nodes"][0]


def all_nodes(data):
    inner = data.get("definitions", {}).get("subgraphs", ())
    return [*data["nodes"], *(node for entry in inner for node in all_nodes(entry))]


@pytest.mark.parametrize("name", FILES)
def test_the_prompt_stays_the_same_and_the_second_time_changes_nothing(name):
    data = FILES[name]
    before = json.dumps(data)
    found = with_names(data, NODES)
    assert json.dumps(data) == before, "what is given stays as it is"
    assert to_api(found, NODES).api == to_api(data, NODES).api
    assert with_names(found, NODES) == found


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_the_file_is_lost(name):
    data = FILES[name]
    found = with_names(data, NODES)
    assert set(data) - {"state", "reroutes"} <= set(found)
    if isinstance(data["nodes"], list):
        old = [node for node in data["nodes"] if isinstance(node, dict)]
        new = [node for node in found["nodes"] if isinstance(node, dict)]
        for before, after in zip(old, new, strict=True):
            ours = ("type", "widgets_values_named", "pos", "size")
            assert {key: value for key, value in after.items() if key not in ours} == {
                key: value for key, value in before.items() if key not in ours
            }
            named = before.get("widgets_values_named")
            for key, value in (named if isinstance(named, dict) else {}).items():
                assert value is None or after["widgets_values_named"][key] == value


def test_templates_of_comfyui_keep_their_prompts():
    package = pytest.importorskip("comfyui_workflow_templates_json")
    paths = sorted((Path(package.__file__).parent / "templates").glob("*.json"))[::9]
    looked = 0
    for path in paths:
        data = json.loads(path.read_text("utf-8"))
        if not is_ui(data):
            continue
        found = with_names(data, NODES)
        assert to_api(found, NODES).api == to_api(data, NODES).api, path.name
        assert len(all_nodes(found)) == len(all_nodes(data))
        missing = {entry["type"] for entry in missing_types(data, NODES)}
        assert set(to_api(data, NODES).unknown) <= missing
        looked += 1
    assert looked > 60


def test_every_value_has_its_name_and_the_control_has_one_too():
    node = sampler([5, "randomize", 20, 3.5, "euler", "normal", 1.0])
    assert node["widgets_values_named"] == {
        "seed": 5, "steps": 20, "cfg": 3.5, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        CONTROL: "randomize",
    }  # fmt: skip
    assert node["widgets_values"] == [5, "randomize", 20, 3.5, "euler", "normal", 1.0]
    assert sampler([5, False, 20, 3.5, "euler", "normal", 1.0])["widgets_values_named"][CONTROL] == "fixed"
    assert CONTROL not in sampler([5, 20, 3.5, "euler", "normal", 1.0])["widgets_values_named"]


def test_names_of_the_file_come_before_its_list():
    node = sampler([5, "fixed", 20], widgets_values_named={"steps": 7, "mine": 1, "cfg": None})
    named = node["widgets_values_named"]
    assert (named["steps"], named["mine"], named[CONTROL]) == (7, 1, "fixed")
    assert named["cfg"] is not None and named["sampler_name"], "what is not given has its default"


def test_unknown_nodes_get_names_where_their_inputs_say_them():
    marked = [{"name": name, "widget": {"name": name}} for name in ("a", "seed")]
    node = {"id": 1, "type": "Gone", "inputs": marked, "widgets_values": ["x", 5, "increment"]}
    [found] = with_names({"nodes": [node], "links": []}, NODES)["nodes"]
    assert found["widgets_values_named"] == {"a": "x", "seed": 5, CONTROL: "increment"}
    [found] = with_names({"nodes": [{**node, "inputs": []}], "links": []}, NODES)["nodes"]
    assert found["widgets_values"] == ["x", 5, "increment"] and "a" not in found.get("widgets_values_named", {})


def test_notes_and_primitives():
    nodes = [
        {"id": 1, "type": "Note", "widgets_values": ["hello"]},
        {"id": 2, "type": "PrimitiveNode", "widgets_values": [5, "randomize"]},
        {"id": 3, "type": "Reroute"},
    ]
    found = with_names({"nodes": nodes, "links": []}, NODES)["nodes"]
    assert found[0]["widgets_values_named"] == {"text": "hello"}
    assert found[1]["widgets_values_named"] == {"value": 5, CONTROL: "randomize"}
    assert found[2] == nodes[2]


def test_a_node_of_our_pack_in_comfyui_has_our_own_type():
    [node] = with_names({"nodes": [{"id": 1, "type": "LoomKSampler"}], "links": []}, NODES)["nodes"]
    assert node["type"] == "KSampler" and node["widgets_values_named"]["steps"] == 20


def test_format_one_becomes_zero_point_four():
    link = {"id": 5, "origin_id": 1, "origin_slot": 0, "target_id": 2, "target_slot": 0, "type": "LATENT", "parentId": 9}
    data = {
        "version": 1, "state": {"lastNodeId": 7, "lastLinkId": 5, "lastRerouteId": 9},
        "nodes": [{"id": 1, "type": "EmptyLatentImage", "pos": {"0": 3, "1": 4}}, {"id": 2, "type": "Reroute"}],
        "links": [link], "reroutes": [{"id": 9, "pos": [1, 2], "linkIds": [5]}], "extra": {"mine": 1},
    }  # fmt: skip
    found = with_names(data, NODES)
    assert found["links"] == [[5, 1, 0, 2, 0, "LATENT"]]
    assert (found["version"], found["last_node_id"], found["last_link_id"]) == (0.4, 7, 5)
    assert found["extra"] == {
        "mine": 1, "reroutes": [{"id": 9, "pos": [1, 2], "linkIds": [5]}], "linkExtensions": [{"id": 5, "parentId": 9}],
    }  # fmt: skip
    assert "state" not in found and "reroutes" not in found and found["nodes"][0]["pos"] == [3, 4]


def test_missing_types_are_found_wherever_they_stand_and_bounded():
    doubles = [
        {"id": f"d{level}", "nodes": [{"id": side, "type": f"d{level + 1}"} for side in (1, 2)], "links": []}
        for level in range(59)
    ]
    last = {"id": "d59", "nodes": [{"id": 3, "type": "Gone"}, {"id": 4, "type": "KSampler"}], "links": []}
    ring = {"id": "ring", "nodes": [{"id": 1, "type": "ring"}, {"id": 2, "type": "Lost", "mode": 4}], "links": []}
    data = {
        "nodes": [{"id": 1, "type": "d0"}, {"id": 2, "type": "ring"}, {"id": 3, "type": "ring"}, {"id": 4, "type": "KSamplr"}],
        "links": [], "definitions": {"subgraphs": [*doubles, last, ring]},
    }  # fmt: skip
    found = {entry["type"]: entry for entry in missing_types(data, NODES)}
    assert found["Lost"]["nodes"] == ["2:2", "3:2"]
    assert found["KSamplr"]["nodes"] == ["4"] and found["KSamplr"]["nearest"][0] == "KSampler"
    assert set(found) <= {"Lost", "KSamplr", "Gone"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["KSampler", "x", "fixed", "Note", "d"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["id", "type", "nodes", "links", "inputs", "widget", "name", "widgets_values", "widgets_values_named",
             "definitions", "subgraphs", "extra", "state", "reroutes", "pos", "parentId", "groupNodes", "version"]
        ),
        inner, max_size=5,
    ),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["links", "extra", "definitions", "version", "state"]), VALUES), st.lists(VALUES, max_size=4))
def test_no_file_makes_it_fail(data, nodes):
    data = {**data, "nodes": nodes}
    before = json.dumps(data)
    found = with_names(data, NODES)
    missing_types(found, NODES)
    assert json.dumps(data) == before and is_ui(found)
    assert to_api(found, NODES).api == to_api(data, NODES).api
