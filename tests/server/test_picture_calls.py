"""Pictures opened for the server: what is fit, what is refused, views, masks and texts."""

import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from latentloom.engine.errors import UserError
from latentloom.engine.server import picture_calls


def png(size=(20, 10), mode="RGBA", **text):
    info = PngInfo()
    for name, value in text.items():
        info.add_text(name, value)
    buffer = io.BytesIO()
    Image.new(mode, size, (10, 20, 30, 40)[: len(mode)] if mode.startswith("RGB") else 0).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def noise():
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def frames_of(count, size=(8, 8), kind="GIF"):
    buffer = io.BytesIO()
    pictures = [Image.new("RGB", size, (index * 3 % 256, 9, 200)) for index in range(count)]
    pictures[0].save(buffer, kind, save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


def test_a_sound_picture_is_described():
    result, _ = picture_calls.check_picture({}, memoryview(png()))
    assert result == {"format": "png", "type": "image/png", "width": 20, "height": 10, "frames": 1}
    assert picture_calls.check_picture({}, memoryview(frames_of(64)))[0]["frames"] == 64


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.4",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        png()[:60],
        noise()[:-200],
        frames_of(65),
        png((9000, 9000), "L"),
        png((20000, 20000), "1"),
        png(note="x" * (5 << 20)),
    ],
    ids=["empty", "svg", "pdf", "eps", "cut", "cut late", "frames", "pixels", "bomb", "text"],
)
def test_an_unfit_picture_is_refused(blob):
    with pytest.raises(UserError, match="F010"):
        picture_calls.check_picture({}, memoryview(blob))


@pytest.mark.parametrize(
    ("asked", "format", "mode", "alpha"),
    [
        ({}, "PNG", "RGBA", 40),
        ({"channel": "rgba"}, "PNG", "RGBA", 40),
        ({"channel": "rgb"}, "PNG", "RGB", None),
        ({"channel": "a"}, "PNG", "RGBA", 40),
        ({"preview": "webp;90"}, "WEBP", "RGBA", 40),
        ({"preview": "jpeg;50"}, "JPEG", "RGB", None),
        ({"preview": "jpeg"}, "JPEG", "RGB", None),
        ({"preview": "webp;none", "channel": "rgb"}, "WEBP", "RGB", None),
    ],
)
def test_view_encodes_as_asked(tmp_path, asked, format, mode, alpha):
    file = tmp_path / "a.png"
    file.write_bytes(png())
    result, blob = picture_calls.picture({"path": str(file), **asked}, memoryview(b""))
    shown = Image.open(io.BytesIO(blob))
    assert (shown.format, shown.mode, shown.size) == (format, mode, (20, 10))
    assert result == {"type": f"image/{format.lower()}"}
    if alpha is not None:
        assert shown.getpixel((0, 0))[3] == alpha
    if asked.get("channel") == "a":
        assert shown.getpixel((0, 0))[:3] == (0, 0, 0)


def test_a_mask_becomes_the_transparency_and_texts_stay(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(png(prompt='{"1": {}}', workflow="ü"))
    drawn = Image.new("RGBA", (20, 10), (255, 255, 255, 200))
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    _, blob = picture_calls.mask({"path": str(file)}, memoryview(buffer.getvalue()))
    shown = Image.open(io.BytesIO(blob))
    assert shown.getpixel((3, 3)) == (10, 20, 30, 200)
    assert shown.text == {"prompt": '{"1": {}}', "workflow": "ü"}
    assert picture_calls.metadata({"path": str(file)}, memoryview(b""))[0]["text"]["prompt"] == '{"1": {}}'
    with pytest.raises(UserError, match=r"F010.*20x10"):
        picture_calls.mask({"path": str(file)}, memoryview(png((5, 5))))
