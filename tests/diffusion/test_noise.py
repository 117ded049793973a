"""Noise: the one draw of the field, independence, and the Brownian tree's algebra."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latentloom.engine.diffusion.noise import (
    BrownianTree,
    NoNoise,
    RandomNoise,
    initial_noise,
    item_noise,
    step_noise,
    white_noise,
)
from latentloom.engine.errors import UserError

LATENT = torch.zeros(3, 4, 8, 8)
SIGMA = st.floats(0.03, 14.6)


@pytest.mark.parametrize("seed", [0, 7, 2**32, 2**64 - 1])
@pytest.mark.parametrize("shape", [(1, 4, 2, 2), (3, 4, 8, 8), (2, 1, 1, 1)])
def test_first_noise_is_manual_seed_and_randn(seed, shape):
    state = torch.random.get_rng_state()
    ours = initial_noise(torch.zeros(shape), seed)
    assert torch.equal(torch.random.get_rng_state(), state)  # the global generator is left alone
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        assert torch.equal(ours, torch.randn(shape))


def test_batch_index_picks_items_drawn_in_sequence():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        sequence = [torch.randn(1, 4, 8, 8) for _ in range(5)]
    picked = initial_noise(LATENT, 5, [4, 0, 4])
    assert torch.equal(picked, torch.cat([sequence[4], sequence[0], sequence[4]]))


def test_noise_objects_follow_the_wire():
    latent = {"samples": LATENT, "batch_index": [2, 3, 4]}
    assert torch.equal(RandomNoise(5).generate_noise(latent), initial_noise(LATENT, 5, [2, 3, 4]))
    assert torch.equal(RandomNoise(5).generate_noise({"samples": LATENT}), initial_noise(LATENT, 5))
    assert float(NoNoise().generate_noise(latent).abs().sum()) == 0
    assert NoNoise().seed == 0


def test_step_noise_follows_the_seed_after_the_first_noise():
    draw = white_noise(7)
    first, second = draw(LATENT, 1.0, 0.5), draw(LATENT, 0.5, 0.2)
    assert torch.equal(first, initial_noise(LATENT, 8))
    assert not torch.equal(first, second)
    assert abs(float((first * initial_noise(LATENT, 7)).mean())) < 0.15  # not the first noise again
    assert step_noise("none", 3) is None


def test_items_have_their_own_seeds():
    together = item_noise(LATENT, [1, 2, 3])
    assert torch.equal(together[1:2], item_noise(LATENT[:1], [2]))
    for make in (white_noise, BrownianTree):
        many, one = make([1, 2, 3]), make([2])
        for span in ((3.0, 1.0), (1.0, 0.2)):
            assert torch.equal(many(LATENT, *span)[1], one(LATENT[:1], *span)[0])


def clock(tree, sigma):
    return tree._clock(tree._place(sigma))


@settings(max_examples=60, deadline=None)
@given(st.lists(SIGMA, min_size=3, max_size=3, unique=True).map(lambda v: sorted(v, reverse=True)), st.integers(0, 99))
def test_brownian_increments_add_up(sigmas, seed):
    a, b, c = sigmas
    tree = BrownianTree(seed)
    like = torch.zeros(1, 2, 3, 3, dtype=torch.float64)
    if len({tree._place(s) for s in sigmas}) < 3:
        return
    length = {span: math.sqrt(clock(tree, span[1]) - clock(tree, span[0])) for span in ((a, b), (b, c), (a, c))}
    left, right, whole = (tree(like, *span) * scale for span, scale in length.items())
    assert torch.allclose(left + right, whole, atol=1e-6 * length[(a, c)])


def test_brownian_path_does_not_depend_on_the_order_of_questions():
    like = torch.zeros(1, 4, 4, 4)
    spans = [(14.6, 3.0), (3.0, 1.2), (1.2, 0.03), (3.0, 0.03), (14.6, 0.03)]
    one, two = BrownianTree(3), BrownianTree(3)
    forward = {span: one(like, *span) for span in spans}
    for span in reversed(spans):
        assert torch.equal(two(like, *span), forward[span])
    assert not torch.equal(BrownianTree(4)(like, 3.0, 1.2), forward[(3.0, 1.2)])


def test_brownian_increments_are_standard_and_independent():
    like = torch.zeros(1, 1, 200, 200, dtype=torch.float64)
    tree = BrownianTree(0)
    levels = [14.6, 9.0, 4.0, 3.9, 1.0, 0.5, 0.1, 0.03]
    increments = torch.stack([tree(like, *span).flatten() for span in zip(levels, levels[1:], strict=False)])
    correlation = increments @ increments.T / increments.shape[1]
    assert torch.allclose(correlation, torch.eye(7, dtype=torch.float64), atol=0.03)
    assert float((increments**4).mean()) == pytest.approx(3.0, abs=0.1)


def test_brownian_overlap_has_the_right_covariance():
    like = torch.zeros(1, 1, 200, 200, dtype=torch.float64)
    tree = BrownianTree(1)
    inner, outer = tree(like, 4.0, 2.0), tree(like, 4.0, 1.0)
    expected = math.sqrt((1 / 4 - 1 / 16) / (1 - 1 / 16))  # shared time over the root of both times
    assert float((inner * outer).mean()) == pytest.approx(expected, abs=0.02)


def test_spans_below_the_grid_get_noise_too():
    like = torch.zeros(1, 1, 64, 64)
    tree = BrownianTree(2)
    draw = tree(like, 1.0, 1.0 - 1e-9)
    assert float(draw.std()) == pytest.approx(1.0, abs=0.05)
    assert torch.equal(draw, BrownianTree(2)(like, 1.0, 1.0 - 1e-9))
    assert float(tree(like, 1e-12, 0.0).std()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    "call",
    [
        lambda: initial_noise(LATENT, -1),
        lambda: initial_noise(LATENT, 2**64),
        lambda: initial_noise(LATENT, 1.5),
        lambda: initial_noise(LATENT, True),
        lambda: initial_noise(LATENT, 1, [0, 1]),
        lambda: initial_noise(LATENT, 1, [0, 1, -1]),
        lambda: item_noise(LATENT, [1, 2]),
        lambda: white_noise(-1),
        lambda: white_noise([1, 2])(LATENT, 1.0, 0.5),
        lambda: BrownianTree([1, 2])(LATENT, 1.0, 0.5),
        lambda: BrownianTree(2**64),
    ],
)
def test_hostile_seeds_are_refused(call):
    with pytest.raises(UserError, match="V150"):
        call()
