"""A workflow packed with what it needs and unpacked again; and zips from strangers, refused without a trace."""

import json
import os
import stat
import struct
import warnings
import zipfile

import pytest

from latentloom.engine import unbundle
from latentloom.engine.bundle import pack
from latentloom.engine.errors import UserError
from latentloom.engine.folders import Folders
from latentloom.engine.graph.codec import read_api
from latentloom.engine.library import load, registry
from latentloom.engine.unbundle import unpack

NODES = registry()
API = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "sub\\cat.png"}},
    "2": {"class_type": "LoadImage", "inputs": {"image": "old.png [output]"}},
    "3": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "m.safetensors"}},
    "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "a embedding:mark cat", "clip": ["3", 1]}},
    "5": {"class_type": "LoadImage", "inputs": {"image": "gone.png"}},
    "6": {"class_type": "Strange", "inputs": {"x": 1}},
    "7": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}
FILES = {
    "input/sub/cat.png": b"cat",
    "output/old.png": b"old",
    "models/checkpoints/m.safetensors": b"model",
    "models/embeddings/mark.safetensors": b"mark",
}


@pytest.fixture
def folders(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Folders(tmp_path / "data", packaged=tmp_path / "none")


@pytest.fixture
def flow(tmp_path):
    path = tmp_path / "flow.json"
    path.write_text(json.dumps(API), encoding="utf-8")
    return path


@pytest.fixture
def packed(tmp_path, flow, folders):
    pack(flow, tmp_path / "a.zip", NODES, folders)
    return tmp_path / "a.zip"


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_there_and_back(tmp_path, flow, folders):
    found = pack(flow, tmp_path / "a.zip", NODES, folders)
    assert "C076" in [note.code for note in found.report]
    assert found.lock["missing"] == ["input/gone.png"] and found.lock["unknown"] == ["Strange"]
    assert {place: entry["included"] for place, entry in found.lock["files"].items()} == {
        "input/sub/cat.png": True, "output/old.png": True, "checkpoints/m.safetensors": False,
        "embeddings/mark.safetensors": False,
    }  # fmt: skip
    unpacked = unpack(tmp_path / "a.zip", tmp_path / "new" / "place")
    assert unpacked.lock == found.lock
    content = files_of(unpacked.folder)
    assert content.keys() == {"workflow.json", "workflow_api.json", "lock.json", "input/sub/cat.png", "output/old.png"}
    assert content["input/sub/cat.png"] == b"cat"
    graph = load(unpacked.folder / "workflow_api.json", NODES)
    assert graph == read_api(API, NODES)
    drawn = load(unpacked.folder / "workflow.json", NODES)
    assert {node.id: node.type for node in drawn} == {node.id: node.type for node in graph}
    assert drawn["4"].inputs == graph["4"].inputs
    assert not list(tmp_path.rglob("*.part"))


def test_with_models_it_runs_elsewhere(tmp_path, flow, folders):
    pack(flow, tmp_path / "a.zip", NODES, folders, with_models=True)
    unpacked = unpack(tmp_path / "a.zip", tmp_path / "there")
    elsewhere = Folders(unpacked.folder, packaged=tmp_path / "none")
    assert elsewhere.find("checkpoints", "m.safetensors").read_bytes() == b"model"
    assert elsewhere.find("input", "old.png [output]").read_bytes() == b"old"


def test_an_editors_file_is_kept_to_the_byte(tmp_path, folders):
    text = '{"nodes": [{"id": 1, "type": "EmptyImage",\n "strange":   1}], "links": [], "version": 0.4}'
    flow = tmp_path / "ui.json"
    flow.write_text(text)
    pack(flow, tmp_path / "a.zip", NODES, folders)
    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        assert bundle.read("workflow.json").decode() == text
        assert json.loads(bundle.read("workflow_api.json"))["1"]["class_type"] == "EmptyImage"


def test_files_named_by_defaults_of_marked_inputs_are_packed(tmp_path, folders):
    flow = tmp_path / "flow.json"
    api = {
        "1": {"class_type": "LoomInput", "inputs": {"name": "photo", "type": "IMAGE", "default": "sub/cat.png"}},
        "2": {"class_type": "LoomInput", "inputs": {"name": "count", "type": "INT"}},
        "3": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    flow.write_text(json.dumps(api))
    assert list(pack(flow, tmp_path / "a.zip", NODES, folders).lock["files"]) == ["input/sub/cat.png"]


def test_a_folder_of_a_model_is_packed_and_checked_whole(tmp_path, folders):
    model = folders.data_dir / "models/checkpoints/tiny"
    for name in ("model_index.json", "unet/weights.bin", "unet-2"):
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(name.encode())
    flow = tmp_path / "flow.json"
    flow.write_text(json.dumps({"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny"}}}))
    lock = pack(flow, tmp_path / "a.zip", NODES, folders, with_models=True).lock
    assert lock["files"]["checkpoints/tiny"]["bytes"] == len("model_index.json") + len("unet/weights.bin") + len(
        "unet-2"
    )
    unpacked = unpack(tmp_path / "a.zip", tmp_path / "there")
    assert (unpacked.folder / "models/checkpoints/tiny/unet/weights.bin").read_bytes() == b"unet/weights.bin"


def test_equal_content_gives_equal_bytes(tmp_path, flow, folders, packed):
    pack(flow, tmp_path / "b.zip", NODES, folders)
    assert (tmp_path / "b.zip").read_bytes() == packed.read_bytes()


def test_a_folder_in_use_stays_as_it_is(tmp_path, packed):
    place = tmp_path / "mine"
    place.mkdir()
    (place / "lock.json").write_text("mine")
    with pytest.raises(UserError) as stop:
        unpack(packed, place)
    assert stop.value.code == "C074" and files_of(place) == {"lock.json": b"mine"}
    empty = tmp_path / "empty"
    empty.mkdir()
    assert unpack(packed, empty).folder == empty


def rewritten(source, target, change):
    """Copy a bundle, each entry through `change` (name, content) -> list of (ZipInfo, content)."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that stand twice
        for name in old.namelist():
            for info, content in change(name, old.read(name)):
                new.writestr(info, content)
    return target


def added(name, content=b"x", **attributes):
    def change(entry, old):
        extra = []
        if entry == "lock.json":
            info = zipfile.ZipInfo(name)
            for attribute, value in attributes.items():
                setattr(info, attribute, value)
            extra = [(info, content)]
        return [(zipfile.ZipInfo(entry), old), *extra]

    return change


LINK = {"external_attr": (stat.S_IFLNK | 0o777) << 16}
PIPE = {"external_attr": (stat.S_IFIFO | 0o777) << 16}


@pytest.mark.parametrize(
    "change, code",
    [
        (added("../evil"), "C072"),
        (added("/etc/evil"), "C072"),
        (added("input/../../evil"), "C072"),
        (added("C:/evil"), "C072"),
        (added("input\\..\\..\\evil"), "C072"),
        (added("input//double"), "C072"),
        (added("evil.py"), "C072"),
        (added("nodes/evil.py"), "C072"),
        (added("input"), "C072"),
        (added("input/nul.txt"), "C072"),
        (added("input/link", b"/etc/passwd", **LINK), "C072"),
        (added("input/pipe", **PIPE), "C072"),
        (added("input/SUB/Cat.png"), "C072"),
        (added("workflow.json"), "C072"),
        (added("input/packed", b"x" * 100, compress_type=zipfile.ZIP_LZMA), "C072"),
        (added("input/zeros", bytes(3 << 20), compress_type=zipfile.ZIP_DEFLATED), "C073"),
        (added("input/unlocked"), "C075"),
        (lambda name, old: [] if name == "lock.json" else [(zipfile.ZipInfo(name), old)], "C071"),
        (lambda name, old: [] if name == "input/sub/cat.png" else [(zipfile.ZipInfo(name), old)], "C075"),
        (lambda name, old: [(zipfile.ZipInfo(name), b"dog" if name.endswith("cat.png") else old)], "C075"),
        (lambda name, old: [(zipfile.ZipInfo(name), b"[]" if name == "lock.json" else old)], "C071"),
        (lambda name, old: [(zipfile.ZipInfo(name), b"[" * 100_000 if name == "lock.json" else old)], "C071"),
        (lambda name, old: [(zipfile.ZipInfo(name), b'{"files": {}, "format": 2}' if name == "lock.json" else old)], "C071"),
        (lambda name, old: [(zipfile.ZipInfo(name), b'{"files": {"a": 1}}' if name == "lock.json" else old)], "C071"),
    ],
)  # fmt: skip
def test_what_no_bundle_has_is_refused_without_a_trace(tmp_path, packed, change, code):
    evil = rewritten(packed, tmp_path / "evil.zip", change)
    before = set(os.listdir(tmp_path))
    with pytest.raises(UserError) as stop:
        unpack(evil, tmp_path / "out")
    assert stop.value.code == code
    assert set(os.listdir(tmp_path)) == before


def test_entries_of_folders_do_no_harm(tmp_path, packed):
    rewritten(packed, tmp_path / "b.zip", added("input/", b""))
    unpack(tmp_path / "b.zip", tmp_path / "out")


def test_damage_anywhere_is_reported(tmp_path, packed):
    whole = packed.read_bytes()
    spoilt = tmp_path / "spoilt.zip"
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            spoilt.write_bytes(content)
            try:
                unpack(spoilt, tmp_path / "out")
            except UserError as error:
                assert error.code in ("C071", "C072", "C073", "C075", "F001"), error
            else:  # a byte that says nothing, such as a date
                for path in sorted((tmp_path / "out").rglob("*"), reverse=True):
                    path.rmdir() if path.is_dir() else path.unlink()
                (tmp_path / "out").rmdir()
            assert not (tmp_path / "out").exists()
            assert not list(tmp_path.glob(".*.part"))


def test_a_directory_of_millions_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "many.zip"
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFE, 0xFFFE, 1 << 20, 0, 0)
    path.write_bytes(bytes(1 << 20) + end)
    with pytest.raises(UserError) as stop:
        unpack(path, tmp_path / "out")
    assert stop.value.code == "C073"


def test_too_many_too_large_and_no_room(tmp_path, packed, monkeypatch):
    for name, limit in (("MAX_ENTRIES", 2), ("MAX_BYTES", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(unbundle, name, limit)
            with pytest.raises(UserError) as stop:
                unpack(packed, tmp_path / "out")
            assert stop.value.code == "C073"
    usage = type("Usage", (), {"free": 3})
    monkeypatch.setattr(unbundle.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError) as stop:
        unpack(packed, tmp_path / "out")
    assert stop.value.code == "C073" and not (tmp_path / "out").exists()


def test_what_is_not_there(tmp_path, folders):
    with pytest.raises(UserError) as stop:
        unpack(tmp_path / "absent.zip", tmp_path / "out")
    assert stop.value.code == "F001"
    with pytest.raises(UserError) as stop:
        pack(tmp_path / "absent.json", tmp_path / "a.zip", NODES, folders)
    assert stop.value.code == "F001"


def test_the_command_packs_unpacks_and_says_what_is_lacking(latentloom, flips, tmp_path, data):
    code, out, err = latentloom("bundle", flips, tmp_path / "a.zip")
    assert (code, out.splitlines()[-1]) == (0, str(tmp_path / "a.zip")), err
    code, out, err = latentloom("bundle", "--open", tmp_path / "a.zip", tmp_path / "there")
    assert (code, out.strip()) == (0, str(tmp_path / "there" / "workflow.json")), err
    code, out, err = latentloom("bundle", "--open", tmp_path / "a.zip", tmp_path / "there")
    assert code == 2 and err.startswith("C074")
    with zipfile.ZipFile(tmp_path / "a.zip") as bundle:
        lock = json.loads(bundle.read("lock.json"))
    lock["nodes"] |= {"LatentFlip": 99, "Strange": 1}
    lock["files"]["checkpoints/lost.safetensors"] = {"sha256": "0" * 64, "bytes": 1, "included": False}
    changed = rewritten(
        tmp_path / "a.zip",
        tmp_path / "b.zip",
        lambda name, old: [(zipfile.ZipInfo(name), json.dumps(lock) if name == "lock.json" else old)],
    )
    code, out, _ = latentloom("bundle", "--open", changed, tmp_path / "other", "--json")
    lines = json.loads(out)["differs"]
    assert code == 0 and len(lines) == 3
    assert "version 1 here, 99" in lines[0] and "not installed" in lines[1] and "checkpoints/lost" in lines[2]
