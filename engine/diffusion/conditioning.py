"""Evaluate a model on CONDITIONING lists: areas, masks, strengths and parts of the sampling run.

Everything that can share a network call does; what an entry needs is prepared once, before the first step.
Knows nothing of guidance, samplers or text. The rules are ComfyUI's, so that its workflows give its pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError, brief
from .controls import Binder, BoundControl, spread_controls
from .process import Process

__all__ = ["Conditioned", "LatentSpace", "Model", "predict"]

Area = tuple[int, int, int, int]
"""Height, width, y, x in latent cells."""

NOTHING: Mapping[str, Any] = MappingProxyType({})
_FEATHER = 8  # latent cells over which an area without a mask fades out at edges inside the picture
_SMALLEST = 8  # latent cells: an area cut to a mask's bounds is at least this large
_MOST_REPEATS = 4  # token rows are repeated to a common length at most so often; beyond that calls are split


class LatentSpace(Protocol):
    """What guidance needs to know of a latent space."""

    @property
    def channels(self) -> int:
        """How many channels a latent has."""

    @property
    def shift(self) -> float:
        """What is subtracted before scaling."""

    def scaled(self, raw: Tensor) -> Tensor:
        """Return what the network sees of a raw latent."""

    def raw(self, scaled: Tensor) -> Tensor:
        """Return the raw latent of a scaled one."""


class Model(Protocol):
    """A denoising network with its process and latent space.

    It may offer `extra_inputs(entry: Mapping, x) -> dict[str, Tensor]`: further inputs of `denoise`, [b or 1, ...],
    that it reads from the dict of a CONDITIONING entry; and `joint_text: bool`, true where text and picture attend to
    each other together.
    """

    @property
    def process(self) -> Process:
        """The forward process it was trained on."""

    @property
    def latent(self) -> LatentSpace:
        """The latent space it works in."""

    @property
    def guidance_patches(self) -> tuple[Any, ...]:
        """Changes to guidance; see `patches`."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def denoise(self, x: Tensor, sigma: Tensor, context: Tensor, **extra: Any) -> Tensor:
        """Return the clean scaled latent [b c h w]; sigma [b], context [b l d]."""


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """One CONDITIONING entry made ready for a latent: active while last <= sigma <= first."""

    context: Tensor  # b l d
    extra: dict[str, Tensor]
    area: Area | None
    weight: Tensor | float  # [b or 1, 1, h, w] of the area
    first: float
    last: float
    control: BoundControl | None = None

    def size(self, x: Tensor) -> tuple[int, int]:
        return (x.shape[-2], x.shape[-1]) if self.area is None else self.area[:2]

    def cut(self, x: Tensor) -> Tensor:
        if self.area is None:
            return x
        height, width, top, left = self.area
        return x[..., top : top + height, left : left + width]


@dataclass(slots=True, eq=False)
class _Call:
    """One network call: its members (which list, which entry) and their joined inputs."""

    members: list[tuple[int, _Entry]]
    context: Tensor | None = None
    extra: dict[str, Tensor] = field(default_factory=dict)
    control: BoundControl | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What to evaluate while the same entries are active. shares: weight of each (call, member), None for all of it."""

    calls: list[_Call]
    shares: list[list[Tensor | None]]
    lists: int


class Conditioned:
    """A model bound to several CONDITIONING lists: `(x, sigma) -> one denoised a list`."""

    def __init__(
        self,
        model: Model,
        conds: Sequence[Sequence[Any]],
        x: Tensor,
        given: Mapping[str, Any] = NOTHING,
        negative: int | None = None,
    ) -> None:
        """x: [b c h w], read for shape, dtype and device. Raises: UserError V160 to V162 for a list it cannot use.

        given: what the run adds to every entry for `extra_inputs`, under the entry's own; negative: which of the
        lists is the negative prompt.
        """
        self._model = model
        self._joint = bool(getattr(model, "joint_text", False))
        roles = [{**given, "prompt_type": "negative" if i == negative else "positive"} for i in range(len(conds))]
        bind = Binder(model)
        prepared = [
            [_prepare(model, entry, x, role, bind) for entry in entries]
            for entries, role in zip(spread_controls([list(_checked(cond)) for cond in conds]), roles, strict=True)
        ]
        self._lists = _with_shared_areas(prepared)
        self._plans: dict[tuple[bool, ...], _Plan] = {}

    def __call__(self, x: Tensor, sigma: float, patches: Sequence[Any] = ()) -> list[Tensor]:
        """Return denoised [b c h w] for each list; zeros where no entry speaks. Never waits for the device.

        patches: changes to the network for these calls, handed on to `denoise` where there are any.
        """
        further = {"patches": tuple(patches)} if patches else {}
        plan = self._plan(x, sigma)
        results: list[Tensor | None] = [None] * plan.lists
        for call, shares in zip(plan.calls, plan.shares, strict=True):
            count = len(call.members)
            inputs = [entry.cut(x) for _, entry in call.members]
            joined = inputs[0] if count == 1 else torch.cat(inputs)
            level = torch.full((len(joined),), sigma, dtype=x.dtype, device=x.device)
            assert call.context is not None
            control = call.control.at(sigma, count) if call.control is not None else None
            steered = {"control": control} if control is not None else {}
            outputs = self._model.denoise(joined, level, call.context, **call.extra, **further, **steered).chunk(count)
            for (index, entry), share, output in zip(call.members, shares, outputs, strict=True):
                if share is None:
                    results[index] = output
                    continue
                total = results[index]
                if total is None:
                    total = results[index] = torch.zeros_like(x)
                entry.cut(total).add_(output * share)
        return [torch.zeros_like(x) if result is None else result for result in results]

    def _plan(self, x: Tensor, sigma: float) -> _Plan:
        key = tuple(entry.last <= sigma <= entry.first for entries in self._lists for entry in entries)
        plan = self._plans.get(key)
        if plan is None:
            active = iter(key)
            chosen = [[entry for entry in entries if next(active)] for entries in self._lists]
            plan = self._plans[key] = _planned(chosen, x, joint=self._joint)
        return plan


def predict(model: Model, x: Tensor, sigma: float, conds: Sequence[Sequence[Any]]) -> list[Tensor]:
    """Return the denoised latent [b c h w] of each CONDITIONING list; once. Over many steps use `Conditioned`."""
    return Conditioned(model, conds, x)(x, float(sigma))


def _checked(cond: Sequence[Any]) -> Iterable[tuple[Tensor, Mapping[str, Any]]]:
    if not isinstance(cond, Sequence) or not cond:
        raise UserError("V160", "conditioning", "a list with at least one entry", brief(cond), "Encode a prompt.")
    for entry in cond:
        fits = isinstance(entry, Sequence) and len(entry) == 2 and isinstance(entry[1], Mapping)
        if not fits or not isinstance(entry[0], Tensor) or entry[0].ndim not in (2, 3) or 0 in entry[0].shape:
            raise UserError("V160", "conditioning", "entries [tensor b l d, dict]", brief(entry), "Encode a prompt.")
        yield entry[0], entry[1]


def _prepare(
    model: Model, entry: tuple[Tensor, Mapping[str, Any]], x: Tensor, role: Mapping[str, Any], bind: Binder
) -> _Entry:
    context, options = entry
    context = context if context.ndim == 3 else context[None]
    mask = options.get("mask")
    area = _area(options, x)
    weight: Tensor | float = float(options.get("strength", 1.0))
    if mask is not None:
        mask = _mask(mask, x)
        if options.get("set_area_to_bounds"):
            area = _bounds(mask, x)
        cut = mask if area is None else mask[..., area[2] : area[2] + area[0], area[3] : area[3] + area[1]]
        weight = cut * (float(options.get("mask_strength", 1.0)) * weight)
    elif area is not None:
        weight = _feathered(area, x) * weight
    reader = getattr(model, "extra_inputs", None)
    extra: dict[str, Tensor] = reader({**role, **options}, x) if reader is not None else {}
    prepared = _Entry(
        context=_batched(context, len(x)).to(x.device),
        extra={},
        area=area,
        weight=weight,
        first=model.process.sigma_at(float(options["start_percent"])) if "start_percent" in options else math.inf,
        last=model.process.sigma_at(float(options["end_percent"])) if "end_percent" in options else 0.0,
    )
    for name, value in extra.items():
        spatial = value.ndim == 4 and value.shape[-2:] == x.shape[-2:]
        whole = _batched(value, len(x)).to(x.device)
        prepared.extra[name] = prepared.cut(whole) if spatial else whole
    return replace(prepared, control=bind(options.get("control"), prepared.cut(x)))


def _batched(value: Tensor, count: int) -> Tensor:
    """Return value with its items repeated or cut to `count`."""
    if len(value) == count:
        return value
    if len(value) == 1:
        return value.expand(count, *value.shape[1:])
    return value[torch.arange(count, device=value.device) % len(value)]


def _area(options: Mapping[str, Any], x: Tensor) -> Area | None:
    area = options.get("area")
    if area is None:
        return None
    rows, columns = x.shape[-2:]
    given = area
    if len(area) == 5 and area[0] == "percentage":
        _, height, width, top, left = area
        area = (max(1, round(height * rows)), max(1, round(width * columns)), round(top * rows), round(left * columns))
    if len(area) != 4:
        raise UserError("V161", "area", "(height, width, y, x)", brief(given), "Set the area again.")
    height, width, top, left = (int(value) for value in area)
    height, width = min(height, rows - top), min(width, columns - left)
    if height < 1 or width < 1 or top < 0 or left < 0:
        expected = f"a part of the {columns} x {rows} latent"
        raise UserError("V161", "area", expected, brief(given), "Move the area inside the picture.")
    return None if (height, width) == (rows, columns) else (height, width, top, left)


def _mask(mask: Any, x: Tensor) -> Tensor:
    """Return a mask as [b or 1, 1, h, w] in x's size, batch and device."""
    if not isinstance(mask, Tensor) or not 2 <= mask.ndim <= 4 or 0 in mask.shape:
        raise UserError("V162", "mask", "a tensor [b h w]", brief(mask), "Connect a mask.")
    flat = mask.reshape(-1, 1, *mask.shape[-2:]).to(device=x.device, dtype=x.dtype)
    if flat.shape[-2:] != x.shape[-2:]:
        flat = F.interpolate(flat, size=x.shape[-2:], mode="bilinear", align_corners=False)
    return flat if len(flat) == 1 else _batched(flat, len(x))


def _bounds(mask: Tensor, x: Tensor) -> Area:
    """Return the smallest area that holds the mask. Waits for the device, once, before the first step."""
    rows, columns = x.shape[-2:]
    held = mask.abs().amax(dim=(0, 1)).cpu() > 0
    if not bool(held.any()):
        return (min(_SMALLEST, rows), min(_SMALLEST, columns), 0, 0)
    down, across = held.any(1).nonzero(), held.any(0).nonzero()
    top, left = int(down[0]), int(across[0])
    height = max(_SMALLEST, int(down[-1]) - top + 1)
    width = max(_SMALLEST, int(across[-1]) - left + 1)
    return (min(height, rows - top), min(width, columns - left), top, left)


def _feathered(area: Area, x: Tensor) -> Tensor:
    """Return the weight [1 1 h w] of an area: fading at edges that lie inside the picture."""
    height, width, top, left = area
    rows, columns = x.shape[-2:]
    down = _edge(height, fade_start=top > 0, fade_end=top + height < rows)
    across = _edge(width, fade_start=left > 0, fade_end=left + width < columns)
    return (down[:, None] * across[None, :])[None, None].to(device=x.device, dtype=x.dtype)


def _edge(length: int, *, fade_start: bool, fade_end: bool) -> Tensor:
    ramp = (torch.arange(length, dtype=torch.float64) + 1).clamp(max=_FEATHER) / _FEATHER
    one = torch.ones(length, dtype=torch.float64)
    return (ramp if fade_start else one) * (ramp.flip(0) if fade_end else one)


def _with_shared_areas(lists: list[list[_Entry]]) -> list[list[_Entry]]:
    """Give each list an entry for every area of the others, so that guidance compares the same cut-outs.

    The text is taken from the list's smallest entry that covers the area.
    """
    result = [list(entries) for entries in lists]
    for index, entries in enumerate(lists):
        for entry in entries:
            if entry.area is None:
                continue
            for other, target in enumerate(result):
                if other == index:
                    continue
                source = _smallest_cover(target, entry.area)
                if source is not None and source.area != entry.area:
                    target.append(replace(entry, context=source.context, extra=source.extra))
    return result


def _smallest_cover(entries: Sequence[_Entry], area: Area) -> _Entry | None:
    height, width, top, left = area
    best: _Entry | None = None
    for entry in entries:
        if entry.area is None:
            best = entry if best is None else best
            continue
        h, w, y, x = entry.area
        covers = y <= top and x <= left and y + h >= top + height and x + w >= left + width
        if covers and (best is None or best.area is None or h * w < best.area[0] * best.area[1]):
            best = entry
    return best


def _planned(chosen: Sequence[Sequence[_Entry]], x: Tensor, *, joint: bool) -> _Plan:
    calls: list[_Call] = []
    for index, entries in enumerate(chosen):
        for entry in entries:
            fitting = next((call for call in calls if _fits(call, entry, x, joint=joint)), None)
            if fitting is None:
                calls.append(_Call([(index, entry)]))
            else:
                fitting.members.append((index, entry))
    for call in calls:
        contexts = [entry.context for _, entry in call.members]
        length = math.lcm(*(context.shape[1] for context in contexts))
        # Repeating all tokens equally leaves softmax attention over them alone unchanged.
        contexts = [context.repeat(1, length // context.shape[1], 1) for context in contexts]
        call.context = contexts[0] if len(contexts) == 1 else torch.cat(contexts)
        call.control = call.members[0][1].control
        for name in call.members[0][1].extra:
            call.extra[name] = torch.cat([entry.extra[name] for _, entry in call.members])
    sums = [_weight_sum(entries, x) for entries in chosen]
    shares = [
        [None if (total := sums[index]) is None else entry.weight / entry.cut(total) for index, entry in call.members]
        for call in calls
    ]
    return _Plan(calls, shares, len(chosen))


def _fits(call: _Call, entry: _Entry, x: Tensor, *, joint: bool) -> bool:
    """Tell whether an entry can share a call. joint: text that the picture's tokens compete with is never repeated."""
    first = call.members[0][1]
    if first.control is not entry.control:
        return False
    if first.size(x) != entry.size(x) or first.context.shape[2] != entry.context.shape[2]:
        return False
    if first.context.dtype != entry.context.dtype or first.extra.keys() != entry.extra.keys():
        return False
    lengths = [member.context.shape[1] for _, member in call.members] + [entry.context.shape[1]]
    if math.lcm(*lengths) > (1 if joint else _MOST_REPEATS) * min(lengths):
        return False
    return all(first.extra[name].shape[1:] == value.shape[1:] for name, value in entry.extra.items())


def _weight_sum(entries: Sequence[_Entry], x: Tensor) -> Tensor | None:
    """Return the summed weights [b or 1, 1, h, w]; None for the plain case of one entry over the whole picture."""
    if len(entries) == 1 and isinstance(entries[0].weight, float) and entries[0].weight != 0:
        return None
    # The tiny start keeps places that nothing covers at 0 instead of 0 / 0.
    total = torch.full((len(x), 1, *x.shape[-2:]), 1e-37, dtype=x.dtype, device=x.device)
    for entry in entries:
        entry.cut(total).add_(entry.weight)
    return total
