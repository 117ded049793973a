"""Prompts to conditioning."""

import torch

from latentloom.engine.values import check_value
from latentloom.nodes.text import clip_set_last_layer, clip_text_encode, loom_dynamic_prompt


def test_a_prompt_becomes_conditioning(tiny):
    out = clip_text_encode(text="a cat", clip=tiny.clip)
    assert check_value("CONDITIONING", out) is None
    assert out[0][0].shape == (1, 77, 64)
    assert out[0][1]["pooled_output"].shape == (1, 64)


def test_weights_and_length_matter(tiny):
    plain = clip_text_encode(text="a cat", clip=tiny.clip)[0][0]
    weighted = clip_text_encode(text="a (cat:1.5)", clip=tiny.clip)[0][0]
    assert not torch.allclose(plain, weighted)
    assert clip_text_encode(text="cat " * 100, clip=tiny.clip)[0][0].shape == (1, 154, 64)


def test_clip_skip_takes_an_earlier_layer(tiny):
    skipped = clip_set_last_layer(clip=tiny.clip, stop_at_clip_layer=-2)
    assert (skipped.skip, tiny.clip.skip) == (2, 1)
    plain, earlier = (clip_text_encode(text="a cat", clip=clip)[0][0] for clip in (tiny.clip, skipped))
    assert not torch.allclose(plain, earlier)


def test_braces_are_plain_text_for_the_encoder(tiny):
    """A client resolves them, or LoomDynamicPrompt does: the encoder has no seed to choose by."""
    a, b = (clip_text_encode(text=text, clip=tiny.clip)[0][0] for text in ("{red|blue}", "red"))
    assert not torch.allclose(a, b)


def test_a_dynamic_prompt_depends_on_nothing_but_text_and_seed():
    text = "a {red|green|blue} {cat|dog}"
    drawn = [loom_dynamic_prompt(text=text, seed=seed) for seed in range(40)]
    assert drawn == [loom_dynamic_prompt(text=text, seed=seed) for seed in range(40)]
    assert {word for line in drawn for word in line.split()} == {"a", "red", "green", "blue", "cat", "dog"}
