"""The host's description of a node's inputs, made of our declaration each time it is asked for.

Lists of files are filled in then, as the host's own nodes do. Knows no torch and calls no node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..comfy.schema import input_config
from ..node.context import Files
from ..node.socket import ANY
from ..node.spec import InputSpec, NodeSpec, Repeat
from ..node.widget import Choice, File
from .wires import wire_type

__all__ = ["EXTRA", "PROMPT", "AnyInputs", "hidden_inputs", "input_types", "shown_inputs"]

PROMPT, EXTRA = "latentloom_prompt", "latentloom_extra"
"""Inputs that the host fills in for the `Context` of a node that asks for one."""


_REPEATS = 16  # of an input that may be given many times, so many are shown


class AnyInputs(dict[str, Any]):
    """Optional inputs of a node that takes any name: the host finds every one declared."""

    def __init__(self, known: Mapping[str, Any], config: tuple[Any, ...]) -> None:
        super().__init__(known)
        self._config = config

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> tuple[Any, ...]:
        return self._config


def input_types(spec: NodeSpec, files: Files | None) -> dict[str, dict[str, Any]]:
    """Return the sections "required", "optional" and "hidden", names in the order of the declaration."""
    required: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for entry in shown_inputs(spec):
        (required if entry.required else optional)[entry.name] = _config(entry, files)
    repeat = spec.repeat
    if repeat is not None:
        config = (wire_type(repeat.types),)
        for number, name in enumerate(_repeated(repeat), 1):
            (required if number <= repeat.minimum else optional)[name] = config
        if repeat.pattern == ANY:
            optional = AnyInputs(optional, config)
    found = {"required": required, "optional": optional, "hidden": hidden_inputs(spec)}
    return {section: names for section, names in found.items() if names or section == "required" or _open(names)}


def shown_inputs(spec: NodeSpec) -> Iterator[InputSpec]:
    """Yield the inputs that a user sees."""
    return (entry for entry in spec.inputs if entry.hidden is None)


def hidden_inputs(spec: NodeSpec) -> dict[str, str]:
    """Return what the host fills in by itself: input name -> its word for it."""
    found = {entry.name: entry.hidden for entry in spec.inputs if entry.hidden is not None}
    if spec.wants_context is not None or any(entry.raw for entry in spec.inputs):
        found |= {PROMPT: "PROMPT", EXTRA: "EXTRA_PNGINFO"}
    return found


def _config(entry: InputSpec, files: Files | None) -> tuple[Any, ...]:
    kind, *options = input_config(entry, files)
    if not isinstance(entry.widget, (Choice, File)):
        kind = wire_type(entry.types)
    if entry.raw:
        # Lazy and never asked for: the host hands over the wire itself and runs nothing above it.
        return kind, {**(options[0] if options else {}), "rawLink": True, "lazy": True}
    return kind, *options


def _repeated(repeat: Repeat) -> list[str]:
    """Return names for inputs that may be given many times; none where any name will do."""
    if "{n}" not in repeat.pattern:
        return []
    count = min(repeat.maximum, max(repeat.minimum, _REPEATS))
    return [repeat.pattern.replace("{n}", str(number)) for number in range(1, count + 1)]


def _open(names: Mapping[str, Any]) -> bool:
    return isinstance(names, AnyInputs)
