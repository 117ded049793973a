"""Annotations and docstrings -> inputs, outputs and help."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import pytest

from latentloom.engine.errors import NodeBug
from latentloom.engine.node import (
    MISSING,
    Bool,
    Choice,
    Context,
    File,
    FileFacets,
    Float,
    Hidden,
    Int,
    OutputSpec,
    Repeat,
    Seed,
    Slider,
    Socket,
    SubGraph,
    Text,
)
from latentloom.engine.node.signature import read_signature

Image = Annotated[list, Socket("IMAGE", {"family": "$F"})]
Mask = Annotated[list, Socket("MASK")]


class Pair(NamedTuple):
    """Not a help text."""

    positive: Image
    count: int


class Replacement:
    __expansion__ = True


def inputs(function, **options):
    return {entry.name: entry for entry in read_signature("T", function, **options).inputs}


def outputs(function, **options):
    return [(o.name, o.types, o.is_list) for o in read_signature("T", function, **options).outputs]


def test_plain_types_and_literals():
    def f(*, a: int = 1, b: float = 2, c: str = "x", d: bool = True, e: Literal["u", "v"] = "v", g: int) -> None: ...

    found = inputs(f)
    assert list(found) == ["a", "b", "c", "d", "e", "g"]
    assert [entry.types for entry in found.values()] == ["INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "INT"]
    assert [entry.widget for entry in found.values()] == [Int(), Float(), Text(), Bool(), Choice(("u", "v")), Int()]
    assert [entry.default for entry in found.values()] == [1, 2.0, "x", True, "v", MISSING]
    assert isinstance(found["b"].default, float)
    assert all(entry.required for entry in found.values())


def test_widgets_and_sockets():
    def f(
        *,
        seed: Annotated[int, Seed()] = 0,
        scale: Annotated[float, Slider(0, 1, step=0.1)] = 0.5,
        name: Annotated[str, File("checkpoints")],
        image: Image,
        both: Image | Mask,
        anything: Any,
        whole: Annotated[list, Socket("IMAGE", whole_list=True)],
        body: SubGraph,
    ) -> None: ...

    found = inputs(f)
    assert found["seed"].widget == Seed()
    assert found["scale"].widget.display == "slider"
    assert found["name"].widget == File("checkpoints")
    assert found["name"].types == "COMBO"
    assert found["image"].types == "IMAGE"
    assert found["image"].facets == {"family": "$F"}
    assert found["image"].widget is None
    assert found["both"].types == "IMAGE,MASK"
    assert found["anything"].types == "*"
    assert found["whole"].whole_list
    assert found["body"].raw


def test_optional_inputs():
    def f(
        *,
        a: Mask | None = None,
        b: Annotated[list | None, Socket("MASK")] = None,
        c: Literal["x", "y"] | None = "x",
        d: int | None = None,
        e: Image = None,
    ) -> None: ...

    found = inputs(f)
    assert not any(entry.required for entry in found.values())
    assert found["a"].types == found["b"].types == "MASK"
    assert found["c"].default == "x"
    assert found["d"].default is MISSING
    assert found["d"].widget == Int()


def test_what_the_engine_fills_in():
    def f(*, ctx: Context, prompt: Annotated[Any, Hidden("PROMPT")] = None, x: int = 1) -> None: ...

    signature = read_signature("T", f)
    assert signature.wants_context == "ctx"
    assert [(entry.name, entry.hidden) for entry in signature.inputs] == [("prompt", "PROMPT"), ("x", None)]
    assert read_signature("T", g_without_context).wants_context is None


def g_without_context() -> None: ...


def test_repeats():
    def f(**images: Annotated[Image, Repeat("image_{n}", minimum=2)]) -> None: ...

    def g(**anything: Any) -> None: ...

    assert read_signature("T", f).repeat == Repeat("image_{n}", "IMAGE", 2)
    assert read_signature("T", g).repeat == Repeat()


def test_outputs():
    def none() -> None: ...
    def one() -> Image: ...
    def number() -> int: ...
    def pair() -> Pair: ...
    def both() -> tuple[Image, Mask]: ...
    def listed() -> Annotated[list, Socket("IMAGE", whole_list=True)]: ...
    def union() -> Image | Mask: ...
    def expanding() -> Image | Replacement: ...
    def loaded(*, name: str = "") -> Annotated[list, Socket("MODEL"), FileFacets("name")]: ...

    assert outputs(none) == []
    assert outputs(one) == [("IMAGE", "IMAGE", False)]
    assert outputs(number) == [("INT", "INT", False)]
    assert outputs(pair) == [("positive", "IMAGE", False), ("count", "INT", False)]
    assert outputs(both) == [("IMAGE", "IMAGE", False), ("MASK", "MASK", False)]
    assert outputs(both, outputs=("a", "b")) == [("a", "IMAGE", False), ("b", "MASK", False)]
    assert outputs(both, outputs=[OutputSpec("only", "X")]) == [("only", "X", False)]
    assert outputs(listed) == [("IMAGE", "IMAGE", True)]
    assert outputs(union) == [("IMAGE,MASK", "IMAGE,MASK", False)]
    assert outputs(expanding) == [("IMAGE", "IMAGE", False)]
    assert read_signature("T", one).outputs[0].facets == {"family": "$F"}
    assert read_signature("T", loaded).outputs[0].facets_from == "name"


def test_help_from_the_docstring():
    def f(*, a: int = 1, b: int = 2) -> Image:
        """Do one thing
        well.

        a: how much of it, and
            why so much.
        b: nothing
        IMAGE: the result
        Note: not an input, but harmless.
        """

    signature = read_signature("T", f)
    assert signature.description == "Do one thing well."
    assert [entry.tooltip for entry in signature.inputs] == ["how much of it, and why so much.", "nothing"]
    assert signature.outputs[0].tooltip == "the result"
    assert read_signature("T", g_without_context).description == ""


def test_refused():
    def unannotated(*, a) -> None: ...
    def foreign(*, a: dict) -> None: ...
    def positional(a: int, /) -> None: ...
    def starred(*a: int) -> None: ...
    def underscored(*, _a: int = 1) -> None: ...
    def unknown(*, a: Missing) -> None: ...  # noqa: F821
    def no_return(*, a: int = 1): ...
    def same_names() -> tuple[Image, Image]: ...
    def too_many() -> tuple[Image, Mask]: ...
    def default_on_wire(*, a: Image = 3) -> None: ...
    def out_of_range(*, a: Annotated[int, Int(0, 5)] = 6) -> None: ...
    def fraction(*, a: int = 1.5) -> None: ...
    def true_for_int(*, a: int = True) -> None: ...
    def not_bool(*, a: bool = 1) -> None: ...
    def no_choice(*, a: Literal["x"] = "y") -> None: ...
    def not_text(*, a: str = 1) -> None: ...
    def optional_without_default(*, a: Image | None) -> None: ...
    def odd_hidden(*, a: Annotated[Any, Hidden("DYNPROMPT")] = None) -> None: ...
    def only_none(*, a: None) -> None: ...

    functions = [value for name, value in locals().items() if callable(value)]
    assert len(functions) == 19
    for function in functions:
        with pytest.raises(NodeBug) as caught:
            read_signature("T", function, ["one", "two", "three"] if function is too_many else None)
        assert caught.value.code == "N001", function
        assert "declaration of T" in str(caught.value)
