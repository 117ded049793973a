"""Pickled weights from the settings to the loader nodes: refused unless allowed, and then only tensors are read."""

import json
import os
import pickle
import zipfile

import pytest
import torch
from safetensors import safe_open

from latentloom.engine.engine import Engine
from latentloom.engine.errors import InvalidGraph, UserError
from latentloom.engine.folders import Folders
from latentloom.engine.models.save import save_checkpoint
from latentloom.engine.node.context import SilentContext
from latentloom.engine.run.cache import Cache
from latentloom.engine.settings import load_settings
from latentloom.engine.store import TorchStore
from latentloom.nodes import loaders as nodes

MARKER = "LATENTLOOM_TEST_PICKLE_RAN"


class Evil:
    def __reduce__(self):
        return eval, (f"__import__('os').environ.__setitem__('{MARKER}', '1')",)


@pytest.fixture
def folders(tiny, data):
    """A data folder with one checkpoint as torch.save writes it, the same as safetensors, and learned words."""
    folders = Folders(data)
    place = folders.directory("checkpoints")
    save_checkpoint(place / "tiny.safetensors", tiny.model, tiny.clip, tiny.vae, torch.float32)
    with safe_open(place / "tiny.safetensors", "pt") as file:
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    torch.save({"state_dict": state, "global_step": 3}, place / "tiny.ckpt")
    for kind in ("vae", "text_encoders", "diffusion_models"):
        (folders.directory(kind) / "tiny.ckpt").write_bytes((place / "tiny.ckpt").read_bytes())
    torch.save({"string_to_param": {"*": torch.ones(2, 64)}}, folders.directory("embeddings") / "mine.pt")
    with zipfile.ZipFile(place / "evil.ckpt", "w", zipfile.ZIP_STORED) as out:
        out.writestr("x/data.pkl", pickle.dumps({"state_dict": {"a": Evil()}}))
    return folders


def engine(data, allow, cache=None):
    settings = load_settings({"data_dir": data, "device": "cpu", "allow_pickle": allow})
    return Engine(settings=settings, cache=cache)


def loaders(b):
    yield b.CheckpointLoaderSimple(ckpt_name="tiny.ckpt").MODEL
    yield b.VAELoader(vae_name="tiny.ckpt")
    yield b.UNETLoader(unet_name="tiny.ckpt")
    yield b.CLIPLoader(clip_name="tiny.ckpt")


@pytest.mark.parametrize("number", range(4))
def test_every_loader_refuses_and_says_how_to_allow(number, folders, data):
    with engine(data, None) as refusing:
        wire = list(loaders(refusing.builder()))[number]
        with pytest.raises(UserError, match=r"got a pickle.* --allow-pickle, or .* settings\.toml"):
            # What a caller sends along is no permission.
            refusing.run(wire, extra={"allow_pickle": True, "pickle": True})
    with engine(data, True) as allowing:
        assert allowing.run(list(loaders(allowing.builder()))[number]) is not None


def test_the_nodes_themselves_refuse(folders):
    context = SilentContext(folders)
    for call in (
        lambda: nodes.checkpoint_loader_simple(ckpt_name="tiny.ckpt", context=context),
        lambda: nodes.vae_loader(vae_name="tiny.ckpt", context=context),
        lambda: nodes.unet_loader(unet_name="tiny.ckpt", context=context),
        lambda: nodes.clip_loader(clip_name="tiny.ckpt", context=context),
    ):
        with pytest.raises(UserError, match="M005"):
            call()


def test_an_allowed_pickle_holds_the_same_weights(folders, data):
    with engine(data, True) as allowing:
        b = allowing.builder()
        vaes = allowing.run(
            [b.CheckpointLoaderSimple(ckpt_name=f"tiny.{kind}").VAE for kind in ("ckpt", "safetensors")]
        )
    for ours, theirs in zip(*(vae.network.parameters() for vae in vaes), strict=True):
        assert torch.equal(ours, theirs)


class Permissive(SilentContext):
    def allows(self, what):
        return what == "pickle"


def test_a_hostile_pickle_is_refused_even_when_pickles_are_allowed(folders, data):
    with engine(data, True) as allowing, pytest.raises(InvalidGraph) as caught:
        allowing.run(allowing.builder().CheckpointLoaderSimple(ckpt_name="evil.ckpt").MODEL)
    (problem,) = caught.value.problems
    assert problem.code == "G026" and "--allow-pickle" not in problem.fix
    with pytest.raises(UserError, match="M007"):
        nodes.checkpoint_loader_simple(ckpt_name="evil.ckpt", context=Permissive(folders))
    assert MARKER not in os.environ


def test_learned_words_follow_the_same_switch_and_no_cache_leads_around_it(folders, data):
    def encode(one):
        b = one.builder()
        clip = b.CheckpointLoaderSimple(ckpt_name="tiny.safetensors").CLIP
        return one.run(b.CLIPTextEncode(clip=clip, text="a embedding:mine"))

    shared = Cache(TorchStore())
    with engine(data, True, shared) as allowing, engine(data, False, shared) as refusing:
        assert encode(allowing)[0][0].shape[-1] == 64
        with pytest.raises(UserError, match="M005"):
            encode(refusing)


def test_the_command_line_switch(latentloom, folders, tmp_path):
    graph = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny.ckpt"}},
        "2": {"class_type": "VAESave", "inputs": {"vae": ["1", 2], "filename_prefix": "v"}},
    }
    file = tmp_path / "w.json"
    file.write_text(json.dumps(graph))
    code, _, err = latentloom("run", file, "--device", "cpu")
    assert code == 2 and "got a pickle" in err
    code, out, err = latentloom("run", file, "--device", "cpu", "--allow-pickle")
    assert code == 0, err
    assert out.strip().endswith(".safetensors")
