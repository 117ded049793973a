"""Passes from graph to graph."""

from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.graph.rewrite import modernised, prefixed, pruned, relinked

GRAPH = Graph(
    [
        Node("a", "T", {"n": 1}),
        Node("b", "T", {"x": Link("a", "o"), "y": Link("outside", "o")}),
        Node("c", "T", {"x": Link("a", "o")}),
    ]
)


def test_pruned():
    assert list(pruned(GRAPH, ["b"]).nodes) == ["a", "b"]
    assert pruned(GRAPH, ["b", "c"]) is GRAPH


def test_prefixed_renames_inside_only():
    graph = prefixed(GRAPH, "9/")
    assert list(graph.nodes) == ["9/a", "9/b", "9/c"]
    assert graph["9/b"] == Node("9/b", "T", {"x": Link("9/a", "o"), "y": Link("outside", "o")})
    assert GRAPH["b"].inputs["x"] == Link("a", "o")


def test_relinked_replaces_by_links_and_values():
    graph = relinked(GRAPH, {Link("outside", "o"): Link("c", "o"), Link("a", "o"): 7})
    assert graph["b"].inputs == {"x": 7, "y": Link("c", "o")}
    assert graph["c"].inputs == {"x": 7}
    assert relinked(GRAPH, {}) is GRAPH


def test_modernised_uses_present_ids(registry):
    graph = Graph([Node("1", "OldSample", {}), Node("2", "Foreign", {})])
    assert [node.type for node in modernised(graph, registry)] == ["Sample", "Foreign"]
    plain = Graph([Node("1", "Sample", {})])
    assert modernised(plain, registry) is plain
