"""Sub-graphs: cutting at placeholders, and feeding them."""

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.graph.build import Builder
from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.graph.subgraph import Expand, cut, placeholder_types
from latentloom.engine.graph.validate import validate


def test_cut_keeps_what_feeds_the_wire_and_stops_at_placeholders(registry):
    b = Builder(registry)
    item = b.Item()
    blurred = b.Mask(image=item)
    joined = b.Join(image_1=blurred, image_2=b.Photo(image="cat.png"), image_3=b.Item(_id="second"))
    b.Save(images=b.Loop(body=joined))
    graph = b.graph()
    types = placeholder_types(registry)
    assert types == {"Item"}
    part = cut(graph, Link(joined.node_id, "IMAGE"), types)
    assert list(part.graph.nodes) == ["1", "2", "3", "second", "4"]
    assert part.output == Link("4", "IMAGE")
    assert part.placeholders == {"Item": ("1", "second")}
    assert part.fed({"Item": 5, "Other": 6}) == {"1": 5, "second": 5}
    assert validate(part.graph, registry, targets=[part.output.node]) == ()
    with pytest.raises(UserError, match="a value for Item") as caught:
        part.fed({"Other": 6})
    assert (caught.value.code, caught.value.node_id) == ("G027", "1")


def test_what_feeds_a_placeholder_is_cut_off():
    nodes = [Node("up", "T", {}), Node("p", "P", {"x": Link("up", "o")}), Node("end", "T", {"x": Link("p", "o")})]
    part = cut(Graph(nodes), Link("end", "o"), {"P"})
    assert list(part.graph.nodes) == ["p", "end"]
    assert part.graph["p"].inputs == {}


def test_a_wire_may_be_a_placeholder_itself_or_come_from_nowhere():
    graph = Graph([Node("p", "P", {})])
    assert cut(graph, Link("p", "o"), {"P"}).placeholders == {"P": ("p",)}
    assert len(cut(graph, Link("gone", "o"), {"P"}).graph) == 0


def test_deep_graphs_are_cut_without_recursion():
    nodes = [Node(str(n), "T", {"x": Link(str(n - 1), "o")} if n else {}) for n in range(50_000)]
    assert len(cut(Graph(nodes), Link("49999", "o"), ()).graph) == 50_000


def test_expand_is_a_value():
    graph = Graph([Node("a", "T", {})])
    assert Expand(graph, {"IMAGE": Link("a", "o")}) == Expand(graph, {"IMAGE": Link("a", "o")})
