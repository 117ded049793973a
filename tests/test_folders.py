"""Folders: which file a name means, in which order, and that no name leaves its folder."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.errors import UserError
from latentloom.engine.folders import IO_KINDS, MODEL_TYPES, Folders, safe_name
from latentloom.engine.model_paths import ExtraFolder, read_extra_paths


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def tree(tmp_path):
    """A data folder beside a secret, with a packaged folder."""
    put(tmp_path / "secret.png")
    put(tmp_path / "data-sibling" / "secret.png")
    put(tmp_path / "data" / "input" / "in.png")
    put(tmp_path / "data" / "output" / "sub" / "out.png")
    put(tmp_path / "packaged" / "models" / "checkpoints" / "bundled.safetensors")
    put(tmp_path / "packaged" / "input" / "shapes.png")
    return tmp_path


def folders(tree, **more):
    return Folders(tree / "data", packaged=tree / "packaged", **more)


OUTSIDE = [
    "../secret.png", "..\\secret.png", "sub/../../secret.png", "sub\\..\\..\\secret.png", "/etc/passwd",
    "\\etc\\passwd", "//server/share/x", "\\\\server\\share\\x", "C:/x.png",
    "C:\\x.png", "c:x.png", "\\\\?\\C:\\x", "x.png\0.txt",
    "x\n.png", "\x7f", "", " ", ".", "./", "..", "../", "/", "\\", "....//../secret.png/..", "sub/..", "nul", "NUL.png",
    "con.txt",
    "sub/aux", "com1.png", "file.txt:stream", "trailing.", "sub /x.png", "sub./x.png", ".../secret.png", "~/../x/..",
    "../data-sibling/secret.png", "x/" * 600 + "y", "a/./../..", "..%2f".replace("%2f", "/") + "secret.png",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("annotation", ["", " [output]"])
def test_names_that_leave_the_folder_are_refused(tree, name, annotation):
    with pytest.raises(UserError) as caught:
        folders(tree).find("input", name + annotation)
    assert caught.value.code == "F002"
    with pytest.raises(UserError) as caught:
        folders(tree).target("output", name)
    assert caught.value.code == "F002"


@given(
    st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "a", "/", "\\", "C:", "~", "b.png", " "])).map("".join)
)
def test_an_accepted_name_stays_inside(name):
    try:
        safe = safe_name(name)
    except UserError as error:
        assert error.code == "F002"  # whether it raises depends on the drawn name
        return
    assert not safe.startswith("/")
    assert ".." not in safe.split("/")
    assert os.path.normpath(os.path.join("/a/folder", safe)).startswith("/a/folder/")
    assert safe_name(safe) == safe


def test_backslashes_of_windows_files_are_separators(tree):
    assert folders(tree).find("output", "sub\\out.png") == tree / "data" / "output" / "sub" / "out.png"


def test_annotation_decides_the_folder(tree):
    found = folders(tree).find("input", "sub/out.png [output]")
    assert found == tree / "data" / "output" / "sub" / "out.png"
    assert folders(tree).find("output", "in.png [input]").name == "in.png"
    with pytest.raises(UserError) as caught:
        folders(tree).find("input", "in.png [temp]")
    assert caught.value.code == "F001"


def test_a_link_out_of_an_input_folder_is_not_followed(tree):
    (tree / "data" / "input" / "link.png").symlink_to(tree / "secret.png")
    (tree / "data" / "input" / "up").symlink_to(tree)
    for name in ("link.png", "up/secret.png", "up/data-sibling/secret.png"):
        with pytest.raises(UserError) as caught:
            folders(tree).find("input", name)
        assert caught.value.code == "F001", name
    assert folders(tree).names("input") == ("in.png", "shapes.png")


def test_a_link_in_a_model_folder_is_the_owners_choice(tree):
    elsewhere = put(tree / "big disk" / "sd.safetensors")
    loras = tree / "data" / "models" / "loras"
    loras.mkdir(parents=True)
    (loras / "linked.safetensors").symlink_to(elsewhere)
    (loras / "loop").symlink_to(loras)
    assert folders(tree).find("loras", "linked.safetensors").read_text() == "x"
    assert folders(tree).names("loras") == ("linked.safetensors",)


def test_writing_never_goes_through_a_link(tree):
    (tree / "data" / "output" / "gone").symlink_to(tree)
    (tree / "data" / "output" / "file.png").symlink_to(tree / "secret.png")
    for name in ("gone/new.png", "gone/deeper/new.png", "file.png"):
        with pytest.raises(UserError) as caught:
            folders(tree).target("output", name)
        assert caught.value.code == "F002"
    assert not (tree / "deeper").exists()
    assert folders(tree).target("output", "new/deep/x.png").parent.is_dir()


def test_a_linked_data_folder_works(tree):
    (tree / "linked").symlink_to(tree / "data")
    assert Folders(tree / "linked", packaged=tree / "packaged").find("input", "in.png").exists()


def test_search_order_is_default_extra_then_data_then_extra_then_packaged(tree):
    extra = (ExtraFolder("checkpoints", tree / "late"), ExtraFolder("checkpoints", tree / "first", True))
    places = [tree / "packaged/models/checkpoints", tree / "late", tree / "data/models/checkpoints", tree / "first"]
    for place in places:
        expected = put(place / "same.safetensors")
        assert folders(tree, extra=extra).find("checkpoints", "same.safetensors") == expected


@pytest.mark.parametrize(("old", "new"), [("unet", "diffusion_models"), ("clip", "text_encoders")])
def test_older_folder_names_are_searched_and_understood(tree, old, new):
    expected = put(tree / "data" / "models" / old / "a.safetensors")
    assert folders(tree).find(new, "a.safetensors") == expected
    assert folders(tree).find(old, "a.safetensors") == expected
    put(tree / "data" / "models" / new / "b.safetensors")
    assert folders(tree).names(old) == ("a.safetensors", "b.safetensors")


def test_names_are_filtered_sorted_and_hide_dot_files(tree):
    for name in ("b.PNG", "a/c.png", ".hidden.png", ".git/x.png", "note.txt"):
        put(tree / "data" / "input" / name)
    assert folders(tree).names("input", (".png",)) == ("a/c.png", "b.PNG", "in.png", "shapes.png")


def test_a_diffusers_model_is_a_folder(tree):
    put(tree / "data" / "models" / "diffusers" / "tiny" / "model_index.json")
    put(tree / "data" / "models" / "diffusers" / "tiny" / "unet" / "config.json")
    assert folders(tree).names("diffusers") == ("tiny",)
    assert folders(tree).find("diffusers", "tiny").is_dir()


def test_an_absent_file_names_the_nearest(tree):
    with pytest.raises(UserError, match=r"bundled\.safetensors") as caught:
        folders(tree).find("checkpoints", "bundle.safetensors")
    assert caught.value.code == "F001"


def test_an_unknown_folder_is_refused(tree):
    for call in (folders(tree).directory, folders(tree).names, folders(tree).roots):
        with pytest.raises(UserError) as caught:
            call("checkpoint")
        assert caught.value.code == "F003"
        assert "checkpoints" in caught.value.fix


def test_reading_makes_nothing_and_writing_makes_the_folder(tmp_path):
    empty = Folders(tmp_path / "data")
    assert empty.names("output") == ()
    assert not (tmp_path / "data").exists()
    for kind in (*IO_KINDS, "user", "cache"):
        assert empty.directory(kind) == tmp_path / "data" / kind
        assert (tmp_path / "data" / kind).is_dir()
    assert empty.directory("loras") == tmp_path / "data" / "models" / "loras"


def test_another_output_folder(tmp_path):
    other = Folders(tmp_path / "data", output=tmp_path / "here")
    assert other.directory("output") == tmp_path / "here"
    assert other.target("output", "a.png") == tmp_path / "here" / "a.png"


def test_the_package_brings_its_own_model_folder_and_pictures(tmp_path):
    packaged = Folders(tmp_path).roots("checkpoints")[-1]
    assert packaged.parts[-3:] == ("workflows", "models", "checkpoints")
    assert "shapes.png" in Folders(tmp_path).names("input", (".png",))


def test_extra_paths_in_comfyui_s_format(tmp_path, monkeypatch):
    monkeypatch.setenv("LOOM_TEST_DISK", str(tmp_path / "disk"))
    file = put(
        tmp_path / "config" / "extra.yaml",
        f"""
        a111:
            base_path: {tmp_path / "webui"}
            checkpoints: models/Stable-diffusion
            loras: |
                models/Lora
                models/LyCORIS
            custom_nodes: nodes
        mine:
            is_default: true
            base_path: ../relative
            unet: unets
            clip: $LOOM_TEST_DISK/clip
        empty:
        """.replace("\n        ", "\n"),
    )
    webui = tmp_path / "webui" / "models"
    assert read_extra_paths([file]) == (
        ExtraFolder("checkpoints", webui / "Stable-diffusion"),
        ExtraFolder("loras", webui / "Lora"),
        ExtraFolder("loras", webui / "LyCORIS"),
        ExtraFolder("diffusion_models", tmp_path / "relative" / "unets", True),
        ExtraFolder("text_encoders", tmp_path / "disk" / "clip", True),
    )


def test_a_model_type_that_only_extra_paths_know_is_a_folder(tmp_path):
    put(tmp_path / "ip" / "adapter.safetensors")
    known = Folders(tmp_path / "data", extra=(ExtraFolder("ipadapter", tmp_path / "ip"),))
    assert known.names("ipadapter") == ("adapter.safetensors",)
    assert "ipadapter" not in MODEL_TYPES


@pytest.mark.parametrize("text", ["- a list", "a: text", "a:\n  loras: [x]", "a: {b: [", "a:\n  loras: 3", None])
def test_an_unfit_extra_file_is_a_user_error(tmp_path, text):
    file = tmp_path / "extra.yaml"
    if text is not None:
        put(file, text)
    with pytest.raises(UserError) as caught:
        read_extra_paths([file])
    assert caught.value.code == "F005"


@pytest.mark.parametrize("name", ["a/" * 16 + "b", "x" * 256, "ü" * 128, "half \ud800", "\udfff"])
def test_names_that_some_file_system_does_not_take(tree, name):
    with pytest.raises(UserError) as refused:
        folders(tree).look("input", name)
    assert refused.value.code == "F002"


def test_looking_says_none_where_finding_suggests(tree):
    known = folders(tree)
    assert known.look("input", "in.pgn") is None
    assert known.look("input", "in.png") == known.find("input", "in.png")
    roots = known.roots("input")
    found = [known.look("input", "in.png", root=index) for index in range(len(roots) + 1)]
    assert found[roots.index(known.find("input", "in.png").parent)] == known.find("input", "in.png")
    assert found[-1] is None  # no such root


def test_the_kinds_of_models_include_extra_ones(tmp_path):
    known = Folders(tmp_path, [ExtraFolder("ipadapter", tmp_path), ExtraFolder("output", tmp_path)])
    assert "ipadapter" in known.types() and "checkpoints" in known.types()
    assert not {"output", "input", "user", "cache"} & set(known.types())
