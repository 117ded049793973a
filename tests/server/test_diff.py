"""The difference of two graphs: what it says, that it leads from one to the other, and that it is its own mirror."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.server.diff import diff, is_equal

LITERALS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.0, 0.5, 1.0]), st.text(max_size=2),
    st.tuples(st.sampled_from("abc"), st.integers(0, 2)).map(list),
)  # fmt: skip
NODES = st.builds(
    lambda kind, inputs, title: {
        "class_type": kind,
        "inputs": inputs,
        **({"_meta": {"title": title}} if title is not None else {}),
    },
    st.sampled_from(["K", "L"]),
    st.dictionaries(st.sampled_from("pqr"), LITERALS, max_size=3),
    st.none() | st.sampled_from(["", "first", "second"]),
)
GRAPHS = st.dictionaries(st.sampled_from("abcd"), NODES, max_size=4)


def plain(graph):
    """The graph without what `diff` does not see: no title and an empty one are the same."""
    return {
        node_id: (node["class_type"], node["inputs"], node.get("_meta", {}).get("title", ""))
        for node_id, node in graph.items()
    }


def applied(graph, found):
    """`graph` with the changes `found` made to it, written independently of `diff`."""
    result = {node_id: [kind, dict(inputs), title] for node_id, (kind, inputs, title) in plain(graph).items()}
    for entry in found["removed"]:
        del result[entry["node"]]
    for entry in found["added"]:
        result[entry["node"]] = [entry["type"], entry["inputs"], entry["title"]]
    for entry in found["changed"]:
        node = result[entry["node"]]
        node[0], node[2] = entry["type"], entry["title"]
        for change in entry["inputs"]:
            if "now" in change:
                node[1][change["input"]] = change["now"]
            else:
                del node[1][change["input"]]
    return {node_id: tuple(node) for node_id, node in result.items()}


@given(GRAPHS, GRAPHS)
def test_it_leads_from_one_graph_to_the_other(was, now):
    assert is_equal(
        {k: list(v) for k, v in applied(was, diff(was, now)).items()}, {k: list(v) for k, v in plain(now).items()}
    )


@given(GRAPHS, GRAPHS)
def test_the_other_way_round_is_the_mirror(was, now):
    there, back = diff(was, now), diff(now, was)
    assert there["same"] == back["same"]
    assert there["added"] == back["removed"] and there["removed"] == back["added"]
    mirrored = {
        entry["node"]: {
            change["input"]: (change.get("now", "absent"), change.get("was", "absent")) for change in entry["inputs"]
        }
        for entry in back["changed"]
    }
    assert mirrored == {
        entry["node"]: {
            change["input"]: (change.get("was", "absent"), change.get("now", "absent")) for change in entry["inputs"]
        }
        for entry in there["changed"]
    }


@given(GRAPHS, GRAPHS)
def test_it_changes_neither(was, now):
    before = copy.deepcopy((was, now))
    diff(was, now)
    assert (was, now) == before


@given(GRAPHS)
def test_a_graph_is_the_same_as_its_copy(graph):
    assert diff(graph, copy.deepcopy(graph)) == {"same": True, "added": [], "removed": [], "changed": []}


def test_what_it_says():
    was = {"1": {"class_type": "K", "inputs": {"seed": 1, "cfg": 7.0, "m": ["4", 0]}}, "2": {"class_type": "L", "inputs": {}}}
    now = {
        "1": {"class_type": "K", "inputs": {"seed": 2, "cfg": 7, "n": "x"}, "_meta": {"title": "New"}},
        "3": {"class_type": "L", "inputs": {"a": 1}},
    }
    assert diff(was, now) == {
        "same": False,
        "added": [{"node": "3", "type": "L", "title": "", "inputs": {"a": 1}}],
        "removed": [{"node": "2", "type": "L", "title": "", "inputs": {}}],
        "changed": [
            {
                "node": "1", "type": "K", "title": "New", "was_title": "",
                "inputs": [{"input": "seed", "was": 1, "now": 2}, {"input": "m", "was": ["4", 0]}, {"input": "n", "now": "x"}],
            }
        ],
    }  # fmt: skip


def test_a_whole_number_and_a_truth_value_differ():
    one, other = ({"1": {"class_type": "K", "inputs": {"a": value}}} for value in (1, True))
    assert diff(one, other)["changed"][0]["inputs"] == [{"input": "a", "was": 1, "now": True}]


def test_malformed_nodes_are_compared_as_empty_ones():
    assert diff({"1": None, "2": [1]}, {"1": {"class_type": 5, "inputs": []}, "2": "x"})["same"]
