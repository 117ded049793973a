"""The LoRA nodes: what they give, what they say, and that a change of strength loads no model again."""

from __future__ import annotations

import logging
from typing import Annotated, Any, NamedTuple

import pytest
import torch
from safetensors.torch import save_file

from latentloom.engine.errors import UserError
from latentloom.engine.graph.builder import GraphBuilder
from latentloom.engine.node import Registry, node
from latentloom.engine.node.socket import Socket
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.executor import Executor
from latentloom.engine.store import TorchStore
from latentloom.engine.values import check_value
from latentloom.nodes import lora as nodes
from latentloom.nodes.latent import empty_latent_image
from latentloom.nodes.loaders import checkpoint_loader_simple, checkpoint_save
from latentloom.nodes.model_patches import rescale_cfg
from latentloom.nodes.sampling import ksampler
from latentloom.nodes.text import clip_text_encode

UNET = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn2_to_v"
TEXT = "lora_te_text_model_encoder_layers_1_mlp_fc1"


class Parts(NamedTuple):
    """What the tests' loader gives."""

    MODEL: Annotated[Any, Socket("MODEL")]
    CLIP: Annotated[Any, Socket("CLIP")]


def pair(name, out, into, seed):
    generator = torch.Generator().manual_seed(seed)
    return {
        f"{name}.lora_up.weight": torch.randn(out, 2, generator=generator),
        f"{name}.lora_down.weight": torch.randn(2, into, generator=generator),
    }


@pytest.fixture
def name(files):
    folder = files.directory("loras")
    folder.mkdir(parents=True, exist_ok=True)
    save_file({**pair(UNET, 32, 64, 1), **pair(TEXT, 96, 64, 2)}, folder / "style.safetensors")
    return "style.safetensors"


def test_both_parts(tiny, name, context):
    out = nodes.lora_loader(model=tiny.model, clip=tiny.clip, lora_name=name, context=context)
    assert check_value("MODEL", out.MODEL) is None
    assert check_value("CLIP", out.CLIP) is None
    assert not torch.allclose(out.CLIP.encode("a cat")[0], tiny.clip.encode("a cat")[0])
    assert context.outputs == []


@pytest.mark.parametrize(("model", "clip"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_a_strength_of_nothing_gives_back_what_came_in(tiny, name, context, model, clip):
    out = nodes.lora_loader(
        model=tiny.model, clip=tiny.clip, lora_name=name, strength_model=model, strength_clip=clip, context=context
    )
    assert (out.MODEL.network is tiny.model.base) == (model == 0)
    assert (out.CLIP.network is tiny.clip.base) == (clip == 0)


def test_model_only(tiny, name, context):
    alone = nodes.lora_loader_model_only(model=tiny.model, lora_name=name, strength_model=0.5, context=context)
    both = nodes.lora_loader(
        model=tiny.model, clip=tiny.clip, lora_name=name, strength_model=0.5, strength_clip=3.0, context=context
    )
    ours, theirs = alone.network.state_dict(), both.MODEL.network.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    off = nodes.lora_loader_model_only(model=tiny.model, lora_name=name, strength_model=0.0, context=context)
    assert off is tiny.model


def test_changed_models_stay_changed_when_patched_otherwise(tiny, name, context):
    model = nodes.lora_loader_model_only(model=tiny.model, lora_name=name, context=context)
    assert rescale_cfg(model=model).network is model.network


def test_saved_checkpoints_hold_the_lora(tiny, name, files, context):
    out = nodes.lora_loader(model=tiny.model, clip=tiny.clip, lora_name=name, context=context)
    checkpoint_save(model=out.MODEL, clip=out.CLIP, vae=tiny.vae, filename_prefix="m", context=context)
    (files.directory("checkpoints")).mkdir(parents=True, exist_ok=True)
    (files.directory("output") / "m_00001_.safetensors").rename(files.directory("checkpoints") / "m.safetensors")
    merged = checkpoint_loader_simple(ckpt_name="m.safetensors", context=context)
    for ours, theirs in ((merged.MODEL, out.MODEL), (merged.CLIP, out.CLIP)):
        assert not ours.weights.patches
        pairs = zip(ours.network.parameters(), theirs.network.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_what_is_left_out_is_said(tiny, files, name, context, caplog):
    save_file(
        {**pair(UNET, 32, 64, 1), **pair("lora_unet_nowhere", 4, 4, 1)}, files.directory("loras") / "odd.safetensors"
    )
    with caplog.at_level(logging.WARNING, "latentloom.models"):
        nodes.lora_loader_model_only(model=tiny.model, lora_name="odd.safetensors", context=context)
    (said,) = context.outputs
    assert said[0] == "text"
    assert '"odd.safetensors": 2 keys fit no layer' in said[1][0]["text"]
    assert "lora_unet_nowhere" in caplog.text


def test_a_lora_of_another_family_is_refused_whole(tiny, files, name, context):
    save_file({**pair(TEXT, 96, 64, 2), **pair(UNET, 32, 48, 1)}, files.directory("loras") / "xl.safetensors")
    with pytest.raises(UserError, match=r"M041.*xl.safetensors.*attn2_to_v.*\[32, 64\].*\[32, 48\]"):
        nodes.lora_loader(model=tiny.model, clip=tiny.clip, lora_name="xl.safetensors", context=context)


def test_on_changed_off_in_a_graph(tiny, name, files):
    """The model is loaded once for four runs; the pictures with the LoRA off are the first ones to the last bit."""
    loads = []

    @node("Load", category="test", lane="io")
    def load() -> Parts:
        """Give the model, and count."""
        loads.append(1)
        return Parts(tiny.model, tiny.clip)

    registry = Registry([load, nodes.lora_loader, clip_text_encode, empty_latent_image, ksampler])
    executor = Executor(registry, Cache(TorchStore()), files, "cpu", check_value=check_value)

    def run(strength):
        b = GraphBuilder(registry)
        loaded = b.Load()
        model, clip = loaded.MODEL, loaded.CLIP
        if strength is not None:
            under = b.LoraLoader(
                model=model, clip=clip, lora_name=name, strength_model=strength, strength_clip=strength
            )
            model, clip = under.MODEL, under.CLIP
        words = [b.CLIPTextEncode(text=text, clip=clip) for text in ("a red circle", "")]
        end = b.KSampler(
            model=model, seed=1, steps=2, cfg=2.0, positive=words[0], negative=words[1],
            latent_image=b.EmptyLatentImage(width=64, height=64, batch_size=1),
        )  # fmt: skip
        with torch.no_grad():
            result = executor.run(b.graph(), [end.node_id])
        for error in result.failures.values():
            raise error
        (value,) = result.values[end.node_id].values()
        return value["samples"]

    plain, full, half, off, gone = (run(strength) for strength in (None, 1.0, 0.5, 0.0, None))
    assert len(loads) == 1
    assert torch.equal(plain, off)
    assert torch.equal(plain, gone)
    assert not torch.allclose(plain, full)
    assert not torch.allclose(half, full)
