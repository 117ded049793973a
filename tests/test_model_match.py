"""Which file a model's name means: by hash, by name, by a name that is nearly the same; never by a wild guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.model_match import ModelNames

HERE = (
    "sd15/v1-5-pruned-emaonly.safetensors",
    "sd_xl_base_1.0.safetensors",
    "sd_xl_refiner_1.0.safetensors",
    "twice/a.safetensors",
    "twins/a.safetensors",
)


def match_model(name, names, **given):
    return ModelNames(names).match(name, **given)


@pytest.mark.parametrize(
    "name, found, how",
    [
        ("sd_xl_base_1.0.safetensors", "sd_xl_base_1.0.safetensors", "same"),
        ("sd15\\v1-5-pruned-emaonly.safetensors", "sd15/v1-5-pruned-emaonly.safetensors", "same"),
        ("v1-5-pruned-emaonly.safetensors", "sd15/v1-5-pruned-emaonly.safetensors", "name"),
        ("SD1.5\\V1-5-Pruned-EmaOnly.safetensors", "sd15/v1-5-pruned-emaonly.safetensors", "name"),
        ("v1_5 pruned.emaonly.ckpt", "sd15/v1-5-pruned-emaonly.safetensors", "like"),
        ("sdxl-base-1-0.safetensors", "sd_xl_base_1.0.safetensors", "like"),
        ("v1-5-pruned-emaonly-fp.safetensors", "sd15/v1-5-pruned-emaonly.safetensors", "like"),
        ("v1-4-pruned-emaonly.safetensors", None, "none"),
        ("v1-5-pruned-emaonly-fp16.safetensors", None, "none"),
        ("a.safetensors", None, "none"),
        ("flux1-dev.safetensors", None, "none"),
        ("", None, "none"),
        (".safetensors", None, "none"),
    ],
)
def test_names(name, found, how):
    match = match_model(name, HERE)
    assert (match.found, match.how) == (found, how)


def test_what_is_near_is_said():
    assert match_model("v1-4-pruned-emaonly.safetensors", HERE).near == ("sd15/v1-5-pruned-emaonly.safetensors",)
    assert match_model("a.safetensors", HERE).near == ("twice/a.safetensors", "twins/a.safetensors")


def test_a_hash_beats_a_name_and_a_choice_beats_a_hash():
    hashes = dict(zip(HERE, ("1" * 64, "2" * 64, "3" * 64, "4" * 64, "5" * 64), strict=True))
    name = "v1-5-pruned-emaonly.safetensors"
    assert match_model(name, HERE, sha256="3" * 64, hash_of=hashes.get)[:2] == (HERE[2], "hash")
    assert match_model(name, HERE, sha256="9" * 64, hash_of=hashes.get)[:2] == (HERE[0], "name")
    chosen = match_model(name, HERE, sha256="3" * 64, hash_of=hashes.get, remembered=HERE[1])
    assert chosen[:2] == (HERE[1], "remembered")
    assert match_model(name, HERE, remembered="gone.safetensors")[:2] == (HERE[0], "name")


def test_without_guesses_only_equal_names_count():
    assert match_model("v1-5-pruned-emaonly-fp.safetensors", HERE, guess=False).found is None
    assert match_model("v1_5 pruned.emaonly.ckpt", HERE, guess=False).found == HERE[0]


@given(st.text(max_size=300), st.lists(st.text(max_size=40), max_size=8))
def test_what_is_found_is_here(name, names):
    match = match_model(name, names)
    assert match.found is None or match.found in names
    assert (match.found is None) == (match.how == "none")
    assert set(match.near) <= set(names)
