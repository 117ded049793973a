"""Several text encoders as one CLIP wire carries them: a prompt to the states and pooled text of a family.

SDXL: states of CLIP-L beside those of bigG, pooled text of bigG. SD3: those two beside each other, filled up with
zeros to T5's width, and T5's tokens after them; pooled text of both; any of the three may be missing. Flux: T5's
states, CLIP-L's pooled text. Knows nothing of files or nodes.
Sources: Podell et al. 2023 (SDXL) section 2.1, Esser et al. 2024 (SD3) section 4; Flux: its published code's inputs.
Differs: without T5 diffusers' SD3 has as many rows of zeros in its place; here, as in ComfyUI, there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from .text import TextEncoder
from .text_t5 import T5Encoder

__all__ = ["Rule", "TextStack"]

Rule = Literal["sdxl", "sd3", "flux"]
Part = TextEncoder | T5Encoder
WIDTHS: Mapping[str, int] = MappingProxyType({"l": 768, "g": 1280, "t5": 4096})  # where a part is missing
NEEDED: Mapping[Rule, tuple[str, ...]] = MappingProxyType({"sdxl": ("l", "g"), "sd3": (), "flux": ("l", "t5")})
EMPTY_LENGTH = 77  # rows of zeros where no encoder of SD3 says anything
NAMES: Mapping[str, str] = MappingProxyType({"l": "CLIP-L", "g": "OpenCLIP bigG", "t5": "T5"})


@dataclass(frozen=True, eq=False)
class TextStack:
    """Encoders by their place, "l", "g" or "t5", and the rule by which a family joins what they say.

    Raises: UserError M067 where an encoder that the family cannot do without is missing.
    """

    parts: Mapping[str, Part]
    rule: Rule
    widths: Mapping[str, int] = field(default_factory=lambda: WIDTHS)
    """Widths that missing encoders would have, by place."""

    def __post_init__(self) -> None:
        missing = [name for name in NEEDED[self.rule] if name not in self.parts]
        if missing or not self.parts:
            raise UserError(
                "M067",
                where=f"text encoders for {self.rule}",
                expected=" and ".join(NAMES[name] for name in NEEDED[self.rule]) or "at least one",
                got=" and ".join(NAMES[name] for name in self.parts) or "none",
                fix="Load all of the family's text encoders together.",
            )

    @property
    def device(self) -> torch.device:
        """Where the first of the networks is now."""
        return next(iter(self.parts.values())).device

    @property
    def dtype(self) -> torch.dtype:
        """The precision the first of the networks computes in."""
        return next(iter(self.parts.values())).dtype

    def with_(self, **changes: Any) -> Self:
        """Return a copy with these fields replaced."""
        return replace(self, **changes)

    def with_parts(self, parts: Mapping[str, Any]) -> Self:
        """Return a copy with these encoders in those places; the others stay."""
        return replace(self, parts={**self.parts, **parts})

    def with_skip(self, skip: int) -> Self:
        """Return a copy whose CLIP encoders stop `skip` layers from the end; see `TextEncoder.with_skip`.

        Differs: ComfyUI lets it choose T5's layer too, which nothing was trained for.
        """
        return self.with_parts({name: part.with_skip(skip) for name, part in self.parts.items()})

    def fitting(self, context: int, pooled: int) -> Self:
        """Return a copy whose missing encoders are as wide as an SD3 network of these widths takes them to be.

        Published networks take the published widths; small ones of the same layout have their own.
        """
        widths = {**self.widths, "t5": context}
        for name, other in (("l", "g"), ("g", "l")):
            if other in self.parts:
                widths[name] = max(0, pooled - self.width(other))
        return replace(self, widths=widths)

    def encode(self, prompt: str | Mapping[str, str]) -> tuple[Tensor, Tensor]:
        """Return the states [1 l d] and the pooled text [1 p] of the family, float32.

        prompt: one for all encoders, or one a place. A place left out says nothing: in SD3, T5 then gives its end token
        alone, and where both CLIPs are left out there are none of their rows, and zeros for their pooled text. Else
        it is the empty prompt. Chunks of CLIP prompts are filled up to the same number.
        Raises: UserError M020 for an embedding that is not found, M021 for one that does not fit.
        """
        texts = dict.fromkeys(self.parts, prompt) if isinstance(prompt, str) else dict(prompt)
        return RULES[self.rule](self._clips(texts), self._t5(texts), self)

    def encode_batch(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return states [b l d] and pooled text [b p] of plain texts, cut to one chunk a CLIP; for training."""
        said = {name: part.encode_batch(prompts) for name, part in self.parts.items()}
        t5 = said.pop("t5", (None, None))[0]
        clips = {name: (states, pooled) for name, (states, pooled) in said.items() if pooled is not None}
        return RULES[self.rule](clips, t5, self)

    def _clips(self, texts: Mapping[str, str]) -> Clips:
        """Return states and pooled text of each CLIP; empty where none of them has anything to say in SD3."""
        clips = {name: part for name, part in self.parts.items() if isinstance(part, TextEncoder)}
        if self.rule == "sd3" and not {"l", "g"} & texts.keys():
            return {}
        chunks = {name: part.chunks(texts.get(name, ""), name) for name, part in clips.items()}
        most = max(map(len, chunks.values()), default=0)
        return {
            name: part.encode_chunks([*chunks[name], *[part.chunk()] * (most - len(chunks[name]))])
            for name, part in clips.items()
        }

    def _t5(self, texts: Mapping[str, str]) -> Tensor | None:
        """Return T5's states, or None without it."""
        part = self.parts.get("t5")
        if not isinstance(part, T5Encoder):
            return None
        if self.rule == "sd3" and "t5" not in texts:
            part = part.with_(min_length=1)
        return part.encode(texts.get("t5", ""))[0]

    def width(self, name: str) -> int:
        """Return the width of a place's states, there or not."""
        part = self.parts.get(name)
        return self.widths[name] if part is None else part.base.config.width


Clips = Mapping[str, tuple[Tensor, Tensor]]
"""States [b l d] and pooled text [b p] by place."""


def sdxl(clips: Clips, _t5: Tensor | None, _stack: TextStack) -> tuple[Tensor, Tensor]:
    """Return L's and bigG's states beside each other, and bigG's pooled text."""
    return torch.cat([clips["l"][0], clips["g"][0]], dim=-1), clips["g"][1]


def sd3(clips: Clips, t5: Tensor | None, stack: TextStack) -> tuple[Tensor, Tensor]:
    """Return L and bigG beside each other up to T5's width, T5 after them, and both pooled texts."""
    first = next(iter(clips.values()), None)
    batch = len(t5) if t5 is not None else 1 if first is None else len(first[0])

    def beside(which: int, *shape: int) -> Tensor:
        """Return the states (0) or pooled texts (1) of both, with zeros of `shape` for one that says nothing."""
        zeros = partial(torch.zeros, device=stack.device)
        return torch.cat(
            [clips[name][which] if name in clips else zeros(*shape, stack.width(name)) for name in ("l", "g")], dim=-1
        )

    rows = []
    if first is not None:
        states = beside(0, *first[0].shape[:2])
        rows.append(F.pad(states, (0, stack.width("t5") - states.shape[-1])))
    if t5 is not None:
        rows.append(t5)
    if not rows:
        rows.append(torch.zeros(1, EMPTY_LENGTH, stack.width("t5"), device=stack.device))
    return torch.cat(rows, dim=1), beside(1, batch)


def flux(clips: Clips, t5: Tensor | None, _stack: TextStack) -> tuple[Tensor, Tensor]:
    """Return T5's states and L's pooled text."""
    assert t5 is not None  # as `NEEDED` says
    return t5, clips["l"][1]


RULES: Mapping[Rule, Callable[[Clips, Tensor | None, TextStack], tuple[Tensor, Tensor]]] = MappingProxyType(
    {"sdxl": sdxl, "sd3": sd3, "flux": flux}
)
