"""Facets from headers: what a file is, without its weights; and that validation uses them."""

import os

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.errors import UserError
from latentloom.engine.folders import Folders
from latentloom.engine.graph.codec import read_api
from latentloom.engine.graph.validate import validate
from latentloom.engine.headers import HeaderFacets
from latentloom.engine.library import registry
from latentloom.engine.models.arch import ARCHITECTURES, UNET, VAE
from latentloom.engine.models.detect import detect

SD1 = {
    UNET + "input_blocks.0.0.weight": (8, 4, 3, 3),
    UNET + "time_embed.0.weight": (8, 8),
    UNET + "middle_block.0.in_layers.0.weight": (8,),
    UNET + "middle_block.1.proj_in.weight": (8, 8, 1, 1),
    UNET + "output_blocks.0.0.in_layers.0.weight": (8,),
    UNET + "out.2.weight": (4, 8, 3, 3),
    VAE + "encoder.conv_in.weight": (8, 3, 3, 3),
    VAE + "decoder.conv_in.weight": (8, 4, 3, 3),
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (8, 8),
}


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path / "data", packaged=tmp_path / "none")


@pytest.fixture
def put(folders):
    def write(folder, name, shapes):
        path = folders.directory(folder) / name
        save_file({key: torch.zeros(shape) for key, shape in shapes.items()}, path)
        return path

    return write


def test_the_stand_in_is_what_it_claims():
    assert detect(ARCHITECTURES, SD1, "x").name == "SD1.x checkpoint"


def test_a_checkpoint_tells_family_and_channels(folders, put):
    put("checkpoints", "a.safetensors", SD1)
    wide = {**SD1, UNET + "out.2.weight": (16, 8, 3, 3)}
    put("checkpoints", "b.safetensors", wide)
    reader = HeaderFacets(folders)
    assert reader.facets("checkpoints", "a.safetensors") == {"family": "SD1.x", "latent": "4"}
    assert reader.facets("checkpoints", "b.safetensors") == {"family": "SD1.x", "latent": "16"}


def test_a_lone_autoencoder_belongs_to_no_family(folders, put):
    shapes = {"decoder.conv_in.weight": (8, 16, 3, 3), "decoder.mid.block_1.norm1.weight": (8,)}
    put("vae", "v.safetensors", shapes)
    assert HeaderFacets(folders).facets("vae", "v.safetensors") == {"latent": "16"}


def test_a_changed_file_is_read_again(folders, put):
    path = put("checkpoints", "a.safetensors", SD1)
    reader = HeaderFacets(folders)
    reader.facets("checkpoints", "a.safetensors")
    put("checkpoints", "a.safetensors", {**SD1, UNET + "out.2.weight": (16, 8, 3, 3)})
    os.utime(path, ns=(1, 1))
    assert reader.facets("checkpoints", "a.safetensors")["latent"] == "16"


def test_what_cannot_be_read_is_a_user_error(folders):
    (folders.directory("checkpoints") / "bad.safetensors").write_bytes(b"\xff" * 100)
    for name in ("bad.safetensors", "absent.safetensors"):
        with pytest.raises(UserError):
            HeaderFacets(folders).facets("checkpoints", name)


def test_parts_that_do_not_belong_together_are_found_before_anything_runs(folders, put, tmp_path):
    put("checkpoints", "a.safetensors", SD1)
    put("vae", "wide.safetensors", {"decoder.conv_in.weight": (8, 16, 3, 3), "decoder.mid.block_1.norm1.weight": (8,)})
    nodes = registry(tmp_path / "cache")
    document = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
        "2": {"class_type": "VAELoader", "inputs": {"vae_name": "wide.safetensors"}},
        "3": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64}},
        "4": {"class_type": "VAEEncode", "inputs": {"pixels": ["3", 0], "vae": ["1", 2]}},
        "5": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["2", 0]}},
        "6": {"class_type": "PreviewImage", "inputs": {"images": ["5", 0]}},
    }
    graph = read_api(document, nodes)
    assert validate(graph, nodes, folders) == ()
    (problem,) = validate(graph, nodes, folders, HeaderFacets(folders))
    assert (problem.code, problem.node_id, problem.input) == ("G012", "5", "vae")
    assert "16" in problem.got


SDXL = {
    "input_blocks.0.0.weight": (8, 4, 3, 3),
    "time_embed.0.weight": (8, 8),
    "middle_block.0.in_layers.0.weight": (8,),
    "output_blocks.0.0.in_layers.0.weight": (8,),
    "out.2.weight": (4, 8, 3, 3),
    "label_emb.0.0.weight": (8, 2816),
}
SD3 = {
    UNET + "joint_blocks.0.context_block.attn.qkv.weight": (8, 8),
    UNET + "x_embedder.proj.weight": (8, 16, 2, 2),
    UNET + "context_embedder.weight": (8, 8),
    UNET + "pos_embed": (1, 4, 8),
    UNET + "final_layer.linear.weight": (64, 8),
    VAE + "encoder.conv_in.weight": (8, 3, 3, 3),
    VAE + "decoder.conv_in.weight": (8, 16, 3, 3),
}
CONTROL = {
    "control_model.input_hint_block.0.weight": (8, 3, 3, 3),
    "control_model.middle_block.1.proj_in.weight": (8, 8, 1, 1),
}


@pytest.fixture
def problems(folders, tmp_path):
    nodes = registry(tmp_path / "cache")

    def check(document):
        found = validate(read_api(document, nodes), nodes, folders, HeaderFacets(folders))
        return [(problem.code, problem.node_id, problem.got) for problem in found]

    return check


def sampled(model, positive, latent):
    return {"class_type": "KSampler", "inputs": {
        "model": model, "positive": positive, "negative": positive, "latent_image": latent, "seed": 0, "steps": 1,
        "cfg": 1.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
    }}  # fmt: skip


def test_a_four_channel_latent_into_sd3_is_found(put, problems):
    put("checkpoints", "sd3.safetensors", SD3)
    put("vae", "old.safetensors", {"decoder.conv_in.weight": (8, 4, 3, 3), "decoder.mid.block_1.norm1.weight": (8,)})
    document = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd3.safetensors"}},
        "2": {"class_type": "VAELoader", "inputs": {"vae_name": "old.safetensors"}},
        "3": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64}},
        "4": {"class_type": "VAEEncode", "inputs": {"pixels": ["3", 0], "vae": ["2", 0]}},
        "5": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["1", 1]}},
        "6": sampled(["1", 0], ["5", 0], ["4", 0]),
        "7": {"class_type": "VAEDecode", "inputs": {"samples": ["6", 0], "vae": ["1", 2]}},
        "8": {"class_type": "PreviewImage", "inputs": {"images": ["7", 0]}},
    }
    ((code, node, got),) = problems(document)
    assert (code, node, got) == ("G012", "6", "latent 4")
    document["4"]["inputs"]["vae"] = ["1", 2]
    assert problems(document) == []


def test_a_controlnet_of_sd1_on_sdxl_is_found(put, problems):
    put("diffusion_models", "xl.safetensors", SDXL)
    put("checkpoints", "one.safetensors", SD1)
    put("controlnet", "canny.safetensors", CONTROL)
    document = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "one.safetensors"}},
        "2": {"class_type": "UNETLoader", "inputs": {"unet_name": "xl.safetensors", "weight_dtype": "default"}},
        "3": {"class_type": "ControlNetLoader", "inputs": {"control_net_name": "canny.safetensors"}},
        "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["1", 1]}},
        "5": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64}},
        "6": {"class_type": "ControlNetApply", "inputs": {
            "conditioning": ["4", 0], "control_net": ["3", 0], "image": ["5", 0], "strength": 1.0}},
        "7": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "8": sampled(["2", 0], ["6", 0], ["7", 0]),
        "9": {"class_type": "VAEDecode", "inputs": {"samples": ["8", 0], "vae": ["1", 2]}},
        "10": {"class_type": "PreviewImage", "inputs": {"images": ["9", 0]}},
    }  # fmt: skip
    found = problems(document)
    assert {(code, node) for code, node, _ in found} == {("G012", "8")}
    document["8"]["inputs"]["model"] = ["1", 0]
    assert problems(document) == []
