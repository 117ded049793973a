"""The Graph value: immutable in use, equal by content."""

import pytest

from latentloom.engine.errors import Problem
from latentloom.engine.graph.graph import Graph, Link, Node

FAULT = Problem("G016", "node a", "a link", "[1]", "Mend it.", "a", "x")


@pytest.fixture
def graph():
    return Graph([Node("a", "T", {"x": 1}), Node("b", "T", {"y": Link("a", "out")}, "Title")], [FAULT])


def test_reads_like_a_mapping(graph):
    assert len(graph) == 2
    assert "a" in graph
    assert "c" not in graph
    assert [node.id for node in graph] == ["a", "b"]
    assert graph["b"].inputs["y"].node == "a"
    assert repr(graph) == "Graph(2 nodes)"
    with pytest.raises(KeyError):
        graph["c"]


def test_ids_are_unique():
    with pytest.raises(ValueError, match="share an id"):
        Graph([Node("a", "T", {}), Node("a", "U", {})])


def test_equal_by_nodes_whatever_the_faults(graph):
    twin = Graph(list(graph))
    assert twin == graph
    assert hash(twin) == hash(graph)
    assert twin != graph.without("b")
    assert graph != "graph"


def test_changes_make_new_graphs(graph):
    more = graph.with_nodes(Node("c", "T", {}), Node("a", "U", {}))
    assert [node.type for node in more] == ["U", "T", "T"]
    assert more.faults == ()
    assert graph.with_inputs("a", x=5)["a"].inputs == {"x": 5}
    assert graph.with_inputs("a", x=5).faults == ()
    assert graph.with_inputs("a", z=5).faults == (FAULT,)
    assert graph.with_inputs("b", x=5).faults == (FAULT,)
    assert list(graph.without("a").nodes) == ["b"]
    assert graph["a"].inputs == {"x": 1}
    assert graph.faults == (FAULT,)
    with pytest.raises(KeyError):
        graph.with_inputs("c", x=1)
