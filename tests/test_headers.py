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
