"""Setting inputs from outside: which node a name means, and how text becomes a value."""

import math

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.graph.assign import assign, parse_assignments, parse_value
from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.node.registry import Registry
from latentloom.engine.node.spec import InputSpec, NodeSpec
from latentloom.engine.node.widget import Bool, Choice, File, Float, Int, Seed, Text


@pytest.fixture
def graph():
    return Graph(
        [
            Node("3", "KSampler", {"seed": 1, "model": Link("4", "MODEL")}, "v1.5 sampler"),
            Node("4", "Loader", {"name": "a"}),
            Node("6", "Encode", {"text": "a"}, "Prompt"),
            Node("7", "Encode", {"text": "b"}, "4"),
        ]
    )


@pytest.fixture
def registry():
    inputs = (InputSpec("seed", "INT", Seed()), InputSpec("text", "STRING", Text()))
    return Registry(
        [NodeSpec(name, name, "test", "m", "f", inputs=inputs) for name in ("KSampler", "Encode", "Loader")]
    )


@pytest.mark.parametrize(
    ("place", "node", "name"),
    [
        ("3.seed", "3", "seed"),
        ("Prompt.text", "6", "text"),
        ("KSampler.seed", "3", "seed"),
        ("v1.5 sampler.seed", "3", "seed"),
        ("4.name", "4", "name"),  # an id wins over a title
    ],
)
def test_a_node_is_an_id_else_a_title_else_a_class(graph, place, node, name):
    changed = assign(graph, {place: "new"})
    assert changed[node].inputs[name] == "new"
    untouched = [other for other in graph if other.id != node]
    assert [changed[other.id] for other in untouched] == untouched
    assert graph[node].inputs[name] != "new"


def test_several_inputs_of_one_node_keep_the_others(graph):
    changed = assign(graph, {"3.seed": 5, "KSampler.steps": 2})
    assert changed["3"].inputs == {"seed": 5, "steps": 2, "model": Link("4", "MODEL")}


@pytest.mark.parametrize(
    ("place", "code", "hint"),
    [
        ("5.seed", "G026", "id"),
        ("Promt.text", "G026", "Prompt"),
        ("Encode.text", "G027", "Use an id"),
        ("seed", "S012", "inputs"),
        (".seed", "S012", "inputs"),
        ("3.", "S012", "inputs"),
    ],
)
def test_a_place_that_means_nothing_says_why(graph, place, code, hint):
    with pytest.raises(UserError) as caught:
        assign(graph, {place: 1})
    assert caught.value.code == code
    assert hint in caught.value.fix


def test_text_is_read_by_the_input_s_type(graph, registry):
    texts = ["3.seed=0x10", "Prompt.text=3 = 4", "7.text=", "4.other=[1, 2]"]
    assert parse_assignments(graph, registry, texts) == {
        "3.seed": 16,
        "6.text": "3 = 4",
        "7.text": "",
        "4.other": [1, 2],
    }


def test_the_last_assignment_wins(graph, registry):
    assert parse_assignments(graph, registry, ["3.seed=1", "KSampler.seed=2"]) == {"3.seed": 2}


def test_an_assignment_without_equals_is_refused(graph, registry):
    with pytest.raises(UserError) as caught:
        parse_assignments(graph, registry, ["3.seed"])
    assert caught.value.code == "S012"


@pytest.mark.parametrize(
    ("text", "widget", "value"),
    [
        ("7", Int(), 7),
        ("7.5", Int(), "7.5"),
        ("18446744073709551615", Seed(), 2**64 - 1),
        ("7", Float(), 7.0),
        ("1e-3", Float(), 0.001),
        ("inf", Float(), math.inf),
        ("Yes", Bool(), True),
        ("off", Bool(), False),
        ("maybe", Bool(), "maybe"),
        ("12", Text(), "12"),
        ("true", File(), "true"),
        ("euler", Choice(("euler", "heun")), "euler"),
        ("2", Choice((1, 2)), 2),
        ("other", Choice(("euler",)), "other"),
        ('{"a": 1}', None, {"a": 1}),
        ("plain words", None, "plain words"),
    ],
)
def test_values(text, widget, value):
    entry = None if widget is None else InputSpec("x", widget.type, widget)
    read = parse_value(text, entry)
    assert read == value
    assert type(read) is type(value)
