"""Canonical literals: what is taken, as what, and what is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.errors import UserError
from latentloom.engine.graph.literal import ABSENT, FileNames, Unfit, canonical, normalise
from latentloom.engine.node import Bool, Choice, File, Float, InputSpec, Int, Seed, Text


def spec(widget, **more):
    return InputSpec("x", widget.type, widget, **more)


@pytest.mark.parametrize(
    "widget, given_value, expected",
    [
        (Int(0, 10), 3, 3),
        (Int(0, 10), 3.0, 3),
        (Int(0, 10), "3", 3),
        (Int(0, 10), " 3 ", 3),
        (Seed(), 2**64 - 1, 2**64 - 1),
        (Float(0, 10), 3, 3.0),
        (Float(0, 10), "2.5", 2.5),
        (Bool(), True, True),
        (Bool(), 1, True),
        (Bool(), "FALSE", False),
        (Text(), "a", "a"),
        (Text(), 5, "5"),
        (Choice(("a", "b/c")), "b\\c", "b/c"),
        (Choice((1, 2)), 2, 2),
        (Choice((1, 2)), 2.0, 2),
        (File("input"), "a.png", "a.png"),
    ],
)
def test_taken(widget, given_value, expected):
    value = canonical(spec(widget), given_value)
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    "widget, given_value, code",
    [
        (Int(0, 10), 11, "G003"),
        (Int(0, 10), True, "G005"),
        (Int(0, 10), 3.5, "G005"),
        (Int(0, 10), "3.5", "G005"),
        (Int(0, 10), "9" * 5000, "G005"),
        (Int(0, 10), math.inf, "G009"),
        (Int(0, 10), [1], "G005"),
        (Seed(), -1, "G003"),
        (Float(0, 10), 10.1, "G003"),
        (Float(0, 10), 10**400, "G003"),
        (Float(0, 10), False, "G005"),
        (Float(0, 10), math.nan, "G009"),
        (Float(0, 10), "x", "G005"),
        (Bool(), "no", "G005"),
        (Bool(), None, "G005"),
        (Text(), None, "G005"),
        (Text(), {"a": 1}, "G005"),
        (Text(), "\udfff", "G025"),
        (Choice(("a",)), "b", "G008"),
        (Choice(("a",)), ["a"], "G005"),
        (Choice((1, 2)), True, "G008"),
        (Choice(()), "a", "G008"),
        (File("input"), 3, "G005"),
    ],
)
def test_refused(widget, given_value, code):
    value = canonical(spec(widget), given_value)
    assert isinstance(value, Unfit)
    assert value.code == code


def test_sockets():
    assert canonical(InputSpec("x", "*"), {"a": [1, 2.5, None, "é"]}) == {"a": [1, 2.5, None, "é"]}
    assert canonical(InputSpec("x", "IMAGE,INT"), 4.0) == 4
    assert canonical(InputSpec("x", "IMAGE"), 4).code == "G017"
    assert canonical(InputSpec("x", "IMAGE,INT"), "four").code == "G005"
    assert canonical(InputSpec("x", "COMBO"), "euler") == "euler"
    assert canonical(InputSpec("x", "*"), object()).code == "G005"
    assert canonical(InputSpec("x", "*"), {"\udfff": 1}).code == "G025"
    assert canonical(InputSpec("x", "IMAGE", required=False), None) is ABSENT


def test_normalise_names_the_place(registry):
    sample = registry.spec("Sample")
    assert normalise(sample, "cfg", 8) == 8.0
    assert normalise(sample, "mask", None) is None
    assert normalise(registry.spec("Any"), "value", [1]) == [1]
    with pytest.raises(UserError, match='Sample, input "steps"') as caught:
        normalise(sample, "steps", 0)
    assert (caught.value.code, caught.value.input) == ("G003", "steps")


@given(
    st.sampled_from([Int(-5, 5), Seed(), Float(-5, 5), Bool(), Text(), Choice(("a", 1))]),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())),
)
def test_canonical_is_a_fixed_point(widget, value):
    once = canonical(spec(widget), value)
    if not isinstance(once, Unfit):
        twice = canonical(spec(widget), once)
        assert (twice, type(twice)) == (once, type(once))


def test_absent_files_are_asked_for_once_and_hints_end():
    """A graph of thousands of wrong names in a folder of thousands of files must not take minutes."""
    asked = []

    class Files:
        def names(self, folder, extensions=()):
            return ("cat0.png", "dog.png")

        def find(self, folder, name):
            asked.append(name)
            raise UserError("F001", folder, "a file", name, "Put it there.")

    names = FileNames(Files())
    wrong = [names.find(File("input"), f"cat{number}.pn") for number in range(100)]
    assert all(isinstance(unfit, Unfit) and unfit.code == "G013" for unfit in wrong)
    assert "cat0.png" in wrong[0].fix and "cat0.png" not in wrong[99].fix
    names.find(File("input"), "cat0.pn")
    assert len(asked) == len(set(asked)) == 100
