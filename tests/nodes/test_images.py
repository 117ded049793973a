"""Pictures loaded, resized, cropped and extended."""

import numpy as np
import pytest
import torch
from PIL import Image

from latentloom.engine.errors import UserError
from latentloom.engine.values import check_value
from latentloom.nodes import images as nodes


def put(files, kind, name, size=(6, 4), mode="RGB", colour=(255, 0, 51)):
    path = files.directory(kind) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def test_load_from_the_input_folder(files, context):
    put(files, "input", "sub/a.png")
    image, mask = nodes.load_image(image="sub/a.png", context=context)
    assert (image.shape, mask.shape) == ((1, 4, 6, 3), (1, 64, 64))
    assert image[0, 0, 0].tolist() == pytest.approx([1, 0, 0.2])


def test_load_by_annotation(files, context):
    put(files, "output", "b.png", size=(3, 3))
    assert nodes.load_image(image="b.png [output]", context=context).IMAGE.shape == (1, 3, 3, 3)
    assert nodes.load_image_output(image="b.png [output]", context=context).IMAGE.shape == (1, 3, 3, 3)
    assert nodes.load_image_output(image="b.png", context=context).IMAGE.shape == (1, 3, 3, 3)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../secret.png", "..\\secret.png", "none.png"])
def test_names_that_leave_the_folder_are_refused(files, context, name):
    files.directory("input")
    Image.new("RGB", (2, 2)).save(files.data_dir / "secret.png")
    with pytest.raises(UserError) as caught:
        nodes.load_image(image=name, context=context)
    assert caught.value.code in ("F001", "F002")


def test_load_mask(files, context):
    put(files, "input", "a.png", mode="RGBA", colour=(255, 0, 0, 51))
    alpha = nodes.load_image_mask(image="a.png", channel="alpha", context=context)
    assert alpha.unique().tolist() == pytest.approx([0.8])
    assert nodes.load_image_mask(image="a.png", channel="red", context=context).min() == 1


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
def test_scale(rand, unchanged, method):
    image = rand(2, 8, 12, 3)
    with unchanged(image):
        out = nodes.image_scale(image=image, upscale_method=method, width=6, height=6, crop="center")
        by = nodes.image_scale_by(image=image, upscale_method=method, scale_by=0.5)
    assert (out.shape, by.shape) == ((2, 6, 6, 3), (2, 4, 6, 3))
    assert check_value("IMAGE", out) is None


@pytest.mark.parametrize(("width", "height", "shape"), [(0, 0, (8, 12)), (6, 0, (4, 6)), (0, 16, (16, 24))])
def test_scale_with_zero_keeps_the_aspect(rand, width, height, shape):
    out = nodes.image_scale(image=rand(1, 8, 12, 3), width=width, height=height)
    assert out.shape[1:3] == shape


def test_scale_to_total_pixels(rand):
    out = nodes.image_scale_to_total_pixels(image=rand(1, 100, 200, 3), upscale_method="area", megapixels=0.01)
    assert out.shape[1:3] == (72, 145)


def test_lanczos_equals_pillow_on_pictures(rand):
    image = rand(1, 20, 30, 3) * 0.4 + 0.3  # so that nothing overshoots: Pillow clips 8 bits between its passes
    eight = (image[0] * 255).round().to(torch.uint8)
    theirs = np.asarray(Image.fromarray(eight.numpy()).resize((45, 33), Image.Resampling.LANCZOS))
    ours = nodes.image_scale(image=eight[None] / 255, upscale_method="lanczos", width=45, height=33)
    assert (ours[0] * 255 - torch.from_numpy(theirs.astype(np.float32))).abs().max() < 1.5


def test_invert(rand):
    image = rand(1, 2, 2, 3)
    assert torch.equal(nodes.image_invert(image=image), 1 - image)


def test_batch_fits_size_and_alpha(rand, unchanged):
    first, second = rand(2, 8, 8, 3), rand(1, 4, 8, 4, seed=1)
    with unchanged(first, second):
        out = nodes.image_batch(image1=first, image2=second)
    assert out.shape == (3, 8, 8, 4)
    assert torch.equal(out[:2, ..., :3], first)
    assert out[:2, ..., 3].min() == 1


def test_pad_for_outpaint(rand, unchanged):
    image = rand(1, 20, 30, 3)
    with unchanged(image):
        out, mask = nodes.image_pad_for_outpaint(image=image, left=8, top=0, right=0, bottom=16, feathering=4)
    assert (out.shape, mask.shape) == ((1, 36, 38, 3), (1, 36, 38))
    assert torch.equal(out[:, :20, 8:], image)
    assert out[:, :, :8].unique().tolist() == [0.5]
    assert mask[0, :, :8].min() == 1 and mask[0, 20:].min() == 1
    assert mask[0, 5, 8:14].tolist() == pytest.approx([1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0])
    assert mask[0, 0, 20] == 0, "no feather towards a side without border"


def test_feathering_wider_than_half_the_picture_is_left_out(rand):
    _, mask = nodes.image_pad_for_outpaint(image=rand(1, 20, 30, 3), left=8, feathering=10)
    assert not mask[0, :, 8:].any()


def test_empty_image():
    out = nodes.empty_image(width=3, height=2, batch_size=2, color=0xFF3300)
    assert out.shape == (2, 2, 3, 3)
    assert out[1, 1, 2].tolist() == pytest.approx([1, 0.2, 0])
    out[0] = 0
    assert out[1].max() == 1, "pictures of the batch have memory of their own"


def test_crop(rand, unchanged):
    image = rand(1, 8, 10, 3)
    with unchanged(image):
        assert torch.equal(nodes.image_crop(image=image, width=3, height=2, x=4, y=5), image[:, 5:7, 4:7])
    assert torch.equal(nodes.image_crop(image=image, x=99, y=99), image[:, 7:, 9:])
