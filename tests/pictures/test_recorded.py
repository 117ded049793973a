"""A saved picture read back, and two pictures compared."""

import json

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from latentloom.engine.errors import UserError
from latentloom.engine.pictures.compare import compare
from latentloom.engine.pictures.recorded import read_recorded


def save(path, text, mode="RGB", size=(5, 3)):
    info = PngInfo()
    for name, value in text.items():
        info.add_text(name, value)
    Image.new(mode, size).save(path, pnginfo=info)
    return path


def test_graph_and_provenance_come_back(tmp_path):
    path = save(tmp_path / "x.png", {"prompt": json.dumps({"1": {}}), "latentloom": json.dumps({"version": "1"})})
    found = read_recorded(path)
    assert (found.prompt, found.provenance) == ({"1": {}}, {"version": "1"})
    assert found.pixels.shape == (3, 5, 3) and found.pixels.dtype == np.uint8


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4), ("P", 4), ("1", 1)])
def test_every_mode_has_channels(tmp_path, mode, channels):
    assert read_recorded(save(tmp_path / "x.png", {}, mode)).pixels.shape == (3, 5, channels)


@pytest.mark.parametrize("text", [{}, {"prompt": "{"}, {"prompt": "[1]"}, {"latentloom": "7"}, {"prompt": "[" * 10_000}])
def test_what_is_no_record_is_none(tmp_path, text):
    found = read_recorded(save(tmp_path / "x.png", text))
    assert (found.prompt, found.provenance) == (None, None)


def test_what_is_no_picture_is_refused(tmp_path):
    whole = save(tmp_path / "whole.png", {}, size=(400, 400)).read_bytes()
    (tmp_path / "torn.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("hello")
    Image.new("RGB", (4, 4)).save(tmp_path / "x.jpg")
    (tmp_path / "folder.png").mkdir()
    for name, code in (("torn.png", "F010"), ("text.png", "F010"), ("x.jpg", "F010"), ("folder.png", "F010"), ("none.png", "F001")):
        with pytest.raises(UserError) as caught:
            read_recorded(tmp_path / name)
        assert caught.value.code == code, name


def test_a_picture_that_claims_too_much_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr("latentloom.engine.pictures.recorded.MAX_PIXELS", 14)
    with pytest.raises(UserError) as caught:
        read_recorded(save(tmp_path / "x.png", {}))
    assert "5x3" in caught.value.got


def test_differences_are_counted():
    one = np.zeros((4, 5, 3), np.uint8)
    assert compare(one, one.copy()) == (0, 0.0, 0, 20)
    other = one.copy()
    other[0, 0] = (255, 0, 10)
    other[3, 4, 1] = 5
    found = compare(one, other)
    assert (found.max, found.different, found.pixels) == (255, 2, 20)
    assert found.mean == pytest.approx(270 / 60)
    assert compare(other, one) == found
    assert compare(one, np.zeros((5, 4, 3), np.uint8)) is None
