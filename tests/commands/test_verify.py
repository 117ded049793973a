"""`latentloom verify`: equal, different, cannot; and what changed since."""

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from latentloom.engine.commands.changes import changes

EQUAL, DIFFERENT, CANNOT = 0, 1, 2


@pytest.fixture
def picture(latentloom, data, tmp_path):
    """A picture made of another one, saved with its graph."""
    (data / "input").mkdir(parents=True)
    Image.effect_noise((24, 16), 90).convert("RGB").save(data / "input" / "in.png")
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "in.png"}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "out"}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "other"}},
    }
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph))
    code, out, err = latentloom("run", path)
    assert code == 0, err
    return next(name for name in out.split("\n") if "out_" in name)


def rewrite(path, change=None, **text):
    """Save the picture again with other texts, or another pixel."""
    with Image.open(path) as image:
        image.load()
        info = PngInfo()
        for name, value in {**image.text, **text}.items():
            if value is not None:
                info.add_text(name, value)
        if change is not None:
            change(image)
        image.save(path, pnginfo=info)


def test_the_same_again_is_equal_and_leaves_nothing(latentloom, picture, data):
    before = sorted((data / "output").iterdir())
    code, out, err = latentloom("verify", picture)
    assert (code, out) == (EQUAL, "equal: every pixel is the same\n"), err
    assert sorted((data / "output").iterdir()) == before
    assert "other" not in err and "4 SaveImage" not in err  # what other nodes would save is not made


def test_one_pixel_is_found(latentloom, picture, tmp_path):
    def change(image):
        red, green, blue = image.getpixel((2, 1))
        image.putpixel((2, 1), (red ^ 128, green, blue))

    rewrite(picture, change)
    code, out, _ = latentloom("verify", picture, "--json", "--keep", tmp_path / "new.png")
    report = json.loads(out)
    assert (code, report["status"]) == (DIFFERENT, "different")
    assert report["difference"] == {"max": 128, "mean": pytest.approx(128 / (24 * 16 * 3)), "different": 1, "pixels": 384}
    assert report["changes"] == {}
    with Image.open(tmp_path / "new.png") as kept, Image.open(picture) as old:
        assert kept.getpixel((2, 1)) != old.getpixel((2, 1)) and kept.getpixel((3, 1)) == old.getpixel((3, 1))


def test_a_changed_input_is_named(latentloom, picture, data):
    Image.effect_noise((24, 16), 90).convert("RGB").save(data / "input" / "in.png")
    code, out, _ = latentloom("verify", picture)
    assert code == DIFFERENT
    assert "files, input/in.png: sha256:" in out
    Image.new("RGB", (8, 8)).save(data / "input" / "in.png")
    code, out, _ = latentloom("verify", picture)
    assert (code, out.splitlines()[0]) == (DIFFERENT, "different: 8x8 with 3 channels now, 24x16 with 3 channels then")


def test_another_version_is_named_even_if_all_is_equal(latentloom, picture):
    with Image.open(picture) as image:
        made = json.loads(image.text["latentloom"])
    made["versions"]["torch"], made["node_versions"]["ImageInvert"], made["device"] = "1.0", 99, "cuda:7"
    rewrite(picture, latentloom=json.dumps(made))
    code, out, _ = latentloom("verify", picture, "--json")
    found = json.loads(out)["changes"]
    assert code == EQUAL
    assert found["versions"]["torch"][0] == "1.0"
    assert found["node_versions"] == {"ImageInvert": [99, 1]}
    assert found["engine"]["device"][0] == "cuda:7"


def test_a_picture_of_another_program_is_compared_with_what_is_nearest(latentloom, picture):
    rewrite(picture, latentloom=None)
    code, out, _ = latentloom("verify", picture)
    assert code == EQUAL
    assert "says nothing of the files and versions" in out


def test_what_cannot_be_verified_exits_2(latentloom, picture, data, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "bare.png")
    for path, expected in ((tmp_path / "bare.png", "F012"), (tmp_path / "absent.png", "F001")):
        code, out, err = latentloom("verify", path, "--json")
        assert (code, json.loads(out)["status"], err[:4]) == (CANNOT, "cannot", expected)
    (data / "input" / "in.png").unlink()
    code, _, err = latentloom("verify", picture)
    assert (code, err[:4]) == (CANNOT, "G013")
    Image.new("RGB", (4, 4)).save(data / "input" / "in.png")
    (data / "input" / "in.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    assert latentloom("verify", picture)[0] == CANNOT


def test_changes_are_only_what_can_be_compared():
    then = {"files": {"a": "sha256:1", "b": "quick:1", "c": "sha256:3"}, "versions": {"torch": "1"}, "device": "cpu"}
    now = {"files": {"a": "sha256:2", "b": "sha256:1", "d": "absent"}, "versions": {"torch": "1"}, "device": "cpu"}
    assert changes(then, now) == {
        "files": {"a": ["sha256:1", "sha256:2"], "c": ["sha256:3", None], "d": [None, "absent"]}
    }
    assert changes({}, now) == {} == changes(now, now)
    assert changes({"files": [1], "version": "1"}, {"files": {}, "version": "2"}) == {"engine": {"version": ["1", "2"]}}
