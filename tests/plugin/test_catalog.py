"""Which nodes the host is given: all that it lacks, under ids of their own, each other one with a reason."""

import json
from operator import ne

import pytest

from latentloom.engine.comfy.plugin_ids import engine_id
from latentloom.engine.node import node
from latentloom.engine.plugin.catalog import left_out, own_registry, published, with_engine_ids
from latentloom.engine.plugin.wires import SHARED, Wildcard, wire_type


@pytest.fixture(scope="module")
def nodes():
    return own_registry()


def test_every_node_is_given_or_left_out_with_a_reason(nodes):
    given = {entry.spec.id for entry in published(nodes)}
    reasons = left_out(nodes)
    assert given | set(reasons) == set(nodes.ids)
    assert given.isdisjoint(reasons)
    assert all(reasons.values())


def test_all_ids_begin_with_our_name_and_none_is_given_twice(nodes):
    ids = [entry.id for entry in published(nodes)]
    assert all(name.startswith("Loom") for name in ids)
    assert len(set(ids)) == len(ids)
    assert {"LoomTrainDiffusion", "LoomGrid", "LoomIf", "LoomKSampler", "LoomVAEDecode"} <= set(ids)


def test_what_the_host_has_in_the_same_form_is_left_to_it(nodes):
    assert {"LatentBlend", "KarrasScheduler", "SaveImage", "EmptyLatentImage"} <= set(left_out(nodes))
    assert "same form" in left_out(nodes)["KarrasScheduler"]


def test_a_node_whose_id_there_is_taken_is_left_out(nodes):
    @node("LoomKSampler", category="test")
    def other(*, a: int = 1) -> int:
        return a

    both = nodes.copy()
    both.add(other)
    assert "another node" in left_out(both)["KSampler"]
    assert [entry.spec.id for entry in published(both) if entry.id == "LoomKSampler"] == ["LoomKSampler"]


def test_the_manifest_is_read_under_the_name_of_this_package(nodes, root):
    spec = nodes.spec("LoomIf")
    assert spec.module == "latentloom.nodes.flow"
    assert nodes.function("LoomIf")(condition=False, on_true=1, on_false=2) == 2
    committed = json.loads((root / "nodes" / "manifest.json").read_text(encoding="utf-8"))["modules"]
    assert len(nodes) == sum(len(module["nodes"]) for module in committed.values())


def test_ids_of_the_host_and_back(nodes):
    assert engine_id("LoomKSampler", nodes) == "KSampler"
    assert engine_id("LoomIf", nodes) == "LoomIf"
    assert engine_id("KSampler", nodes) == "KSampler"
    assert engine_id("Loom", nodes) == "Loom"
    assert engine_id("LoomNobody", nodes) == "LoomNobody"
    for entry in published(nodes):
        assert engine_id(entry.id, nodes) == entry.spec.id


def test_only_the_part_of_a_prompt_that_is_wanted_is_taken(nodes):
    prompt = {
        "1": {"class_type": "LoomKSampler", "inputs": {"model": ["2", 0], "seed": 5}, "_meta": {"title": "S"}},
        "2": {"class_type": "Foreign", "inputs": {"ring": ["1", 0]}},
        "3": {"class_type": "LoomIf", "inputs": {}},
        "bad": [],
        "worse": {"class_type": 5, "inputs": "no"},
    }
    before = json.dumps(prompt)
    part = with_engine_ids(prompt, nodes, ["1", "worse", "bad", "absent"])
    assert set(part) == {"1", "2", "worse"}
    assert part["1"] == {**prompt["1"], "class_type": "KSampler"}
    assert part["worse"] == {"class_type": "5", "inputs": {}}
    assert json.dumps(prompt) == before


def test_long_prompts_take_linear_time_and_no_depth(nodes):
    prompt = {str(i): {"class_type": "LoomIf", "inputs": {"on_true": [str(i + 1), 0]}} for i in range(100_000)}
    assert len(with_engine_ids(prompt, nodes, ["0"])) == 100_000


def test_wires_of_the_shared_types_keep_their_names():
    for name in SHARED - {"*"}:
        assert wire_type(name) == name
    assert wire_type("MODEL") == "LOOM_MODEL"
    assert wire_type("IMAGE,VAE") == "IMAGE,LOOM_VAE"


@pytest.mark.parametrize("given", ["IMAGE", "MODEL", "*", "", "A,B"])
def test_the_wildcard_fits_by_the_hosts_comparison_in_both_directions(given):
    wanted = wire_type("*")
    assert isinstance(wanted, Wildcard) and json.dumps(wanted) == '"*"'
    assert not ne(given, wanted)
    assert not ne(wanted, given)
    assert {wanted: 1}["*"] == 1
    assert isinstance(wire_type("IMAGE,*"), Wildcard)
