"""Models named by a workflow and found among those that are here; each replacement is told of, choices are kept."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.comfy.remap import REMAP, forget, remember, remembered, resolve_models, wanted_hashes
from latentloom.engine.errors import UserError
from latentloom.engine.find_models import find_models, recorded_hashes
from latentloom.engine.graph.codec import read_api

HASH = hashlib.sha256(b"x").hexdigest()  # what the folders' files hold


def loads(*names):
    return {
        str(number): {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": name}}
        for number, name in enumerate(names)
    }


def resolved(nodes, folders, *names, **given):
    graph, report = resolve_models(read_api(loads(*names), nodes), nodes, folders, **given)
    return [node.inputs["ckpt_name"] for node in graph], [(note.level, note.code, note.node) for note in report]


def test_a_model_that_is_here_is_left_alone(nodes, folders):
    assert resolved(nodes, folders, "a.safetensors", "sub/b.safetensors") == (
        ["a.safetensors", "sub/b.safetensors"],
        [],
    )
    graph = read_api(loads("a.safetensors"), nodes)
    assert resolve_models(graph, nodes, folders)[0] is graph


def test_by_name_in_another_folder_and_by_a_like_name(nodes, folders):
    found, notes = resolved(nodes, folders, "other\\b.safetensors", "B.ckpt", "nothing-like-it.safetensors")
    assert found == ["sub/b.safetensors", "sub/b.safetensors", "nothing-like-it.safetensors"]
    assert notes == [("warning", "C050", "0"), ("warning", "C050", "1"), ("warning", "C051", "2")]


def test_by_hash_first(nodes, folders):
    asked = []

    def hashes():
        asked.append(1)
        return {"checkpoints/b.safetensors": HASH}

    def hash_of(path):
        return HASH if path.name == "a.safetensors" else "0" * 64

    found, notes = resolved(nodes, folders, "b.safetensors", hashes=hashes, hash_of=hash_of)
    assert found == ["a.safetensors"] and notes == [("info", "C050", "0")]
    resolved(nodes, folders, "a.safetensors", hashes=hashes, hash_of=hash_of)
    assert asked == [1], "a file's records are read only when a model is missing"


def test_a_choice_is_kept_and_can_be_dropped(nodes, folders):
    name = "zzz.safetensors"
    assert resolved(nodes, folders, name)[0] == [name]
    remember(folders, "checkpoints", name, "sub/b.safetensors")
    assert resolved(nodes, folders, name) == (["sub/b.safetensors"], [("warning", "C050", "0")])
    data = json.loads((folders.data_dir / "user" / REMAP).read_text())
    assert data == {"format": 1, "models": {"checkpoints/zzz.safetensors": "sub/b.safetensors"}}
    forget(folders, "checkpoints", name)
    assert remembered(folders) == {} and resolved(nodes, folders, name)[0] == [name]


def test_only_what_is_here_can_be_chosen(folders):
    for found, code in (("gone.safetensors", "F001"), ("../a.safetensors", "F002")):
        with pytest.raises(UserError) as stop:
            remember(folders, "checkpoints", "x.safetensors", found)
        assert stop.value.code == code
    assert not (folders.data_dir / "user").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"models": []}', '{"models": {"checkpoints/a": 7}}', "[" * 10_000, "\ud800"]
)
def test_a_spoilt_remap_is_none(nodes, folders, text):
    path = folders.data_dir / "user" / REMAP
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert resolved(nodes, folders, "nothing.safetensors")[0] == ["nothing.safetensors"]


def test_a_choice_out_of_the_folder_is_not_taken(nodes, folders):
    path = folders.data_dir / "user" / REMAP
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"models": {"checkpoints/nothing.safetensors": "../../secret"}}))
    assert resolved(nodes, folders, "nothing.safetensors")[0] == ["nothing.safetensors"]


def test_inputs_are_no_models(nodes, folders):
    graph = read_api({"1": {"class_type": "LoadImage", "inputs": {"image": "Cat.png"}}}, nodes)
    assert resolve_models(graph, nodes, folders) == (graph, ())


UI = {
    "nodes": [
        {
            "id": 1,
            "type": "CheckpointLoaderSimple",
            "properties": {"models": [{"name": "b.safetensors", "directory": "checkpoints", "hash": HASH.upper(), "hash_type": "SHA256"}]},
        },
        {"id": 2, "type": "X", "properties": {"models": [{"name": "c", "directory": "unet", "hash": "ab", "hash_type": "SHA256"}]}},
    ],
    "links": [],
    "definitions": {
        "subgraphs": [{"nodes": [{"properties": {"models": [{"name": "sub\\v", "directory": "vae", "hash": HASH}]}}]}]
    },
}  # fmt: skip


def test_hashes_are_read_from_ui_files_and_provenance(tmp_path):
    assert wanted_hashes(UI) == {"checkpoints/b.safetensors": HASH, "vae/sub/v": HASH}
    assert wanted_hashes(provenance={"files": {"unet/m": f"sha256:{HASH}", "vae/q": "quick:1", "x": "absent"}}) == {
        "diffusion_models/m": HASH
    }
    path = tmp_path / "flow.json"
    path.write_text(json.dumps(UI))
    assert recorded_hashes(path) == wanted_hashes(UI)
    assert recorded_hashes(tmp_path / "absent.json") == {}


def test_a_file_is_found_by_the_hash_that_its_workflow_records(nodes, folders, tmp_path):
    for name in ("a.safetensors", "sub/b.safetensors"):
        (folders.data_dir / "models/checkpoints" / name).write_bytes(name.encode())
    wanted = json.loads(json.dumps(UI))
    wanted["nodes"][0]["properties"]["models"][0] |= {
        "name": "lost.safetensors", "hash": hashlib.sha256(b"sub/b.safetensors").hexdigest(),
    }  # fmt: skip
    path = tmp_path / "flow.json"
    path.write_text(json.dumps(wanted))
    graph, report = find_models(read_api(loads("lost.safetensors"), nodes), path, nodes, folders)
    assert graph["0"].inputs["ckpt_name"] == "sub/b.safetensors"
    assert [note.code for note in report] == ["C050"] and "hash" in report[0].text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "nodes",
                    "properties",
                    "models",
                    "name",
                    "hash",
                    "directory",
                    "files",
                    "definitions",
                    "subgraphs",
                    "hash_type",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_no_record_makes_reading_raise(ui, provenance):
    assert all(len(value) == 64 for value in wanted_hashes(ui, provenance).values())
