"""POST /prompt's body: what is accepted, what is left out, what is refused, and in which words."""

import copy
import json
import random
import time

import pytest

from latentloom.engine.comfy.listing import Listing
from latentloom.engine.comfy.prompt import Accepted, Refused, accept


def saved(*extra_inputs, **nodes):
    """A sound graph of two nodes, with further nodes."""
    graph = {
        "1": {"class_type": "TestMake", "inputs": {"count": 3}},
        "2": {"class_type": "TestSave", "inputs": {"images": ["1", 0]}},
    }
    graph.update(nodes)
    return graph


def made(**inputs):
    graph = saved()
    graph["1"]["inputs"] = inputs
    return graph


def errors_of(found, node_id="1"):
    assert isinstance(found, Refused) and found.status == 400, found
    assert found.error["type"] == "prompt_outputs_failed_validation"
    return found.node_errors[node_id]["errors"]


def test_a_sound_prompt_passes_untouched(nodes, folders):
    graph = saved()
    found = accept({"prompt": graph}, nodes, folders)
    assert isinstance(found, Accepted)
    assert found.graph is graph and found.targets == ("2",) and found.node_errors == {}
    assert (found.prompt_id, found.number, found.front, found.client_id, found.extra) == (None, None, False, None, {})


def test_what_stands_beside_the_graph_is_kept(nodes, folders):
    document = {
        "prompt": saved(),
        "client_id": "me",
        "prompt_id": "any string: 7",
        "number": "-2.5",
        "front": True,
        "extra_data": {"extra_pnginfo": {"workflow": {"id": "w"}}, "auth_token_comfy_org": "secret"},
        "unheard_of": 1,
    }
    before = copy.deepcopy(document)
    found = accept(document, nodes, folders)
    assert isinstance(found, Accepted)
    assert found.prompt_id == "any string: 7" and found.number == -2.5 and found.client_id == "me"
    assert found.front is False  # only used where there is no number
    assert found.extra == {"extra_pnginfo": {"workflow": {"id": "w"}}, "client_id": "me"}
    assert document == before


def test_front_counts_without_a_number(nodes):
    assert accept({"prompt": saved(), "front": True}, nodes).front is True


@pytest.mark.parametrize(
    "document, kind",
    [
        (None, "invalid_prompt"),
        ([], "invalid_prompt"),
        ({}, "no_prompt"),
        ({"prompt": None}, "no_prompt"),
        ({"prompt": []}, "invalid_prompt"),
        ({"prompt": {}}, "prompt_no_outputs"),
        ({"prompt": {"nodes": [], "links": [], "last_node_id": 1}}, "prompt_no_outputs"),
        ({"prompt": {"1": 5}}, "missing_node_type"),
        ({"prompt": {"1": {"inputs": {}}}}, "missing_node_type"),
        ({"prompt": {"1": {"class_type": ["x"], "inputs": {}}}}, "missing_node_type"),
        ({"prompt": saved(), "prompt_id": ""}, "invalid_prompt_id"),
        ({"prompt": saved(), "prompt_id": "a\nb"}, "invalid_prompt_id"),
        ({"prompt": saved(), "prompt_id": "x" * 201}, "invalid_prompt_id"),
        ({"prompt": saved(), "prompt_id": "\ud800"}, "invalid_prompt_id"),
        ({"prompt": saved(), "number": "soon"}, "invalid_prompt"),
        ({"prompt": saved(), "number": float("nan")}, "invalid_prompt"),
        ({"prompt": saved(), "number": 10**400}, "invalid_prompt"),
        ({"prompt": saved(), "extra_data": [1]}, "invalid_prompt"),
        ({"prompt": saved(), "partial_execution_targets": []}, "prompt_no_outputs"),
        ({"prompt": saved(), "partial_execution_targets": ["1"]}, "prompt_no_outputs"),
        ({"prompt": saved(), "partial_execution_targets": "2"}, "prompt_no_outputs"),
    ],
)
def test_whole_prompts_that_are_refused(nodes, folders, document, kind):
    found = accept(document, nodes, folders)
    assert isinstance(found, Refused) and found.status == 400
    assert set(found.error) == {"type", "message", "details", "extra_info"}
    assert found.error["type"] == kind and found.error["message"] and found.node_errors == {}
    json.dumps(found.body(), allow_nan=False)


def test_an_unknown_type_refuses_all_even_out_of_reach(nodes, folders):
    graph = saved(**{"9": {"class_type": "TestMakee", "inputs": {}, "_meta": {"title": "Mine"}}})
    graph["10"] = {"class_type": "Gone", "inputs": {}}
    found = accept({"prompt": graph}, nodes, folders)
    assert isinstance(found, Refused)
    assert found.error["type"] == "missing_node_type"
    info = found.error["extra_info"]
    assert (info["node_id"], info["class_type"], info["node_title"]) == ("9", "TestMakee", "Mine")
    assert info["others"] == ["Gone"] and "TestMake" in found.error["message"]


def test_a_former_id_is_known(nodes, folders):
    graph = saved()
    graph["1"]["class_type"] = "TestMaker"
    assert isinstance(accept({"prompt": graph}, nodes, folders), Accepted)


def test_a_bad_branch_is_left_out_and_reported(nodes, folders):
    graph = saved(
        **{
            "3": {"class_type": "TestMake", "inputs": {"count": 99}},
            "4": {"class_type": "TestSave", "inputs": {"images": ["3", 0]}},
            "5": {"class_type": "TestSave", "inputs": {"images": ["3", 0]}},
        }
    )
    found = accept({"prompt": graph}, nodes, folders)
    assert isinstance(found, Accepted)
    assert found.targets == ("2",) and set(found.graph) == {"1", "2"}
    assert set(found.node_errors) == {"3"}
    entry = found.node_errors["3"]
    assert entry["dependent_outputs"] == ["4", "5"] and entry["class_type"] == "TestMake"
    (error,) = entry["errors"]
    assert error["type"] == "value_bigger_than_max"
    assert error["extra_info"]["input_name"] == "count" and error["extra_info"]["received_value"] == 99
    assert error["extra_info"]["input_config"][0] == "INT" and error["extra_info"]["input_config"][1]["max"] == 10


def test_a_node_shared_by_good_and_bad_branches_stays(nodes, folders):
    graph = saved(
        **{
            "3": {"class_type": "TestNeed", "inputs": {"image": ["1", 0]}},
            "4": {"class_type": "TestSave", "inputs": {"images": ["3", 0]}},
        }
    )
    found = accept({"prompt": graph}, nodes, folders)
    assert isinstance(found, Accepted) and set(found.graph) == {"1", "2"} and set(found.node_errors) == {"3"}


def test_faults_out_of_reach_do_not_matter_and_do_not_run(nodes, folders):
    graph = saved(**{"3": {"class_type": "TestMake", "inputs": {"count": 99}}})
    found = accept({"prompt": graph}, nodes, folders)
    assert isinstance(found, Accepted) and found.node_errors == {} and set(found.graph) == {"1", "2"}


def test_only_the_outputs_asked_for(nodes, folders):
    graph = saved(
        **{
            "3": {"class_type": "TestMake", "inputs": {"count": 99}},
            "4": {"class_type": "TestSave", "inputs": {"images": ["3", 0]}},
        }
    )
    found = accept({"prompt": graph, "partial_execution_targets": ["2", "7"]}, nodes, folders)
    assert isinstance(found, Accepted) and found.targets == ("2",) and found.node_errors == {}


@pytest.mark.parametrize(
    "inputs, name, value",
    [
        ({"count": "3"}, "count", "3"),  # our own reading knows it
        ({"count": 3.7}, "count", 3),
        ({"count": True}, "count", 1),
        ({"amount": True}, "amount", 1.0),
        ({"text": True}, "text", "True"),
        ({"text": None}, "text", "None"),
        ({"text": {"__value__": [1, 2]}}, "text", "[1, 2]"),
        ({"flag": "no"}, "flag", True),
        ({"flag": "false"}, "flag", "false"),
        ({"flag": 7}, "flag", True),
        ({"flag": None}, "flag", False),
    ],
)
def test_values_are_bent_as_comfyui_bends_them(nodes, folders, inputs, name, value):
    found = accept({"prompt": made(**inputs)}, nodes, folders)
    assert isinstance(found, Accepted), found
    got = found.graph["1"]["inputs"][name]
    assert got == value and type(got) is type(value)


def test_what_no_input_is_named_for_is_passed_over(nodes, folders):
    graph = made(count=2, leftover="x")
    graph["2"]["inputs"]["prompt"] = {"__value__": "forged"}
    before = copy.deepcopy(graph)
    found = accept({"prompt": graph}, nodes, folders)
    assert isinstance(found, Accepted)
    assert found.graph["1"]["inputs"] == {"count": 2} and "prompt" not in found.graph["2"]["inputs"]
    assert graph == before


@pytest.mark.parametrize(
    "inputs, kind, keys",
    [
        ({"count": 0}, "value_smaller_than_min", {"input_config", "received_value"}),
        ({"count": 0.2}, "value_smaller_than_min", {"input_config", "received_value"}),
        ({"amount": 1.5}, "value_bigger_than_max", {"input_config", "received_value"}),
        ({"count": "many"}, "invalid_input_type", {"input_config", "received_value", "exception_message"}),
        ({"count": {"a": 1}}, "invalid_input_type", {"input_config", "received_value", "exception_message"}),
        ({"amount": float("nan")}, "invalid_input_type", {"input_config", "received_value", "exception_message"}),
        ({"choice": "c"}, "value_not_in_list", {"input_config", "received_value"}),
        ({"choice": True}, "value_not_in_list", {"input_config", "received_value"}),
        ({"text": ["1"]}, "bad_linked_input", {"input_config", "received_value"}),
        ({"text": ["7", 0]}, "bad_linked_input", {"input_config", "received_value"}),
        ({"leftover": ["0", 0]}, "bad_linked_input", {"input_config", "received_value"}),
    ],
)
def test_errors_of_an_input(nodes, folders, inputs, kind, keys):
    graph = {"0": {"class_type": "TestMake", "inputs": {}}, **made(**inputs)}
    (error,) = errors_of(accept({"prompt": graph}, nodes, folders))
    assert error["type"] == kind, error
    (name,) = inputs
    assert error["extra_info"]["input_name"] == name and keys <= set(error["extra_info"])
    assert error["message"] and name in error["details"]
    json.dumps(error, allow_nan=False)


def test_a_missing_input_names_just_itself(nodes, folders):
    graph = {
        "1": {"class_type": "TestNeed", "inputs": {"text": "x"}},
        "2": {"class_type": "TestSave", "inputs": {"images": ["1", 0]}},
    }
    (error,) = errors_of(accept({"prompt": graph}, nodes, folders))
    assert error["type"] == "required_input_missing" and error["details"] == "image"
    assert error["extra_info"]["input_name"] == "image"


def test_a_wire_of_the_wrong_type(nodes, folders):
    graph = saved()
    graph["2"]["inputs"]["images"] = ["1", 1]
    found = accept({"prompt": graph}, nodes, folders)
    (error,) = errors_of(found, "2")
    info = error["extra_info"]
    assert error["type"] == "return_type_mismatch"
    assert info["received_type"] == "MASK" and info["linked_node"] == ["1", 1] and info["input_config"][0] == "IMAGE"


@pytest.mark.parametrize("link", [["9", 0], ["1", 7], ["1", -1], ["1", 0.5], ["1", True]])
def test_a_link_to_nowhere_is_an_error_of_its_input(nodes, folders, link):
    graph = saved()
    graph["2"]["inputs"]["images"] = link
    (error,) = errors_of(accept({"prompt": graph}, nodes, folders), "2")
    assert error["type"] == "bad_linked_input" and error["extra_info"]["received_value"] == link


def test_a_link_by_number_is_taken(nodes, folders):
    graph = saved()
    graph["2"]["inputs"]["images"] = [1, 0]
    assert isinstance(accept({"prompt": graph}, nodes, folders), Accepted)


def test_a_literal_where_a_wire_must_be(nodes, folders):
    graph = saved()
    graph["2"]["inputs"]["images"] = "cat.png"
    (error,) = errors_of(accept({"prompt": graph}, nodes, folders), "2")
    assert error["type"] == "bad_linked_input"


def test_files(nodes, folders):
    def one(kind, **inputs):
        return {
            "1": {"class_type": kind, "inputs": inputs},
            "2": {"class_type": "TestSave", "inputs": {"images": ["1", 0]}},
        }

    for name in ("a.safetensors", "sub\\b.safetensors"):
        assert isinstance(accept({"prompt": one("TestFile", name=name)}, nodes, folders), Accepted)
    assert isinstance(accept({"prompt": one("LoadImage", image="cat.png [input]")}, nodes, folders), Accepted)
    (error,) = errors_of(accept({"prompt": one("TestFile", name="c.safetensors")}, nodes, folders))
    assert error["type"] == "value_not_in_list"
    assert error["extra_info"]["input_config"][0] == ["a.safetensors", "sub/b.safetensors"]
    for name in ("dog.png", "../../etc/passwd", "x" * 5000):
        (error,) = errors_of(accept({"prompt": one("LoadImage", image=name)}, nodes, folders))
        assert error["type"] == "custom_validation_failed" and len(json.dumps(error)) < 4000


def test_a_long_list_of_options_is_left_out(nodes, folders):
    for number in range(21):
        (folders.directory("checkpoints") / f"m{number}.safetensors").write_bytes(b"x")
    graph = saved(**{"1": {"class_type": "TestFile", "inputs": {"name": "none"}}})
    (error,) = errors_of(accept({"prompt": graph}, nodes, folders))
    assert error["extra_info"]["input_config"] is None


def test_a_ring_is_named(nodes, folders):
    graph = {
        "1": {"class_type": "TestNeed", "inputs": {"image": ["2", 0], "text": ""}},
        "2": {"class_type": "TestNeed", "inputs": {"image": ["1", 0], "text": ""}},
        "3": {"class_type": "TestSave", "inputs": {"images": ["2", 0]}},
        "4": {"class_type": "TestMake", "inputs": {}},
        "5": {"class_type": "TestSave", "inputs": {"images": ["4", 0]}},
    }
    found = accept({"prompt": graph}, nodes, folders)
    assert isinstance(found, Accepted) and found.targets == ("5",)
    (error,) = found.node_errors["1"]["errors"]
    assert error["type"] == "dependency_cycle" and found.node_errors["1"]["dependent_outputs"] == ["3"]
    assert error["extra_info"]["node_id"] == "1" and set(error["extra_info"]["cycle_nodes"]) == {"1", "2"}


def test_inputs_may_not_be_missing(nodes, folders):
    graph = saved()
    del graph["1"]["inputs"]
    (error,) = errors_of(accept({"prompt": graph}, nodes, folders))
    assert error["type"] == "exception_during_validation" and set(error["extra_info"]) >= {"exception_type", "traceback"}


def test_repeated_inputs_are_counted(nodes, folders):
    graph = saved(**{"1": {"class_type": "TestMany", "inputs": {}}})
    (error,) = errors_of(accept({"prompt": graph}, nodes, folders))
    assert error["type"] == "invalid_dynamic_input"


def test_facets_found_later_also_cost_only_their_branch(nodes, folders):
    """A ring hides facets from the first look; the graph that remains is looked at again."""
    graph = {
        "1": {"class_type": "TestNeed", "inputs": {"image": ["1", 0], "text": ""}},
        "2": {"class_type": "TestSave", "inputs": {"images": ["1", 0]}},
        "3": {"class_type": "TestWide", "inputs": {}},
        "4": {"class_type": "TestNarrow", "inputs": {}},
        "5": {"class_type": "TestBlend", "inputs": {"a": ["3", 0], "b": ["4", 0]}},
        "6": {"class_type": "TestSave", "inputs": {"images": ["5", 0]}},
        "7": {"class_type": "TestSave", "inputs": {"images": ["4", 0]}},
    }
    found = accept({"prompt": graph}, nodes, folders)
    assert isinstance(found, Accepted) and found.targets == ("7",)
    assert set(found.node_errors) == {"1", "5"}
    assert found.node_errors["5"]["errors"][0]["type"] == "return_type_mismatch"


def test_a_chain_of_thousands_is_no_matter(nodes, folders):
    graph = {"0": {"class_type": "TestMake", "inputs": {"count": 99}}}
    for number in range(1, 5000):
        graph[str(number)] = {"class_type": "TestNeed", "inputs": {"image": [str(number - 1), 0], "text": ""}}
    graph["end"] = {"class_type": "TestSave", "inputs": {"images": ["4999", 0]}}
    found = accept({"prompt": graph}, nodes, folders)
    assert errors_of(found, "0")[0]["type"] == "value_bigger_than_max"
    assert found.node_errors["0"]["dependent_outputs"] == ["end"]


def test_many_faults_in_many_branches_take_no_quadratic_time(nodes, folders):
    graph = {}
    for number in range(3000):
        graph[f"a{number}"] = {"class_type": "TestFile", "inputs": {"name": f"no{number}"}}
        graph[f"b{number}"] = {"class_type": "TestSave", "inputs": {"images": [f"a{number}", 0]}}
    begun = time.perf_counter()
    found = accept({"prompt": graph}, nodes, Listing(folders))
    assert isinstance(found, Refused) and len(found.node_errors) == 1000
    assert time.perf_counter() - begun < 5
    assert found.node_errors["a7"]["dependent_outputs"] == ["b7"]


def test_an_accepted_graph_is_sound_for_the_worker(nodes, folders):
    """Whatever is done to a prompt, what is accepted passes our own, stricter validation."""
    from latentloom.engine.graph.codec import read_api
    from latentloom.engine.graph.validate import validate

    values = [0, 3, 99, -1, 2.5, "4", "x", True, None, float("nan"), ["1", 0], ["2", 1], ["x", 0], [1], {"a": 1}, 10**30]
    random.seed(3)
    outcomes = {Accepted: 0, Refused: 0}
    kinds = {"TestMake": ("count", "amount", "text", "flag", "choice", "odd"), "TestNeed": ("image", "mask", "text")}
    for _ in range(400):
        graph = {}
        for number in range(5):
            kind = random.choice(list(kinds))
            inputs = {name: random.choice(values) for name in kinds[kind] if random.random() < 0.3}
            if kind == "TestNeed":
                inputs.setdefault("text", "")
                inputs.setdefault("image", [str(random.randrange(5)), 0])
            graph[str(number)] = {"class_type": kind, "inputs": inputs}
        for number in range(5, 8):
            graph[str(number)] = {"class_type": "TestSave", "inputs": {"images": [str(random.randrange(5)), 0]}}
        found = accept({"prompt": graph}, nodes, folders)
        outcomes[type(found)] += 1
        json.dumps(found.node_errors, allow_nan=False)
        if isinstance(found, Accepted):
            assert validate(read_api(found.graph, nodes), nodes, folders, targets=found.targets) == ()
            assert set(found.targets) <= set(found.graph)
    assert min(outcomes.values()) > 50, outcomes


def test_a_thousand_nodes_are_quick(nodes, folders):
    """Far above what a quiet machine takes (5 ms), so that only a real loss of speed fails."""
    graph = {"0": {"class_type": "TestMake", "inputs": {"count": 1}}}
    for number in range(1, 999):
        graph[str(number)] = {"class_type": "TestNeed", "inputs": {"image": [str(number - 1), 0], "text": "x"}}
    graph["999"] = {"class_type": "TestSave", "inputs": {"images": ["998", 0]}}
    files = Listing(folders)
    times = []
    for _ in range(7):
        begun = time.perf_counter()
        assert isinstance(accept({"prompt": graph}, nodes, files), Accepted)
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.02
