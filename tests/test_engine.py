"""Engine: what a script sees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from latentloom.engine.engine import Engine, make_cache
from latentloom.engine.errors import Cancelled, InvalidGraph, NodeBug
from latentloom.engine.graph.codec import save
from latentloom.engine.node import Context, Registry, SubGraph, node
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.cancel import CancelToken
from latentloom.engine.settings import CacheChoice
from latentloom.engine.values import Image, Latent

calls: list[str] = []


@node("Loader", category="test")
def loader(seed: int = 0) -> Latent:
    """Pretend that this takes long."""
    calls.append("Loader")
    return {"samples": torch.full((1, 4, 4, 4), float(seed))}


@node("Decode", category="test")
def decode(latent: Latent, gain: float = 1.0) -> Image:
    """Make a picture of a latent."""
    calls.append("Decode")
    return (latent["samples"][:, :3].movedim(1, -1) * gain).clamp(0, 1)


@node("Store", category="test", effect=True)
def store(*, image: Image, name: str = "a", context: Context) -> None:
    """Announce a picture."""
    calls.append("Store")
    context.output("images", [{"filename": f"{name}.png", "mean": float(image.mean())}])


@node("Gradients", category="test")
def gradients() -> str:
    """Tell the modes of this thread."""
    return f"{torch.is_grad_enabled()} {torch.is_inference_mode_enabled()}"


@node("GradientsTrain", category="test", trains=True, effect=True, outputs=["STRING"])
def gradients_train() -> str:
    """Tell the modes of a thread that trains."""
    return f"{torch.is_grad_enabled()} {torch.is_inference_mode_enabled()}"


@node("Break", category="test")
def break_it() -> Image:
    """Fail."""
    raise RuntimeError("broken")


@node("BadImage", category="test")
def bad_image() -> Image:
    """Return no picture."""
    return torch.zeros(3, 3)


@node("Point", category="test", placeholder=True)
def point() -> Latent:
    """Stand for a latent."""
    raise RuntimeError


@node("Slope", category="test", trains=True)
def slope(*, body: SubGraph, context: Context) -> str:
    """Differentiate a sub-graph twice."""
    found = []
    for number in (0.25, 0.5):
        samples = torch.full((1, 4, 2, 2), number, requires_grad=True)
        picture = context.evaluate(body, {"Point": {"samples": samples}}, differentiable=True)
        picture.sum().backward()
        found.append(f"{float(samples.grad.sum()):g}")
    plain = context.evaluate(body, {"Point": {"samples": samples}})
    return " ".join([*found, str(plain.requires_grad)])


@node("Mix", category="test")
def mix(a: Latent, b: Latent) -> Latent:
    """Add two latents."""
    calls.append("Mix")
    return {"samples": a["samples"] * 2 + b["samples"].mean() * 0 + 0 * b["samples"].requires_grad}


REGISTRY = Registry(
    [loader, decode, store, gradients, gradients_train, break_it, bad_image, point, slope, mix]
)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    calls.clear()
    return Engine(tmp_path, "cpu", registry=REGISTRY)


def test_a_wire_gives_its_value_and_what_is_loaded_stays(engine: Engine) -> None:
    b = engine.builder()
    latent = b.Loader(seed=1)
    image = b.Decode(latent=latent)
    assert engine.run(image.IMAGE).shape == (1, 4, 4, 3)
    assert engine.run(image).mean() == 1
    assert calls == ["Loader", "Decode"]
    assert engine.run(image, {"Decode.gain": 0.5}).mean() == 0.5
    assert calls == ["Loader", "Decode", "Decode"]
    both = engine.run([latent, image.IMAGE])
    assert both[0]["samples"].shape == (1, 4, 4, 4)
    assert both[1].shape == (1, 4, 4, 3)


def test_a_graph_a_builder_and_a_file_give_what_was_announced(engine: Engine, tmp_path: Path) -> None:
    b = engine.builder()
    end = b.Store(image=b.Decode(latent=b.Loader(seed=1)))
    expected = {end.node_id: {"images": [{"filename": "a.png", "mean": 1.0}]}}
    assert engine.run(b) == expected
    assert engine.run(b.graph()) == expected
    save(b.graph(), tmp_path / "flow.json", REGISTRY)
    assert engine.run(tmp_path / "flow.json", {"Store.name": "b"})[end.node_id]["images"][0]["filename"] == "b.png"
    assert engine.run(end) == expected[end.node_id]
    assert calls.count("Loader") == 1


def test_problems_and_failures_are_raised(engine: Engine) -> None:
    b = engine.builder()
    graph = b.graph()
    with pytest.raises(InvalidGraph):
        engine.run(graph)
    bad = b.Break()
    with pytest.raises(NodeBug, match="broken"):
        engine.run(bad)
    with pytest.raises(NodeBug, match="float32 picture"):
        engine.run(b.BadImage())
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        engine.run(b.Decode(latent=b.Loader(seed=77)), cancel=token)


def test_gradients_are_off_save_where_a_node_trains(engine: Engine) -> None:
    b = engine.builder()
    assert engine.run(b.Gradients()) == "False False"
    assert engine.run(b.GradientsTrain()) == "True False"
    assert torch.is_grad_enabled()


def test_a_differentiable_evaluation_has_gradients_and_leaves_none_in_the_cache(engine: Engine) -> None:
    b = engine.builder()
    body = b.Decode(latent=b.Mix(a=b.Point(), b=b.Loader(seed=1)), gain=0.5)
    # d/ds sum(clamp(2 s 0.5)) over 3 of 4 channels of 2x2
    assert engine.run(b.Slope(body=body)) == "12 12 False"
    assert calls.count("Loader") == 1
    assert calls.count("Mix") == 3
    for entry in engine.cache._memory.entries.values():  # type: ignore[union-attr]
        for value in entry.value.values():
            tensor = value["samples"] if isinstance(value, dict) else value
            assert not getattr(tensor, "requires_grad", False)


@pytest.mark.parametrize(("choice", "disk"), [("ram", False), ("ram:1M", False), ("disk:2M", True)])
def test_cache_choices(tmp_path: Path, choice: str, disk: bool) -> None:
    with Engine(tmp_path, "cpu", choice, registry=REGISTRY) as engine:
        assert engine.cache is not None
        b = engine.builder()
        engine.run(b.Decode(latent=b.Loader(seed=3)))
        stats = engine.cache.stats
        assert stats.entries == 2
        assert (engine.cache._disk is not None) == disk
        assert 512 < stats.ram_bytes <= (1 << 20)


def test_cache_off_remembers_nothing(tmp_path: Path) -> None:
    calls.clear()
    engine = Engine(tmp_path, "cpu", "off", registry=REGISTRY)
    b = engine.builder()
    image = b.Decode(latent=b.Loader())
    engine.run(image)
    engine.run(image)
    assert calls == ["Loader", "Decode"] * 2
    assert make_cache(CacheChoice("off"), "cpu", tmp_path) is None


def test_a_cache_of_ones_own_may_serve_two_engines(tmp_path: Path) -> None:
    calls.clear()
    cache = Cache()
    for _ in range(2):
        engine = Engine(tmp_path, "cpu", cache, registry=REGISTRY)
        engine.run(engine.builder().Loader(seed=4))
    assert calls == ["Loader"]


SCRIPT = """
import sys, time
from pathlib import Path
import torch
from latentloom.engine.engine import Engine
from latentloom.engine.node import Context, Registry, node
from latentloom.engine.values import Image, Latent

@node("Sampler", category="test")
def sampler(seed: int = 0) -> Latent:
    print("sampler")
    time.sleep(0.02)
    return {"samples": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed))}

@node("Decode", category="test")
def decode(latent: Latent) -> Image:
    print("decode")
    time.sleep(0.02)
    return latent["samples"][:, :3].movedim(1, -1).sigmoid().contiguous()

@node("Save", category="test", effect=True)
def save(*, image: Image, prefix: str = "a", context: Context) -> None:
    print("save", prefix, image.double().sum().item().hex())

with Engine(Path(sys.argv[1]), "cpu", "disk", registry=Registry([sampler, decode, save])) as engine:
    b = engine.builder()
    b.Save(image=b.Decode(latent=b.Sampler(seed=5)), prefix=sys.argv[2])
    engine.run(b)
"""


def test_a_second_process_with_another_prefix_only_saves(tmp_path: Path) -> None:
    def run(prefix: str) -> list[str]:
        command = [sys.executable, "-P", "-c", SCRIPT, str(tmp_path), prefix]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.split("\n")[:-1]

    first, second = run("a"), run("b")
    assert first[:2] == ["sampler", "decode"]
    assert second == [first[2].replace("save a", "save b")]


def test_runs_of_one_engine_in_threads(engine: Engine) -> None:
    import threading

    results: dict[int, Any] = {}

    def work(seed: int) -> None:
        b = engine.builder()
        results[seed] = float(engine.run(b.Loader(seed=seed))["samples"].mean())

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {seed: float(seed) for seed in range(6)}
