"""The ControlNet in the box: small, and pictures follow the edges that it is shown. The card has the whole exam."""

import numpy as np
import pytest
import torch

from latentloom.engine.library import package_root
from latentloom.engine.models.load import load_checkpoint
from latentloom.engine.models.load_control import load_control
from latentloom.engine.node.context import SilentContext
from latentloom.engine.pictures.edges import edge_agreement
from latentloom.engine.shapes.dataset import ShapeScenes
from latentloom.nodes.control import control_net_apply_advanced
from latentloom.nodes.preprocess import canny
from latentloom.nodes.sampling import ksampler

MODELS = package_root() / "workflows" / "models"
FILE = MODELS / "controlnet" / "loom-shapes-canny.safetensors"
SCENES = 6


@pytest.fixture(scope="module")
def drawn():
    """F1 at 2 px of scenes drawn from their captions, with their edges and without."""
    cpu = torch.device("cpu")
    model, clip, vae = load_checkpoint(MODELS / "checkpoints" / "loom-shapes-sd15.safetensors", device=cpu)
    control = load_control(FILE, device=cpu)
    pictures, captions = ShapeScenes(64, 11, "test").batch(0, SCENES)
    edges = canny(image=torch.from_numpy(pictures).float() / 255, low_threshold=0.1, high_threshold=0.2)
    scores = {"with": [], "without": []}
    empty = [[clip.encode("")[0], {}]]
    for place, caption in enumerate(captions):
        prompts = [[clip.encode(caption)[0], {}]], empty
        wanted = edges[place : place + 1]
        steered = control_net_apply_advanced(
            positive=prompts[0], negative=prompts[1], control_net=control, image=wanted
        )
        for name, (positive, negative) in (("with", steered), ("without", prompts)):
            latent = ksampler(
                model=model, seed=place, steps=20, cfg=3.5, sampler_name="euler", scheduler="normal",
                positive=positive, negative=negative, latent_image={"samples": torch.zeros(1, 4, 8, 8)}, denoise=1.0,
                context=SilentContext(),
            )["samples"]  # fmt: skip
            found = canny(image=vae.decode(latent), low_threshold=0.1, high_threshold=0.2)
            scores[name].append(edge_agreement(found[..., 0], wanted[..., 0])[2])
    return {name: float(np.mean(found)) for name, found in scores.items()}


def test_the_file_is_small():
    assert FILE.stat().st_size <= 6_000_000


def test_edges_of_the_result_follow_the_control(drawn):
    assert drawn["with"] >= 0.7


def test_without_it_they_do_not(drawn):
    assert drawn["without"] <= 0.4
