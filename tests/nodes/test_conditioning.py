"""Conditioning combined, restricted and changed; never in place."""

import pytest
import torch

from latentloom.nodes import conditioning as nodes


@pytest.fixture
def first(rand):
    return [[rand(1, 4, 3), {"pooled_output": rand(1, 5), "own": "kept"}]]


@pytest.fixture
def second(rand):
    return [[rand(1, 2, 3, seed=1), {"pooled_output": rand(1, 5, seed=1)}]]


def test_combine_keeps_both(first, second, unchanged):
    with unchanged(first, second):
        out = nodes.conditioning_combine(conditioning_1=first, conditioning_2=second)
    assert out == [first[0], second[0]]


def test_average_pads_the_shorter_with_zeros(first, second, unchanged):
    with unchanged(first, second):
        out = nodes.conditioning_average(conditioning_to=first, conditioning_from=second, conditioning_to_strength=0.25)
    filled = torch.cat([second[0][0], torch.zeros(1, 2, 3)], dim=1)
    assert torch.allclose(out[0][0], 0.25 * first[0][0] + 0.75 * filled)
    pooled = 0.25 * first[0][1]["pooled_output"] + 0.75 * second[0][1]["pooled_output"]
    assert torch.allclose(out[0][1]["pooled_output"], pooled)
    assert out[0][1]["own"] == "kept"


@pytest.mark.parametrize(("strength", "index"), [(1.0, 0), (0.0, 1)])
def test_average_at_its_ends(first, second, strength, index):
    out = nodes.conditioning_average(conditioning_to=first, conditioning_from=second, conditioning_to_strength=strength)
    wanted = (first, second)[index][0][0]
    assert torch.equal(out[0][0][:, : wanted.shape[1]], wanted)


def test_average_without_pooled_takes_the_other_s(first, second):
    del first[0][1]["pooled_output"]
    out = nodes.conditioning_average(conditioning_to=first, conditioning_from=second, conditioning_to_strength=0.5)
    assert torch.equal(out[0][1]["pooled_output"], second[0][1]["pooled_output"])


def test_concat_joins_the_tokens(first, second, unchanged):
    with unchanged(first, second):
        out = nodes.conditioning_concat(conditioning_to=first, conditioning_from=second)
    assert torch.equal(out[0][0], torch.cat([first[0][0], second[0][0]], dim=1))
    assert out[0][1].keys() == first[0][1].keys()


def test_area_counts_in_cells(first, unchanged):
    with unchanged(first):
        out = nodes.conditioning_set_area(conditioning=first, width=64, height=128, x=8, y=16, strength=0.5)
    assert out[0][1]["area"] == (16, 8, 2, 1)
    assert (out[0][1]["strength"], out[0][1]["set_area_to_bounds"]) == (0.5, False)
    assert out[0][0] is first[0][0]


def test_area_in_parts(first):
    out = nodes.conditioning_set_area_percentage(conditioning=first, width=0.5, height=0.25, x=0.1, y=0.2, strength=2.0)
    assert out[0][1]["area"] == ("percentage", 0.25, 0.5, 0.2, 0.1)


def test_area_strength_keeps_the_area(first):
    area = nodes.conditioning_set_area(conditioning=first)
    out = nodes.conditioning_set_area_strength(conditioning=area, strength=3.0)
    assert (out[0][1]["area"], out[0][1]["strength"]) == (area[0][1]["area"], 3.0)


@pytest.mark.parametrize(("choice", "bounds"), [("default", False), ("mask bounds", True)])
def test_mask(first, unchanged, choice, bounds):
    mask = torch.ones(4, 4)
    with unchanged(first, mask):
        out = nodes.conditioning_set_mask(conditioning=first, mask=mask, strength=0.7, set_cond_area=choice)
    facts = out[0][1]
    assert facts["mask"].shape == (1, 4, 4)
    assert (facts["mask_strength"], facts["set_area_to_bounds"]) == (0.7, bounds)


def test_zero_out(first, unchanged):
    with unchanged(first):
        out = nodes.conditioning_zero_out(conditioning=first)
    assert not out[0][0].any()
    assert not out[0][1]["pooled_output"].any()
    assert out[0][1]["own"] == "kept"


def test_timestep_range(first):
    out = nodes.conditioning_set_timestep_range(conditioning=first, start=0.25, end=0.5)
    assert (out[0][1]["start_percent"], out[0][1]["end_percent"]) == (0.25, 0.5)
