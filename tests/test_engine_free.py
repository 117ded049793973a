"""Letting go of memory between runs: models alone, or everything; what is on disk stays."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from latentloom.engine.engine import Engine
from latentloom.engine.server.calls import MOST_ENTRIES, answer

SMALL = {
    "unet_width": 32, "unet_levels": "1", "unet_attention": "1", "text_width": 64, "text_layers": 1,
    "vae_width": 32, "vae_levels": "1,1,1,1",
}  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    with Engine(tmp_path, "cpu", "disk") as made:
        yield made


def draw(engine: Engine) -> Any:
    """Make networks, a guider, a conditioning and latents; return a weak reference to the denoiser's network."""
    b = engine.builder()
    new = b.LoomNewDiffusionModel(**SMALL, seed=3)
    text = b.CLIPTextEncode(clip=new.CLIP, text="a red circle")
    guider = b.BasicGuider(model=new.MODEL, conditioning=text)
    latent = b.LatentUpscaleBy(samples=b.EmptyLatentImage(width=512, height=512, batch_size=9), scale_by=2.0)
    model, *_ = engine.run([new.MODEL, text, guider, latent])
    return weakref.ref(model.network)


def listed(engine: Engine) -> dict[str, bool]:
    assert engine.cache is not None
    return {entry.type: entry.model for entry in engine.cache.listing().entries}


EVERYTHING = {
    "LoomNewDiffusionModel": True, "BasicGuider": True,
    "CLIPTextEncode": False, "EmptyLatentImage": False, "LatentUpscaleBy": False,
}  # fmt: skip


def test_models_and_what_holds_them_go_and_the_rest_stays(engine: Engine) -> None:
    network = draw(engine)
    gc.collect()
    assert network() is not None and listed(engine) == EVERYTHING
    engine.free(models=True, cache=False)
    assert network() is None, "something still holds the network"
    assert listed(engine) == {name: False for name, model in EVERYTHING.items() if not model}
    again = draw(engine)
    gc.collect()
    assert again() is not None and listed(engine) == EVERYTHING


def test_everything_goes_but_the_disk(engine: Engine) -> None:
    network = draw(engine)
    assert engine.cache is not None
    engine.cache.flush()
    on_disk = engine.cache.stats.disk_bytes
    engine.free(models=False, cache=True)
    assert network() is None and listed(engine) == {}
    assert engine.cache.stats.disk_bytes == on_disk > 0
    assert engine.cache.stats.ram_bytes == 0
    b = engine.builder()
    text = b.CLIPTextEncode(clip=b.LoomNewDiffusionModel(**SMALL, seed=3).CLIP, text="a red circle")
    engine.run(text)
    assert engine.cache.stats.disk_reads == 1


def test_nothing_goes_when_nothing_is_asked(engine: Engine) -> None:
    network = draw(engine)
    engine.free(models=False, cache=False)
    assert network() is not None and listed(engine) == EVERYTHING


def test_an_engine_without_a_cache_has_nothing_to_free(tmp_path: Path) -> None:
    with Engine(tmp_path, "cpu", "off") as engine:
        engine.free()
        ledger, _ = answer("ledger", engine, {}, memoryview(b""))
    assert ledger["cache"] is None and ledger["device"] == "cpu"


def test_the_ledger_call_lists_what_is_resident_and_what_went(engine: Engine) -> None:
    draw(engine)
    shown = answer("ledger", engine, {}, memoryview(b""))[0]["cache"]
    assert {entry["type"]: entry["model"] for entry in shown["entries"]} == EVERYTHING
    sizes = [entry["bytes"] for entry in shown["entries"]]
    assert sizes == sorted(sizes, reverse=True) and shown["total"] == shown["stats"]["entries"] == 5
    assert shown["tiers"]["ram"]["bytes"] == shown["used"]["ram"] and shown["tiers"]["ram"]["entries"] == 5
    assert shown["evictions"] == []
    page = answer("ledger", engine, {"limit": 2}, memoryview(b""))[0]["cache"]
    assert [entry["type"] for entry in page["entries"]] == [entry["type"] for entry in shown["entries"][:2]]
    assert page["total"] == 5
    answer("free", engine, {"models": True, "cache": False}, memoryview(b""))
    after = answer("ledger", engine, {}, memoryview(b""))[0]["cache"]
    gone = {entry["type"]: (entry["reason"], entry["to"]) for entry in after["evictions"]}
    assert gone == {"LoomNewDiffusionModel": ("asked", None), "BasicGuider": ("asked", None)}


def test_the_ledger_is_limited(engine: Engine) -> None:
    assert engine.cache is not None
    for number in range(MOST_ENTRIES + 50):
        engine.cache.put(f"{number}", {"INT": number}, 0.0, "Number")
    for limit, count in ((10**9, MOST_ENTRIES), (-1, 0), (7, 7)):
        shown = answer("ledger", engine, {"limit": limit}, memoryview(b""))[0]["cache"]
        assert (len(shown["entries"]), shown["total"]) == (count, MOST_ENTRIES + 50)


def test_a_worker_says_which_accelerators_there_are(engine: Engine) -> None:
    told = answer("describe", engine, {}, memoryview(b""))[0]["available"]
    assert told == list(engine.accelerators)
    assert len([name for name in told if name.startswith("cuda:")]) == torch.cuda.device_count()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_device_memory_is_given_back(tmp_path: Path) -> None:
    with Engine(tmp_path, "cuda", "ram") as engine:
        draw(engine)
        held = torch.cuda.memory_allocated()
        engine.free(models=True, cache=False)
        assert torch.cuda.memory_allocated() < held
        engine.free()
        assert torch.cuda.memory_allocated() <= held // 10
        assert torch.cuda.memory_reserved() <= 32 << 20
