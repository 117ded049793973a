import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.errors import UserError
from latentloom.engine.models.facets import file_facets
from latentloom.engine.models.load import save_checkpoint

SD1 = "SD1.x, text of width 64"  # the tiny one's


def test_parts_and_wholes(tiny, tmp_path):
    path = save_checkpoint(tmp_path / "whole.safetensors", *tiny)
    assert file_facets(path) == {"family": SD1, "latent": "4"}
    for part, facets in (
        (tiny.model, {"family": SD1, "latent": "4"}),
        (tiny.vae, {"latent": "4"}),
        (tiny.clip, {"family": SD1}),
    ):
        save_file(part.network.state_dict(), tmp_path / "part.safetensors")
        assert file_facets(tmp_path / "part.safetensors") == facets


def test_other_families(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"double_blocks.0.img_attn.norm.key_norm.scale": torch.ones(2)}, path)
    assert file_facets(path) == {"family": "Flux model"}
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
