"""Lists on wires: spreading, collecting, and lists that stay whole."""

from __future__ import annotations

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.run.lists import Many, spread

from .sample_nodes import Kit, value


def test_shorter_lists_repeat_their_last_item() -> None:
    assert spread({"a": Many([1, 2, 3]), "b": Many([10, 20]), "c": 5}, frozenset()) == [
        {"a": 1, "b": 10, "c": 5},
        {"a": 2, "b": 20, "c": 5},
        {"a": 3, "b": 20, "c": 5},
    ]


def test_an_ordinary_list_is_one_item() -> None:
    assert spread({"a": [1, 2], "b": Many([7])}, frozenset()) == [{"a": [1, 2], "b": 7}]


def test_whole_lists_go_undivided_and_single_values_become_lists() -> None:
    found = spread({"a": Many([1, 2]), "b": 3, "c": Many([5, 6])}, frozenset({"a", "b"}))
    assert found == [{"a": [1, 2], "b": [3], "c": 5}, {"a": [1, 2], "b": [3], "c": 6}]


def test_empty_lists_give_one_call_without_them_or_an_error() -> None:
    assert spread({"a": Many(), "b": Many()}, frozenset()) == [{}]
    assert spread({"a": Many(), "w": Many([1])}, frozenset({"w"})) == [{"w": [1]}]
    with pytest.raises(UserError) as caught:
        spread({"a": Many(), "b": 1}, frozenset())
    assert (caught.value.code, caught.value.input) == ("R006", "a")


def test_nodes_are_called_per_item_and_results_collected() -> None:
    kit = Kit()
    b = kit.builder()
    mapped = b.Add(a=b.Range(count=4), b=10)
    total = b.Total(values=mapped, scale=2)
    result = kit.run(b, [mapped, total])
    assert result.values[mapped.node_id]["INT"] == [10, 11, 12, 13]
    assert value(result, total) == 92
    assert (kit.calls["Add"], kit.calls["Total"]) == (4, 1)


def test_two_lists_are_zipped_through_several_outputs() -> None:
    kit = Kit()
    b = kit.builder()
    low, high = b.Split(a=b.Range(count=3))
    end = b.Add(a=low, b=b.Add(a=high, b=b.Range(count=2)))
    assert value(kit.run(b, end), end) == [0 + 1, 1 + 3, 2 + 4]


def test_an_empty_list_beside_a_value_fails_at_its_node() -> None:
    kit = Kit()
    b = kit.builder()
    bad = b.Add(a=b.Range(count=0), b=1)
    error = kit.run(b, bad).failures[bad.node_id]
    assert (error.code, error.input) == ("R006", "a")


def test_a_single_value_reaches_a_whole_list_input_as_a_list_of_one() -> None:
    kit = Kit()
    b = kit.builder()
    end = b.Total(values=b.Source(value=5))
    assert value(kit.run(b, end), end) == 5
