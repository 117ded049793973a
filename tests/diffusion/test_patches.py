"""Guidance patches against their equations, written out number by number."""

import pickle

import pytest
import torch

from latentloom.engine.diffusion.guidance import BasicGuider, CFGGuider, DualCFGGuider, PerpNegGuider
from latentloom.engine.diffusion.patches import (
    DifferentialDiffusion,
    PerpNeg,
    RescaleCFG,
    WeakenedGuidance,
    perpendicular_guidance,
)

SHAPE = (2, 4, 8, 8)
NOISE = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
LEVEL = torch.tensor(2.0, dtype=torch.float64)


def answer(guider):
    return guider.denoiser(NOISE)(NOISE, LEVEL)


@pytest.fixture
def weak(small):
    """A model whose network a patch "half" weakens."""

    class Weak(small.Small):
        def denoise(self, x, sigma, context, patches=(), **extra):
            whole = super().denoise(x, sigma, context, **extra)
            return whole * 0.5 if "half" in patches else whole

    return Weak


def test_weakened_guidance_adds_a_difference(weak, small):
    cond, uncond = (answer(BasicGuider(weak(), small.text(i))) for i in (1, 2))
    model = weak(guidance_patches=(WeakenedGuidance(("half",), 3.0),))
    got = answer(CFGGuider(model, small.text(1), small.text(2), 7.0))
    assert torch.allclose(got, uncond + 7 * (cond - uncond) + 3 * (cond - 0.5 * cond), atol=1e-12)
    alone = answer(BasicGuider(model, small.text(1)))
    assert torch.allclose(alone, cond + 3 * 0.5 * cond, atol=1e-12)
    assert [call[0][0] for call in model.calls] == [4, 2, 2, 2], "one more call a step, of the prompt alone"


@pytest.mark.parametrize("first, last, works", [(2.0, 2.0, True), (1.9, 0.0, False), (9.0, 2.1, False)])
def test_weakened_guidance_has_its_time(weak, small, first, last, works):
    model = weak(guidance_patches=(WeakenedGuidance(("half",), 3.0, first, last),))
    got = answer(CFGGuider(model, small.text(1), small.text(2), 7.0))
    assert torch.equal(got, answer(CFGGuider(weak(), small.text(1), small.text(2), 7.0))) is not works
    assert len(model.calls) == 1 + works


def test_what_adds_comes_after_what_changes(weak, small):
    patches = (WeakenedGuidance(("half",), 3.0), RescaleCFG(1.0))
    one, other = (
        answer(CFGGuider(weak(guidance_patches=order), small.text(1), small.text(2), 7.0))
        for order in (patches, patches[::-1])
    )
    assert torch.equal(one, other)


@pytest.mark.parametrize("style", ["regular", "nested"])
def test_dual_guidance_asks_each_prompt_again(weak, small, style):
    model = weak(guidance_patches=(WeakenedGuidance(("half",), 3.0),))
    plain, got = (
        answer(DualCFGGuider(m, small.text(1), small.text(2), small.text(3), 4.0, 2.0, style)) for m in (weak(), model)
    )
    asked = answer(BasicGuider(weak(), small.text(1 if style == "nested" else 2)))
    factor = 2.0 if style == "nested" else 1.0  # the nested pair is itself guided by 2
    assert torch.allclose(got - plain, factor * 3 * 0.5 * asked, atol=1e-12)


def by_the_paper(positive, negative, empty, weight, cfg):
    """Perp-Neg's sampler with one negative prompt, on flat lists of numbers of one picture."""
    pos = [p - e for p, e in zip(positive, empty, strict=True)]
    neg = [n - e for n, e in zip(negative, empty, strict=True)]
    along = sum(n * p for n, p in zip(neg, pos, strict=True)) / sum(p * p for p in pos)
    across = [n - along * p for n, p in zip(neg, pos, strict=True)]
    return [e + cfg * (p - weight * a) for e, p, a in zip(empty, pos, across, strict=True)]


def test_perp_neg_is_the_papers_item_by_item(small):
    model = small.Small()
    parts = [answer(BasicGuider(model, small.text(i))) for i in (1, 2, 3)]
    wanted = torch.stack(
        [torch.tensor(by_the_paper(*(p[i].flatten().tolist() for p in parts), 1.5, 7.0)) for i in range(2)]
    ).view(SHAPE)
    positive, negative, empty = (small.text(i) for i in (1, 2, 3))
    model.calls.clear()
    guided = answer(PerpNegGuider(model, positive, negative, empty, 7.0, 1.5))
    assert torch.allclose(guided, wanted.double(), rtol=1e-6)
    assert len(model.calls) == 1, "all three prompts in one call"
    patched = small.Small(guidance_patches=(PerpNeg(empty, 1.5),))
    assert torch.allclose(answer(CFGGuider(patched, positive, negative, 7.0)), guided, atol=1e-12)
    assert torch.equal(answer(BasicGuider(patched, positive)), parts[0]), "nothing to guide away from"


def test_perp_neg_limits():
    a, b, e = (torch.randn(SHAPE, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in range(3))
    guided = e + 5 * (a - e)
    assert torch.allclose(perpendicular_guidance(a, b, e, 0.0, 5.0), guided)
    assert torch.allclose(perpendicular_guidance(a, e - 3 * (a - e), e, 1.0, 5.0), guided), "the contrary says nothing"
    assert bool(perpendicular_guidance(e, b, e, 1.0, 5.0).isfinite().all())
    across = perpendicular_guidance(a, b, e, 1.0, 1.0) - a
    products = (across * (a - e)).flatten(1).sum(1)
    assert torch.allclose(products, torch.zeros(2, dtype=torch.float64), atol=1e-9)


def test_perp_neg_guider_runs_the_models_patches(weak, small):
    model = weak(guidance_patches=(WeakenedGuidance(("half",), 2.0),))
    prompts = [small.text(i) for i in (1, 2, 3)]
    plain, got = (answer(PerpNegGuider(m, *prompts, 7.0, 1.0)) for m in (weak(), model))
    cond = answer(BasicGuider(weak(), small.text(1)))
    assert torch.allclose(got - plain, 2 * 0.5 * cond, atol=1e-12)


def test_patches_without_prompts_are_values():
    for patch in (RescaleCFG(0.3), DifferentialDiffusion(), WeakenedGuidance((), 2.0)):
        again = pickle.loads(pickle.dumps(patch))
        assert again == patch and hash(again) == hash(patch)
