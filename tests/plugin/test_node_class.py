"""V1 classes: made from declarations alone, in the host's conventions."""

import inspect
import json
import math
from typing import Annotated, Any

import pytest

from latentloom.engine.comfy.schema import object_info
from latentloom.engine.node import Choice, File, Hidden, Int, Repeat, Socket, node
from latentloom.engine.plugin.catalog import Published, published
from latentloom.engine.plugin.node_class import node_class
from latentloom.engine.plugin.pack import Pack, mappings
from latentloom.engine.plugin.wires import Wildcard

Image = Annotated[Any, Socket("IMAGE")]


@node("LoomTestWide", category="test", version=2, effect=True, pure=False, aliases=("w",))
def wide(
    *,
    image: Image,
    count: Annotated[int, Int(1, 10)] = 3,
    mode: Annotated[str, Choice(("a", "b"))] = "a",
    model: Annotated[Any, Socket("MODEL")] = None,
    prompt: Annotated[Any, Hidden("PROMPT")] = None,
    number: Annotated[Any, Hidden("UNIQUE_ID")] = None,
    **more: Annotated[Image, Repeat("image_{n}", minimum=1, maximum=3)],
) -> Annotated[list, Socket("IMAGE")]:
    """Do much."""
    return [image]


@node("LoomTestOpen", category="")
def open_ended(**anything: Annotated[Any, Repeat("*")]) -> str:
    return ",".join(sorted(anything))


@node("LoomTestFile", category="test")
def file(*, name: Annotated[str, File("checkpoints", (".safetensors",))]) -> str:
    return name


@node("LoomTestAsync", category="test")
async def later(*, a: int = 1) -> int:
    return a + 1


def made(pack, function):
    return node_class(Published(function.__node__.id, "title", function.__node__), pack)


@pytest.fixture
def own(pack):
    for function in (wide, open_ended, file, later):
        pack.registry.add(function)
    return pack


def test_every_class_describes_what_our_server_describes(pack):
    """The same declarations give `object_info` of the stand-alone server: options and order must be equal."""
    described = object_info(pack.registry, pack.files)
    classes, titles = mappings(pack)
    assert classes.keys() == titles.keys()
    for entry in published(pack.registry):
        cls = classes[entry.id]
        info = described[entry.spec.id]
        inputs = cls.INPUT_TYPES()
        for section in ("required", "optional"):
            ours, theirs = inputs.get(section, {}), info["input"].get(section, {})
            assert list(ours) == list(theirs), entry.id
            for name, (kind, *options) in theirs.items():
                assert isinstance(ours[name], tuple)
                assert ours[name][0] == (kind if isinstance(kind, list) else ours[name][0])
                assert {**(options[0] if options else {}), **dict(*ours[name][1:])} == dict(*ours[name][1:])
        assert len(cls.RETURN_TYPES) == len(cls.RETURN_NAMES) == len(cls.OUTPUT_IS_LIST) == len(info["output"])
        assert info["output_node"] is cls.OUTPUT_NODE
        assert cls.CATEGORY.startswith("latentloom/")
        assert callable(getattr(cls(), cls.FUNCTION))
        json.dumps([inputs, cls.RETURN_TYPES])  # what the host sends to its front end


def test_the_sections_types_and_flags_of_a_node_with_everything(own):
    cls = made(own, wide)
    assert cls.__name__ == "LoomTestWide" and cls.CATEGORY == "latentloom/test" and cls.DESCRIPTION == "Do much."
    inputs = cls.INPUT_TYPES()
    assert list(inputs["required"]) == ["image", "count", "mode", "image_1"]
    assert inputs["required"]["image"] == ("IMAGE",) and inputs["required"]["image_1"] == ("IMAGE",)
    assert inputs["required"]["count"] == ("INT", {"default": 3, "min": 1, "max": 10, "step": 1})
    assert inputs["required"]["mode"] == (["a", "b"], {"default": "a"})
    assert list(inputs["optional"]) == ["model", "image_2", "image_3"]
    assert inputs["optional"]["model"][0] == "LOOM_MODEL"
    assert inputs["hidden"] == {"prompt": "PROMPT", "number": "UNIQUE_ID"}
    assert cls.RETURN_TYPES == ("IMAGE",) and cls.OUTPUT_IS_LIST == (False,) and cls.INPUT_IS_LIST is False
    assert cls.OUTPUT_NODE is True and cls.SEARCH_ALIASES == ["w"]


def test_a_node_that_takes_any_name_declares_every_name(own):
    cls = made(own, open_ended)
    optional = cls.INPUT_TYPES()["optional"]
    assert "whatever" in optional and isinstance(optional["whatever"][0], Wildcard)
    assert json.dumps(optional) == "{}"
    assert cls.CATEGORY == "latentloom"
    assert cls().run(b=1, a=2) == {"result": ("a,b",)}


def test_two_calls_give_independent_descriptions(own):
    cls = made(own, wide)
    cls.INPUT_TYPES()["required"]["count"][1]["default"] = 99
    assert cls.INPUT_TYPES()["required"]["count"][1]["default"] == 3


def test_sub_graphs_are_raw_and_never_asked_for(pack):
    grid = mappings(pack)[0]["LoomGrid"]
    kind, options = grid.INPUT_TYPES()["required"]["image"]
    assert kind == "*" and options["rawLink"] and options["lazy"]
    assert grid().check_lazy_status(image=["5", 0], x_input="", x_values="", y_input="", y_values="") == []
    assert set(grid.INPUT_TYPES()["hidden"].values()) == {"PROMPT", "EXTRA_PNGINFO"}


def test_lazy_inputs_are_asked_for_as_the_node_says(pack):
    cls = mappings(pack)[0]["LoomIf"]
    assert cls.INPUT_TYPES()["optional"]["on_true"][1]["lazy"] is True
    ask = cls().check_lazy_status
    assert ask(condition=True, on_true=None, on_false=None) == ["on_true"]
    assert ask(condition=False, on_true=None, on_false=None) == ["on_false"]
    assert ask(condition=True, on_true=5, on_false=None) == []
    assert ask(condition=True, on_false=None) == []  # nothing is wired there


def test_a_node_is_looked_at_again_when_its_file_changes(host, own, tmp_path):
    cls = made(own, file)
    place = tmp_path / "host" / "models" / "checkpoints" / "a.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"one")
    before = cls.IS_CHANGED(name="a.safetensors")
    assert cls.IS_CHANGED(name="a.safetensors") == before
    assert cls.IS_CHANGED(name=None) == cls.IS_CHANGED(name=None) != before  # a wire
    place.write_bytes(b"two")
    assert cls.IS_CHANGED(name="a.safetensors") != before
    assert not hasattr(made(own, later), "IS_CHANGED")


def test_an_embedding_named_in_a_prompt_counts_as_a_file(host, pack, tmp_path):
    cls = mappings(pack)[0]["LoomCLIPTextEncode"]
    before = cls.IS_CHANGED(text="embedding:style", clip=None)
    place = tmp_path / "host" / "models" / "embeddings" / "style.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    assert cls.IS_CHANGED(text="embedding:style", clip=None) != before


def test_a_node_that_is_not_pure_is_always_new_without_nan(own):
    cls = made(own, wide)
    first, second = cls.IS_CHANGED(count=3, image=None), cls.IS_CHANGED(count=3, image=None)
    assert first != second and isinstance(first, str)
    assert not any(isinstance(value, float) and math.isnan(value) for value in (first, second))


def test_names_of_files_are_checked_by_our_rules(host, own, tmp_path):
    cls = made(own, file)
    assert inspect.getfullargspec(cls.VALIDATE_INPUTS).args == ["cls", "name"]
    place = tmp_path / "host" / "models" / "checkpoints" / "sub" / "a.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    assert cls.VALIDATE_INPUTS(name="sub\\a.safetensors") is True
    assert cls.VALIDATE_INPUTS(name=None) is True
    assert "F001" in cls.VALIDATE_INPUTS(name="b.safetensors")
    assert "F002" in cls.VALIDATE_INPUTS(name="../a.safetensors")
    assert "name of a file" in cls.VALIDATE_INPUTS(name=5)


def test_lists_of_files_are_those_of_now(host, own, tmp_path):
    cls = made(own, file)
    before = cls.INPUT_TYPES()["required"]["name"][0]
    place = tmp_path / "host" / "models" / "checkpoints" / "new.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    assert set(cls.INPUT_TYPES()["required"]["name"][0]) - set(before) == {"new.safetensors"}


def test_an_async_node_is_an_async_method(own):
    import asyncio

    cls = made(own, later)
    assert inspect.iscoroutinefunction(cls.run)
    assert asyncio.run(cls().run(a=4)) == {"result": (5,)}


def test_settings_that_cannot_be_read_do_not_cost_the_nodes(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTLOOM_HOME", str(tmp_path))
    (tmp_path / "settings.toml").write_text("no toml", encoding="utf-8")
    pack = Pack()
    assert pack.settings.data_dir == tmp_path
    assert "LoomIf" in mappings(pack)[0]
