"""object_info: the entry's form, lists of files as they are now, and that asking again costs next to nothing."""

import json
import os
import time

import pytest

from latentloom.engine.comfy.listing import Listing
from latentloom.engine.comfy.schema import input_config, object_info, object_info_of, object_info_text
from latentloom.engine.node import Registry, node

KEYS = {
    "input", "input_order", "is_input_list", "output", "output_is_list", "output_name", "name", "display_name",
    "description", "python_module", "category", "output_node",
}  # fmt: skip


def aged(folder, seconds=100):
    """Give a folder and all below it a time stamp that lies back, as folders in use mostly have."""
    then = time.time() - seconds
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            os.utime(path, (then, then))


def test_every_entry_has_the_documented_form(nodes, folders):
    found = object_info(nodes, folders)
    assert list(found) == list(nodes.ids)
    for name, entry in found.items():
        assert set(entry) >= KEYS and entry["name"] == name
        assert set(entry) - KEYS <= {"loom", "output_tooltips", "deprecated", "experimental", "search_aliases"}
        assert list(entry["input"]) == list(entry["input_order"])
        assert "required" in entry["input"]
        for section, inputs in entry["input"].items():
            assert entry["input_order"][section] == list(inputs)
            for value in inputs.values():
                if section == "hidden":
                    assert isinstance(value, str)
                else:
                    assert isinstance(value, list) and len(value) in (1, 2)
                    assert isinstance(value[0], str | list) and all(isinstance(part, dict) for part in value[1:])
        assert len(entry["output"]) == len(entry["output_name"]) == len(entry["output_is_list"])


def test_the_sampler_that_every_client_reads(nodes, folders):
    entry = object_info_of("KSampler", nodes, folders)["KSampler"]
    assert entry["input_order"]["required"] == [
        "model", "seed", "steps", "cfg", "sampler_name", "scheduler", "positive", "negative", "latent_image", "denoise",
    ]  # fmt: skip
    inputs = entry["input"]["required"]
    assert inputs["model"][0] == "MODEL" and inputs["latent_image"][0] == "LATENT"
    kind, options = inputs["seed"]
    assert kind == "INT" and options["max"] == 2**64 - 1 and options["control_after_generate"] is True
    assert inputs["cfg"][1] | {"tooltip": ""} == {
        "default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01, "tooltip": "",
    }  # fmt: skip
    names, options = inputs["sampler_name"]
    assert "euler" in names and options["default"] == "euler"
    assert entry["python_module"] == "nodes" and entry["output_node"] is False and entry["output"] == ["LATENT"]


def test_the_parts_of_a_declaration(nodes, folders):
    made = object_info_of("TestMake", nodes, folders)["TestMake"]
    inputs = made["input"]["required"]
    assert inputs["count"] == ["INT", {"default": 1, "min": 1, "max": 10, "step": 1}]
    assert inputs["amount"][1]["display"] == "slider"
    assert inputs["text"] == ["STRING", {"default": "", "multiline": True}]
    assert inputs["flag"] == ["BOOLEAN", {"default": False}]
    assert inputs["choice"] == [["a", "b"], {"default": "a"}]
    assert made["output"] == ["IMAGE", "MASK"] and made["output_name"] == ["image", "mask"]
    assert made["description"] == "Make a picture."
    assert made["python_module"].startswith("custom_nodes.")
    need = object_info_of("TestNeed", nodes, folders)["TestNeed"]["input"]
    assert list(need["required"]) == ["image", "text"] and need["optional"] == {"mask": ["MASK"]}
    save = object_info_of("TestSave", nodes, folders)["TestSave"]
    assert save["output_node"] is True and save["input"]["hidden"] == {"prompt": "PROMPT"} and save["output"] == []
    many = object_info_of("TestMany", nodes, folders)["TestMany"]["input"]
    assert list(many["required"]) == ["image_1"] and list(many["optional"]) == ["image_2", "image_3"]


def test_unknown_and_former_names(nodes, folders):
    assert object_info_of("Nothing", nodes, folders) == {}
    assert object_info_of("TestMaker", nodes, folders)["TestMaker"]["name"] == "TestMake"


@pytest.mark.parametrize("remembers", [True, False])
def test_lists_of_files_are_as_the_folders_are_now(nodes, folders, remembers):
    files = Listing(folders) if remembers else folders
    aged(folders.data_dir)

    def names(kind="TestFile", name="name"):
        return object_info(nodes, files)[kind]["input"]["required"][name][0]

    assert names() == ["a.safetensors", "sub/b.safetensors"]
    assert names("LoadImage", "image") == ["cat.png"]
    place = folders.data_dir / "models" / "checkpoints"
    (place / "sub" / "c.safetensors").write_bytes(b"x")
    assert names() == ["a.safetensors", "sub/b.safetensors", "sub/c.safetensors"]
    (place / "a.safetensors").unlink()
    assert names() == ["sub/b.safetensors", "sub/c.safetensors"]
    (place / "new").mkdir()
    (place / "new" / "d.safetensors").write_bytes(b"x")
    assert names() == ["new/d.safetensors", "sub/b.safetensors", "sub/c.safetensors"]
    assert object_info_of("TestFile", nodes, files)["TestFile"]["input"]["required"]["name"][0] == names()


def test_files_that_come_in_the_same_instant_are_seen(folders):
    """Nothing is kept of a folder that has just changed: its time stamp could not tell the next change."""
    files = Listing(folders)
    place = folders.data_dir / "input"
    for number in range(50):
        (place / f"{number:02}.png").write_bytes(b"x")
        os.utime(place, ns=(1, time.time_ns() // 10**9 * 10**9))  # a file system that counts in seconds
        assert f"{number:02}.png" in files.names("input", (".png",))


def test_a_root_that_appears_later_is_seen(tmp_path):
    from latentloom.engine.folders import Folders

    files = Listing(Folders(tmp_path / "data", packaged=tmp_path / "none"))
    assert files.names("loras") == ()
    path = files.directory("loras") / "x.safetensors"
    path.write_bytes(b"x")
    assert files.names("loras") == ("x.safetensors",)
    assert files.find("loras", "x.safetensors") == path


def test_a_loop_of_links_is_listed_once(folders):
    place = folders.data_dir / "models" / "checkpoints"
    (place / "loop").symlink_to(place, target_is_directory=True)
    assert Listing(folders).names("checkpoints") == folders.names("checkpoints")


def test_nothing_is_made_again_when_nothing_changed(nodes, folders):
    aged(folders.data_dir)
    files = Listing(folders)
    first = object_info_text(nodes, files)
    begun = time.perf_counter()
    second = object_info_text(nodes, files)
    seconds = time.perf_counter() - begun
    assert second is first and seconds < 0.02
    assert json.loads(first) == object_info(nodes, folders)


def test_a_node_added_later_is_in_it(folders):
    registry = Registry()
    assert object_info(registry, folders) == {}

    @node("Late", category="test")
    def late() -> str:
        return ""

    registry.add(late)
    assert list(object_info(registry, folders)) == ["Late"]


def test_a_folder_that_nobody_knows_gives_no_names(nodes, folders):
    from latentloom.engine.node import File
    from latentloom.engine.node.spec import InputSpec

    spec = InputSpec("x", "COMBO", File("spaceships"))
    assert input_config(spec, folders) == [[], {}]
