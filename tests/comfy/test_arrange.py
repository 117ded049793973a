"""Layouts: nothing overlaps, wires run to the right, few of them cross, and size is no harm."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentloom.engine.comfy.arrange import arrange, faces
from latentloom.engine.comfy.face import TITLE, wires
from latentloom.engine.comfy.layers import layers_of, pieces_of
from latentloom.engine.graph.codec import write_api
from latentloom.engine.library import load, package_root

WORKFLOWS = sorted(p for p in (package_root() / "workflows").glob("*.json") if not p.name.endswith(".smoke.json"))


def chain(length):
    graph = {"0": {"class_type": "EmptyImage", "inputs": {}}}
    for number in range(1, length):
        graph[str(number)] = {"class_type": "ImageInvert", "inputs": {"image": [str(number - 1), 0]}}
    return graph


def tangle(count, inputs, seed=1):
    """Nodes of an unknown type, each fed by some of the fifty before it."""
    pick = random.Random(seed)
    return {
        str(n): {
            "class_type": "Unheard",
            "inputs": {f"i{k}": [str(pick.randrange(max(0, n - 50), n)), k] for k in range(inputs) if n},
        }
        for n in range(count)
    }


def overlapping(places):
    """Pairs of boxes that share a pixel, title bars included; a sweep from left to right."""
    found = []
    active = []
    for name, box in sorted(places.items(), key=lambda item: item[1].x):
        active = [(other, b) for other, b in active if b.x + b.width > box.x]
        for other, b in active:
            if b.y - TITLE < box.y + box.height and box.y - TITLE < b.y + b.height:
                found.append((other, name))
        active.append((name, box))
    return found


def backward(graph, places):
    """Wires that do not lead to the right."""
    return [
        (source, target)
        for target, links in wires(graph).items()
        for _, source, _ in links
        if places[source].x + places[source].width >= places[target].x
    ]


def test_the_classic_workflow_reads_as_people_draw_it(nodes):
    graph = write_api(load(package_root() / "workflows" / "txt2img.json", nodes), nodes)
    places = arrange(graph, nodes)
    columns = sorted({place.x for place in places.values()})
    found = [{node for node, place in places.items() if place.x == x} for x in columns]
    assert found == [{"4"}, {"5", "6", "7"}, {"3"}, {"8"}, {"9"}]
    # From the top as the sampler's inputs are: positive, negative, latent.
    assert places["6"].y < places["7"].y < places["5"].y
    assert min(place.x for place in places.values()) == min(place.y for place in places.values()) == 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_of_the_box(path, nodes):
    graph = write_api(load(path, nodes), nodes)
    places = arrange(graph, nodes)
    assert list(places) == list(graph)
    assert not overlapping(places) and not backward(graph, places)


@pytest.mark.parametrize("graph", [chain(60), tangle(300, 3), tangle(40, 12)], ids=["chain", "tangle", "dense"])
def test_large_graphs_have_no_overlaps_and_lead_right(graph, nodes):
    places = arrange(graph, nodes)
    assert not overlapping(places) and not backward(graph, places)
    assert places == arrange(graph, nodes)


def test_boxes_hold_their_sockets_and_widgets(nodes):
    graph = {
        "1": {"class_type": "KSampler", "inputs": {"seed": 1}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a"}},
        "3": {"class_type": "Unheard", "inputs": {"a": ["1", 0], "b": ["1", 3], "c": 5, "d": "x"}},
    }
    found = faces(graph, nodes)
    sampler = found["1"]
    assert [s.name for s in sampler.sockets] == ["model", "positive", "negative", "latent_image"]
    assert sampler.widgets == ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise")
    assert sampler.height >= 4 * 20 + 7 * 24  # six widgets and the seed's control
    assert len(sampler.outputs) == 4, "an unknown consumer takes from outputs that are not declared"
    assert found["2"].height > 100 and found["2"].width >= 400
    assert [s.name for s in found["3"].sockets] == ["a", "b"] and found["3"].widgets == ("c", "d")


def test_rings_and_self_loops_are_laid_out(nodes):
    ring = {str(n): {"class_type": "Unheard", "inputs": {"a": [str((n + 1) % 5), 0]}} for n in range(5)}
    ring["9"] = {"class_type": "Unheard", "inputs": {"a": ["9", 0], "b": ["0", 0]}}
    places = arrange(ring, nodes)
    assert not overlapping(places)
    assert len(backward(ring, places)) == 2  # one wire closes the ring, one the loop


def test_unconnected_pieces_stand_beside_and_below_each_other(nodes):
    graph = {str(n): {"class_type": "EmptyImage", "inputs": {}} for n in range(40)}
    places = arrange(graph, nodes)
    assert not overlapping(places)
    assert max(p.x + p.width for p in places.values()) <= 2400
    assert len({p.y for p in places.values()}) > 2
    assert arrange({}, nodes) == {}


def test_layers_keep_sources_near_their_users():
    class Join:
        def __init__(self, source, target):
            self.source, self.target = source, target

    joins = [Join(*pair) for pair in ("ab", "bc", "cd", "xd", "ad")]
    assert layers_of("abcdx", joins) == [["a"], ["b"], ["x", "c"], ["d"]]
    pieces = pieces_of("abcdxyz", [*joins, Join("y", "z")])
    assert [piece.nodes for piece in pieces] == [list("abcdx"), list("yz")]
    assert [len(piece.wires) for piece in pieces] == [5, 1]


def test_time_grows_with_the_graph_and_not_faster(nodes):
    def seconds(graph):
        start = time.process_time()
        arrange(graph, nodes)
        return time.process_time() - start

    arrange(chain(100), nodes)
    for make in (chain, lambda count: tangle(count, 4)):
        small, large = (min(seconds(make(count)) for _ in range(2)) for count in (500, 4_000))
        assert large < 32 * max(small, 0.01), (small, large)  # eight times as much; quadratic would be 64


@settings(max_examples=60, deadline=None)
@given(links=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.integers(0, 3)), max_size=30))
def test_any_wiring(links, nodes):
    graph = {str(n): {"class_type": ("KSampler", "Unheard")[n % 2], "inputs": {}} for n in range(12)}
    for number, (source, target, slot) in enumerate(links):
        graph[str(target)]["inputs"][f"in{number}"] = [str(source), slot]
    places = arrange(graph, nodes)
    assert set(places) == set(graph) and not overlapping(places)
