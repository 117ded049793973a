"""Training as a graph: the executor runs it with gradients, and the trained parts sample and are saved as any others."""

import pytest
import torch

from latentloom.engine.engine import Engine
from latentloom.engine.folders import Folders
from latentloom.engine.models.load import load_checkpoint
from latentloom.engine.node.registry import Registry
from latentloom.engine.run.cancel import CancelToken
from latentloom.engine.run.events import Metric
from latentloom.nodes import latent, loaders, sampling, shape_exam, text, train, train_data, vae

SMALL = {"unet_width": 32, "unet_levels": "1", "unet_attention": "1", "text_width": 64, "text_layers": 1,
         "vae_width": 32, "vae_levels": "1,1,1,1"}  # fmt: skip


@pytest.fixture
def engine(tmp_path):
    registry = Registry()
    for module in (latent, loaders, sampling, shape_exam, text, train, train_data, vae):
        for function in vars(module).values():
            if hasattr(function, "__node__") and function.__module__ == module.__name__:
                registry.add(function)
    folders = Folders(tmp_path / "data", packaged=tmp_path / "none")
    with Engine(tmp_path / "data", "cpu", "ram:256M", registry=registry, folders=folders) as made:
        yield made


def training(engine):
    b = engine.builder()
    scenes = b.LoomShapeScenes(size=16, seed=1)
    new = b.LoomNewDiffusionModel(**SMALL, seed=3)
    vae = b.LoomTrainVAE(vae=new.VAE, dataset=scenes, steps=2, batch_size=2)
    trained = b.LoomTrainDiffusion(
        model=new.MODEL, clip=new.CLIP, vae=vae.VAE, dataset=scenes, steps=2, batch_size=2, pool=20
    )
    return b, vae, trained


def test_a_graph_trains_samples_and_saves(engine, tmp_path):
    b, vae, trained = training(engine)
    prompt, nothing = (b.CLIPTextEncode(text=words, clip=trained.CLIP) for words in ("a red circle", ""))
    blank = b.EmptyLatentImage(width=16, height=16, batch_size=1)
    latent = b.KSampler(
        model=trained.MODEL, seed=1, steps=2, cfg=2.0, positive=prompt, negative=nothing, latent_image=blank
    )
    picture = b.VAEDecode(samples=latent, vae=vae.VAE)
    saved = b.CheckpointSave(model=trained.MODEL, clip=trained.CLIP, vae=vae.VAE, filename_prefix="own/tiny")
    marks = b.LoomEvaluateShapes(
        model=trained.MODEL, clip=trained.CLIP, vae=vae.VAE, captions=1, seeds=1, steps=1, size=16
    )
    metrics = []
    values = engine.run(
        [picture.IMAGE, saved, trained.curve, marks.sheet],
        sink=lambda event: metrics.append(event) if isinstance(event, Metric) else None,
    )
    assert values[0].shape == (1, 16, 16, 3) and not values[0].requires_grad
    assert len([event for event in metrics if event.name == "loss"]) == 4
    assert values[2].std() > 0.05
    assert values[3].shape[0] == 1
    loaded = load_checkpoint(tmp_path / "data" / "output" / "own" / "tiny_00001_.safetensors", dtype=torch.float32)
    assert loaded.model.prediction == "v"
    before = engine.run(trained.MODEL).network.state_dict()
    after = loaded.model.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_cancelled_graph_goes_on_where_it_stopped(engine):
    b, vae, _ = training(engine)
    graph = b.graph()
    token = CancelToken()
    seen = []

    def stop(event):
        if isinstance(event, Metric) and event.name == "loss":
            seen.append(event.step)
            token.cancel()

    result = engine.execute(graph, [vae.node_id], sink=stop, cancel=token)
    assert result.cancelled and seen == [1]
    seen.clear()
    result = engine.execute(graph, [vae.node_id], sink=lambda e: seen.append(e.step) if isinstance(e, Metric) else None)
    assert not result.failures and set(seen) == {2}
