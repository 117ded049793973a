"""Picture files to tensors: formats, alpha, rotation, animations, limits, and damaged files."""

import numpy as np
import pytest
import torch
from PIL import Image

from latentloom.engine.errors import UserError
from latentloom.engine.pictures import read
from latentloom.engine.pictures.read import read_channel, read_picture

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
ALPHA = np.linspace(0, 255, 24).astype(np.uint8).reshape(4, 6)


def saved(folder, name, picture, **options):
    path = folder / name
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.webp"])
def test_lossless_formats_come_back_exactly(tmp_path, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    image, mask = read_picture(saved(tmp_path, name, Image.fromarray(RGB), **options))
    assert torch.equal(image[0], torch.from_numpy(RGB.astype(np.float32) / 255))
    assert image.dtype == torch.float32
    assert torch.equal(mask, torch.zeros(1, 64, 64))


def test_the_kind_is_read_from_the_content_not_the_name(tmp_path):
    path = saved(tmp_path, "a.png", Image.fromarray(RGB))
    path = path.rename(tmp_path / "a.jpg")
    assert read_picture(path).image.shape == (1, 4, 6, 3)


def test_alpha_becomes_an_inverted_mask(tmp_path):
    path = saved(tmp_path, "a.png", Image.fromarray(np.dstack([RGB, ALPHA])))
    image, mask = read_picture(path)
    assert torch.allclose(mask[0], 1 - torch.from_numpy(ALPHA.astype(np.float32) / 255))
    assert torch.equal(image[0], torch.from_numpy(RGB.astype(np.float32) / 255)), "colours stay as stored"
    assert torch.equal(read_channel(path, "alpha"), mask)
    for index, channel in enumerate(("red", "green", "blue")):
        assert torch.equal(read_channel(path, channel), image[..., index])


def test_a_transparent_palette_colour_counts_as_alpha(tmp_path):
    picture = Image.new("P", (3, 2))
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.putpixel((1, 1), 1)
    mask = read_picture(saved(tmp_path, "a.png", picture, transparency=0)).mask
    assert mask.tolist() == [[[1, 1, 1], [1, 0, 1]]]


def test_no_alpha_gives_an_empty_mask(tmp_path):
    path = saved(tmp_path, "a.png", Image.fromarray(RGB))
    assert torch.equal(read_channel(path, "alpha"), torch.zeros(1, 64, 64))


def test_the_camera_s_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90 degrees clockwise to see it upright
    path = saved(tmp_path, "a.png", Image.fromarray(RGB), exif=exif)
    expected = np.rot90(RGB, k=-1).astype(np.float32) / 255
    assert torch.equal(read_picture(path).image[0], torch.from_numpy(expected.copy()))


def test_an_animation_becomes_a_batch(tmp_path):
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "lime", "blue")]
    path = saved(tmp_path, "a.gif", frames[0], save_all=True, append_images=frames[1:])
    image, _ = read_picture(path)
    assert image[:, 0, 0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert read_channel(path, "red").shape == (1, 4, 5), "a mask takes the first frame"


def test_pages_of_another_size_are_left_out(tmp_path):
    pages = [Image.new("RGB", (5, 4)), Image.new("RGB", (9, 9)), Image.new("RGB", (5, 4))]
    path = saved(tmp_path, "a.tiff", pages[0], save_all=True, append_images=pages[1:])
    assert read_picture(path).image.shape == (2, 4, 5, 3)


def test_sixteen_bits_keep_their_range(tmp_path):
    values = np.array([[0, 32768, 65535]], dtype=np.uint16)
    image = read_picture(saved(tmp_path, "a.png", Image.fromarray(values))).image
    assert image[0, 0, :, 0].tolist() == pytest.approx([0, 128 / 255, 1], abs=1e-6)


def refused(path):
    with pytest.raises(UserError) as caught:
        read_picture(path)
    assert caught.value.code == "F010"
    return str(caught.value)


def test_other_formats_are_refused(tmp_path):
    assert "another kind" in refused(saved(tmp_path, "a.ppm", Image.fromarray(RGB)))
    (tmp_path / "b.png").write_text("not a picture", encoding="utf-8")
    assert "b.png" in refused(tmp_path / "b.png")


@pytest.mark.parametrize("kept", [60, 0.5, 0.9])
def test_a_damaged_file_is_refused(tmp_path, kept):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path, "a.png", Image.fromarray(noise))
    data = path.read_bytes()
    path.write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    refused(path)


def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = saved(tmp_path, "a.png", Image.fromarray(RGB))
    monkeypatch.setattr(read, "MAX_PIXELS", 23)
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("decoded"))
    assert "1 of 6x4" in refused(path)


def test_the_limit_counts_all_frames(tmp_path, monkeypatch):
    frames = [Image.new("L", (4, 4), shade) for shade in range(0, 50, 10)]
    path = saved(tmp_path, "a.gif", frames[0], save_all=True, append_images=frames[1:])
    monkeypatch.setattr(read, "MAX_PIXELS", 16 * 4)
    refused(path)
