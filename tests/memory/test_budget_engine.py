"""A whole graph from a file, run by an Engine within a budget, and what the engine makes of the setting."""

from contextlib import contextmanager

import pytest
import torch
from small_device import SmallDevice

from latentloom.engine.engine import Engine, make_residence
from latentloom.engine.memory.cast import nbytes
from latentloom.engine.memory.residency import InPlace, Residency
from latentloom.engine.settings import Settings
from latentloom.engine.store import DeviceAccount

FILE = "loom-shapes-sd15.safetensors"


@contextmanager
def within(folder, budget=None, most=None):
    """Give an engine whose device is the host's memory, as far as the budget goes, and that device."""
    with Engine(folder, "cpu") as engine:
        device = SmallDevice(most)
        residency = Residency(device, budget, account=DeviceAccount(engine.cache))
        engine.residence = engine.executor.residence = residency
        yield engine, device


def picture(engine, seed=7):
    """Return the picture of a graph of the usual nodes."""
    b = engine.builder()
    loaded = b.CheckpointLoaderSimple(ckpt_name=FILE)
    texts = [b.CLIPTextEncode(clip=loaded.CLIP, text=text) for text in ("a red circle", "")]
    drawn = b.KSampler(
        model=loaded.MODEL, positive=texts[0], negative=texts[1], seed=seed, steps=3, cfg=3.5,
        latent_image=b.EmptyLatentImage(width=64, height=64),
    )  # fmt: skip
    return engine.run(b.VAEDecode(samples=drawn, vae=loaded.VAE).IMAGE)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One data folder for all, since a cache in memory outlives no engine."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def wanted(home):
    """(the picture without a residency, the sizes of the three networks and of their largest tensor)."""
    with Engine(home, "cpu") as engine:
        b = engine.builder()
        loaded = b.CheckpointLoaderSimple(ckpt_name=FILE)
        model, clip, vae = engine.run([loaded.MODEL, loaded.CLIP, loaded.VAE])
        networks = (model.network, clip.network, vae.network)
        largest = max(p.nbytes for network in networks for p in network.parameters())
        return picture(engine), [nbytes(network) for network in networks], largest


def test_a_graph_within_a_budget_draws_the_same(home, wanted):
    image, sizes, largest = wanted
    for budget in (None, max(sizes) + 1000, max(largest + 1000, max(sizes) // 2)):
        with within(home, budget, budget) as (engine, device):
            assert torch.equal(picture(engine), image)
            assert budget is None or device.peak <= budget
            assert engine.cache.ledger.used["device"] == engine.residence.stats.used_bytes > 0


def test_the_next_job_finds_the_weights_on_the_device(home, wanted):
    with within(home) as (engine, device):
        picture(engine)
        moved = dict(device.moves)
        picture(engine, seed=8)
        assert device.moves == moved


def test_letting_go_of_models_empties_the_device(home, wanted):
    with within(home) as (engine, device):
        picture(engine)
        assert device.used == engine.residence.stats.used_bytes == sum(wanted[1])
        engine.free(models=True, cache=False)
        assert engine.residence.stats.used_bytes == 0
        assert engine.cache.ledger.used["device"] == 0


def test_weights_are_counted_where_they_are(home, wanted):
    """The cache counts the originals as the host's, the ledger the copies as the device's; neither twice."""
    with within(home) as (engine, _):
        picture(engine)
        ledger = engine.cache.ledger.used
        assert ledger["device"] == sum(wanted[1])
        assert sum(wanted[1]) <= ledger["ram"] < 2 * sum(wanted[1])


def test_on_a_processor_networks_run_where_they_are(home):
    settings = Settings(home, device="cpu", vram_budget=1000)
    with Engine(settings=settings) as engine:
        assert isinstance(engine.residence, InPlace)
        assert engine.executor.residence is engine.residence


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_the_setting_is_the_budget(home, wanted):
    residence = make_residence("cuda", None, 6 << 30)
    assert isinstance(residence, Residency) and residence.budget_bytes == 6 << 30
    assert make_residence("cuda").budget_bytes is None
    with Engine(settings=Settings(home, device="cuda")) as free:
        image = picture(free)
    budget = max(wanted[2] + 1000, max(wanted[1]) // 2)
    with Engine(settings=Settings(home, device="cuda", vram_budget=budget)) as engine:
        assert torch.equal(picture(engine), image)
        assert engine.residence.stats.peak_bytes <= budget
