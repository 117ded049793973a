"""Settings: the order of sources, sizes, and refusals that say what to do."""

import argparse
import dataclasses

import pytest

from latentloom.engine.commands.compose import settings_for
from latentloom.engine.errors import UserError
from latentloom.engine.settings import CacheChoice, Settings, load_settings, parse_cache, parse_size


def build(tmp_path, flags=None, environment=None, file=None):
    if file is not None:
        (tmp_path / "settings.toml").write_text(file, encoding="utf-8")
    return load_settings({"data_dir": tmp_path, **(flags or {})}, environment or {}, home=tmp_path)


def test_each_source_beats_the_one_before(tmp_path):
    file = 'device = "file"\ncache = "off"\n'
    settings = build(tmp_path, file=file)
    assert (settings.device, settings.cache.mode) == ("file", "off")
    environment = {"LATENTLOOM_DEVICE": "environment", "LATENTLOOM_CACHE": "disk:3G"}
    settings = build(tmp_path, environment=environment)
    assert settings.device == "environment"
    assert settings.cache == CacheChoice("disk", disk_bytes=3 << 30)
    settings = build(tmp_path, flags={"device": "flag", "cache": None}, environment=environment)
    assert (settings.device, settings.cache.mode) == ("flag", "disk")


def test_data_folder_is_flag_else_environment_else_home(tmp_path):
    home, env, flag = tmp_path / "home", tmp_path / "env", tmp_path / "flag"
    variables = {"LATENTLOOM_HOME": str(env)}
    assert load_settings({}, {}, home).data_dir == home / "latentloom"
    assert load_settings({}, variables, home).data_dir == env
    assert load_settings({"data_dir": str(flag)}, variables, home).data_dir == flag


@pytest.mark.parametrize(("text", "allowed"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_pickles_are_refused_unless_asked_for(tmp_path, text, allowed):
    assert build(tmp_path, environment={"LATENTLOOM_ALLOW_PICKLE": text}).allow_pickle is allowed
    assert build(tmp_path, flags={"allow_pickle": None}).allow_pickle is False
    assert build(tmp_path, file="allow_pickle = true\n").allow_pickle is True


def test_the_preview_method_is_one_of_four(tmp_path):
    assert build(tmp_path).preview_method == "auto"
    assert build(tmp_path, environment={"LATENTLOOM_PREVIEW_METHOD": "none"}).preview_method == "none"
    assert build(tmp_path, flags={"preview_method": "taesd"}).preview_method == "taesd"
    with pytest.raises(UserError, match=r"S004 .*auto or latent2rgb or taesd or none.*'fast'"):
        build(tmp_path, file='preview_method = "fast"\n')


def test_the_command_line_chooses_the_preview_method(tmp_path):
    assert settings_for(argparse.Namespace(data_dir=tmp_path, preview_method="taesd")).preview_method == "taesd"
    assert settings_for(argparse.Namespace(data_dir=tmp_path, preview_method=None)).preview_method == "auto"


def test_a_budget_for_the_device_is_a_size(tmp_path):
    assert build(tmp_path).vram_budget is None
    assert build(tmp_path, file='vram_budget = "6G"\n').vram_budget == 6 << 30
    assert build(tmp_path, environment={"LATENTLOOM_VRAM_BUDGET": "512M"}).vram_budget == 512 << 20
    assert build(tmp_path, flags={"vram_budget": "1.5G"}, file="vram_budget = 1000\n").vram_budget == 3 << 29
    assert build(tmp_path, file="vram_budget = 1000\n").vram_budget == 1000


def test_settings_are_frozen(tmp_path):
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings(tmp_path).device = "cpu"


def test_relative_paths_count_from_the_file_that_names_them(tmp_path):
    settings = build(
        tmp_path, file='extra_model_paths = "mine.yaml"\n', flags={"extra_model_paths": [tmp_path / "b.yaml"]}
    )
    assert settings.extra_model_paths == (tmp_path / "mine.yaml", tmp_path / "b.yaml")


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("512", 512), ("4k", 4096), ("1.5G", 3 << 29), ("2 GiB", 2 << 30), ("1TB", 1 << 40)]
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("off", CacheChoice("off")),
        ("ram", CacheChoice("ram")),
        ("ram:64M", CacheChoice("ram", ram_bytes=64 << 20)),
        ("disk:1G", CacheChoice("disk", disk_bytes=1 << 30)),
    ],
)
def test_cache_choices(text, choice):
    assert parse_cache(text) == choice


@pytest.mark.parametrize(
    ("file", "flags", "code"),
    [
        ("device = ", {}, "S001"),
        ('devise = "cpu"', {}, "S001"),
        ("device = 3", {}, "S004"),
        ("extra_model_paths = [3]", {}, "S004"),
        ("nodes = 3", {}, "S004"),
        ("allow_pickle = 1", {}, "S004"),
        ('allow_pickle = "perhaps"', {}, "S004"),
        ("vram_budget = 0", {}, "S004"),
        ("vram_budget = true", {}, "S004"),
        ("", {"vram_budget": "0G"}, "S004"),
        ("", {"vram_budget": "much"}, "S002"),
        ("", {"cache": "ram:many"}, "S002"),
        ("", {"cache": "disk:-1"}, "S002"),
        ("", {"cache": "off:1G"}, "S003"),
        ("", {"cache": "cloud"}, "S003"),
    ],
)
def test_unfit_values_are_refused_with_their_code(tmp_path, file, flags, code):
    with pytest.raises(UserError) as caught:
        build(tmp_path, flags=flags, file=file)
    assert caught.value.code == code


def test_a_misspelt_setting_names_the_nearest(tmp_path):
    with pytest.raises(UserError, match='Did you mean "device"'):
        build(tmp_path, file='devise = "cpu"')
