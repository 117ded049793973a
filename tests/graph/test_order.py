"""Order, ancestors and cycles, compared with slow and obvious ones; deep graphs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.graph.order import ancestors, arrange, cycles, links


def graph_of(edges, count):
    """Nodes "0".."count-1"; an edge (a, b) is a wire from a to b."""
    inputs = {number: {} for number in range(count)}
    for place, (source, target) in enumerate(edges):
        inputs[target][f"in{place}"] = Link(str(source), "out")
    return Graph(Node(str(number), "T", inputs[number]) for number in range(count))


@st.composite
def edged(draw):
    count = draw(st.integers(1, 9))
    pair = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    return draw(st.lists(pair, max_size=14)), count


def reachable(edges, start):
    """Everything that feeds `start`, itself only through a ring."""
    found = set()
    while True:
        more = {source for source, target in edges if target == start or target in found} - found
        if not more:
            return found
        found |= more


@given(edged())
def test_against_the_obvious(given_graph):
    edges, count = given_graph
    graph = graph_of(edges, count)
    ringed = {number for number in range(count) if number in reachable(edges, number)}
    order = arrange(graph)
    assert order.acyclic == (not ringed)
    assert sorted(order.ids) == sorted(graph.nodes)
    if order.acyclic:
        place = {node_id: number for number, node_id in enumerate(order.ids)}
        assert all(place[str(a)] < place[str(b)] for a, b in edges)
    for target in range(count):
        above = {str(number) for number in reachable(edges, target)} | {str(target)}
        assert ancestors(graph, [str(target)]) == above
        if order.acyclic:
            part = arrange(graph, [str(target)])
            assert set(part.ids) == above
            assert part.ids[-1] == str(target)
    # One ring for each set of nodes that reach each other, and each is a ring.
    parts = {frozenset(n for n in ringed if n in reachable(edges, m) and m in reachable(edges, n)) for m in ringed}
    found = cycles(graph)
    assert len(found) == len(parts)
    for ring in found:
        pairs = zip(ring.ids, (*ring.ids[1:], ring.ids[0]), strict=True)
        assert all((int(a), int(b)) in edges for a, b in pairs)
        assert len(set(ring.ids)) == len(ring.ids)
        assert dict(links(graph, ring.ids[0]))[ring.input].node == ring.ids[-1]
        assert frozenset(map(int, ring.ids)) <= next(part for part in parts if int(ring.ids[0]) in part)
    assert [int(ring.ids[0]) for ring in found] == sorted(min(part) for part in parts)


def test_file_order_is_kept_where_links_allow():
    graph = graph_of([(3, 1)], 5)
    assert arrange(graph).ids == ("0", "3", "1", "2", "4")


def test_absent_nodes_are_passed_over():
    graph = Graph([Node("a", "T", {"x": Link("gone", "out")})])
    assert arrange(graph, ["a", "b"]).ids == ("a",)
    assert ancestors(graph, ["a", "b"]) == {"a"}
    assert cycles(graph) == ()


@pytest.mark.parametrize("turn", [1, -1])
def test_deep_chains_need_no_recursion(turn):
    count = 50_000
    nodes = [Node(str(n), "T", {"x": Link(str(n - 1), "out")} if n else {}) for n in range(count)][::turn]
    graph = Graph(nodes)
    order = arrange(graph)
    assert order.acyclic
    assert order.ids == tuple(str(n) for n in range(count))
    assert len(ancestors(graph, [str(count - 1)])) == count
    ring = graph.with_inputs("0", x=Link(str(count - 1), "out"))
    (cycle,) = cycles(ring)
    assert len(cycle.ids) == count


def test_shared_sources_are_visited_once():
    """A ladder has 2**n paths; an order that walked them all would never end."""
    nodes = [Node("0", "T", {})]
    nodes += [Node(str(n), "T", {"a": Link(str(n - 1), "o"), "b": Link(str(n - 1), "o")}) for n in range(1, 2000)]
    assert arrange(Graph(reversed(nodes))).ids[-1] == "1999"


def test_wide_fans_are_ordered_from_either_end():
    count = 20_000
    nodes = [Node("end", "T", {f"x{n}": Link(str(n), "o") for n in range(count)})]
    nodes += [Node(str(n), "T", {"x": Link("root", "o")}) for n in range(count)]
    nodes.append(Node("root", "T", {}))
    for turn in (1, -1):
        order = arrange(Graph(nodes[::turn]))
        assert (order.ids[0], order.ids[-1]) == ("root", "end")
        assert len(order.ids) == count + 2
