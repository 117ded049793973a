"""Folders of a hosted pack: the host's, then what comes with us; the same rules for names."""

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.plugin.host_folders import HostFolders

BUNDLED = "loom-shapes-sd15.safetensors"


@pytest.fixture
def folders(tmp_path):
    return HostFolders(tmp_path / "ours")


def test_models_of_the_host_come_first_and_ours_behind_them(host, folders, tmp_path):
    place = tmp_path / "host" / "models" / "checkpoints"
    assert BUNDLED in folders.names("checkpoints")
    assert folders.find("checkpoints", BUNDLED).parent != place
    (place / "sub").mkdir(parents=True)
    (place / "sub" / "x.safetensors").write_bytes(b"x")
    (place / BUNDLED).write_bytes(b"theirs")
    assert folders.names("checkpoints") == (BUNDLED, "sub/x.safetensors")
    assert folders.find("checkpoints", BUNDLED).read_bytes() == b"theirs"
    assert folders.find("checkpoints", "sub\\x.safetensors") == place / "sub" / "x.safetensors"


def test_folders_that_the_host_adds_later_are_seen(host, folders, tmp_path):
    late = tmp_path / "late"
    late.mkdir()
    (late / "v.safetensors").write_bytes(b"v")
    host["folder_paths"].folder_names_and_paths["vae"][0].append(str(late))
    assert "v.safetensors" in folders.names("vae")
    assert folders.directory("vae") == tmp_path / "host" / "models" / "vae"


def test_older_names_of_folders_are_found(host, folders, tmp_path):
    host["folder_paths"].folder_names_and_paths["unet"] = ([str(tmp_path / "unet")], set())
    assert tmp_path / "unet" in folders.roots("diffusion_models")


def test_inputs_outputs_and_users_data_lie_with_the_host(host, folders, tmp_path):
    base = tmp_path / "host"
    assert folders.directory("output") == base / "output"
    assert folders.directory("temp") == base / "temp"
    assert folders.directory("user") == base / "user" / "latentloom"
    assert folders.directory("cache") == base / "user" / "latentloom" / "cache"
    (base / "output" / "a.png").write_bytes(b"a")
    assert folders.find("input", "a.png [output]") == base / "output" / "a.png"
    assert folders.roots("input")[0] == base / "input" and len(folders.roots("input")) == 2
    assert folders.target("output", "sub/b.png").parent == base / "output" / "sub"
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..\\x", "c:/x", ""])
def test_names_that_leave_a_folder_are_refused(host, folders, name):
    for folder in ("checkpoints", "input"):
        with pytest.raises(UserError, match="F002"):
            folders.find(folder, name)


def test_without_a_host_they_are_our_own(folders, tmp_path):
    assert folders.directory("output") == tmp_path / "ours" / "output"
    assert folders.roots("checkpoints")[0] == tmp_path / "ours" / "models" / "checkpoints"
    assert BUNDLED in folders.names("checkpoints")
    with pytest.raises(UserError, match="F003"):
        folders.roots("nonsense")
