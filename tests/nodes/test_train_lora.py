"""The LoRA nodes: pictures to data set to LoRA to file to loader, and what they refuse."""

import numpy as np
import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.learn.data import fingerprint
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.nodes.lora import lora_loader
from latentloom.nodes.train_lora import captioned_images, save_lora, train_lora


@pytest.fixture
def pictures(rand):
    return captioned_images(images=rand(3, 16, 16, 3), captions="a thing")


@pytest.fixture
def run(tiny, pictures):
    """Arguments of a training of three steps."""
    return {"model": tiny.model, "clip": tiny.clip, "vae": tiny.vae, "dataset": pictures, "rank": 2, "alpha": 2.0,
            "steps": 3, "batch_size": 2, "warm_up": 0, "pool": 10, "learning_rate": 0.05}  # fmt: skip


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_from_pictures_to_a_loaded_file(tiny, run, context):
    before = fingerprint(tiny.model.network)
    out = train_lora(**run, name="", context=context)
    assert fingerprint(tiny.model.network) == before
    assert tuple(out.curve.shape[-1:]) == (3,)
    name = save_lora(lora=out.LORA_MODEL, name="people/one", precision="fp32", context=context)
    assert name.startswith("people/one-") and name.endswith(".safetensors")
    assert save_lora(lora=out.LORA_MODEL, name="people/one", precision="fp32", context=context) == name
    assert context.files.names("loras") == (name,)
    on, off = (
        lora_loader(model=tiny.model, clip=tiny.clip, lora_name=name, strength_model=s, strength_clip=0.0,
                    context=context).MODEL
        for s in (1.0, 0.0)
    )  # fmt: skip
    x, text = torch.randn(1, 4, 8, 8), torch.randn(1, 5, 64)
    plain = tiny.model.denoise(x, 1.0, text)
    assert torch.equal(off.denoise(x, 1.0, text), plain)
    assert not torch.allclose(on.denoise(x, 1.0, text), plain, atol=1e-4)
    half = save_lora(lora=out.LORA_MODEL, context=context)
    assert context.files.find("loras", half).stat().st_size < 0.8 * context.files.find("loras", name).stat().st_size


def test_a_finished_training_is_read_back_and_another_is_refused(run, context):
    whole = train_lora(**run, checkpoint_every=1, context=context)
    again = train_lora(**run, checkpoint_every=1, context=context)
    assert same(whole.LORA_MODEL, again.LORA_MODEL)
    with pytest.raises(UserError, match="D014"):
        train_lora(**{**run, "alpha": 1.0}, context=context)
    other = train_lora(**{**run, "alpha": 1.0}, resume=False, context=context)
    assert not same(whole.LORA_MODEL, other.LORA_MODEL)


def test_stopped_and_resumed_is_one_run(run, files, listener):
    whole = train_lora(**run, name="", context=listener(files))
    with pytest.raises(Exception, match="test"):
        train_lora(**run, name="broken", checkpoint_every=1, context=listener(files, stop_after=12))
    resumed = train_lora(**run, name="broken", checkpoint_every=1, context=listener(files))
    assert same(whole.LORA_MODEL, resumed.LORA_MODEL)


def test_half_precision_models_can_be_trained_for(tiny, run, context):
    import copy

    half = tiny.model.with_(network=copy.deepcopy(tiny.model.network).half())
    out = train_lora(**{**run, "model": half}, name="", context=context)
    assert half.dtype == torch.float16
    assert all(tensor.isfinite().all() for tensor in out.LORA_MODEL.values())


def test_captioned_images_shows_all_in_every_round(rand):
    images = rand(3, 16, 16, 4)
    data = captioned_images(images=images, captions="one\ntwo\n three ", seed=4)
    pixels, captions = data.batch(5, 7)
    assert pixels.shape == (7, 16, 16, 3)
    assert sorted(captions[:3]) == sorted(captions[3:6]) == ["one", "three", "two"]
    order = {"one": 0, "two": 1, "three": 2}
    for picture, caption in zip(pixels, captions, strict=True):
        assert np.array_equal(picture, images[order[caption], ..., :3].mul(255).round().to(torch.uint8).numpy())
    again, _ = data.batch(5, 7)
    assert np.array_equal(pixels, again)
    assert any(data.batch(n, 3)[1] != captions[:3] for n in range(5))


def test_captioned_images_may_be_mirrored(rand):
    images = rand(1, 16, 16, 3)
    data = captioned_images(images=images, mirrored=True)
    pixels, captions = data.batch(0, 40)
    assert captions == [""] * 40
    straight = images[0].mul(255).round().to(torch.uint8).numpy()
    kinds = [np.array_equal(p, straight) - np.array_equal(p, straight[:, ::-1]) for p in pixels]
    assert set(kinds) == {-1, 1}


def test_what_does_not_fit_is_refused(tiny, run, context, rand):
    with pytest.raises(UserError, match="D052"):
        captioned_images(images=rand(3, 16, 16, 3), captions="one\ntwo")
    with pytest.raises(UserError, match="D031"):
        train_lora(**{**run, "dataset": captioned_images(images=rand(1, 12, 12, 3))}, name="", context=context)
    config = UNetConfig(in_channels=9, model_channels=32, channel_mult=(1,), transformer_depth=(1,), context_dim=64)
    for changed in ({"model": tiny.model.with_(network=UNet(config))},):
        with pytest.raises(UserError) as caught:
            train_lora(**{**run, **changed}, name="", context=context)
        assert (caught.value.code, caught.value.input) == ("D032", "model")
    with pytest.raises(UserError, match="F002"):
        save_lora(lora={}, name="../out", context=context)
