"""Generates `build.pyi`: a method per node type, so that an editor completes node names, inputs and outputs.

Deterministic: equal specs give equal text. `is_stale` tells whether a file on disk is behind. Names that Python cannot
spell stay reachable through `add(...)` and `handle["name"]`.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from pathlib import Path

from ..node.spec import MISSING, InputSpec, NodeSpec, OutputSpec
from ..node.widget import Bool, Choice, File, Float, Int, Seed, Text

__all__ = ["generate", "is_stale"]

_HEAD = '''# ruff: noqa
"""Generated from the node declarations by `make stubs`; do not edit."""

from typing import Any as _Any
from typing import Literal as _Literal

from ..node.registry import Registry as _Registry
from .builder import GraphBuilder as _GraphBuilder
from .builder import Handle, Wire

__all__ = ["Builder", "Handle", "Wire"]

_Handle = Handle
_Wired = Handle | Wire
'''

_CLASS = """class Builder(_GraphBuilder):
    def __init__(self, registry: _Registry | None = None) -> None: ...
"""

# What the stub's own annotations and the builder's own methods are called.
_TAKEN = frozenset(("add", "bool", "float", "graph", "int", "property", "registry", "set", "str", "use"))


def generate(specs: Iterable[NodeSpec]) -> str:
    """Return the text of the stub file for `specs`, ordered by id."""
    usable = [spec for spec in sorted(specs, key=lambda spec: spec.id) if _spellable(spec.id)]
    parts = [_HEAD]
    parts += [_handle(spec) for spec in usable if any(_spellable(output.name) for output in spec.outputs)]
    parts.append(_CLASS)
    body = "".join(_method(spec) for spec in usable)
    return "\n".join(parts) + body


def is_stale(path: str | Path, specs: Iterable[NodeSpec]) -> bool:
    """Tell whether the file at `path` is absent or differs from what `specs` would give."""
    try:
        return Path(path).read_text(encoding="utf-8") != generate(specs)
    except (OSError, UnicodeDecodeError):
        return True


def _spellable(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_") and name not in _TAKEN


def _handle(spec: NodeSpec) -> str:
    lines = [f"class _{spec.id}(Handle):"]
    for output in spec.outputs:
        if _spellable(output.name):
            lines.append("    @property")
            lines.append(f"    def {output.name}(self) -> Wire:")
            lines.append(f"        {_doc([_told(output)])}")
    return "\n".join(lines) + "\n"


def _told(output: OutputSpec) -> str:
    kind = f"list of {output.types}" if output.is_list else output.types
    return f"{kind}. {output.tooltip}" if output.tooltip else f"{kind}."


def _method(spec: NodeSpec) -> str:
    result = f"_{spec.id}" if any(_spellable(output.name) for output in spec.outputs) else "_Handle"
    shown = [entry for entry in spec.inputs if entry.hidden is None]
    lines = [f"    def {spec.id}(", "        self,", "        *,"]
    lines += [f"        {entry.name}: {_annotation(entry)}," for entry in shown if _spellable(entry.name)]
    lines.append("        _id: str | None = None,")
    lines.append('        _title: str = "",')
    if spec.repeat is not None or any(not _spellable(entry.name) for entry in shown):
        lines.append("        **inputs: _Any,")
    lines.append(f"    ) -> {result}:")
    help_lines = [spec.description or spec.title]
    told = [f"{entry.name}: {entry.tooltip}" for entry in shown if entry.tooltip]
    if spec.repeat is not None:
        told.append(f"inputs: {spec.repeat.minimum} to {spec.repeat.maximum} of {spec.repeat.pattern}")
    if spec.deprecated:
        help_lines[0] += " Deprecated."
    if told:
        help_lines += ["", *told]
    lines.append("        " + _doc(help_lines))
    return "\n".join(lines) + "\n"


def _annotation(entry: InputSpec) -> str:
    kinds = [_literal_type(entry), "_Wired"]
    if not entry.required:
        kinds.append("None")
    text = " | ".join(kind for kind in kinds if kind)
    if entry.default is not MISSING:
        return f"{text} = {entry.default!r}"
    return text if entry.required else f"{text} = None"


def _literal_type(entry: InputSpec) -> str:
    widget = entry.widget
    if isinstance(widget, Choice):
        # A list as long as this is a list of files or fonts; an editor shows it better than a type does.
        if 0 < len(widget.options) <= 60:
            return f"_Literal[{', '.join(repr(option) for option in widget.options if not isinstance(option, float))}]"
        return "str"
    if isinstance(widget, (Text, File)):
        return "str"
    if isinstance(widget, (Int, Seed)):
        return "int"
    if isinstance(widget, Float):
        return "float"
    if isinstance(widget, Bool):
        return "bool"
    return "_Any" if entry.types == "*" else ""


def _doc(lines: list[str]) -> str:
    text = "\n        ".join(line.replace("\\", "\\\\").replace('"""', "'''") for line in lines)
    text = text.replace("\n        \n", "\n\n")
    return f'"""{text} """' if text.endswith('"') else f'"""{text}"""'
