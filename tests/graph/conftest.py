"""A small real set of nodes that the graph tests share, and folders with a few named files."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.node import (
    ANY,
    Choice,
    File,
    FileFacets,
    Hidden,
    Int,
    Registry,
    Repeat,
    Seed,
    Slider,
    Socket,
    SubGraph,
    Text,
    node,
)

Model = Annotated[Any, Socket("MODEL", {"latent": "$L"})]
Latent = Annotated[Any, Socket("LATENT", {"latent": "$L"})]
Image = Annotated[Any, Socket("IMAGE")]
Mask = Annotated[Any, Socket("MASK")]


class Loaded(NamedTuple):
    MODEL: Annotated[Any, Socket("MODEL"), FileFacets("name")]
    VAE: Annotated[Any, Socket("VAE"), FileFacets("name")]


@node("Load", category="test")
def load(*, name: Annotated[str, File("checkpoints", (".safetensors",))]) -> Loaded:
    return Loaded(f"model {name}", f"vae {name}")


@node("Empty", category="test")
def empty(*, width: Annotated[int, Int(16, 1024, step=8)] = 512) -> Annotated[Any, Socket("LATENT", {"latent": "4"})]:
    return width


@node("Empty16", category="test")
def empty16() -> Annotated[Any, Socket("LATENT", {"latent": "16"})]:
    return 16


@node("Sample", category="test", former_ids=("OldSample",))
def sample(
    *,
    model: Model,
    seed: Annotated[int, Seed()] = 0,
    steps: Annotated[int, Int(1, 100)] = 20,
    cfg: Annotated[float, Slider(0, 30)] = 7.0,
    sampler: Literal["euler", "heun", "dpm/2"] = "euler",
    latent: Latent,
    tiled: bool = False,
    mask: Mask | None = None,
) -> Latent:
    return (model, seed, steps, cfg, sampler, latent, tiled, mask)


@node("Decode", category="test")
def decode(*, samples: Latent, vae: Annotated[Any, Socket("VAE", {"latent": "$L"})]) -> Image:
    return (samples, vae)


class Parts(NamedTuple):
    image: Image
    mask: Mask


@node("Resize", category="test")
def resize(*, image: Image | Mask, size: Annotated[int, Int(1, 4096)] = 64) -> Parts:
    return Parts(image, size)


@node("Mask", category="test")
def mask(*, image: Image) -> Image:
    return image


@node("Caption", category="test")
def caption(*, text: Annotated[str, Text(multiline=True)], size: Annotated[int, Choice((1, 2, 4))] = 2) -> str:
    return text * size


@node("Any", category="test")
def anything(*, value: Annotated[Any, Socket(ANY)]) -> Annotated[Any, Socket(ANY)]:
    return value


@node("Join", category="test")
def join(**images: Annotated[Image, Repeat("image_{n}", minimum=1, maximum=3)]) -> Image:
    return images


@node("Photo", category="test")
def photo(*, image: Annotated[str, File("input", (".png",), upload=True)]) -> Image:
    return image


@node("Save", category="test", effect=True)
def save(
    *,
    images: Image,
    prefix: str = "out",
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
) -> None: ...


@node("Item", category="test", placeholder=True)
def item() -> Image:
    raise AssertionError("a placeholder is never run")


@node("Loop", category="test")
def loop(*, body: SubGraph, times: int = 3) -> Image:
    return (body, times)


NODES = (
    load, empty, empty16, sample, decode, resize, mask, caption, anything, join, photo, save, item, loop,
)  # fmt: skip


class Drawer:
    """Folders with a few files, as `node.context.Files` wants them; nothing is on disk."""

    def __init__(self) -> None:
        self.content = {
            "checkpoints": ("a.safetensors", "sub/b.safetensors", "flux.safetensors"),
            "input": ("cat.png",),
        }

    def find(self, folder: str, name: str) -> Path:
        if name in self.content.get(folder, ()) or name == "late.png [output]":
            return Path(folder) / name
        raise UserError("F001", f'"{name}"', "a file", "none of this name", "Check the name.")

    def names(self, folder: str, extensions: tuple[str, ...] = ()) -> tuple[str, ...]:
        return self.content.get(folder, ())

    def roots(self, folder: str) -> tuple[Path, ...]:
        return (Path(folder),)

    def directory(self, kind: str) -> Path:
        return Path(kind)


class Headers:
    """Facets by file name, as a reader of headers would give them."""

    def facets(self, folder: str, name: str) -> dict[str, str]:
        if name == "sub/b.safetensors":
            raise UserError("M003", name, "a safetensors header", "noise", "Download it again.")
        return {"latent": "16" if name == "flux.safetensors" else "4"}


@pytest.fixture
def registry() -> Registry:
    return Registry(NODES)


@pytest.fixture(scope="session")
def shared_registry() -> Registry:
    """One for all examples of a property; never added to."""
    return Registry(NODES)


@pytest.fixture
def files() -> Drawer:
    return Drawer()


@pytest.fixture
def headers() -> Headers:
    return Headers()
