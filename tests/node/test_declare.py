"""`@node`: what is attached, and declarations that contradict themselves."""

from typing import Annotated, Any

import pytest

from latentloom.engine.errors import NodeBug
from latentloom.engine.node import FileFacets, Int, Socket, node

Lazy = Annotated[Any, Socket("IMAGE", lazy=True)]


def test_the_function_stays_a_function():
    @node("Double", category="maths/simple")
    def double(*, x: int = 2) -> int:
        return 2 * x

    assert double() == 4
    assert double(x=5) == 10
    spec = double.__node__
    assert (spec.id, spec.category, spec.module) == ("Double", "maths/simple", __name__)
    assert spec.function.endswith("double")
    assert double.__needs__ is None


@pytest.mark.parametrize(
    "node_id, title",
    [
        ("KSampler", "K Sampler"),
        ("LoomTrainGRPO", "Train GRPO"),
        ("VAEDecode", "VAE Decode"),
        ("LatentBlend", "Latent Blend"),
        ("Loom", "Loom"),
        ("Image Blur", "Image Blur"),
    ],
)
def test_title_from_id(node_id, title):
    @node(node_id, category="test")
    def function() -> None: ...

    assert function.__node__.title == title


def test_all_that_can_be_said():
    def ask(**available):
        return [] if "a" in available else ["a"]

    @node(
        "Full", category="test", title="All of it", effect=True, trains=True, pure=False, version=3, lane="io",
        outputs=["left", "right"], needs=ask, placeholder=True, deprecated=True, experimental=True,
        aliases=["search", "words"], former_ids=["Old"],
    )  # fmt: skip
    async def full(*, a: Lazy) -> tuple[Annotated[Any, Socket("IMAGE")], Annotated[Any, Socket("MASK")]]:
        return a, a

    spec = full.__node__
    assert spec.title == "All of it"
    assert spec.effect
    assert spec.trains
    assert not spec.pure
    assert (spec.version, spec.lane, spec.is_async, spec.has_needs, spec.placeholder) == (3, "io", True, True, True)
    assert [(output.name, output.types) for output in spec.outputs] == [("left", "IMAGE"), ("right", "MASK")]
    assert (spec.aliases, spec.former_ids) == (("search", "words"), ("Old",))
    assert spec.deprecated
    assert spec.experimental
    assert full.__needs__ is ask


def refuse(piece, **options):
    def decorate(function):
        with pytest.raises(NodeBug, match=piece) as caught:
            node(options.pop("id", "Bad"), category="test", **options)(function)
        assert caught.value.code == "N001"
        return function

    return decorate


def test_contradictions_are_refused():
    @refuse("a needs= function")
    def lazy_without_needs(*, a: Lazy) -> None: ...

    @refuse("annotated as lazy", needs=lambda **available: [])
    def needs_without_lazy(*, a: int = 1) -> None: ...

    @refuse("differ from the present", former_ids=["Bad"])
    def former_is_present() -> None: ...

    @refuse("outer blanks", id=" Bad")
    def blanks() -> None: ...

    @refuse("outer blanks", id="")
    def empty() -> None: ...

    @refuse("facets from one of its inputs")
    def facets(*, a: Annotated[int, Int()] = 1) -> Annotated[Any, Socket("MODEL"), FileFacets("name")]: ...
