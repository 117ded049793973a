"""LoRA files and their kin, laid over a model while it runs: read, fitted to the networks, given a strength.

The model's weights stay as they are; `DiffusionModel.weights` says what is added when the network runs (patched.py).
A file fits as a whole or is refused; what no layer here has is reported. Knows nothing of nodes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from torch import Tensor, nn

from ..errors import UserError
from .build import listed
from .denoiser import DiffusionModel
from .load_file import expect
from .lora_keys import place, stated_alphas
from .lora_kinds import KINDS, Kind, LayerChange, scale_of
from .lora_names import DENOISER, is_text, layer_table, lookup, text_starts
from .patched import Patch, PatchedWeights
from .weights import WeightFile, open_weights

__all__ = ["Applied", "Encoders", "Layer", "Lora", "apply_lora", "load_lora", "unused_text"]

SHOWN = 60  # characters of a layer's name in a message


@dataclass(frozen=True, eq=False)
class Layer:
    """What a file holds for one layer, under the file's name for it."""

    name: str
    keys: tuple[str, ...]
    kind: Kind | None
    """None where only the bias is changed."""
    factors: Mapping[str, Tensor]
    scale: float = 1.0
    magnitude: Tensor | None = None
    bias: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Lora:
    """A file that changes a model."""

    name: str
    layers: tuple[Layer, ...]
    strays: tuple[str, ...] = ()
    """Keys that belong to no change of a weight that is known."""


class Encoder(Protocol):
    """One text encoder: a network, and what is laid over it."""

    @property
    def base(self) -> nn.Module:
        """The network without what is laid over it."""

    @property
    def network(self) -> nn.Module:
        """The network as it runs."""

    @property
    def weights(self) -> PatchedWeights:
        """What is laid over it."""

    def with_(self, **changes: Any) -> Self:
        """Return a copy with these fields replaced."""


class Encoders(Protocol):
    """A CLIP wire's value, of one text encoder or several."""

    @property
    def parts(self) -> Mapping[str, Encoder]:
        """The encoders by their place in the family: "l", "g", "t5"."""

    def with_parts(self, parts: Mapping[str, Any]) -> Self:
        """Return a copy with these encoders in those places."""


C = TypeVar("C", bound=Encoders)


class Applied(NamedTuple, Generic[C]):
    """A model and its text encoder under a LoRA."""

    model: DiffusionModel
    clip: C | None
    unused: tuple[str, ...]
    """Keys of the file that changed nothing because neither has such a layer."""


def load_lora(path: Path | str, *, allow_pickle: bool = False) -> Lora:
    """Read a file of the family: LoRA, LoCon, LoHa, LoKr, whole differences, each with or without DoRA's lengths.

    Its tensors stay views of the memory-mapped file. Raises: UserError M002 or M003 for another kind of file, M040
    for a layer that lacks a factor or has one that is none.
    """
    source = open_weights(path, allow_pickle=allow_pickle)
    expect(source, "lora")
    found: dict[str, Found] = {}
    strays: list[str] = []
    for key in source.shapes:
        where = place(key)
        if where is None:
            strays.append(key)
            continue
        layer = found.setdefault(where.layer, Found())
        name = where.factor
        if name in layer.keys:
            raise incomplete(source, where.layer, "each factor once", f'"{name}" twice, in two layouts')
        layer.keys[name] = key
        layer.families.add(where.family)
    alphas = stated_alphas(source.metadata)
    layers = []
    for name, entry in found.items():
        if set(entry.keys) <= {"alpha"}:
            strays.extend(entry.keys.values())
        else:
            layers.append(read_layer(source, name, entry, alphas.alpha(name), by_root=alphas.rooted(name)))
    return Lora(source.path.name, tuple(layers), tuple(strays))


@dataclass(slots=True)
class Found:
    """A layer's keys by factor, while they are gathered."""

    keys: dict[str, str] = field(default_factory=dict)
    families: set[str] = field(default_factory=set)


def read_layer(source: WeightFile, name: str, found: Found, stated: float | None, *, by_root: bool) -> Layer:
    """Return one layer with its tensors. Raises: UserError M040."""
    tensors = {factor: source.tensor(key) for factor, key in found.keys.items()}
    alpha, bias = tensors.pop("alpha", None), tensors.pop("bias", None)
    magnitude, row_lengths = tensors.pop("dora", None), tensors.pop("row_lengths", None)
    if row_lengths is not None:
        magnitude = row_lengths.flatten()
    kind = None
    if tensors:
        kind = kind_of(found, tensors)
        if kind is None or kind.strange(tensors):
            raise incomplete(source, name, "the factors of one kind", ", ".join(sorted(tensors)))
        missing = kind.missing(tensors)
        if missing:
            raise incomplete(source, name, f"a whole {kind.name}", f"none of {', '.join(missing)}")
    if magnitude is not None and kind is None:
        raise incomplete(source, name, "a change beside DoRA's lengths", "none")
    if any(tensor.ndim == 0 or not tensor.is_floating_point() for tensor in (*tensors.values(), *present(bias))):
        raise incomplete(source, name, "factors of real numbers", "a number alone, or integers")
    value = stated if alpha is None else number(alpha)
    if value is not None and not math.isfinite(value):
        raise incomplete(source, name, "an alpha that is a number", f"{value}")
    scale = 1.0 if kind is None else scale_of(kind, tensors, value, by_root=by_root)
    return Layer(name, tuple(found.keys.values()), kind, tensors, scale, magnitude, bias)


def present(tensor: Tensor | None) -> tuple[Tensor, ...]:
    """Return a tensor as a tuple, an empty one where it is None."""
    return () if tensor is None else (tensor,)


def kind_of(found: Found, factors: Mapping[str, Tensor]) -> Kind | None:
    """Return the kind that a layer's factors are of."""
    named = {"hada": "LoHa", "lokr": "LoKr", "": "difference" if "diff" in factors else "LoRA"}
    families = found.families if len(found.families) == 1 else found.families - {""}  # alpha and the like say nothing
    names = {named[family] for family in families}
    return next((kind for kind in KINDS if {kind.name} == names), None)


def number(alpha: Tensor) -> float:
    """Return alpha's value; not a number where it is several."""
    return float(alpha) if alpha.numel() == 1 else math.nan


def incomplete(source: WeightFile, layer: str, expected: str, got: str) -> UserError:
    """Return the error for a layer that cannot be read."""
    return UserError(
        "M040",
        where=f'"{source.path.name}", layer "{layer[:SHOWN]}"',
        expected=expected,
        got=got,
        fix="The file is damaged, or written by a program whose format is not known here.",
    )


def apply_lora(
    lora: Lora,
    model: DiffusionModel,
    clip: C | None = None,
    strength_model: float = 1.0,
    strength_clip: float = 1.0,
) -> Applied[C]:
    """Return a model and text encoder that run under a LoRA; those given stay as they are.

    clip: None leaves the text encoders' part of the file alone. Strengths: any number, 0 leaves a part alone: the very
    same value comes back. LoRAs add up, in any order. No weight is computed here.
    Raises: UserError M041 when a layer fits by its name and not by its shape, M042 when none fits; nothing is applied
    then.
    """
    ours = [layer for layer in lora.layers if not is_text(layer.name)]
    texts = [layer for layer in lora.layers if is_text(layer.name)]
    used: set[str] = set()
    asked: list[Layer] = []
    if strength_model:
        asked += ours
        patch = fit(lora, ours, model.base, DENOISER, strength_model, used)
        if ours and not patch.changes:
            raise foreign(lora, ours, "diffusion model")
        model = model.with_(weights=model.weights.add(patch))
    if clip is not None and strength_clip:
        asked += texts
        parts: dict[str, Encoder] = dict(clip.parts)
        for place_, encoder in parts.items():
            starts = text_starts(place_, parts)
            patch = fit(lora, texts, encoder.base, starts, strength_clip, used)
            parts[place_] = encoder.with_(weights=encoder.weights.add(patch))
        if not used and asked == texts and texts:
            raise foreign(lora, texts, "text encoder")
        clip = clip.with_parts(parts)
    if asked:
        unused = tuple(key for layer in asked if layer.name not in used for key in layer.keys) + lora.strays
        return Applied(model, clip, unused)
    return Applied(model, clip, ())


def fit(
    lora: Lora, layers: list[Layer], network: nn.Module, starts: tuple[str, ...], strength: float, used: set[str]
) -> Patch:
    """Return what the layers change in a network; adds the names of those that do to `used`. Raises: M041."""
    table = layer_table(network)
    shapes = {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
    changes: dict[str, tuple[LayerChange, ...]] = {}
    for layer in layers:
        target = lookup(layer.name, table, starts)
        if target is None:
            continue
        made = []
        if layer.kind is not None:
            weight = f"{target.layer}.weight"
            change = LayerChange(layer.kind, layer.factors, layer.scale, layer.magnitude, target.rows)
            made.append((weight if weight in shapes else target.layer, change))
        if layer.bias is not None and f"{target.layer}.bias" in shapes:
            made.append((f"{target.layer}.bias", LayerChange(WHOLE, {"diff": layer.bias}, rows=target.rows)))
        for name, change in made:
            fault = change.fault(shapes[name])
            if fault is not None:
                raise UserError(
                    "M041",
                    where=f'"{lora.name}", layer "{layer.name[:SHOWN]}"',
                    expected=f"a change of a weight {list(shapes[name])}, which this model has there",
                    got=fault,
                    fix="Use a LoRA that was made for this family of models.",
                )
            changes[name] = (*changes.get(name, ()), change)
            used.add(layer.name)
    return Patch(dict(changes), strength)


WHOLE = next(kind for kind in KINDS if kind.name == "difference")


def foreign(lora: Lora, layers: list[Layer], what: str) -> UserError:
    """Return the error for a file of which no layer is one of the model's."""
    return UserError(
        "M042",
        where=f'"{lora.name}"',
        expected=f"changes to layers that this {what} has",
        got=f"{len(layers)} layers, none of them here: {listed([layer.name for layer in layers])}",
        fix="Use a LoRA that was made for this family of models.",
    )


def unused_text(lora: Lora, unused: tuple[str, ...]) -> str:
    """Return one line that says what of a file was left out, or "" when nothing was."""
    if not unused:
        return ""
    return f'"{lora.name}": {len(unused)} keys fit no layer of this model and were left out: {listed(list(unused))}.'
