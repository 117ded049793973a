"""Pictures out: files with their graph inside, previews, text."""

import json

import pytest
import torch
from PIL import Image

from latentloom.engine.errors import Cancelled, UserError
from latentloom.nodes import save_image as nodes
from latentloom.nodes.images import load_image


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_save_and_load_again(files, context, rand, unchanged):
    image = rand(2, 6, 8, 3)
    with unchanged(image):
        nodes.save_image(images=image, filename_prefix="sub/%width%x%height%_%batch_num%", context=context)
    output = files.directory("output")
    assert names(output) == ["8x6_0_00001_.png", "8x6_1_00002_.png"]
    assert context.outputs == [
        (
            "images",
            [
                {"filename": "8x6_0_00001_.png", "subfolder": "sub", "type": "output"},
                {"filename": "8x6_1_00002_.png", "subfolder": "sub", "type": "output"},
            ],
        )
    ]
    back = load_image(image="sub/8x6_1_00002_.png [output]", context=context).IMAGE
    assert (back - image[1:]).abs().max() <= 1 / 255


def test_the_graph_travels_in_the_file(files, context, rand):
    context.prompt = {"9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}}}
    context.extra = {"workflow": {"nodes": [], "version": 0.4}}
    nodes.save_image(images=rand(1, 4, 4, 3), filename_prefix="x", context=context)
    with Image.open(files.directory("output") / "x_00001_.png") as picture:
        text = dict(picture.text)
    assert list(text) == ["prompt", "workflow"]
    assert json.loads(text["prompt"]) == context.prompt
    assert json.loads(text["workflow"]) == context.extra["workflow"]


def test_every_picture_says_what_it_was_made_of(files, context, rand):
    context.prompt, context.provenance = {"9": {}}, {"version": "1", "node": "9", "seeds": {"3.seed": 5}}
    nodes.save_image(images=rand(2, 4, 4, 3), filename_prefix="x", context=context)
    for path in files.directory("output").iterdir():
        with Image.open(path) as picture:
            assert json.loads(picture.text["latentloom"]) == context.provenance


def test_metadata_can_be_switched_off(files, context, rand):
    context.prompt, context.extra = {"1": {}}, {"disable_metadata": True}
    nodes.save_image(images=rand(1, 4, 4, 3), context=context)
    with Image.open(files.directory("output") / "ComfyUI_00001_.png") as picture:
        assert not picture.text


def test_existing_files_are_never_overwritten(files, context, rand):
    for _ in range(3):
        nodes.save_image(images=rand(1, 4, 4, 3), filename_prefix="x", context=context)
    assert names(files.directory("output")) == ["x_00001_.png", "x_00002_.png", "x_00003_.png"]


@pytest.mark.parametrize("prefix", ["../x", "/tmp/x", "a/../../x"])
def test_leaving_the_output_folder_is_refused(files, context, rand, prefix):
    with pytest.raises(UserError) as caught:
        nodes.save_image(images=rand(1, 4, 4, 3), filename_prefix=prefix, context=context)
    assert caught.value.code == "F002"
    assert not names(files.data_dir)


def test_a_request_to_stop_is_heard_between_pictures(files, context, rand):
    class Stopped(type(context)):
        def check(self):
            if names(files.directory("output")):
                raise Cancelled("test")

    with pytest.raises(Cancelled):
        nodes.save_image(images=rand(3, 4, 4, 3), filename_prefix="x", context=Stopped(files))
    assert names(files.directory("output")) == ["x_00001_.png"]


def test_preview_goes_to_the_temporary_folder(files, context, rand):
    for _ in range(2):
        nodes.preview_image(images=rand(1, 4, 4, 3), context=context)
    found = names(files.directory("temp"))
    assert len(found) == 2
    assert all(name.startswith("ComfyUI_temp_") and name.endswith("_00001_.png") for name in found)
    assert context.outputs[0][1][0]["type"] == "temp"
    assert not names(files.directory("output"))


def test_websocket_sends_pictures_in_full_size(files, context, rand):
    nodes.save_image_websocket(images=rand(2, 6, 8, 3), context=context)
    assert [picture.size for picture in context.shown] == [(8, 6), (8, 6)]
    assert context.whole == [True, True]
    assert context.steps == [(1, 2), (2, 2)]
    assert not names(files.data_dir)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (1.5, "1.5"),
        (None, "None"),
        (torch.zeros(2, 3), "tensor (2, 3) torch.float32 on cpu"),
        ({"a": [1, torch.zeros(1)]}, '{\n  "a": [\n    1,\n    "tensor (1,) torch.float32 on cpu"\n  ]\n}'),
    ],
)
def test_anything_as_text(context, value, text):
    nodes.preview_any(source=value, context=context)
    assert context.outputs == [("text", [{"text": text}])]


def test_what_json_does_not_know_is_shown_as_python_does(context):
    thing, ring = object(), []
    ring.append(ring)
    for value, text in ((thing, str(thing)), ([thing], f'[\n  "{thing}"\n]'), (ring, "[[...]]")):
        nodes.preview_any(source=value, context=context)
        assert context.outputs.pop() == ("text", [{"text": text}])
