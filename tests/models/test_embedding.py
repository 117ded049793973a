import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.errors import UserError
from latentloom.engine.models.embedding import find_embedding, load_embedding
from latentloom.engine.models.load import identify

VECTORS = torch.arange(16.0).view(2, 8)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "embeddings"
    (root / "sub").mkdir(parents=True)
    save_file({"emb_params": VECTORS}, root / "a.safetensors")
    save_file({"<cat>": VECTORS[0].clone()}, root / "sub" / "b.safetensors")
    save_file({"clip_l": VECTORS, "clip_g": torch.ones(2, 10)}, root / "xl.safetensors")
    torch.save({"string_to_token": {"*": 265}, "string_to_param": {"*": torch.nn.Parameter(VECTORS)}}, root / "c.pt")
    torch.save({"<dog>": VECTORS}, root / "d.bin")
    (root / "notes.txt").write_text("x")
    save_file({"emb_params": VECTORS}, tmp_path / "secret.safetensors")
    return root


@pytest.mark.parametrize("name", ["a", "a.safetensors", "xl", "c", "c.pt", "d"])
def test_each_form(folder, name):
    found = load_embedding(name, (folder,), 8, allow_pickle=True)
    assert torch.equal(found.vectors, VECTORS)
    assert found.rest == ""


def test_one_vector_in_a_sub_folder(folder):
    assert torch.equal(load_embedding("sub/b", (folder,), 8).vectors, VECTORS[:1])


def test_width_picks_the_encoder(folder):
    assert torch.equal(load_embedding("xl", (folder,), 10).vectors, torch.ones(2, 10))
    with pytest.raises(UserError, match=r"M021.*width 12.*widths 8, 10"):
        load_embedding("xl", (folder,), 12)


def test_place_picks_where_widths_are_alike(folder):
    save_file({"clip_l": VECTORS, "clip_g": VECTORS + 1, "t5xxl": VECTORS + 2}, folder / "sd3.safetensors")
    for i, place in enumerate(("l", "g", "t5")):
        assert torch.equal(load_embedding("sd3", (folder,), 8, place=place).vectors, VECTORS + i)
    assert torch.equal(load_embedding("a", (folder,), 8, place="g").vectors, VECTORS)


@pytest.mark.parametrize("name", ["a.safetensors", "sub/b.safetensors", "xl.safetensors", "c.pt", "d.bin"])
def test_each_form_is_recognised(folder, name):
    assert identify(folder / name, allow_pickle=True).kind == "embedding"


def test_half_precision_and_lists_of_one(folder):
    save_file({"<x>": VECTORS.half()}, folder / "half.safetensors")
    found = load_embedding("half", (folder,), 8).vectors
    assert found.dtype == torch.float32
    assert torch.equal(found, VECTORS)


def test_punctuation_after_the_name_is_text(folder):
    found = load_embedding("a,", (folder,), 8)
    assert found.rest == ","
    assert torch.equal(found.vectors, VECTORS)


def test_pickles_are_refused_unless_asked_for(folder):
    with pytest.raises(UserError, match="M005"):
        load_embedding("c", (folder,), 8)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "", "notes.txt", "a\0b", "sub", "sub/../../secret"])
def test_never_leaves_its_folders(folder, name):
    assert find_embedding(name, (folder,)) is None


def test_earlier_folders_win(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    save_file({"emb_params": VECTORS + 1}, other / "a.safetensors")
    assert torch.equal(load_embedding("a", (other, folder), 8).vectors, VECTORS + 1)
    assert torch.equal(load_embedding("a", (folder, other), 8).vectors, VECTORS)
