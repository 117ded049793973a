"""The loaders and savers with SDXL, SD3 and Flux: parts in separate files, and back."""

import pytest
import torch
from safetensors.torch import save_file
from tiny_families import vocabulary, whole

from latentloom.engine.errors import UserError
from latentloom.engine.models.save import save_checkpoint, text_files
from latentloom.nodes import loaders


@pytest.fixture
def sd3(randomised, files):
    """(model, clip, vae), T5's tokenizer in the folder of text encoders, each encoder a file there."""
    parts = whole("SD3", randomised, vocabulary(files.directory("text_encoders") / "tokenizer.json"))
    for name, state in text_files(parts[1]).items():
        save_file(state, files.directory("text_encoders") / f"{name}.safetensors")
    return parts


def equal(a, b):
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_two_and_three_text_encoders(sd3, context):
    _, clip, _ = sd3
    names = [f"{name}.safetensors" for name in ("t5xxl", "clip_g", "clip_l")]
    three = loaders.triple_clip_loader(clip_name1=names[0], clip_name2=names[1], clip_name3=names[2], context=context)
    assert set(three.parts) == {"l", "g", "t5"}
    assert all(equal(part.network, clip.parts[place].network) for place, part in three.parts.items())
    for kind, pair, places in (("sdxl", names[1:], {"l", "g"}), ("flux", names[::2], {"l", "t5"})):
        two = loaders.dual_clip_loader(clip_name1=pair[0], clip_name2=pair[1], type=kind, context=context)
        assert (two.rule, set(two.parts)) == (kind, places)
    one = loaders.clip_loader(clip_name="clip_l.safetensors", type="sd3", context=context)
    assert set(one.parts) == {"l"}


@pytest.mark.parametrize("kind", ["hidream", "hunyuan_video"])
def test_types_of_families_that_are_not_here_are_refused_clearly(sd3, context, kind):
    with pytest.raises(UserError, match=rf"M070 .*expected stable_diffusion, sdxl, sd3, flux, got '{kind}'"):
        loaders.dual_clip_loader(
            clip_name1="clip_l.safetensors", clip_name2="clip_g.safetensors", type=kind, context=context
        )


def test_models_and_text_encoders_are_saved_and_read_again(sd3, files, context):
    model, clip, vae = sd3
    loaders.model_save(model=model, filename_prefix="m", context=context)
    loaders.clip_save(clip=clip, filename_prefix="c/x", context=context)
    loaders.checkpoint_save(model=model, clip=clip, vae=vae, filename_prefix="w", context=context)
    out = files.directory("output")
    assert {path.name for path in (out / "c").iterdir()} == {
        "x_clip_l_00001_.safetensors", "x_clip_g_00001_.safetensors", "x_t5xxl_00001_.safetensors",
    }  # fmt: skip
    (out / "m_00001_.safetensors").rename(files.directory("diffusion_models") / "m.safetensors")
    loaded = loaders.unet_loader(unet_name="m.safetensors", context=context)
    assert equal(loaded.network, model.network)
    assert loaded.family == "SD3"
    (out / "c" / "x_clip_l_00001_.safetensors").rename(files.directory("text_encoders") / "again.safetensors")
    again = loaders.clip_loader(clip_name="again.safetensors", type="sd3", context=context)
    assert all(equal(part.network, clip.parts[place].network) for place, part in again.parts.items())
    (out / "w_00001_.safetensors").rename(files.directory("checkpoints") / "w.safetensors")
    found = loaders.checkpoint_loader_simple(ckpt_name="w.safetensors", context=context)
    assert equal(found.MODEL.network, model.network)
    assert equal(found.VAE.network, vae.network)
    assert all(equal(part.network, clip.parts[place].network) for place, part in found.CLIP.parts.items())


def test_a_checkpoint_without_text_encoders_gives_none(sd3, files, context):
    save_checkpoint(files.directory("checkpoints") / "bare.safetensors", sd3[0], None, sd3[2])
    out = loaders.checkpoint_loader_simple(ckpt_name="bare.safetensors", context=context)
    assert out.CLIP is None
    assert out.MODEL.family == "SD3"
