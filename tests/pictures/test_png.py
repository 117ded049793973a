"""Tensors to PNG bytes and text chunks."""

import json

import pytest
import torch
from PIL import Image

from latentloom.engine.errors import UserError
from latentloom.engine.pictures.png import metadata, pictures, write_png


def test_values_are_clipped_and_cut():
    image = torch.tensor([-1.0, 0.0, 0.5, 0.999, 1.0, 2.0]).reshape(1, 1, 6, 1).expand(1, 1, 6, 3)
    (picture,) = pictures(image)
    assert [picture.getpixel((x, 0))[0] for x in range(6)] == [0, 0, 127, 254, 255, 255]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_channels_choose_the_mode(channels, mode):
    assert [picture.mode for picture in pictures(torch.rand(2, 3, 4, channels))] == [mode, mode]


def test_nan_is_an_error_and_infinity_is_white():
    image = torch.zeros(1, 2, 2, 3)
    image[0, 0, 0, 0] = torch.inf
    (picture,) = pictures(image)
    assert picture.getpixel((0, 0)) == (255, 0, 0)
    image[0, 1, 1, 1] = torch.nan
    with pytest.raises(UserError) as caught:
        list(pictures(image))
    assert caught.value.code == "V020"


def test_text_chunks_come_back_in_order(tmp_path):
    (picture,) = pictures(torch.rand(1, 8, 8, 3))
    text = metadata({"1": {"class_type": "A", "inputs": {"text": "Ä—\n"}}}, {"workflow": {"nodes": []}})
    write_png(tmp_path / "x.png", picture, text)
    with Image.open(tmp_path / "x.png") as file:
        found = dict(file.text)
    assert list(found) == ["prompt", "workflow"]
    assert json.loads(found["prompt"])["1"]["inputs"]["text"] == "Ä—\n"
    assert found["prompt"].isascii()


def test_metadata_is_strict_json():
    text = metadata({"a": float("nan"), "b": [float("inf"), 2**64 - 1, True, None], "c": object}, {})
    value = json.loads(text["prompt"], parse_constant=lambda name: pytest.fail(name))
    assert value["a"] is None
    assert value["b"] == [None, 2**64 - 1, True, None]


def test_metadata_can_be_switched_off_and_extended():
    assert metadata({"1": {}}, {"disable_metadata": True, "workflow": {}}) == {}
    assert metadata(None, {}) == {}
    extra = {"workflow": {"a": 1}, "extra_pnginfo": {"note": "x"}, "client_id": "secret"}
    assert list(metadata({}, extra)) == ["prompt", "workflow", "note"]


def test_provenance_stands_last_and_cannot_be_forged():
    made = {"version": "1", "seeds": {"3.seed": 2**64 - 1}}
    text = metadata({"1": {}}, {"workflow": {}, "extra_pnginfo": {"latentloom": "forged", "note": "x"}}, made)
    assert list(text) == ["prompt", "workflow", "note", "latentloom"]
    assert json.loads(text["latentloom"]) == made
    assert metadata({}, {"disable_metadata": True}, made) == {}
