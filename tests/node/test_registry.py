"""The registry: ids, former ids, duplicates, lazy specs and lazy imports."""

import sys

import pytest

from latentloom.engine.errors import NodeBug, UserError
from latentloom.engine.node import Registry, node
from latentloom.engine.node.registry import PackFailure, load_module, nearest


@node("One", category="test", former_ids=("Uno", "Ein"))
def one(*, x: int = 1) -> int:
    return x


@node("Two", category="test")
def two(*, x: int = 2) -> int:
    return x


@pytest.fixture
def registry():
    return Registry([two, one])


def test_looks_up_by_present_and_former_id(registry):
    assert registry.ids == ("One", "Two")
    assert [spec.id for spec in registry] == ["One", "Two"]
    assert len(registry) == 2
    assert "One" in registry
    assert "Uno" not in registry
    assert registry.spec("One") is registry.spec("Uno") is one.__node__
    assert registry.resolve("Ein") == "One"
    assert registry.resolve("Drei") is None
    assert registry.spec("Drei") is None
    assert registry.function("Uno") is one
    assert registry.needs("One") is None


def test_unknown_functions_name_what_is_near(registry):
    with pytest.raises(UserError, match="Did you mean One") as caught:
        registry.function("one")
    assert caught.value.code == "G001"


def test_duplicates_are_refused_unless_replaced(registry):
    @node("One", category="other")
    def another() -> None: ...

    with pytest.raises(UserError, match="the id of a node of") as caught:
        registry.add(another)
    assert caught.value.code == "N002"
    assert registry.function("One") is one
    registry.add(another, replace=True)
    assert registry.function("One") is another
    assert registry.spec("One").category == "other"


def test_only_declared_functions(registry):
    with pytest.raises(NodeBug, match="declared with @node"):
        registry.add(len)


def test_specs_without_code_are_imported_when_first_called():
    registry = Registry([one.__node__])
    assert registry.function("One") is sys.modules[__name__].one
    registry = Registry()
    registry.add_unread(two.__node__.as_json())
    assert registry.ids == ("Two",)
    assert registry.spec("Two") == two.__node__
    assert registry.function("Two") is two


def test_a_module_that_has_changed_since_is_named():
    entry = {**two.__node__.as_json(), "function": "gone"}
    registry = Registry()
    registry.add_unread(entry)
    with pytest.raises(NodeBug, match="Rebuild the manifest") as caught:
        registry.function("Two")
    assert caught.value.code == "N003"


def test_derived_tables_are_emptied_by_a_change(registry):
    registry.derived("x")["a"] = 1
    assert registry.derived("x") == {"a": 1}

    @node("Three", category="test")
    def three() -> None: ...

    registry.add(three)
    assert registry.derived("x") == {}


def test_copies_are_independent(registry):
    twin = registry.copy()

    @node("Three", category="test")
    def three() -> None: ...

    twin.add(three)
    assert "Three" in twin
    assert "Three" not in registry
    failure = PackFailure("p", "", "e", "t")
    assert Registry(failures=[failure]).copy().failures == (failure,)
    assert repr(registry) == "Registry(2 nodes, 0 failures)"


def test_a_module_that_breaks_while_loading_leaves_no_trace(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("raise RuntimeError('no')")
    with pytest.raises(RuntimeError):
        load_module("loom_test_broken", str(file))
    assert "loom_test_broken" not in sys.modules
    with pytest.raises(ImportError):
        load_module("loom_test_none", str(tmp_path / "none"))


def test_nearest_is_blind_to_case_and_bounded():
    assert nearest("ksampler", ["KSampler", "Other"]) == ("KSampler",)
    assert nearest("x" * 100_000, ["x" * 50]) == ("x" * 50,)
    assert nearest("zzz", ["KSampler"]) == ()
