"""The canonical form of a literal input, or what is wrong with it.

Coerces as ComfyUI does before it looks at ranges (20.0 and "20" for a whole number, 8 for a real one), so that equal
settings get equal cache keys. Differs: refuses what ComfyUI silently bends (True as 1, 20.7 as 20, "no" as True, NaN).
Knows nothing of graphs.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import UserError, brief
from ..node.context import Files
from ..node.registry import nearest
from ..node.socket import ANY
from ..node.spec import MISSING, InputSpec, NodeSpec
from ..node.widget import Bool, Choice, File, Float, Int, Seed, Text, Widget

__all__ = ["ABSENT", "FileNames", "Unfit", "canonical", "normalise", "widget_of"]

ABSENT = MISSING
"""What `canonical` returns for a null given to an optional input: as if it were not given."""

_PLAIN: Mapping[str, Widget] = MappingProxyType(
    {"INT": Int(-(2**64), 2**64), "FLOAT": Float(), "STRING": Text(), "BOOLEAN": Bool()}
)
_DEPTH = 64
_HINTS = 50  # wrong file names for which one validation looks for like ones


class Unfit(NamedTuple):
    """Why a literal cannot be taken: a code and three of the four parts of the text."""

    code: str
    expected: str
    got: str
    fix: str


class FileNames:
    """The file names that one validation may use, each folder listed once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._lists: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}
        self._slashed: dict[tuple[str, tuple[str, ...]], dict[str, str]] = {}
        self._absent: dict[tuple[str, str], UserError] = {}
        self._hints = _HINTS

    def find(self, widget: File, name: str) -> str | Unfit:
        """Return the name as the folder lists it, or what is wrong."""
        key = (widget.folder, widget.extensions)
        if key not in self._lists:
            self._lists[key] = self._files.names(*key)
        names = self._lists[key]
        place = bisect_left(names, name)  # they are sorted; a table of thousands of names for one look-up is slow
        if place < len(names) and names[place] == name:
            return names[place]
        if key not in self._slashed:
            self._slashed[key] = {_slashed(entry): entry for entry in names}
        listed = self._slashed[key]
        found = listed.get(_slashed(name))
        if found is not None:
            return found
        error = self._error(widget.folder, name)
        if error is not None:
            # Beyond some different wrong names hints help nobody, and would cost seconds in a folder of many files.
            self._hints -= 1
            near = nearest(name, listed.values()) if self._hints >= 0 else ()
            hint = f"Did you mean {' or '.join(near)}?" if near else f'Put the file into the folder "{widget.folder}".'
            expected = f'a file of the folder "{widget.folder}" ({len(listed)} there)'
            got = brief(name) if error.code == "F001" else f"{brief(name)} ({error.got})"
            return Unfit("G013", expected, got, hint)
        return name

    def _error(self, folder: str, name: str) -> UserError | None:
        """Return why a name that the list lacks cannot be found, asking once for each; None when it can.

        The list may be narrower than what can be read: "a.png [output]", a file written a moment ago.
        """
        if (folder, name) not in self._absent:
            try:
                self._files.find(folder, name)
            except UserError as error:
                self._absent[folder, name] = error
        return self._absent.get((folder, name))


def normalise(spec: NodeSpec, name: str, value: Any) -> Any:
    """Return the canonical form of a literal for input `name` of a node. Raises UserError when it cannot be taken."""
    for entry in spec.inputs:
        if entry.name == name:
            break
    else:
        entry = InputSpec(name, spec.repeat.types if spec.repeat else ANY)
    result = canonical(entry, value)
    if isinstance(result, Unfit):
        raise UserError(result.code, f'{spec.id}, input "{name}"', *result[1:], input=name)
    return None if result is ABSENT else result


def canonical(spec: InputSpec, value: Any, names: FileNames | None = None) -> Any:
    """Return the canonical literal, ABSENT, or `Unfit`. Files are looked up only where `names` is given."""
    if value is None and not spec.required:
        return ABSENT
    widget = widget_of(spec)
    if widget is not None:
        return _for_widget(widget, value, names)
    types = [part.strip() for part in spec.types.split(",")]
    if ANY in types:
        return _plain_data(value)
    for kind in types:
        if kind in _PLAIN and not isinstance(result := _for_widget(_PLAIN[kind], value, None), Unfit):
            return result
    if "COMBO" in types and isinstance(value, str):
        return _text(value)
    if any(kind in _PLAIN for kind in types):
        return Unfit("G005", f"{spec.types} or a wire", _shown(value), "Give such a value or connect an output.")
    return Unfit("G017", f"a wire of type {spec.types}", f"the value {_shown(value)}", "Connect an output to it.")


def widget_of(spec: InputSpec) -> Widget | None:
    """Return the widget whose rules an input's literals follow: its own, or the plain one of its type."""
    return spec.widget or _PLAIN.get(spec.types)


def _for_widget(widget: Widget, value: Any, names: FileNames | None) -> Any:
    if isinstance(widget, (Int, Seed)):
        return _whole(widget, value)
    if isinstance(widget, Float):
        return _real(widget, value)
    if isinstance(widget, Bool):
        return _switch(value)
    if isinstance(widget, Choice):
        return _choice(widget, value)
    if (
        isinstance(value, bool)
        or not isinstance(value, (str, int, float))
        or (isinstance(widget, File) and not isinstance(value, str))
    ):
        return Unfit("G005", "a file name" if isinstance(widget, File) else "text", _shown(value), "Put it in quotes.")
    text = _text(value)
    if isinstance(widget, File) and names is not None and isinstance(text, str):
        return names.find(widget, text)
    return text


def _whole(widget: Int | Seed, value: Any) -> int | Unfit:
    wrong = Unfit("G005", "a whole number", _shown(value), "Give one without quotes or fraction.")
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return wrong
    if isinstance(value, float):
        if not math.isfinite(value):
            return _not_finite(value)
        if not value.is_integer():
            return wrong
        number = int(value)
    elif isinstance(value, str):
        if len(value) > 40:  # int() of a long text is slow, and refused beyond 4,300 digits
            return wrong
        try:
            number = int(value)
        except ValueError:
            return wrong
    else:
        number = int(value)
    return number if widget.min <= number <= widget.max else _out_of_range(widget, number)


def _real(widget: Float, value: Any) -> float | Unfit:
    wrong = Unfit("G005", "a number", _shown(value), "Give one without quotes.")
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return wrong
    try:
        number = float(value)
    except ValueError:
        return wrong
    except OverflowError:
        return _out_of_range(widget, value)
    if not math.isfinite(number):
        return _not_finite(number)
    return number if widget.min <= number <= widget.max else _out_of_range(widget, number)


def _not_finite(number: float) -> Unfit:
    return Unfit("G009", "a finite number", str(number), "Give a number.")


def _out_of_range(widget: Int | Seed | Float, number: Any) -> Unfit:
    fix = "Raise it." if number < widget.min else "Lower it."
    shown = str(number) if isinstance(number, float) or abs(number) < 10**24 else "a far greater number"
    return Unfit("G003", f"{widget.min} to {widget.max}", shown, fix)


def _switch(value: Any) -> bool | Unfit:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return Unfit("G005", "true or false", _shown(value), "Give one of the two.")


def _choice(widget: Choice, value: Any) -> Any:
    if not isinstance(value, bool) and isinstance(value, (str, int, float)):
        for option in widget.options:
            if value == option:
                return option
        if isinstance(value, str):
            for option in widget.options:
                if _slashed(str(option)) == _slashed(value):
                    return option
    elif not isinstance(value, bool):
        return Unfit("G005", "one of its choices", _shown(value), "Give the name of one.")
    options = [str(option) for option in widget.options]
    near = nearest(str(value), options)
    if near:
        fix = f"Did you mean {' or '.join(near)}?"
    else:
        fix = "Choose one of these." if options else "There is nothing to choose from; add what it lists."
    listed = ", ".join(options[:12]) + (f", ... ({len(options)} in all)" if len(options) > 12 else "")
    return Unfit("G008", f"one of {listed}" if options else "one of no choices", _shown(value), fix)


def _text(value: str | int | float) -> str | Unfit:
    text = str(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return Unfit("G025", "text that UTF-8 can hold", "half of a surrogate pair", "Remove the broken character.")
    return text


def _plain_data(value: Any) -> Any:
    """Check that a literal for a wildcard is JSON data with finite numbers and not too deep."""
    level = [value]
    for _ in range(_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, float) and not math.isfinite(item):
                return _not_finite(item)
            if isinstance(item, str):
                if isinstance(unfit := _text(item), Unfit):
                    return unfit
            elif isinstance(item, dict):
                below += item.values()
                below += item
            elif isinstance(item, (list, tuple)):
                below += item
            elif item is not None and not isinstance(item, (bool, int, float)):
                return Unfit("G005", "a wire or plain data", _shown(item), "Connect an output to it.")
        if not below:
            return value
        level = below
    return Unfit("G025", f"lists and objects at most {_DEPTH} deep", "a deeper one", "Give a flatter value.")


def _slashed(name: str) -> str:
    return name.replace("\\", "/")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, int) and abs(value) >= 10**24:
        return "a far greater number"
    return brief(value)
