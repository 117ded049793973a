"""LoRA files laid over a model and its text encoder. The work is done by `engine.models.lora`."""

from __future__ import annotations

import logging
from typing import Annotated, NamedTuple

from ..engine.models.lora import Applied, Lora, apply_lora, load_lora, unused_text
from ..engine.models.text import TextEncoder
from ..engine.models.text_stack import TextStack
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.widget import File, Float
from ..engine.values import Clip, Model

LORA_FILES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin")
Strength = Annotated[float, Float(-100.0, 100.0, step=0.01)]
LoraName = Annotated[str, File("loras", LORA_FILES)]


class Patched(NamedTuple):
    """A model and its text encoder under a LoRA."""

    MODEL: Model
    CLIP: Clip


@node("LoraLoader", title="Load LoRA", category="loaders", lane="io")
def lora_loader(
    *,
    model: Model,
    clip: Clip,
    lora_name: LoraName,
    strength_model: Strength = 1.0,
    strength_clip: Strength = 1.0,
    context: Context,
) -> Patched:
    """Lay a LoRA over a model and its text encoder. Several add up; 0 takes one off, and nothing is loaded again.

    lora_name: a file of models/loras.
    strength_model: how much of it the model gets; may be negative.
    strength_clip: how much of it the text encoder gets.
    """
    if strength_model == 0 and strength_clip == 0:
        return Patched(model, clip)
    lora = _read(lora_name, context)
    applied: Applied[TextEncoder | TextStack] = apply_lora(lora, model, clip, strength_model, strength_clip)
    _tell(lora, applied.unused, context)
    assert applied.clip is not None  # as one was given
    return Patched(applied.model, applied.clip)


@node("LoraLoaderModelOnly", title="LoraLoaderModelOnly", category="loaders", lane="io")
def lora_loader_model_only(
    *, model: Model, lora_name: LoraName, strength_model: Strength = 1.0, context: Context
) -> Model:
    """Lay a LoRA over a model, and leave the text encoder alone.

    lora_name: a file of models/loras.
    strength_model: how much of it the model gets; may be negative.
    """
    if strength_model == 0:
        return model
    lora = _read(lora_name, context)
    applied: Applied[TextEncoder] = apply_lora(lora, model, None, strength_model)
    _tell(lora, applied.unused, context)
    return applied.model


def _read(name: str, context: Context) -> Lora:
    return load_lora(context.files.find("loras", name), allow_pickle=context.allows("pickle"))


def _tell(lora: Lora, unused: tuple[str, ...], context: Context) -> None:
    """Say what of the file was left out: beside the node, and in the log of whoever runs it."""
    text = unused_text(lora, unused)
    if text:
        context.output("text", [{"text": text}])
        logging.getLogger("latentloom.models").warning("%s", text)
