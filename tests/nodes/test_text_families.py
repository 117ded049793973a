"""Prompts for SDXL, SD3 and Flux: which encoder reads what, and what stands beside it in the conditioning."""

import pytest
import torch

from latentloom.engine.errors import UserError
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.text_stack import TextStack
from latentloom.engine.values import check_value
from latentloom.nodes import text_families as nodes
from latentloom.nodes.text import clip_set_last_layer, clip_text_encode

WIDTHS = {"l": 64, "g": 96}


@pytest.fixture(scope="session")
def clips(randomised):
    def made(name):
        width = WIDTHS[name]
        config = CLIPTextConfig(width=width, layers=3, heads=2, mlp=64, projection=width if name == "g" else None)
        return TextEncoder(randomised(CLIPText(config), width), skip=2, norm=False)

    return {name: made(name) for name in WIDTHS}


@pytest.fixture(scope="session")
def sdxl(clips):
    return TextStack(clips, "sdxl")


@pytest.fixture(scope="session")
def sd3(clips):
    return TextStack(clips, "sd3")


def test_the_plain_node_serves_every_family(tiny, sdxl, sd3):
    for clip, width, pooled in ((tiny.clip, 64, 64), (sdxl, 160, 96), (sd3, 4096, 160)):
        out = clip_text_encode(text="a cat", clip=clip)
        assert check_value("CONDITIONING", out) is None
        assert check_value("CLIP", clip) is None
        assert out[0][0].shape == (1, 77, width)
        assert out[0][1]["pooled_output"].shape == (1, pooled)


def test_clip_skip_on_several(sdxl):
    earlier = clip_set_last_layer(clip=sdxl, stop_at_clip_layer=-3)
    a, b = (clip_text_encode(text="a cat", clip=clip)[0] for clip in (sdxl, earlier))
    assert not torch.allclose(a[0][..., :64], b[0][..., :64])
    assert not torch.allclose(a[0][..., 64:], b[0][..., 64:])
    assert torch.equal(a[1]["pooled_output"], b[1]["pooled_output"])
    same = clip_set_last_layer(clip=sdxl, stop_at_clip_layer=-2)
    assert torch.equal(clip_text_encode(text="a cat", clip=same)[0][0], a[0])


def test_sdxl(sdxl, clips):
    sizes = {"width": 900, "height": 800, "crop_w": 1, "crop_h": 2, "target_width": 512, "target_height": 640}
    ((states, facts),) = nodes.clip_text_encode_sdxl(clip=sdxl, text_g="a cat", text_l="a dog", **sizes)
    assert torch.equal(states[..., :64], clips["l"].encode("a dog")[0])
    assert torch.equal(states[..., 64:], clips["g"].encode("a cat")[0])
    assert torch.equal(facts.pop("pooled_output"), clips["g"].encode("a cat")[1])
    assert facts == sizes


def test_the_refiner(clips):
    ((states, facts),) = nodes.clip_text_encode_sdxl_refiner(
        ascore=2.5, width=512, height=256, text="a cat", clip=clips["g"]
    )
    assert torch.equal(states, clips["g"].encode("a cat")[0])
    assert facts.pop("pooled_output").shape == (1, 96)
    assert facts == {"aesthetic_score": 2.5, "width": 512, "height": 256}


def test_sd3_with_and_without_empty_prompts(sd3, clips):
    ((states, facts),) = nodes.clip_text_encode_sd3(clip=sd3, clip_l="a dog", clip_g="", t5xxl="")
    assert torch.equal(states[..., :64], clips["l"].encode("a dog")[0])
    assert torch.equal(states[..., 64:160], clips["g"].encode("")[0])
    assert facts.keys() == {"pooled_output"}
    nothing = nodes.clip_text_encode_sd3(clip=sd3, clip_l="", clip_g="", t5xxl="")[0]
    assert not nothing[0].any()
    assert not nothing[1]["pooled_output"].any()
    empty = nodes.clip_text_encode_sd3(clip=sd3, clip_l="", clip_g="", t5xxl="", empty_padding="empty_prompt")[0]
    assert torch.equal(empty[0], sd3.encode("")[0])
    assert empty[1]["pooled_output"].any()


def test_flux_guidance(rand, unchanged):
    cond = [[rand(1, 4, 3), {"own": "kept"}]]
    with unchanged(cond):
        out = nodes.flux_guidance(conditioning=cond, guidance=2.0)
    assert out[0][1] == {"own": "kept", "guidance": 2.0}


def test_encoders_of_another_family(tiny, sd3, sdxl):
    with pytest.raises(UserError, match=r"V135 .*text encoders of SDXL, got a single one"):
        nodes.clip_text_encode_sdxl(clip=tiny.clip, text_g="", text_l="")
    with pytest.raises(UserError, match=r"V135 .*text encoders of Flux, got those of SD3"):
        nodes.clip_text_encode_flux(clip=sd3, clip_l="", t5xxl="")
    with pytest.raises(UserError, match=r"V135 .*text encoders of SD3, got those of SDXL"):
        nodes.clip_text_encode_sd3(clip=sdxl, clip_l="", clip_g="", t5xxl="")
