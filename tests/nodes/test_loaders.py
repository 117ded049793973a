"""Model files to wires and back, and latents to files and back."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from latentloom.engine.errors import UserError
from latentloom.engine.models.save import save_checkpoint
from latentloom.engine.values import check_value
from latentloom.nodes import latent_files, loaders
from latentloom.nodes.text import clip_text_encode


@pytest.fixture
def checkpoint(tiny, files):
    path = files.directory("checkpoints") / "tiny.safetensors"
    save_checkpoint(path, tiny.model, tiny.clip, tiny.vae, torch.float32)
    return "tiny.safetensors"


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_checkpoint(tiny, checkpoint, context):
    out = loaders.checkpoint_loader_simple(ckpt_name=checkpoint, context=context)
    for wire, value in zip(("MODEL", "CLIP", "VAE"), out, strict=True):
        assert check_value(wire, value) is None
    assert equal(out.MODEL.network, tiny.model.network)
    assert torch.allclose(
        clip_text_encode(text="a cat", clip=out.CLIP)[0][0], clip_text_encode(text="a cat", clip=tiny.clip)[0][0]
    )
    assert str(out.MODEL.device) == "cpu"


def test_learned_words_are_found_in_the_data_folder(checkpoint, files, context):
    save_file({"emb_params": torch.ones(2, 64)}, files.directory("embeddings") / "mine.safetensors")
    clip = loaders.checkpoint_loader_simple(ckpt_name=checkpoint, context=context).CLIP
    with_word, without = (clip_text_encode(text=text, clip=clip)[0][0] for text in ("embedding:mine", ""))
    assert not torch.allclose(with_word, without)


def test_parts_of_a_checkpoint(tiny, checkpoint, files, context):
    data = (files.directory("checkpoints") / checkpoint).read_bytes()
    for folder in ("vae", "text_encoders", "diffusion_models"):
        (files.directory(folder) / checkpoint).write_bytes(data)
    vae = loaders.vae_loader(vae_name=checkpoint, context=context)
    clip = loaders.clip_loader(clip_name=checkpoint, context=context)
    model = loaders.unet_loader(unet_name=checkpoint, context=context)
    assert equal(vae.network, tiny.vae.network)
    assert equal(clip.network, tiny.clip.network)
    assert equal(model.network, tiny.model.network)


def test_eight_bit_weights_are_rounded(tiny, checkpoint, files, context):
    (files.directory("diffusion_models") / checkpoint).write_bytes(
        (files.directory("checkpoints") / checkpoint).read_bytes()
    )
    model = loaders.unet_loader(unet_name=checkpoint, weight_dtype="fp8_e4m3fn", context=context)
    for ours, exact in zip(model.network.parameters(), tiny.model.network.parameters(), strict=True):
        assert torch.equal(ours, exact.to(torch.float8_e4m3fn).float())


@pytest.mark.parametrize("name", ["none.safetensors", "../tiny.safetensors"])
def test_a_file_that_is_not_there(checkpoint, context, name):
    with pytest.raises(UserError) as caught:
        loaders.checkpoint_loader_simple(ckpt_name=name, context=context)
    assert caught.value.code in ("F001", "F002")


def test_saved_checkpoints_load_again(tiny, files, context):
    for _ in range(2):
        loaders.checkpoint_save(model=tiny.model, clip=tiny.clip, vae=tiny.vae, filename_prefix="m/x", context=context)
    saved = files.directory("output") / "m" / "x_00002_.safetensors"
    saved.rename(files.directory("checkpoints") / "x.safetensors")
    out = loaders.checkpoint_loader_simple(ckpt_name="x.safetensors", context=context)
    assert equal(out.MODEL.network, tiny.model.network)
    assert equal(out.VAE.network, tiny.vae.network)


def test_saved_autoencoders_load_again(tiny, files, context):
    loaders.vae_save(vae=tiny.vae, filename_prefix="v", context=context)
    saved = files.directory("output") / "v_00001_.safetensors"
    saved.rename(files.directory("vae") / "v.safetensors")
    assert equal(loaders.vae_loader(vae_name="v.safetensors", context=context).network, tiny.vae.network)


def test_latents_come_back(files, context, rand, unchanged):
    latent = {"samples": rand(2, 4, 3, 5)}
    context.prompt = {"1": {"class_type": "SaveLatent", "inputs": {}}}
    with unchanged(latent):
        latent_files.save_latent(samples=latent, context=context)
    saved = files.directory("output") / "latents" / "ComfyUI_00001_.latent"
    assert set(load_file(saved)) == {"latent_tensor", "latent_format_version_0"}
    saved.rename(files.directory("input") / "x.latent")
    out = latent_files.load_latent(latent="x.latent", context=context)
    assert torch.equal(out["samples"], latent["samples"])


def test_old_latents_are_brought_to_scale(files, context, rand):
    samples = rand(1, 4, 3, 3)
    save_file({"latent_tensor": samples}, files.directory("input") / "old.latent")
    out = latent_files.load_latent(latent="old.latent", context=context)
    assert torch.allclose(out["samples"], samples / 0.18215)


def test_a_file_without_a_latent_is_refused(files, context):
    save_file({"other": torch.zeros(1)}, files.directory("input") / "x.latent")
    with pytest.raises(UserError) as caught:
        latent_files.load_latent(latent="x.latent", context=context)
    assert caught.value.code == "F011"
