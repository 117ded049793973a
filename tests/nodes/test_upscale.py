"""Nodes that enlarge with a model: the bundled one, tiles, any size, training, and the file that comes of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file

from latentloom.engine.engine import Engine
from latentloom.engine.errors import Cancelled, UserError
from latentloom.engine.learn.data import fingerprint
from latentloom.engine.models.upscale import CompactConfig, RRDBConfig, RRDBNet, SRVGGNetCompact
from latentloom.engine.models.upscaler import Upscaler
from latentloom.engine.values import check_value
from latentloom.nodes import upscale, upscale_train
from latentloom.nodes.images import image_scale_by

BUNDLED = Path(__file__).parents[2] / "workflows" / "models" / "upscale_models" / "loom-photo-x2.safetensors"


@pytest.fixture
def model(randomised):
    return Upscaler(randomised(SRVGGNetCompact(CompactConfig(3, 8, 2, 2)), 1))


def test_loader_and_upscaling(files, context, rand, randomised, unchanged):
    network = randomised(RRDBNet(RRDBConfig(features=8, blocks=1, growth=4)), 2)
    save_file(network.state_dict(), files.directory("upscale_models") / "x4.safetensors")
    model = upscale.upscale_model_loader(model_name="x4.safetensors", context=context)
    assert check_value("UPSCALE_MODEL", model) is None
    assert model.scale == 4 and str(model.device) == "cpu"
    image = rand(2, 20, 30, 3)
    with unchanged(image):
        made = upscale.image_upscale_with_model(upscale_model=model, image=image, context=context)
    assert check_value("IMAGE", made) is None
    assert made.shape == (2, 80, 120, 3)
    assert context.steps == [(1, 2), (2, 2)]
    with torch.no_grad():
        wanted = network(image.movedim(-1, 1)).clamp(0, 1).movedim(1, -1)
    torch.testing.assert_close(made, wanted, atol=1e-6, rtol=0)


def test_large_pictures_go_in_tiles_and_can_be_stopped(model, rand, listener):
    image = rand(1, 40, 1100, 3)
    context = listener()
    made = upscale.image_upscale_with_model(upscale_model=model, image=image, context=context)
    assert made.shape == (1, 80, 2200, 3)
    assert context.steps == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(Cancelled):
        upscale.image_upscale_with_model(upscale_model=model, image=image, context=listener(stop_after=2))


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"width": 50, "height": 0}, (33, 50)),
        ({"width": 0, "height": 99}, (99, 148)),
        ({"width": 150, "height": 70}, (70, 150)),
        ({"scale_by": 3.0}, (60, 90)),
        ({"scale_by": 0.5}, (10, 15)),
        ({"scale_by": 2.0}, (40, 60)),
        ({"width": 30, "height": 20}, (20, 30)),
    ],
)
@pytest.mark.parametrize("method", ["area", "lanczos"])
def test_any_size(model, rand, context, settings, size, method):
    image = rand(1, 20, 30, 3)
    made = upscale.upscale_to_size(upscale_model=model, image=image, **settings, method=method, context=context)
    assert made.shape == (1, *size, 3)
    assert check_value("IMAGE", made) is None


def test_the_model_runs_as_often_as_needed(model, rand, listener, randomised):
    def runs(scale_by, model=model):
        context = listener()
        upscale.upscale_to_size(upscale_model=model, image=rand(1, 8, 8, 3), scale_by=scale_by, context=context)
        count = len(context.steps)
        assert context.steps == [(done, count) for done in range(1, count + 1)]
        return count

    assert [runs(factor) for factor in (0.5, 1.0, 1.5, 2.0, 2.1, 4.0, 8.0, 16.0)] == [0, 0, 1, 1, 2, 2, 3, 4]
    restorer = Upscaler(randomised(SRVGGNetCompact(CompactConfig(3, 8, 1, 1)), 1))
    assert [runs(factor, restorer) for factor in (0.5, 1.0, 4.0)] == [1, 1, 1]


def test_exact_multiples_are_what_the_model_made(model, rand, context):
    image = rand(1, 8, 8, 3)
    whole = upscale.image_upscale_with_model(upscale_model=model, image=image, context=context)
    assert torch.equal(upscale.upscale_to_size(upscale_model=model, image=image, scale_by=2.0, context=context), whole)


@pytest.mark.parametrize("shrunk", ["area", "lanczos"])
def test_the_bundled_model_beats_every_other_method_on_a_photograph_it_has_not_seen(files, context, shrunk):
    data = pytest.importorskip("skimage.data")
    shutil.copyfile(BUNDLED, files.directory("upscale_models") / BUNDLED.name)
    model = upscale.upscale_model_loader(model_name=BUNDLED.name, context=context)
    large = torch.from_numpy(data.chelsea()[:300, :450]).float()[None] / 255
    small = image_scale_by(image=large, upscale_method=shrunk, scale_by=0.5)
    ours = upscale.image_upscale_with_model(upscale_model=model, image=small, context=context)
    error = float((ours - large).square().mean())
    for method in ("nearest-exact", "bilinear", "bicubic", "lanczos"):
        plain = image_scale_by(image=small, upscale_method=method, scale_by=2.0)
        assert error < float((plain - large).square().mean()), method


@pytest.fixture
def photographs(files):
    """Three noisy gradients of different sizes in the input folder, and one too small."""
    folder = files.directory("input") / "photographs"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index, (height, width) in enumerate([(64, 80), (90, 64), (128, 128), (16, 16)]):
        y, x = np.mgrid[:height, :width]
        waves = 127 + 60 * np.sin(x / (3 + index)) + 60 * np.sin(y / (4 + index))
        picture = np.stack([waves, waves[:, ::-1], waves[::-1]], -1) + random.normal(0, 4, (height, width, 3))
        Pillow.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{index}.png")
    return "photographs"


def test_photographs_are_cropped_the_same_every_time(photographs, context):
    data = upscale_train.photographs(folder=photographs, size=32, seed=1, context=context)
    pictures, captions = data.batch(3, 5)
    assert pictures.shape == (5, 32, 32, 3) and pictures.dtype == np.uint8 and captions == [""] * 5
    again = upscale_train.photographs(folder=photographs, size=32, seed=1, context=context)
    assert np.array_equal(again.batch(3, 5)[0], pictures)
    assert not np.array_equal(data.batch(4, 5)[0], pictures)
    other = upscale_train.photographs(folder=photographs, size=32, seed=2, context=context)
    assert not np.array_equal(other.batch(3, 5)[0], pictures)
    assert len(data.pictures) == 3  # the small one is left out


def test_crops_are_of_the_photographs(photographs, context):
    data = upscale_train.photographs(folder=photographs, size=32, seed=1, turned=False, context=context)
    for crop in data.batch(0, 8)[0]:
        windows = [np.lib.stride_tricks.sliding_window_view(p, (32, 32, 3))[:, :, 0] for p in data.pictures]
        assert any((window == crop).all((2, 3, 4)).any() for window in windows)


def test_a_folder_without_photographs(photographs, context):
    for settings in ({"folder": "none"}, {"folder": photographs, "size": 256}):
        with pytest.raises(UserError) as caught:
            upscale_train.photographs(**settings, context=context)
        assert (caught.value.code, caught.value.input) == ("D040", "folder")


def test_a_new_model_interpolates_bilinearly(context, rand):
    model = upscale_train.new_upscale_model(width=8, layers=2, context=context)
    image = rand(1, 12, 12, 3)
    made = model.upscale(image)
    wanted = image_scale_by(image=image, upscale_method="bilinear", scale_by=2.0)
    assert (made - wanted)[:, 2:-2, 2:-2].abs().max() < 0.05
    other = upscale_train.new_upscale_model(width=8, layers=2, seed=1, context=context)
    assert fingerprint(other.network) != fingerprint(model.network)
    assert upscale_train.new_upscale_model(scale=3, width=8, layers=1, context=context).scale == 3


RUN = {"steps": 4, "batch_size": 2, "warm_up": 1, "checkpoint_every": 2}


@pytest.fixture
def start(context):
    return upscale_train.new_upscale_model(width=8, layers=1, context=context)


@pytest.fixture
def data(photographs, context):
    return upscale_train.photographs(folder=photographs, size=32, context=context)


def test_training_learns_and_leaves_its_input(start, data, listener, files):
    before = fingerprint(start.network)
    context = listener(files)
    out = upscale_train.train_upscale_model(
        upscale_model=start, dataset=data, **RUN | {"steps": 60, "learning_rate": 3e-3, "ema_decay": 0.5}, context=context
    )
    assert fingerprint(start.network) == before
    assert not any(p.requires_grad for p in out.UPSCALE_MODEL.network.parameters())
    assert check_value("IMAGE", out.curve) is None
    losses = [value for name, _, value in context.metrics if name == "loss"]
    assert len(losses) == 60 and sum(losses[-10:]) < 0.8 * sum(losses[:10])
    assert context.steps[-1] == (60, 60)


def test_a_broken_off_training_goes_on_and_another_is_refused(start, data, listener, files):
    given = {"upscale_model": start, "dataset": data, **RUN}
    with pytest.raises(Cancelled):
        upscale_train.train_upscale_model(**given, context=listener(files, stop_after=3))
    resumed = listener(files)
    first = upscale_train.train_upscale_model(**given, context=resumed)
    assert resumed.steps[0] == (2, 4)
    unbroken = upscale_train.train_upscale_model(**given, name="other", context=listener(files))
    assert fingerprint(first.UPSCALE_MODEL.network) == fingerprint(unbroken.UPSCALE_MODEL.network)
    with pytest.raises(UserError, match="l2") as caught:
        upscale_train.train_upscale_model(**given, loss="squared", context=listener(files))
    assert caught.value.code == "D014"


def test_crops_must_fit_the_scale(photographs, context):
    model = upscale_train.new_upscale_model(scale=3, width=8, layers=1, context=context)
    data = upscale_train.photographs(folder=photographs, size=32, context=context)
    with pytest.raises(UserError) as caught:
        upscale_train.train_upscale_model(upscale_model=model, dataset=data, **RUN, name="", context=context)
    assert (caught.value.code, caught.value.input) == ("D041", "dataset")


@pytest.mark.parametrize(("precision", "dtype"), [("fp16", torch.float16), ("fp32", torch.float32)])
def test_saved_models_load_again(model, files, context, precision, dtype):
    context.prompt = {"1": {"class_type": "LoomSaveUpscaleModel", "inputs": {}}}
    upscale_train.save_upscale_model(upscale_model=model, filename_prefix="u", precision=precision, context=context)
    saved = files.directory("output") / "u_00001_.safetensors"
    assert context.outputs == [("files", [{"filename": saved.name, "subfolder": "", "type": "output"}])]
    assert {value.dtype for value in load_file(saved).values()} == {dtype}
    saved.rename(files.directory("upscale_models") / "u.safetensors")
    again = upscale.upscale_model_loader(model_name="u.safetensors", context=context)
    assert again.network.config == model.network.config
    for name, value in model.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value.to(dtype).float())


def test_the_whole_as_a_graph(photographs, files):
    """Train, save, load, enlarge: nodes by their ids, through the executor."""
    with Engine(cache="off", folders=files, device="cpu") as engine:
        graph = engine.builder()
        data = graph.LoomPhotographs(folder=photographs, size=32)
        start = graph.LoomNewUpscaleModel(width=8, layers=1)
        trained = graph.LoomTrainUpscaler(upscale_model=start, dataset=data, **RUN)
        image = graph.LoadImage(image="photographs/0.png")
        large = graph.ImageUpscaleWithModel(upscale_model=trained.UPSCALE_MODEL, image=image.IMAGE)
        sized = graph.LoomUpscaleToSize(upscale_model=trained.UPSCALE_MODEL, image=image.IMAGE, width=100)
        saved = graph.LoomSaveUpscaleModel(upscale_model=trained.UPSCALE_MODEL, filename_prefix="made")
        made, fitted, kept = engine.run([large, sized, saved])
    assert made.shape == (1, 128, 160, 3)
    assert fitted.shape == (1, 80, 100, 3)
    assert "made_00001_.safetensors" in json.dumps(kept)
