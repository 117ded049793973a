"""A few real nodes beside the built-in ones, and folders with a few real files."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest

from latentloom.engine.folders import Folders
from latentloom.engine.library import registry as built_in
from latentloom.engine.node import Choice, File, Hidden, Int, Registry, Repeat, Slider, Socket, Text, node

Image = Annotated[Any, Socket("IMAGE")]
Mask = Annotated[Any, Socket("MASK")]


class Parts(NamedTuple):
    image: Image
    mask: Annotated[list, Socket("MASK")]


@node("TestMake", category="test", former_ids=("TestMaker",))
def make(
    *,
    count: Annotated[int, Int(1, 10)] = 1,
    amount: Annotated[float, Slider(0, 1)] = 0.5,
    text: Annotated[str, Text(multiline=True)] = "",
    flag: bool = False,
    choice: Annotated[str, Choice(("a", "b"))] = "a",
) -> Parts:
    """Make a picture."""
    return Parts(count, [amount])


@node("TestNeed", category="test")
def need(*, image: Image, mask: Mask | None = None, text: Annotated[str, Text()]) -> Image:
    return image


@node("TestFile", category="test")
def file(*, name: Annotated[str, File("checkpoints", (".safetensors",))]) -> Image:
    return name


@node("TestMany", category="test")
def many(**images: Annotated[Image, Repeat("image_{n}", minimum=1, maximum=3)]) -> Image:
    return images


@node("TestSave", category="test", effect=True)
def save(
    *,
    images: Image,
    prefix: str = "out",
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
) -> None: ...


@node("TestWide", category="test")
def wide() -> Annotated[Any, Socket("IMAGE", {"size": "16"})]:
    return 16


@node("TestNarrow", category="test")
def narrow() -> Annotated[Any, Socket("IMAGE", {"size": "4"})]:
    return 4


@node("TestBlend", category="test")
def blend(
    *, a: Annotated[Any, Socket("IMAGE", {"size": "$S"})], b: Annotated[Any, Socket("IMAGE", {"size": "$S"})]
) -> Image:
    return (a, b)


@pytest.fixture(scope="session")
def nodes() -> Registry:
    found = built_in().copy()
    for function in (make, need, file, many, save, wide, narrow, blend):
        found.add(function)
    return found


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    for name in ("models/checkpoints/a.safetensors", "models/checkpoints/sub/b.safetensors", "input/cat.png"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return Folders(tmp_path / "data", packaged=tmp_path / "nothing")
