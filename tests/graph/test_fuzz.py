"""Any JSON at all: reading raises only its own errors, validation raises nothing, and what it lets through is sound."""

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentloom.engine.errors import LatentloomError, UserError
from latentloom.engine.graph.codec import read_api, write_api
from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.graph.validate import CODES, examine

TYPES = (
    "Load",
    "Empty",
    "Sample",
    "Decode",
    "Resize",
    "Mask",
    "Caption",
    "Any",
    "Join",
    "Photo",
    "Save",
    "Loop",
    "Nope",
)
NAMES = ("image", "images", "image_1", "model", "latent", "steps", "cfg", "seed", "text", "value", "name", "prompt",
         "vae", "samples", "sampler", "tiled", "size", "upload", "width")  # fmt: skip

numbers = st.integers() | st.floats() | st.sampled_from([2**64, -(2**63), 10**400, float("nan"), 1e308, -0.0, 20.0])
scalars = (
    st.none()
    | st.booleans()
    | numbers
    | st.text(max_size=6)
    | st.sampled_from(["\ud800", "euler", "20", "a.safetensors"])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
ids = st.sampled_from([str(number) for number in range(6)])
links = st.tuples(ids | scalars, st.integers(-2, 4) | scalars).map(list)
literals = anything | anything.map(lambda value: {"__value__": value})
inputs = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), links | literals, max_size=5)
kinds = st.sampled_from(TYPES)
entries = st.fixed_dictionaries({"class_type": kinds, "inputs": inputs}, optional={"_meta": anything})
odd_entries = st.fixed_dictionaries({}, optional={"class_type": kinds | anything, "inputs": inputs | anything})
workflows = st.dictionaries(ids, entries, min_size=1, max_size=6) | st.dictionaries(
    ids | st.text(max_size=3), entries | odd_entries | anything, max_size=6
)
quiet = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


class Strict:
    """Folders without a file, which complain about names as real ones do."""

    def names(self, folder, extensions=()):
        return ("a.safetensors",)

    def find(self, folder, name):
        raise UserError("F001", name, "a file", "none", "Check.")

    def directory(self, kind):
        raise AssertionError("validation asks for no folder")


def check(graph, registry):
    result = examine(graph, registry, Strict())
    for problem in result.problems:
        assert problem.code in CODES, problem
        assert problem.node_id is None or problem.node_id in graph.nodes, problem
        assert len(str(problem)) < 2000
        json.dumps(problem.as_dict())
    if not result.problems:
        # What passes is sound: nothing unknown, every wire has two ends of one kind, an order exists, JSON can hold it.
        assert sorted(result.order) == sorted(graph.nodes)
        place = {node_id: number for number, node_id in enumerate(result.order)}
        for node in result.graph:
            spec = registry.spec(node.type)
            for value in node.inputs.values():
                if isinstance(value, Link):
                    assert place[value.node] < place[node.id]
                    outputs = registry.spec(graph[value.node].type).outputs
                    assert value.output in [output.name for output in outputs]
            for entry in spec.inputs:
                assert not entry.required or entry.name in node.inputs or entry.hidden
        json.dumps(write_api(result.graph, registry), allow_nan=False).encode()
        assert examine(result.graph, registry, Strict()).graph == result.graph  # canonical form is a fixed point
    return result


def read(data, registry):
    try:
        return read_api(data, registry)
    except LatentloomError as error:
        assert isinstance(error, UserError)
        assert error.code in ("G021", "G024")
        return None


@quiet
@given(data=anything)
def test_any_json_value(data, shared_registry):
    for form in (json.dumps(data), data):
        if isinstance(form, str | dict):
            graph = read(form, shared_registry)
            if graph is not None:
                check(graph, shared_registry)


@quiet
@given(text=st.text() | st.binary())
def test_any_text(text, shared_registry):
    graph = read(text, shared_registry)
    if graph is not None:
        check(graph, shared_registry)


@quiet
@given(data=workflows)
def test_near_workflows(data, shared_registry):
    graph = read(data, shared_registry)
    if graph is None:
        return
    result = check(graph, shared_registry)
    text = json.dumps(data)
    if "\\ud8" not in text:  # text refuses what data may hold
        again = read(text, shared_registry)
        assert again is not None
        assert [p.code for p in check(again, shared_registry).problems] == [p.code for p in result.problems]


# What each type is fed by, and outputs of each kind by type; "width" and "text" are literals.
FED = {"Resize": ("image", "IMAGE"), "Mask": ("image", "IMAGE"), "Any": ("value", "LATENT"),
       "Join": ("image_1", "IMAGE"), "Save": ("images", "IMAGE")}  # fmt: skip
MAKES = {"Empty": ("LATENT", "LATENT"), "Item": ("IMAGE", "IMAGE"), "Resize": ("IMAGE", "image"),
         "Mask": ("IMAGE", "IMAGE"), "Any": ("*", "*"), "Join": ("IMAGE", "IMAGE")}  # fmt: skip


@st.composite
def wired(draw):
    """A valid graph, in any file order, in which up to two things are then spoilt."""
    nodes = [Node("0", "Empty", {"width": draw(st.sampled_from([64, 64.0, "64"]))}), Node("1", "Item", {})]
    kinds = st.sampled_from([*FED, "Caption"])
    for number, kind in enumerate([*draw(st.lists(kinds, max_size=8)), "Save"], 2):
        given_inputs = {"text": draw(st.text(max_size=3))}
        if kind in FED:
            name, wanted = FED[kind]
            sources = [node for node in nodes if node.type in MAKES and MAKES[node.type][0] in (wanted, "*")]
            source = draw(st.sampled_from(sources))
            given_inputs = {name: Link(source.id, MAKES[source.type][1])}
        nodes.append(Node(str(number), kind, given_inputs))
    graph = Graph(draw(st.permutations(nodes)))
    for _ in range(draw(st.integers(0, 2))):
        node = graph[draw(st.sampled_from(sorted(graph.nodes)))]
        name = draw(st.sampled_from([*node.inputs, "width", "size"]))
        value = draw(
            scalars | st.builds(Link, st.sampled_from([*graph.nodes, "99"]), st.sampled_from(["IMAGE", "*", 7, -1]))
        )
        graph = graph.with_inputs(node.id, **{name: value})
    return graph


def test_wired_graphs(shared_registry):
    seen = Counter()

    @quiet
    @given(graph=wired())
    def run(graph):
        result = check(graph, shared_registry)
        seen.update({problem.code for problem in result.problems} or {"valid"})

    run()
    assert seen["valid"] > 10  # the strategy reaches both sides
    assert len(seen) > 3, seen


@pytest.mark.soak
@settings(quiet, max_examples=20_000)
@given(data=workflows)
def test_near_workflows_for_long(data, shared_registry):
    graph = read(data, shared_registry)
    if graph is not None:
        check(graph, shared_registry)
