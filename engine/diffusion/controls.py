"""What guidance asks of a picture that steers a network beside the prompt: bound once, evaluated with every call.

Knows nothing of the networks that do it. Keys of the conditioning's dict are ComfyUI's: "control" holds the value,
"control_apply_to_uncond" says that other prompts get it as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor

from ..errors import UserError, brief

__all__ = ["Binder", "BoundControl", "Residuals", "spread_controls"]

Entry = tuple[Tensor, Mapping[str, Any]]


class Residuals(Protocol):
    """What a network calls with what it sees itself, to learn what to add inside."""

    def __call__(self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None) -> list[Tensor]:
        """x: [b c h w], scaled for the network; timesteps: [b]; context: [b l d]; y: [b v] where it has a vector."""


class BoundControl(Protocol):
    """A control made ready for a model and a size."""

    def at(self, sigma: float, members: int) -> Residuals | None:
        """Return what acts at that noise level, or None; `members` batches are joined in the call."""


class Binder:
    """Binds each control once for each size, so that entries that share one can share a network call."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._bound: dict[tuple[int, tuple[int, ...]], tuple[Any, BoundControl]] = {}

    def __call__(self, control: Any, x: Tensor) -> BoundControl | None:
        """Return the control for latents like x [b c h w]; None for None. Raises: UserError V180 for what is none."""
        if control is None:
            return None
        if not hasattr(control, "bind"):
            fix = "Apply a ControlNet to the prompt."
            raise UserError("V180", 'conditioning, "control"', "a control", brief(control), fix)
        key = (id(control), tuple(x.shape))
        if key not in self._bound:
            # The control is kept beside, so that its id stays its own.
            self._bound[key] = (control, control.bind(self._model, x))
        return self._bound[key][1]


def spread_controls(lists: Sequence[Sequence[Entry]]) -> list[list[Entry]]:
    """Return the lists with the first one's controls given to the others, where they are meant for those as well.

    A list with a control of its own is left alone; entries with an area are not counted. Where there are more controls
    than entries, entries are repeated.
    """
    result = [list(entries) for entries in lists]
    given = [options["control"] for _, options in result[0] if meant_for_all(options)] if result else []
    for entries in result[1:]:
        free = [place for place, (_, options) in enumerate(entries) if options.get("area") is None]
        if not free or any(entries[place][1].get("control") is not None for place in free):
            continue
        plain = [entries[place] for place in free]
        for number, control in enumerate(given):
            context, options = plain[number % len(plain)]
            steered = (context, {**options, "control": control})
            if number < len(free):
                entries[free[number]] = steered
            else:
                entries.append(steered)
    return result


def meant_for_all(options: Mapping[str, Any]) -> bool:
    """Tell whether an entry has a control that other prompts get as well."""
    return (
        options.get("control") is not None
        and bool(options.get("control_apply_to_uncond"))
        and options.get("area") is None
    )
