"""Wires that carry the right type but the wrong model family or latent are found before anything runs."""

import importlib
import pkgutil

import pytest

import latentloom.nodes
from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.graph.validate import validate
from latentloom.engine.node.registry import Registry

FILES = {
    "a.safetensors": {"family": "SD1.x", "latent": "4"},
    "b.safetensors": {"family": "other", "latent": "4"},
    "c.safetensors": {"family": "third", "latent": "16"},
}


class Reader:
    def facets(self, folder, name):
        return FILES[name]


@pytest.fixture(scope="module")
def registry():
    registry = Registry()
    for info in pkgutil.iter_modules(latentloom.nodes.__path__):
        module = importlib.import_module(f"latentloom.nodes.{info.name}")
        for value in vars(module).values():
            if getattr(value, "__node__", None) is not None and value.__node__.module == module.__name__:
                registry.add(value)
    return registry


def txt2img(model, clip, vae, **extra_nodes):
    def loader(node_id, name):
        return Node(node_id, "CheckpointLoaderSimple", {"ckpt_name": name})

    sampler = {
        "model": Link("model", "MODEL"),
        "positive": Link("text", "CONDITIONING"),
        "negative": Link("text", "CONDITIONING"),
        "latent_image": Link("empty", "LATENT"),
    }
    return Graph(
        [
            loader("model", model),
            loader("clip", clip),
            loader("vae", vae),
            Node("text", "CLIPTextEncode", {"text": "a cat", "clip": Link("clip", "CLIP")}),
            Node("empty", "EmptyLatentImage", {}),
            Node("sampler", "KSampler", sampler),
            Node("scaled", "LatentUpscaleBy", {"samples": Link("sampler", "LATENT")}),
            Node("decode", "VAEDecode", {"samples": Link("scaled", "LATENT"), "vae": Link("vae", "VAE")}),
            Node("save", "SaveImage", {"images": Link("decode", "IMAGE")}),
        ]
    )


def problems(registry, graph):
    found = validate(graph, registry, facets=Reader())
    return [(problem.code, problem.node_id) for problem in found]


def test_one_family_fits(registry):
    assert problems(registry, txt2img(*["a.safetensors"] * 3)) == []


def test_an_empty_latent_fits_any_model(registry):
    assert problems(registry, txt2img(*["c.safetensors"] * 3)) == []


def test_text_of_another_family_is_found(registry):
    found = problems(registry, txt2img("a.safetensors", "b.safetensors", "a.safetensors"))
    assert {code for code, _ in found} == {"G012"}
    assert {node for _, node in found} == {"sampler"}


def test_a_vae_of_another_family_is_found_behind_other_nodes(registry):
    found = problems(registry, txt2img("a.safetensors", "a.safetensors", "c.safetensors"))
    assert found == [("G012", "decode")]


@pytest.mark.parametrize("name", ["a.safetensors", "b.safetensors"])
def test_a_controlnet_of_another_family_is_found(registry, name):
    graph = txt2img(*["a.safetensors"] * 3)
    steered = {
        "positive": Link("text", "CONDITIONING"), "negative": Link("text", "CONDITIONING"),
        "control_net": Link("control", "CONTROL_NET"), "image": Link("decode", "IMAGE"),
    }  # fmt: skip
    more = [
        Node("control", "ControlNetLoader", {"control_net_name": name}),
        Node("apply", "ControlNetApplyAdvanced", steered),
    ]
    sampler = {
        "model": Link("model", "MODEL"), "positive": Link("apply", "positive"), "negative": Link("apply", "negative"),
        "latent_image": Link("empty", "LATENT"),
    }  # fmt: skip
    graph = Graph([*graph, *more, Node("again", "KSampler", sampler), Node("end", "VAEDecode", {
        "samples": Link("again", "LATENT"), "vae": Link("vae", "VAE")}), Node("kept", "SaveImage", {"images": Link("end", "IMAGE")})])  # fmt: skip
    assert problems(registry, graph) == ([] if name == "a.safetensors" else [("G012", "apply")])
