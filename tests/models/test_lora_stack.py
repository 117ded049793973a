"""LoRA files over several text encoders: each layer goes to the encoder that its file means."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from latentloom.engine.diffusion.process import Discrete
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.denoiser import DiffusionModel
from latentloom.engine.models.lora import apply_lora, load_lora
from latentloom.engine.models.t5 import T5Config, T5Text
from latentloom.engine.models.text import TextEncoder
from latentloom.engine.models.text_stack import TextStack
from latentloom.engine.models.text_t5 import T5Encoder

WIDTH = 32  # of all three, so that a layer that goes astray fits where it does not belong
CLIP_Q, T5_Q = "encoder.layers.0.self_attn.q_proj", "encoder.block.0.layer.0.SelfAttention.q"
MODEL = DiffusionModel(nn.Linear(1, 1), Discrete.stable_diffusion())


class NoWords:
    """Stands where a vocabulary would; LoRAs ask for none."""

    eos, pad = 1, 0

    def encode(self, text):
        return [3] * len(text.split())


@pytest.fixture(scope="module")
def parts(randomised, tokenizer):
    config = CLIPTextConfig(width=WIDTH, layers=1, heads=1, mlp=48)
    t5 = T5Config(vocab=8, width=WIDTH, layers=1, heads=2, head_channels=16, mlp=48)
    return {
        "l": TextEncoder(randomised(CLIPText(config), 1), tokenizer),
        "g": TextEncoder(randomised(CLIPText(config), 2), tokenizer),
        "t5": T5Encoder(randomised(T5Text(t5), 3), NoWords()),
    }


def layer_of(place):
    return T5_Q if place == "t5" else CLIP_Q


def written(tmp_path, starts, seed=0):
    """Write a file with one change for each {place: what stands before its layers}, and return both."""
    generator = torch.Generator().manual_seed(seed)
    tensors, changes = {}, {}
    for place, start in starts.items():
        up, down = torch.randn(WIDTH, 2, generator=generator), torch.randn(2, WIDTH, generator=generator)
        layer = layer_of(place)
        name = start + (layer if start.endswith(".") else layer.replace(".", "_"))
        tensors |= {f"{name}.lora_up.weight": up, f"{name}.lora_down.weight": down}
        changes[place] = up @ down
    save_file(tensors, tmp_path / "a.safetensors")
    return load_lora(tmp_path / "a.safetensors"), changes


CASES = {
    "kohya SDXL": ("sdxl", {"l": "lora_te1_text_model_", "g": "lora_te2_text_model_"}),
    "diffusers SDXL": ("sdxl", {"l": "text_encoder.text_model.", "g": "text_encoder_2.text_model."}),
    "kohya SD3": ("sd3", {"l": "lora_te1_text_model_", "g": "lora_te2_text_model_", "t5": "lora_te3_"}),
    "diffusers SD3": (
        "sd3",
        {"l": "text_encoder.text_model.", "g": "text_encoder_2.text_model.", "t5": "text_encoder_3."},
    ),
    "whole files' names": (
        "sd3",
        {"l": "text_encoders.clip_l.transformer.text_model.", "t5": "text_encoders.t5xxl.transformer."},
    ),
    "kohya Flux": ("flux", {"l": "lora_te1_text_model_", "t5": "lora_te3_"}),
    "OneTrainer Flux": ("flux", {"l": "lora_te1_text_model_", "t5": "lora_te2_"}),
    "diffusers Flux": ("flux", {"l": "text_encoder.text_model.", "t5": "text_encoder_2."}),
}
NAMES = {"sdxl": ("l", "g"), "sd3": ("l", "g", "t5"), "flux": ("l", "t5")}


@pytest.mark.parametrize(("rule", "starts"), CASES.values(), ids=CASES)
def test_each_layer_reaches_its_encoder(parts, tmp_path, rule, starts):
    stack = TextStack({name: parts[name] for name in NAMES[rule]}, rule)
    lora, changes = written(tmp_path, starts)
    applied = apply_lora(lora, MODEL, stack, 1.0, 0.5)
    assert applied.unused == ()
    for place, part in applied.clip.parts.items():
        if place not in starts:
            assert part.network is parts[place].base
            continue
        weight = f"{layer_of(place)}.weight"
        wanted = parts[place].base.get_parameter(weight) + 0.5 * changes[place]
        assert torch.allclose(part.network.get_parameter(weight), wanted, atol=1e-5)
    assert not torch.allclose(applied.clip.encode("a cat")[1], stack.encode("a cat")[1])


def test_a_lone_bigg_is_the_first_encoder_of_its_files(parts, randomised, tokenizer, tmp_path):
    """As in the refiner's."""
    network = randomised(CLIPText(CLIPTextConfig(width=1280, layers=1, heads=20, mlp=48)), 4)
    alone = TextEncoder(network, tokenizer)
    save_file(
        {f"lora_te1_text_model_{CLIP_Q.replace('.', '_')}.lora_{n}.weight": t
         for n, t in (("up", torch.ones(1280, 1)), ("down", torch.ones(1, 1280)))},
        tmp_path / "b.safetensors",
    )  # fmt: skip
    applied = apply_lora(load_lora(tmp_path / "b.safetensors"), MODEL, alone)
    weight = f"{CLIP_Q}.weight"
    assert torch.allclose(applied.clip.network.get_parameter(weight), network.get_parameter(weight) + 1, atol=1e-5)


def test_taken_off_again(parts, tmp_path):
    stack = TextStack(parts, "sd3")
    lora, _ = written(tmp_path, CASES["kohya SD3"][1])
    assert apply_lora(lora, MODEL, stack, 1.0, 0.0).clip is stack
