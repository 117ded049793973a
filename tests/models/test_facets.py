import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_families import NETWORKS, base, vocabulary, whole

from latentloom.engine.errors import UserError
from latentloom.engine.models.facets import KINS, file_facets, shape_facets
from latentloom.engine.models.family import FAMILIES
from latentloom.engine.models.load import save_checkpoint


def test_parts_and_wholes(tiny, tmp_path):
    path = save_checkpoint(tmp_path / "whole.safetensors", *tiny)
    assert file_facets(path) == {"family": "SD1.x", "latent": "4"}
    for part, facets in (
        (tiny.model, {"family": "SD1.x", "latent": "4"}),
        (tiny.vae, {"latent": "4"}),
        (tiny.clip, {}),  # CLIP-L serves several families
    ):
        save_file(part.network.state_dict(), tmp_path / "part.safetensors")
        assert file_facets(tmp_path / "part.safetensors") == facets


@pytest.mark.parametrize("name", NETWORKS)
def test_every_family_whole_and_in_part(name, randomised, tmp_path):
    model, clip, vae = whole(name, randomised, vocabulary(tmp_path / "tokenizer.json"))
    path = save_checkpoint(tmp_path / "whole.safetensors", model, clip, vae)
    wanted = {"family": base(name).kin, "latent": str(base(name).latent.channels)}
    assert file_facets(path) == wanted
    bare = {key: tuple(value.shape) for key, value in model.network.state_dict().items()}
    assert shape_facets(bare, "x") == wanted
    assert len(load_file(path)) > len(bare)


def test_kin_is_that_of_the_families():
    assert {name: family.kin for name, family in FAMILIES.items() if family.kin != name} == KINS


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        ({"control_model.input_hint_block.0.weight": (16, 3, 3, 3),
          "control_model.middle_block.1.proj_in.weight": (64, 64, 1, 1)}, "SD1.x"),
        ({"input_hint_block.0.weight": (16, 3, 3, 3), "label_emb.0.0.weight": (64, 2816)}, "SDXL"),
        ({"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3), "conv_in.weight": (32, 4, 3, 3),
          "add_embedding.linear_1.weight": (64, 2816)}, "SDXL"),
        ({"pos_embed_input.proj.weight": (64, 17, 2, 2), "controlnet_blocks.0.weight": (64, 64)}, "SD3"),
    ],
)  # fmt: skip
def test_controlnets_belong_to_a_family(shapes, family):
    assert shape_facets(shapes, "x") == {"family": family}


def test_other_files(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"edm_mean": torch.ones(4)}, path)
    assert file_facets(path) == {"family": "Playground 2.5 (EDM) model"}
    save_file({"a.lora_up.weight": torch.ones(2, 2)}, path)
    assert file_facets(path) == {}
    save_file({"a": torch.ones(2, 2)}, path)
    with pytest.raises(UserError, match="M002"):
        file_facets(path)


def test_needs_no_torch(python, tiny, tmp_path):
    path = save_checkpoint(tmp_path / "whole.safetensors", *tiny)
    seen = python(
        "import sys, pathlib\n"
        "from latentloom.engine.models.facets import file_facets\n"
        "print(file_facets(pathlib.Path(sys.argv[1]))['latent'], 'torch' in sys.modules, 'safetensors' in sys.modules)",
        str(path),
    )
    assert seen.split() == ["4", "False", "False"]
