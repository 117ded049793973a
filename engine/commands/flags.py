"""A workflow's own flags: `latentloom run FILE --NAME VALUE`, from the inputs that the workflow marks.

Reads what the command's parser did not know. Knows no parser and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UserError, brief
from ..graph.assign import parse_value
from ..graph.interface import Interface, Port, key
from ..node.registry import nearest
from ..node.spec import MISSING
from ..node.widget import Bool, Choice, File, Float, Int, Seed, Text

__all__ = ["describe", "read_flags"]

_WORDS = ("true", "false", "yes", "no", "on", "off", "1", "0")
_MANY = 8  # choices that a line of help shows


def read_flags(words: Sequence[str], face: Interface, own: Sequence[str]) -> dict[str, Any]:
    """Return the values that `words` give to inputs, by port name.

    own: the command's own flags, which go before ports of the same name; those are "--input-NAME". A switch may stand
    alone, and "--no-NAME" turns it off. Raises UserError C062 (unknown flag), C063 (a flag without a value).
    """
    flags = _flags(face, own)
    found: dict[str, Any] = {}
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        flag, equals, text = word.partition("=")
        name = _folded(flag)
        port = flags.get(name)
        off = flags.get("--" + name[5:]) if port is None and name.startswith("--no-") else None
        if off is not None and isinstance(off.widget, Bool) and not equals:
            found[off.name] = False
            continue
        if port is None:
            raise _unknown(word, flags, own)
        if not equals:
            after = words[position] if position < len(words) else None
            if isinstance(port.widget, Bool) and (after is None or after.strip().lower() not in _WORDS):
                found[port.name] = True
                continue
            if after is None or _folded(after.partition("=")[0]) in flags:
                fix = f'Write {flag}=VALUE where the value begins with "--".'
                raise UserError("C063", f"flag {flag}", "a value after it", "none", fix)
            text = after
            position += 1
        found[port.name] = parse_value(text, port.spec)
    return found


def describe(face: Interface, own: Sequence[str]) -> str:
    """Return the lines of help that list a workflow's flags and results."""
    lines: list[str] = []
    if face.inputs:
        lines.append("inputs of the workflow:")
        for flag, port in _flags(face, own).items():
            lines.append(f"  {flag} {_metavar(port)}")
            lines.append(f"        {_about(port)}")
    else:
        lines.append("The workflow marks no inputs; --set NODE.INPUT=VALUE changes any.")
    if face.outputs:
        lines.append("results:")
        lines += [f"  {port.name} ({port.type})  {port.description}".rstrip() for port in face.outputs]
    lines += [f"  {problem}" for problem in face.problems]
    return "\n".join(lines)


def _flags(face: Interface, own: Sequence[str]) -> Mapping[str, Port]:
    taken = {_folded(flag) for flag in own}
    found: dict[str, Port] = {}
    for port in face.inputs:
        plain = _folded(f"--{port.name}")
        found[f"--input-{plain[2:]}" if plain in taken else plain] = port
    return found


def _folded(flag: str) -> str:
    """Return the spelling under which flags are compared."""
    dashes = "--" if flag.startswith("--") else ""
    return dashes + key(flag[len(dashes) :]).replace("_", "-")


def _unknown(word: str, flags: Mapping[str, Port], own: Sequence[str]) -> UserError:
    flag = word.partition("=")[0]
    near = nearest(flag, [*flags, *own]) if flag.startswith("-") else ()
    if near:
        fix = f"Did you mean {' or '.join(near)}?"
    elif flags:
        fix = "Inputs of the workflow are listed by `latentloom run FILE --help`."
    else:
        fix = "The workflow marks no inputs; --set NODE.INPUT=VALUE changes any."
    expected = f"a flag of the command or of the workflow{': ' + ', '.join(flags) if flags else ''}"
    return UserError("C062", "arguments", expected, brief(word), fix)


def _metavar(port: Port) -> str:
    widget = port.widget
    if isinstance(widget, Choice):
        shown = [str(option) for option in widget.options[:_MANY]]
        return "|".join(shown) + ("|..." if len(widget.options) > _MANY else "")
    if isinstance(widget, Int | Seed):
        return "N"
    if isinstance(widget, Float):
        return "X"
    return "FILE" if isinstance(widget, File) else "TEXT" if isinstance(widget, Text) else "[yes|no]"


def _about(port: Port) -> str:
    parts = [port.description.rstrip(".")] if port.description else []
    widget = port.widget
    if isinstance(widget, Int | Seed | Float) and (abs(widget.min) < 2**31 or abs(widget.max) < 2**31):
        parts.append(f"{widget.min} to {widget.max}")
    if isinstance(widget, File):
        parts.append(f"a file of the folder {widget.folder}" + (", or a path" if widget.folder == "input" else ""))
    if port.default is not MISSING:
        parts.append(f"default {brief(port.default, 60)}")
    elif not port.required:
        parts.append("else what the workflow wires in")
    else:
        parts.append("must be given")
    return "; ".join(parts)
