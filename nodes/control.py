"""ControlNets from files, and their application to prompts. The work is done by `engine.models.controlled`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import torch

from ..engine.errors import UserError
from ..engine.memory.device import pick_device
from ..engine.models.autoencoder import Autoencoder
from ..engine.models.controlled import KINDS, Control, ControlModel
from ..engine.models.load_control import load_control
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.socket import FileFacets, Socket
from ..engine.node.widget import Choice, File, Float
from ..engine.pictures.resize import resize
from ..engine.values import Conditioning, ControlNet, Image, Mask, Model, Vae
from .loaders import MODEL_FILES

Name = Annotated[str, File("controlnet", MODEL_FILES)]
Loaded = Annotated[Any, Socket("CONTROL_NET"), FileFacets("control_net_name")]
Strength = Annotated[float, Float(0.0, 10.0, step=0.01)]
Percent = Annotated[float, Float(0.0, 1.0, step=0.001)]


class Steered(NamedTuple):
    """Both prompts under a ControlNet."""

    positive: Conditioning
    negative: Conditioning


@node("ControlNetLoader", title="Load ControlNet Model", category="loaders", lane="io")
def control_net_loader(*, control_net_name: Name, context: Context) -> Loaded:
    """Load a ControlNet.

    control_net_name: a file of models/controlnet.
    """
    path = context.files.find("controlnet", control_net_name)
    device, pickle = pick_device(context.device), context.allows("pickle")
    return load_control(path, device=device, allow_pickle=pickle, residence=context.residence)


@node("DiffControlNetLoader", title="Load ControlNet Model (diff)", category="loaders", lane="io")
def diff_control_net_loader(*, model: Model, control_net_name: Name, context: Context) -> Loaded:
    """Load a ControlNet that may hold only what differs from a model.

    model: the one it was made from.
    control_net_name: a file of models/controlnet.
    """
    path = context.files.find("controlnet", control_net_name)
    device, pickle = pick_device(context.device), context.allows("pickle")
    return load_control(path, model=model, device=device, allow_pickle=pickle, residence=context.residence)


@node("ControlNetApply", title="Apply ControlNet (OLD)", category="conditioning/controlnet", deprecated=True)
def control_net_apply(
    *, conditioning: Conditioning, control_net: ControlNet, image: Image, strength: Strength = 1.0
) -> Conditioning:
    """Let a picture steer a prompt, and the negative prompt with it, during the whole run.

    image: what the ControlNet reads: edges, depth, a pose. Its middle part is used where its shape differs.
    strength: how strongly it steers.
    """
    if strength == 0:
        return conditioning
    (steered,) = applied([conditioning], control_net, image, strength=strength)
    return [[cond, {**facts, "control_apply_to_uncond": True}] for cond, facts in steered]


@node("ControlNetApplyAdvanced", title="Apply ControlNet", category="conditioning/controlnet", aliases=("control",))
def control_net_apply_advanced(
    *,
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    image: Image,
    strength: Strength = 1.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
    vae: Vae | None = None,
) -> Steered:
    """Let a picture steer both prompts. Apply several, one after the other, and they add up.

    image: what the ControlNet reads: edges, depth, a pose. Its middle part is used where its shape differs.
    strength: how strongly it steers.
    start_percent: from which part of the run on; 0 is the first, noisiest step.
    end_percent: until which part of it.
    vae: for ControlNets that see the picture as a latent, as SD3's do.
    """
    if strength == 0:
        return Steered(positive, negative)
    prompts = [positive, negative]
    return Steered(
        *applied(prompts, control_net, image, strength=strength, start=start_percent, end=end_percent, vae=vae)
    )


@node(
    "ControlNetApplySD3",
    title="Apply Controlnet with VAE",
    category="conditioning/controlnet",
    deprecated=True,
)
def control_net_apply_sd3(
    *,
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    vae: Vae,
    image: Image,
    strength: Strength = 1.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
) -> Steered:
    """Let a picture steer both prompts, seen as a latent. Apply ControlNet does the same.

    vae: the model's own.
    image: what the ControlNet reads.
    strength: how strongly it steers.
    start_percent: from which part of the run on; 0 is the first, noisiest step.
    end_percent: until which part of it.
    """
    if strength == 0:
        return Steered(positive, negative)
    prompts = [positive, negative]
    return Steered(
        *applied(prompts, control_net, image, strength=strength, start=start_percent, end=end_percent, vae=vae)
    )


@node("SetUnionControlNetType", title="SetUnionControlNetType", category="conditioning/controlnet")
def set_union_control_net_type(
    *, control_net: ControlNet, type: Annotated[str, Choice(("auto", *KINDS))] = "auto"
) -> ControlNet:
    """Tell a ControlNet for several kinds of pictures which kind it will see.

    type: "auto" leaves it open. Other ControlNets take no notice.
    """
    kinds = (KINDS[type],) if type != "auto" else ()
    form = control_net.network.form
    known = getattr(form, "kinds", 0)
    if kinds and known and kinds[0] >= known:
        expected = f"one of the first {known} kinds, which this ControlNet knows"
        raise UserError("V183", 'input "type"', expected, type, "Choose another kind.", input="type")
    return control_net.with_(kinds=kinds)


@node(
    "ControlNetInpaintingAliMamaApply",
    title="ControlNetInpaintingAliMamaApply",
    category="conditioning/controlnet",
)
def control_net_inpainting_alimama_apply(
    *,
    positive: Conditioning,
    negative: Conditioning,
    control_net: ControlNet,
    vae: Vae,
    image: Image,
    mask: Mask,
    strength: Strength = 1.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
) -> Steered:
    """Let an inpainting ControlNet fill the white part of a mask, seeing the picture around it.

    vae: the model's own.
    image: the picture with the hole.
    mask: white is filled.
    strength: how strongly it steers.
    start_percent: from which part of the run on; 0 is the first, noisiest step.
    end_percent: until which part of it.
    """
    if strength == 0:
        return Steered(positive, negative)
    kept: torch.Tensor | None = None
    if control_net.beside:
        planes = 1.0 - mask.reshape(-1, 1, *mask.shape[-2:])
        image = image * resize(planes, image.shape[2], image.shape[1], "bilinear", "center").round().movedim(1, -1)
        kept = planes[:, 0]
    prompts = [positive, negative]
    return Steered(
        *applied(
            prompts, control_net, image, strength=strength, start=start_percent, end=end_percent, vae=vae, mask=kept
        )
    )


@node("LoomMaskControlNet", title="Mask ControlNet", category="conditioning/controlnet", aliases=("region", "local"))
def mask_control_net(*, control_net: ControlNet, mask: Mask, invert: bool = False) -> ControlNet:
    """Let a ControlNet act only where a mask is white, and in part where it is grey.

    mask: stretched to the picture; several go to the pictures of a batch in turn.
    invert: act where it is black instead.
    """
    planes = mask if mask.ndim > 2 else mask[None]
    return control_net.with_(mask=1.0 - planes if invert else planes)


def applied(
    prompts: Sequence[Conditioning],
    control_net: ControlModel,
    image: torch.Tensor,
    *,
    strength: float,
    start: float = 0.0,
    end: float = 1.0,
    vae: Autoencoder | None = None,
    mask: torch.Tensor | None = None,
) -> list[Conditioning]:
    """Return the prompts with the ControlNet after those they have.

    Entries that had the same one before share the new one, so that they can share a network call.
    """
    made: dict[int, Control] = {}
    steered = []
    for prompt in prompts:
        entries = []
        for cond, facts in prompt:
            before = facts.get("control")
            if id(before) not in made:
                made[id(before)] = Control(control_net, image, strength, start, end, vae, mask, before)
            control = made[id(before)]
            entries.append([cond, {**facts, "control": control, "control_apply_to_uncond": False}])
        steered.append(entries)
    return steered
