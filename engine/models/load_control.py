"""ControlNets from files: the layout told by the keys, the network by the shapes, every key checked.

ldm's layout with or without `control_model.`, diffusers', unions, deltas to a base model, and SD3's. Knows nothing of
nodes or of where models are searched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ..errors import UserError
from ..memory.device import pick_device, pick_dtype
from ..memory.residency import Residence
from .arch import ARCHITECTURES
from .build import build, part
from .control import ControlNet, ControlNetConfig
from .control_mmdit import MMDiTControl, MMDiTControlConfig
from .controlled import ControlModel
from .deduce import count, mmdit_config, unet_config
from .denoiser import DiffusionModel
from .latent import LatentFormat
from .load_file import expect
from .placing import home, settled
from .rename_control import control_names, mmdit_control_sources, union_names
from .unet import UNetConfig
from .weights import WeightFile, open_weights

__all__ = ["control_config", "load_control", "mmdit_control_config"]

Shapes = Mapping[str, tuple[int, ...]]
PREFIX = "control_model."
SD3_HINT = LatentFormat(channels=16, scale=1.5305, shift=0.0)
"""SD3's latents, not shifted: so the published ControlNets were trained."""
SHUFFLES = ("_shuffle", "_shuffle_fp16")  # ends of names; nothing in those files tells


def load_control(
    path: Path | str,
    *,
    model: DiffusionModel | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
    residence: Residence | None = None,
) -> ControlModel:
    """Load a ControlNet.

    model: the one it will steer; needed where the file holds only what differs from it. device, dtype: the best there
    is, if None. residence: brings weights to the device when they are needed.
    Raises: UserError M001 to M014 (no such file, not allowed, damaged, of another kind, keys missing or unexpected),
    M050 for differences without a model, before anything is half loaded.
    """
    path = Path(path)
    source = open_weights(path, allow_pickle=allow_pickle)
    ours = [entry for entry in ARCHITECTURES if entry.kind == "controlnet" and entry.readable]
    found = next((entry for entry in ours if entry.condition.match(source.shapes).full), None)
    if found is None:  # a file that holds a whole checkpoint too is both, and read here
        found = expect(source, "controlnet")
    device = device or pick_device()
    dtype = dtype or pick_dtype(device)
    store = home(device, residence)
    if "controlnet_blocks.0.weight" in source.shapes:
        weights = part(source, pieces=mmdit_control_sources)
        sd3 = build(MMDiTControl, mmdit_control_config, weights, "SD3 ControlNet", store, dtype)
        # Trained with zeros for the pooled text, as the published configurations say.
        return settled(ControlModel(sd3, "SD3", SD3_HINT, pooled=False), device, residence)
    prefix = PREFIX if any(key.startswith(PREFIX) for key in source.shapes) else ""
    if prefix + "difference" in source.shapes or "difference" in source.shapes:
        source = added(source, prefix, model)
    diffusers = "controlnet_cond_embedding.conv_in.weight" in source.shapes
    names = control_names if diffusers else union_names
    network = build(ControlNet, control_config, part(source, prefix, names), "ControlNet", store, dtype)
    family = found.family or found.name
    return settled(ControlModel(network, family, averaged=path.stem.endswith(SHUFFLES)), device, residence)


def control_config(shapes: Shapes) -> ControlNetConfig:
    """Return the shape of a ControlNet in ldm's names. Raises: KeyError or ValueError when the keys are not its."""
    channels = shapes["input_blocks.0.0.weight"][1]
    unet: UNetConfig = unet_config({**shapes, "out.2.weight": (channels,)})
    convolutions = sorted(
        int(key.split(".")[1]) for key in shapes if key.startswith("input_hint_block.") and key.endswith(".weight")
    )
    widths = [shapes[f"input_hint_block.{place}.weight"][0] for place in convolutions]
    kinds = shapes["task_embedding"][0] if "task_embedding" in shapes else 0
    return ControlNetConfig(
        unet=unet,
        hint_channels=shapes["input_hint_block.0.weight"][1],
        hint_widths=tuple(widths[:-1:2]),
        kinds=kinds,
        union_layers=count(shapes, "transformer_layes") if kinds else 1,
    )


def mmdit_control_config(shapes: Shapes) -> MMDiTControlConfig:
    """Return the shape of an SD3 ControlNet in our names. Raises: KeyError or ValueError when the keys are not its."""
    _, channels, patch = shapes["x_embedder.proj.weight"][:3]
    mmdit = mmdit_config({**shapes, "final_layer.linear.weight": (channels * patch**2,)})
    return MMDiTControlConfig(mmdit, shapes["pos_embed_input.proj.weight"][1] - channels)


@dataclass(frozen=True)
class AddedFile:
    """A file of differences, read as their sum with the weights they were taken from."""

    source: WeightFile
    base: Mapping[str, Tensor]
    """The weights to add, by the file's keys."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    @property
    def metadata(self) -> Mapping[str, str]:
        """Free text the writer added."""
        return self.source.metadata

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Every tensor's shape, without the mark that says what the file is."""
        return {key: shape for key, shape in self.source.shapes.items() if key.rpartition(".")[2] != "difference"}

    def tensor(self, key: str) -> Tensor:
        """Return one tensor on the CPU, summed in float32."""
        found = self.source.tensor(key)
        base = self.base.get(key)
        if base is None:
            return found
        return found.float() + base.detach().to("cpu", torch.float32).reshape(found.shape)


def added(source: WeightFile, prefix: str, model: DiffusionModel | None) -> AddedFile:
    """Return a file of differences added to the model's weights. Raises: UserError M050 unless they fit it."""
    weights = {} if model is None else model.base.state_dict()
    base = {prefix + name: weight for name, weight in weights.items() if prefix + name in source.shapes}
    other = [key for key, weight in base.items() if tuple(weight.shape) != source.shapes[key]]
    if not base or other:
        raise UserError(
            "M050",
            f'"{source.path.name}"',
            "the model whose differences this ControlNet holds",
            "none" if model is None else f"one of the family {model.family}, whose weights do not fit",
            "Load it with DiffControlNetLoader, with the model that it was made for connected.",
        )
    return AddedFile(source, base)
