"""CONDITIONING lists: which calls are made, and how areas, masks, strengths and times are weighed."""

import pytest
import torch

from latentloom.engine.diffusion.conditioning import Conditioned, predict
from latentloom.engine.errors import UserError

X = torch.randn(2, 4, 16, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SIGMA = 2.0


def alone(small, entry, x=X):
    """What the network says of one entry by itself."""
    context = entry[0]
    return small.Small().denoise(x, torch.full((len(x),), SIGMA), context.expand(len(x), -1, -1))


def test_plain_pair_is_one_call_and_equals_two(small):
    model = small.Small()
    a, b = small.text(1), small.text(2)
    first, second = predict(model, X, SIGMA, [a, b])
    assert [call[0] for call in model.calls] == [(4, 4, 16, 24)]
    assert torch.allclose(first, alone(small, a[0]), atol=1e-12)
    assert torch.allclose(second, alone(small, b[0]), atol=1e-12)


def test_different_token_counts_share_a_call_by_repeating(small):
    model = small.Small()
    a, b = small.text(1, tokens=4), small.text(2, tokens=6)
    first, second = predict(model, X, SIGMA, [a, b])
    assert [call[1] for call in model.calls] == [(4, 12, 6)]
    assert torch.allclose(first, alone(small, a[0]), atol=1e-12)
    assert torch.allclose(second, alone(small, b[0]), atol=1e-12)


def test_token_counts_too_far_apart_get_calls_of_their_own(small):
    model = small.Small()
    predict(model, X, SIGMA, [small.text(1, tokens=2), small.text(2, tokens=10), small.text(3, tokens=7)])
    assert sorted(call[1] for call in model.calls) == [(2, 2, 6), (2, 7, 6), (2, 10, 6)]


def test_batched_text_is_repeated_over_the_latents(small):
    x = X.repeat(2, 1, 1, 1)[:3]
    cond = small.text(1, batch=2)
    (result,) = predict(small.Small(), x, SIGMA, [cond])
    tokens = cond[0][0][[0, 1, 0]]
    assert torch.allclose(result, small.Small().denoise(x, torch.full((3,), SIGMA), tokens), atol=1e-12)


def test_strengths_weigh_combined_prompts(small):
    a, b = small.text(1, strength=3.0), small.text(2)
    (result,) = predict(small.Small(), X, SIGMA, [a + b])
    assert torch.allclose(result, (3 * alone(small, a[0]) + alone(small, b[0])) / 4, atol=1e-12)


def test_a_single_strength_changes_nothing_but_zero_says_nothing(small):
    (result,) = predict(small.Small(), X, SIGMA, [small.text(1, strength=0.2)])
    assert torch.equal(result, alone(small, small.text(1)[0]))
    (result,) = predict(small.Small(), X, SIGMA, [small.text(1, strength=0.0)])
    assert float(result.abs().sum()) == 0


def test_masks_split_the_picture(small):
    left = torch.zeros(1, 32, 48)
    left[..., :24] = 1
    a, b = small.text(1, mask=left), small.text(2, mask=1 - left, mask_strength=0.5)
    (result,) = predict(small.Small(), X, SIGMA, [a + b])
    assert torch.allclose(result[..., :11], alone(small, a[0])[..., :11], atol=1e-12)
    assert torch.allclose(result[..., 13:], alone(small, b[0])[..., 13:], atol=1e-12)


def test_an_area_is_evaluated_cut_out_and_fades_inwards(small):
    model = small.Small()
    whole, part = small.text(1), small.text(2, area=(16, 12, 0, 12), strength=2.0)
    (result,) = predict(model, X, SIGMA, [whole + part])
    assert sorted(call[0] for call in model.calls) == [(2, 4, 16, 12), (2, 4, 16, 24)]
    base, cut = alone(small, whole[0]), alone(small, part[0], X[..., 12:])
    assert torch.allclose(result[..., :12], base[..., :12], atol=1e-12)
    ramp = torch.ones(12, dtype=torch.float64)
    ramp[:8] = torch.arange(1, 9, dtype=torch.float64) / 8
    expected = (base[..., 12:] + 2 * ramp * cut) / (1 + 2 * ramp)
    assert torch.allclose(result[..., 12:], expected, atol=1e-12)


def test_the_other_list_answers_for_the_same_area(small):
    model = small.Small()
    positive = small.text(1) + small.text(2, area=(8, 8, 0, 0))
    _, negative = predict(model, X, SIGMA, [positive, small.text(3)])
    assert sorted(call[0] for call in model.calls) == [(4, 4, 8, 8), (4, 4, 16, 24)]
    whole, cut = alone(small, small.text(3)[0]), alone(small, small.text(3)[0], X[..., :8, :8])
    assert torch.allclose(negative[..., 8:, 8:], whole[..., 8:, 8:])
    corner = negative[..., 0, 0]
    assert torch.allclose(corner, (whole + 0)[..., 0, 0] / 2 + cut[..., 0, 0] / 2, atol=1e-12)


def test_area_in_parts_of_the_picture(small):
    one = predict(small.Small(), X, SIGMA, [small.text(1) + small.text(2, area=("percentage", 0.5, 0.5, 0.5, 0.25))])
    two = predict(small.Small(), X, SIGMA, [small.text(1) + small.text(2, area=(8, 12, 8, 6))])
    assert torch.equal(one[0], two[0])


def test_an_area_over_the_edge_is_cut_and_a_whole_one_is_none(small):
    model = small.Small()
    predict(model, X, SIGMA, [small.text(1, area=(16, 99, 0, 20)), small.text(2, area=(64, 64, 0, 0))])
    assert (2, 4, 16, 4) in [call[0] for call in model.calls] or (4, 4, 16, 4) in [call[0] for call in model.calls]
    assert any(call[0][-1] == 24 for call in model.calls)


def test_mask_bounds_become_the_area(small):
    mask = torch.zeros(1, 16, 24)
    mask[:, 4:14, 10:13] = 1
    model = small.Small()
    predict(model, X, SIGMA, [small.text(1, mask=mask, set_area_to_bounds=True)])
    assert model.calls[0][0] == (2, 4, 10, 8)  # at least 8 wide
    (result,) = predict(model, X, SIGMA, [small.text(1, mask=mask * 0, set_area_to_bounds=True)])
    assert float(result.abs().sum()) == 0


def test_entries_speak_only_in_their_part_of_the_run(small):
    model = small.Small()
    early, late = small.text(1, start_percent=0.0, end_percent=0.5), small.text(2, start_percent=0.5, end_percent=1.0)
    bound = Conditioned(model, [early + late], X)
    boundary = model.process.sigma_at(0.5)
    for sigma, entry in ((boundary * 1.01, early), (boundary * 0.99, late)):
        (result,) = bound(X, sigma)
        expected = small.Small().denoise(X, torch.full((2,), sigma, dtype=X.dtype), entry[0][0].expand(2, -1, -1))
        assert torch.allclose(result, expected, atol=1e-12)
    assert len(model.calls) == 2
    (silent,) = Conditioned(model, [early], X)(X, boundary / 2)
    assert float(silent.abs().sum()) == 0
    assert len(model.calls) == 2


def test_further_inputs_are_the_models_word(small):
    class Reads(small.Small):
        def extra_inputs(self, entry, x):
            return {"bias": entry["bias"]} if "bias" in entry else {}

    model = Reads()
    bias = torch.full((1, 4, 16, 24), 0.25, dtype=torch.float64)
    with_bias, without = predict(model, X, SIGMA, [small.text(1, bias=bias), small.text(1)])
    assert len(model.calls) == 2  # different inputs cannot share a call
    assert torch.allclose(with_bias, without - SIGMA * 0.25, atol=1e-12)
    model.calls.clear()
    predict(model, X, SIGMA, [small.text(1, bias=bias), small.text(2, bias=bias)])
    assert [tuple(call[3]["bias"].shape) for call in model.calls] == [(4, 4, 16, 24)]
    model.calls.clear()
    predict(model, X, SIGMA, [small.text(1, bias=bias, area=(8, 8, 0, 0))])
    assert model.calls[0][3]["bias"].shape[-2:] == (8, 8)  # a picture-sized input is cut with the area


def test_nothing_given_is_changed(small):
    mask = torch.ones(1, 16, 24)
    cond = small.text(1, mask=mask, area=(8, 8, 0, 0))
    before = cond[0][0].clone()
    predict(small.Small(), X, SIGMA, [cond, small.text(2)])
    assert torch.equal(cond[0][0], before)
    assert torch.equal(mask, torch.ones(1, 16, 24))
    assert set(cond[0][1]) == {"mask", "area"}


@pytest.mark.parametrize(
    "cond, code",
    [
        ([], "V160"),
        (None, "V160"),
        ([["text", {}]], "V160"),
        ([[torch.zeros(1, 3, 6)]], "V160"),
        ([[torch.zeros(1, 0, 6), {}]], "V160"),
        ([[torch.zeros(6), {}]], "V160"),
        ([[torch.zeros(1, 3, 6), {"area": (8, 8, 99, 0)}]], "V161"),
        ([[torch.zeros(1, 3, 6), {"area": (8, 8, -1, 0)}]], "V161"),
        ([[torch.zeros(1, 3, 6), {"area": (0, 8, 0, 0)}]], "V161"),
        ([[torch.zeros(1, 3, 6), {"area": (8, 8)}]], "V161"),
        ([[torch.zeros(1, 3, 6), {"mask": "no"}]], "V162"),
        ([[torch.zeros(1, 3, 6), {"mask": torch.zeros(4)}]], "V162"),
        ([[torch.zeros(1, 3, 6), {"mask": torch.zeros(1, 0, 4)}]], "V162"),
    ],
)
def test_hostile_lists_are_refused(cond, code, small):
    with pytest.raises(UserError, match=code):
        predict(small.Small(), X, SIGMA, [cond])


def test_extra_inputs_hear_of_the_run_under_what_the_entry_says_itself(small):
    class Reads(small.Small):
        def extra_inputs(self, entry, x):
            heard.append((entry["prompt_type"], entry["denoise_mask"]))
            return {}

    heard = []
    own = small.text(2, denoise_mask="its own")
    Conditioned(Reads(), [small.text(1), own], X, {"denoise_mask": "the run's"}, negative=1)
    assert heard == [("positive", "the run's"), ("negative", "its own")]


def test_text_that_the_picture_competes_with_is_never_repeated(small):
    class Joint(small.Small):
        joint_text = True

    model = Joint()
    predict(model, X, SIGMA, [small.text(1, tokens=4), small.text(2, tokens=8), small.text(3, tokens=8)])
    assert sorted(call[1] for call in model.calls) == [(2, 4, 6), (4, 8, 6)]
