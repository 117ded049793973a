"""Reads a node's signature: annotations become inputs and outputs, the docstring becomes help texts.

What an annotation means: `Annotated[T, Socket | widget]` says it outright; `int`, `float`, `str`, `bool` get their
plain widget; `Literal` a choice; `X | None` an optional input; `Context` and `Hidden` what the engine fills in. Knows
nothing of registries or graphs.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, NoReturn, Union, get_args, get_origin, get_type_hints

from ..errors import NodeBug
from .context import Context
from .socket import ANY, HIDDEN, FileFacets, Hidden, Socket
from .spec import MISSING, InputSpec, OutputSpec, Repeat
from .widget import Bool, Choice, File, Float, Int, Seed, Text, Widget

__all__ = ["Signature", "read_signature"]

_PLAIN: Mapping[type, Widget] = types.MappingProxyType({int: Int(), float: Float(), str: Text(), bool: Bool()})
_WIDGETS = (Int, Seed, Float, Bool, Text, Choice, File)


class Signature(NamedTuple):
    """What a function's signature and docstring declare."""

    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    repeat: Repeat | None
    wants_context: str | None
    description: str


class _Meaning(NamedTuple):
    """One annotation taken apart."""

    socket: Socket
    widget: Widget | None = None
    optional: bool = False
    hidden: str | None = None
    repeat: Repeat | None = None
    facets_from: str | None = None


def read_signature(
    node_id: str, function: Callable[..., Any], outputs: Iterable[str | OutputSpec] | None = None
) -> Signature:
    """Read `function`'s declaration; `outputs` replaces output names (strings) or outputs. Raises NodeBug N001."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise _bug(node_id, "annotations", "names defined before the function", str(error)) from error
    inputs: list[InputSpec] = []
    repeat: Repeat | None = None
    context: str | None = None
    parameters = inspect.signature(function).parameters
    description, tips = _help(inspect.getdoc(function) or "")
    for name, parameter in parameters.items():
        if name not in hints:
            _refuse(node_id, f'input "{name}"', "a type annotation", "none")
        if _is_context(hints[name]):
            context = name
            continue
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            _refuse(node_id, f'input "{name}"', "a parameter that can be given by name", str(parameter.kind))
        if name.startswith("_"):
            _refuse(node_id, f'input "{name}"', "a name without a leading underscore", name)
        meaning = _meaning(node_id, name, hints[name])
        if parameter.kind is parameter.VAR_KEYWORD:
            repeat = _repeat(meaning)
        else:
            inputs.append(_input(node_id, name, parameter.default, meaning, tips.get(name, "")))
    if outputs is not None:
        outputs = tuple(outputs)
    if outputs and all(isinstance(entry, OutputSpec) for entry in outputs):
        found = tuple(entry for entry in outputs if isinstance(entry, OutputSpec))
    else:
        found = _outputs(node_id, hints.get("return"), "return" in hints, tips)
        if outputs is not None:
            found = _renamed(node_id, found, outputs)
    names = [output.name for output in found]
    if len(set(names)) != len(names):
        _refuse(node_id, "outputs", "different names (give them with outputs=)", ", ".join(names))
    return Signature(tuple(inputs), found, repeat, context, description)


def _bug(node_id: str, place: str, expected: str, got: str) -> NodeBug:
    return NodeBug("N001", f"declaration of {node_id}, {place}", expected, got, "Correct the node's signature.")


def _refuse(node_id: str, place: str, expected: str, got: str) -> NoReturn:
    raise _bug(node_id, place, expected, got)


def _is_context(hint: Any) -> bool:
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return Context in members


def _meaning(node_id: str, name: str, hint: Any) -> _Meaning:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(node_id, name, hint)
    if origin is Annotated:
        return _annotated(node_id, name, hint)
    if origin is Literal:
        widget: Widget = Choice(get_args(hint))
        return _Meaning(Socket(widget.type), widget)
    if hint is Any or hint is object:
        return _Meaning(Socket(ANY))
    plain = _PLAIN.get(hint) if isinstance(hint, type) else None
    if plain is None:
        _refuse(node_id, f'"{name}"', "a wire alias, a widget, Literal, int, float, str or bool", repr(hint))
    return _Meaning(Socket(plain.type), plain)


def _union(node_id: str, name: str, hint: Any) -> _Meaning:
    members = [member for member in get_args(hint) if member is not type(None)]
    # A node that may return a sub-graph instead of its values says so: `-> Image | Expand`.
    wired = [member for member in members if not getattr(member, "__expansion__", False)]
    if not wired:
        _refuse(node_id, f'"{name}"', "a type beside None", repr(hint))
    optional = type(None) in get_args(hint)
    meanings = [_meaning(node_id, name, member) for member in wired]
    if len(meanings) == 1:
        return meanings[0]._replace(optional=optional or meanings[0].optional)
    joined = ",".join(dict.fromkeys(part for meaning in meanings for part in meaning.socket.names))
    return _Meaning(Socket(joined), optional=optional)


def _annotated(node_id: str, name: str, hint: Any) -> _Meaning:
    base, *metadata = get_args(hint)
    marks = [mark for mark in metadata if isinstance(mark, (Socket, Hidden, Repeat, FileFacets, *_WIDGETS))]
    sockets = [mark for mark in marks if isinstance(mark, Socket)]
    widgets = [mark for mark in marks if isinstance(mark, _WIDGETS)]
    optional = get_origin(base) in (Union, types.UnionType) and type(None) in get_args(base)
    if sockets:
        meaning = _Meaning(sockets[-1], optional=optional)  # the outermost says it best
    elif widgets:
        meaning = _Meaning(Socket(widgets[-1].type), widgets[-1], optional)
    elif any(isinstance(mark, (Hidden, Repeat)) for mark in marks):
        meaning = _Meaning(Socket(ANY))
    else:
        meaning = _meaning(node_id, name, base)
    for mark in marks:
        if isinstance(mark, Hidden):
            if mark.kind not in HIDDEN:
                _refuse(node_id, f'input "{name}"', f"one of {', '.join(HIDDEN)}", mark.kind)
            meaning = meaning._replace(hidden=mark.kind, optional=True)
        elif isinstance(mark, Repeat):
            meaning = meaning._replace(repeat=mark)
        elif isinstance(mark, FileFacets):
            meaning = meaning._replace(facets_from=mark.input)
    return meaning


def _repeat(meaning: _Meaning) -> Repeat:
    repeat = meaning.repeat or Repeat()
    if repeat.types == ANY and meaning.socket.types != ANY:
        repeat = Repeat(repeat.pattern, meaning.socket.types, repeat.minimum, repeat.maximum)
    return repeat


def _input(node_id: str, name: str, default: Any, meaning: _Meaning, tooltip: str) -> InputSpec:
    widget, socket = meaning.widget, meaning.socket
    given: Any = MISSING if default is inspect.Parameter.empty or default is None else default
    if widget is None:
        if given is not MISSING and meaning.hidden is None:
            _refuse(node_id, f'input "{name}"', "no default but None, as it has no widget", repr(given))
        given = MISSING
    elif given is not MISSING:
        given = _checked_default(node_id, name, widget, given)
    # Without `| None` in the annotation, `= None` still tells that the node runs without the input.
    optional = meaning.optional or default is None
    if optional and default is inspect.Parameter.empty and meaning.hidden is None:
        _refuse(node_id, f'input "{name}"', "a default, as it is optional", "none")
    return InputSpec(
        name=name,
        types=socket.types,
        widget=widget,
        default=given,
        required=not optional,
        lazy=socket.lazy,
        whole_list=socket.whole_list,
        raw=socket.raw,
        hidden=meaning.hidden,
        tooltip=tooltip,
        facets=dict(socket.facets),
    )


def _checked_default(node_id: str, name: str, widget: Widget, value: Any) -> Any:
    place = f'input "{name}"'
    if isinstance(widget, Bool):
        if not isinstance(value, bool):
            _refuse(node_id, place, "True or False as default", repr(value))
    elif isinstance(widget, Choice):
        if value not in widget.options:
            _refuse(node_id, place, "a default among its choices", repr(value))
    elif isinstance(widget, (Text, File)):
        if not isinstance(value, str):
            _refuse(node_id, place, "text as default", repr(value))
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or not widget.min <= value <= widget.max:
        _refuse(node_id, place, f"a default from {widget.min} to {widget.max}", repr(value))
    elif isinstance(widget, Float):
        return float(value)
    elif not isinstance(value, int):
        _refuse(node_id, place, "a whole number as default", repr(value))
    return value


def _outputs(node_id: str, hint: Any, declared: bool, tips: Mapping[str, str]) -> tuple[OutputSpec, ...]:
    if not declared:
        _refuse(node_id, "outputs", "a return annotation (-> None when there are none)", "none")
    if hint is None or hint is type(None):
        return ()
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        fields = get_type_hints(hint, include_extras=True)
        named = [(name, fields[name]) for name in hint._fields]
    elif get_origin(hint) is tuple:
        named = [("", member) for member in get_args(hint)]
    else:
        named = [("", hint)]
    return tuple(_output(node_id, name, member, tips) for name, member in named)


def _output(node_id: str, name: str, hint: Any, tips: Mapping[str, str]) -> OutputSpec:
    meaning = _meaning(node_id, name or "return", hint)
    socket = meaning.socket
    shown = name or socket.types
    return OutputSpec(
        shown, socket.types, socket.whole_list, tips.get(shown, ""), dict(socket.facets), meaning.facets_from
    )


def _renamed(
    node_id: str, found: tuple[OutputSpec, ...], given: tuple[str | OutputSpec, ...]
) -> tuple[OutputSpec, ...]:
    if len(found) != len(given):
        _refuse(node_id, "outputs=", f"{len(found)} entries, as the return annotation has", str(len(given)))
    return tuple(
        new
        if isinstance(new, OutputSpec)
        else OutputSpec(new, old.types, old.is_list, old.tooltip, old.facets, old.facets_from)
        for old, new in zip(found, given, strict=True)
    )


_TIP = re.compile(r"^([A-Za-z]\w*):\s+(\S.*)$")


def _help(doc: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its first paragraph and its `name: text` lines, each with its indented continuation."""
    description = " ".join(line.strip() for line in doc.split("\n\n", 1)[0].splitlines())
    tips: dict[str, str] = {}
    current = ""
    for line in doc.splitlines()[1:]:
        match = _TIP.match(line)
        if match:
            current = match[1]
            tips[current] = match[2].strip()
        elif current and line.startswith((" ", "\t")) and line.strip():
            tips[current] += " " + line.strip()
        else:
            current = ""
    return description, tips
