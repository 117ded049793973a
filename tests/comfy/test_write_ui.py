"""Writing UI files: anew with a layout, and into the file a prompt came from with nothing else changed."""

import copy
import json
import random
from pathlib import Path

import comfyui_workflow_templates_json
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentloom import __version__
from latentloom.engine.comfy.canonical import canonical_bytes
from latentloom.engine.comfy.convert import open_workflow
from latentloom.engine.comfy.document import is_ui
from latentloom.engine.comfy.write_ui import to_ui, ui_text
from latentloom.engine.graph.codec import read_api, write_api
from latentloom.engine.library import package_root

FOLDER = Path(comfyui_workflow_templates_json.__file__).parent / "templates"
READ = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))[::9]}
SOME = {name: data for name, data in READ.items() if is_ui(data)}
TXT2IMG = package_root() / "workflows" / "txt2img.json"


@pytest.fixture(scope="module")
def txt2img():
    return json.loads(TXT2IMG.read_text(encoding="utf-8"))


def api_of(data, nodes):
    return write_api(open_workflow(data, nodes).graph, nodes)


def said(data, nodes):
    """What a UI file says, by node: type, inputs, title."""
    found = api_of(data, nodes)
    return {k: (e["class_type"], e["inputs"], e.get("_meta")) for k, e in found.items()}


def told(api, nodes):
    return {
        k: (e["class_type"], e["inputs"], e.get("_meta")) for k, e in write_api(read_api(api, nodes), nodes).items()
    }


def changed(api, node, **inputs):
    return {**api, node: {**api[node], "inputs": {**api[node]["inputs"], **inputs}}}


def differences(one, other, place=""):
    """Where two JSON values differ."""
    if type(one) is not type(other):
        return {place}
    if isinstance(one, dict):
        keys = one.keys() | other.keys()
        return set().union(*(differences(one.get(k, ...), other.get(k, ...), f"{place}/{k}") for k in keys))
    if isinstance(one, list) and len(one) == len(other):
        return set().union(
            *(differences(a, b, f"{place}/{n}") for n, (a, b) in enumerate(zip(one, other, strict=True)))
        )
    return set() if one == other else {place}


@pytest.mark.parametrize("name", SOME)
def test_templates_drawn_anew_say_the_same(name, nodes):
    api = api_of(SOME[name], nodes)
    drawn = to_ui(api, nodes)
    assert said(drawn, nodes) == told(api, nodes)
    assert drawn == to_ui(api, nodes)
    assert len(drawn["links"]) == len({link[0] for link in drawn["links"]})
    at = {node["id"]: node for node in drawn["nodes"]}
    for number, source, slot, target, place, kind in drawn["links"]:
        assert number in at[source]["outputs"][slot]["links"] and at[target]["inputs"][place]["link"] == number
        assert at[source]["outputs"][slot]["type"] == kind


def test_a_new_file_is_what_the_editor_reads(nodes, txt2img):
    api = api_of(txt2img, nodes)
    data = json.loads(ui_text(to_ui(api, nodes, title_notes={"Purpose": "Draw."})))
    assert (data["version"], data["last_node_id"], data["last_link_id"]) == (0.4, 10, 9)
    sampler = next(node for node in data["nodes"] if node["id"] == 3)
    assert sampler["widgets_values"] == [7, "fixed", 20, 3.5, "euler", "normal", 1.0]
    assert sampler["widgets_values_named"]["seed"] == 7 and sampler["title"] == "Sampler"
    assert [slot["name"] for slot in sampler["inputs"]] == ["model", "positive", "negative", "latent_image"]
    mark = data["extra"]["latentloom"]
    assert mark["format"] == 1 and mark["version"] == __version__ and mark["node_versions"]["KSampler"] >= 1
    note = next(node for node in data["nodes"] if node["type"] == "MarkdownNote")
    assert note["widgets_values"] == ["Draw."] and note["pos"][1] + note["size"][1] < min(
        node["pos"][1] for node in data["nodes"] if node is not note
    )


def test_odd_inputs_survive(nodes):
    api = {
        "7:2": {"class_type": "TestMake", "inputs": {"count": ["x", 3], "choice": "b", "text": "a\nb"}},
        "x": {"class_type": "Unheard", "inputs": {"p": [1, 2, 3], "q": {"__value__": [1, 2]}, "r": None, "s": "t"}},
        "18014398509481984": {"class_type": "TestMany", "inputs": {"image_1": ["7:2", 0], "image_2": ["x", 0]}},
        "04": {"class_type": "PreviewAny", "inputs": {"source": "a literal on a wire's input"}},
    }
    sound = told(api, nodes)
    data = to_ui(api, nodes)
    found = said(data, nodes)
    assert found["x"][1]["q"] == {"__value__": [1, 2]} and found["x"][1]["s"] == "t"
    assert found["7:2"][1]["count"] == ["x", 3] and found["7:2"][1]["choice"] == "b"
    assert found["04"] == (*sound["04"][:2], found["04"][2])
    assert found["18014398509481984"][1] == sound["18014398509481984"][1]
    assert {node["id"] for node in data["nodes"]} == {"7:2", "x", "18014398509481984", "04"}


def test_one_value_changes_one_place(nodes, txt2img):
    api = api_of(txt2img, nodes)
    data = to_ui(changed(api, "3", steps=31), nodes, base=txt2img)
    place = next(n for n, node in enumerate(txt2img["nodes"]) if node["id"] == 3)
    assert differences(txt2img, data) == {
        f"/nodes/{place}/widgets_values/2",
        f"/nodes/{place}/widgets_values_named/steps",
    }
    titled = {**api, "3": {**api["3"], "_meta": {"title": "Mine"}}}
    assert differences(txt2img, to_ui(titled, nodes, base=txt2img)) == {f"/nodes/{place}/title"}


@pytest.mark.parametrize("name", SOME)
def test_values_of_templates_change_in_place_and_back(name, nodes):
    base = SOME[name]
    before = json.dumps(base)
    api = api_of(base, nodes)
    literals = [
        (node, key, value)
        for node, entry in api.items()
        for key, value in entry["inputs"].items()
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and key != "filename_prefix"
    ]
    for node, key, value in random.Random(name).sample(literals, min(4, len(literals))):
        other = changed(api, node, **{key: value + "x" if isinstance(value, str) else value + 1})
        data = to_ui(other, nodes, base=base)
        assert said(data, nodes) == told(other, nodes)
        assert [n["id"] for n in data["nodes"]] == [n["id"] for n in base["nodes"]], "was drawn anew"
        assert data["groups"] == base["groups"] and data["extra"] == base["extra"]
        back = to_ui(api, nodes, base=data)
        assert said(back, nodes) == told(api, nodes)
    assert json.dumps(base) == before


def test_wires_nodes_and_types_change_in_place(nodes, txt2img):
    api = api_of(txt2img, nodes)
    other = changed(api, "9", images=["20", 0])
    other = changed(other, "3", negative=["6", 0])
    other["20"] = {"class_type": "ImageInvert", "inputs": {"image": ["8", 0]}, "_meta": {"title": "Invert"}}
    other["5"] = {"class_type": "EmptySD3LatentImage", "inputs": dict(api["5"]["inputs"])}
    del other["7"]
    data = to_ui(other, nodes, base=txt2img)
    assert {k: v[:2] for k, v in said(data, nodes).items()} == {k: v[:2] for k, v in told(other, nodes).items()}
    kept = {node["id"]: node for node in txt2img["nodes"]}
    for node in data["nodes"]:
        if node["id"] != 20:
            assert node["pos"] == kept[node["id"]]["pos"]
    added = next(node for node in data["nodes"] if node["id"] == 20)
    assert added["pos"][1] > max(node["pos"][1] + node["size"][1] for node in txt2img["nodes"])
    assert data["groups"] == txt2img["groups"]
    assert data["extra"]["latentloom"]["node_versions"].keys() >= {"ImageInvert", "KSampler"}
    ids = {link[0] for link in data["links"]}
    assert {n for node in data["nodes"] for out in node["outputs"] for n in out["links"]} == ids
    assert max(ids) == data["last_link_id"]


def subgraphed(hosts=1):
    """A KSampler-like node inside a sub-graph whose `count` is shown outside, `hosts` times."""
    inner = {
        "id": 5,
        "type": "TestMake",
        "inputs": [{"name": "count", "type": "INT", "link": 1, "widget": {"name": "count"}}],
        "outputs": [{"name": "image", "type": "IMAGE", "links": [2]}, {"name": "mask", "type": "MASK", "links": []}],
        "widgets_values": [4, 0.5, "t", False, "a"],
    }
    definition = {
        "id": "11111111-2222-3333-4444-555555555555",
        "version": 1,
        "name": "Maker",
        "state": {"lastNodeId": 5, "lastLinkId": 2},
        "inputNode": {"id": -10},
        "outputNode": {"id": -20},
        "inputs": [{"id": "a", "name": "count", "type": "INT", "linkIds": [1]}],
        "outputs": [{"id": "b", "name": "image", "type": "IMAGE", "linkIds": [2]}],
        "nodes": [inner],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 5, "target_slot": 0, "type": "INT"},
            {"id": 2, "origin_id": 5, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"},
        ],
    }
    data = {"nodes": [], "links": [], "groups": [], "version": 0.4, "definitions": {"subgraphs": [definition]}}
    for number in range(1, hosts + 1):
        shown = [{"name": "count", "type": "INT", "link": None, "widget": {"name": "count"}}]
        out = [{"name": "image", "type": "IMAGE", "links": [number]}]
        host = {"id": number, "type": definition["id"], "pos": [0, 0], "size": [200, 100], "inputs": shown}
        save = {"id": 100 + number, "type": "TestSave", "inputs": [{"name": "images", "type": "IMAGE", "link": number}]}
        data["nodes"] += [{**host, "outputs": out, "widgets_values": [number]}, {**save, "widgets_values": ["out"]}]
        data["links"].append([number, number, 0, 100 + number, 0, "IMAGE"])
    return data


def test_values_shown_by_a_host_change_there(nodes):
    base = subgraphed(2)
    api = api_of(base, nodes)
    assert (api["1:5"]["inputs"]["count"], api["2:5"]["inputs"]["count"]) == (1, 2)
    data = to_ui(changed(api, "2:5", count=9), nodes, base=base)
    assert differences(base, data) == {"/nodes/2/widgets_values/0"}


def test_a_value_inside_that_two_hosts_share_is_drawn_flat(nodes):
    """Only one of the two is to change, which the one definition cannot say."""
    base = subgraphed(2)
    other = changed(api_of(base, nodes), "2:5", text="mine")
    data = to_ui(other, nodes, base=base)
    assert said(data, nodes) == told(other, nodes)
    assert "definitions" not in data and {node["id"] for node in data["nodes"]} == {"1:5", "2:5", 101, 102}
    alone = subgraphed(1)
    other = changed(api_of(alone, nodes), "1:5", text="mine")
    place = "/definitions/subgraphs/0/nodes/0/widgets_values/2"
    assert differences(alone, to_ui(other, nodes, base=alone)) == {place}


def test_new_consumers_of_an_inner_node_use_the_hosts_output(nodes):
    base = subgraphed(1)
    api = api_of(base, nodes)
    other = {**api, "50": {"class_type": "TestSave", "inputs": {"images": ["1:5", 0], "prefix": "b"}}}
    data = to_ui(other, nodes, base=base)
    assert [link[1:5] for link in data["links"]][-1] == [1, 0, 50, 0]
    assert data["definitions"] == base["definitions"]
    hidden = {**api, "50": {"class_type": "PreviewAny", "inputs": {"source": ["1:5", 1]}}}
    assert "definitions" not in to_ui(hidden, nodes, base=base), "no output of the host shows the mask"


def test_a_host_goes_with_its_last_node_and_notes_stay(nodes):
    base = subgraphed(1)
    base["nodes"].append({"id": 7, "type": "Note", "pos": [0, 0], "size": [100, 50], "widgets_values": ["Mine"]})
    keep = {"60": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}}}
    data = to_ui(keep, nodes, base=base)
    assert [node["id"] for node in data["nodes"]] == [7, 60] and data["links"] == []
    clash = {"7": keep["60"]}  # an id that a note has
    data = to_ui(clash, nodes, base=base)
    assert said(data, nodes).keys() == {"7"}
    assert [n["widgets_values"] for n in data["nodes"] if n["type"] == "Note"] == [["Mine"]]


@pytest.mark.parametrize("uses", [1, 2])
def test_a_primitive_follows_when_it_is_for_one_input_alone(uses, nodes):
    base = {"nodes": [], "links": [], "version": 0.4}
    primitive = {"id": 1, "type": "PrimitiveNode", "inputs": [], "widgets_values": [5, "fixed"]}
    base["nodes"].append({**primitive, "outputs": [{"name": "INT", "type": "INT", "links": list(range(1, uses + 1))}]})
    for n in range(1, uses + 1):
        slot = {"name": "count", "type": "INT", "link": n, "widget": {"name": "count"}}
        base["nodes"].append(
            {"id": 1 + n, "type": "TestMake", "inputs": [slot], "widgets_values": [1, 0.5, "", True, "a"]}
        )
        base["links"].append([n, 1, 0, 1 + n, 0, "INT"])
    other = changed(api_of(base, nodes), "2", count=8)
    data = to_ui(other, nodes, base=base)
    assert said(data, nodes) == told(other, nodes)
    assert data["nodes"][0]["widgets_values"] == ([8, "fixed"] if uses == 1 else [5, "fixed"])


def test_unreadable_parts_of_a_base_stay(nodes, txt2img):
    base = copy.deepcopy(txt2img)
    base["nodes"] += [None, {"type": 5}, "text"]
    base["links"] += [None, [1, 2]]
    base["mine"] = {"deep": [1, {"x": None}]}
    data = to_ui(changed(api_of(base, nodes), "3", steps=5), nodes, base=base)
    assert data["nodes"][-3:] == base["nodes"][-3:] and data["links"][-2:] == base["links"][-2:]
    assert data["mine"] == base["mine"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.floats() | st.sampled_from(["", "3", "image", "__proto__"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "name", "links", "0"]), inner),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_spoilt_bases_give_a_file_all_the_same(data, nodes):
    """Any field of a base may hold anything; what is written says what was asked for."""
    base = subgraphed(2)
    wanted = changed(api_of(base, nodes), "1:5", count=3, choice="b")
    wanted["9"] = {"class_type": "TestSave", "inputs": {"images": ["2:5", 0], "prefix": "p"}}
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = base, data.draw(st.sampled_from(sorted(base)))
        while isinstance(holder[key], (dict, list)) and holder[key] and data.draw(st.booleans()):
            holder = holder[key]
            key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        holder[key] = data.draw(anything)
    before = json.dumps(base)
    found = to_ui(wanted, nodes, base=base)
    assert {k: v[:2] for k, v in said(found, nodes).items()} == {k: v[:2] for k, v in told(wanted, nodes).items()}
    assert json.dumps(base) == before
    canonical_bytes(found)
