"""Call: a node type made ready to run, and the one place where a node's code is called.

What a spec says is worked out once per type, so that running a node costs little more than its function. Whatever the
function raises comes back as a value; whatever it returns is checked against its declaration. Imports no node itself.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from ..errors import Cancelled, LatentloomError, NodeBug, brief
from ..graph.graph import Node
from ..graph.subgraph import Expand
from ..node.registry import Registry
from ..node.spec import MISSING, NodeSpec
from ..node.widget import Float
from .key import compile_key

__all__ = ["Call", "Check", "Guard", "NoGuard", "attempt", "failure", "shape"]

Check = Callable[[str, Any], str | None]
_TRACE_FRAMES = 30


class Guard(Protocol):
    """What surrounds node code on the torch side: gradients off, save where they are wanted."""

    def thread(self) -> AbstractContextManager[Any]:
        """Entered once by each thread that runs nodes."""

    def grad(self) -> AbstractContextManager[Any]:
        """Entered around a node that trains, and around what is evaluated differentiably."""


class NoGuard:
    """The guard where nothing needs one."""

    def thread(self) -> AbstractContextManager[Any]:
        """Do nothing."""
        return nullcontext()

    def grad(self) -> AbstractContextManager[Any]:
        """Do nothing."""
        return nullcontext()


class Call:
    """A node type ready to run; `function` imports the node's module when it is first called."""

    def __init__(self, registry: Registry, spec: NodeSpec, salt: str) -> None:
        """salt: see `key.compile_key`."""
        inputs = [entry for entry in spec.inputs if entry.hidden is None]
        self.spec = spec
        self.key_plan = compile_key(spec, salt)
        self.cacheable = spec.pure and not spec.effect
        self.fills = tuple((entry.name, entry.default) for entry in inputs if entry.default is not MISSING)
        self.full = len(inputs)  # a node that gives this many inputs needs no default
        self.floats = tuple(entry.name for entry in inputs if isinstance(entry.widget, Float))
        self.lazy = frozenset(entry.name for entry in inputs if entry.lazy)
        self.raw = frozenset(entry.name for entry in inputs if entry.raw)
        self.late = self.lazy | self.raw  # wires that need no value before the node starts
        self.whole = frozenset(entry.name for entry in inputs if entry.whole_list)
        self.hidden = tuple((entry.name, entry.hidden) for entry in spec.inputs if entry.hidden is not None)
        self.names = tuple(output.name for output in spec.outputs)
        self.single = self.names[0] if len(self.names) == 1 and not spec.outputs[0].is_list else None
        self.types = spec.outputs[0].types if self.single is not None else ""
        self.lists = any(output.is_list for output in spec.outputs)
        self.simple = not (
            self.late or self.whole or self.hidden or self.lists or spec.wants_context or spec.is_async or spec.trains
        )
        self.function: Callable[..., Any] = self._first
        self._registry = registry

    def _first(self, **arguments: Any) -> Any:
        """Import the node's function, call it, and be replaced by it."""
        self.function = self._registry.function(self.spec.id)
        return self.function(**arguments)

    def needs(self, available: Mapping[str, Any]) -> set[str]:
        """Return the lazy inputs that the node wants, given the inputs it has. Raises what the node raises."""
        asked = self._registry.needs(self.spec.id)
        return set(self.lazy) if asked is None else set(asked(**available))


def attempt(function: Callable[..., Any], arguments: Mapping[str, Any], node: Node) -> Any:
    """Call node code; what it raises is returned, as an error of that node.

    `Cancelled`, and what is no `Exception` (KeyboardInterrupt, SystemExit), passes through.
    """
    try:
        return function(**arguments)
    except Cancelled:
        raise
    except Exception as error:
        return failure(error, node)


def _place(node: Node) -> str:
    return f"{node.type} (node {node.id})" if not node.title else f'{node.type} "{node.title}" (node {node.id})'


def failure(error: Exception, node: Node) -> LatentloomError:
    """Return `error` as the node's: with its traceback as text, and without the frames, which keep values alive."""
    text = "".join(traceback.format_exception(error, limit=-_TRACE_FRAMES))
    seen: set[int] = set()
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        seen.add(id(chain))
        chain.__traceback__ = None
        chain = chain.__cause__ or chain.__context__
    if isinstance(error, LatentloomError):
        found = error
        if found.node_id is None:
            found.node_id = node.id
    else:
        found = NodeBug(
            "R002",
            _place(node),
            "a result",
            f"{type(error).__name__}: {brief(str(error), 300)}",
            "Report it to the node's author, with the traceback.",
            node_id=node.id,
        )
        found.__cause__ = error
    found.add_note(text)
    return found


def shape(call: Call, returned: Any, check: Check | None, node: Node) -> dict[str, Any] | Expand | LatentloomError:
    """Return what a node returned as outputs by name, or the NodeBug that it is."""
    single = call.single
    if single is not None:
        kind = type(returned)
        types = call.types
        if (kind is int and types == "INT") or (kind is str and types == "STRING"):
            return {single: returned}
        if kind is Expand:
            return returned  # type: ignore[no-any-return]
        if kind is float and types == "FLOAT" and math.isfinite(returned):
            return {single: returned}
        fault = check(types, returned) if check is not None and types != "*" else None
        return {single: returned} if fault is None else _bad_output(call, 0, fault, node)
    if type(returned) is Expand:
        return returned
    return _shape_several(call, returned, check, node)


def _shape_several(call: Call, returned: Any, check: Check | None, node: Node) -> dict[str, Any] | LatentloomError:
    outputs = call.spec.outputs
    if not outputs:
        if returned is None or returned == ():
            return {}
        return _bug(call, node, "no result, as it declares no output", brief(returned))
    values = (returned,) if len(outputs) == 1 else returned
    if not isinstance(values, tuple) or len(values) != len(outputs):
        got = f"{len(values)} values" if isinstance(values, tuple) else brief(returned)
        return _bug(call, node, f"a tuple of {len(outputs)} results: {', '.join(call.names)}", got)
    for number, (output, value) in enumerate(zip(outputs, values, strict=True)):
        if output.is_list and not isinstance(value, (list, tuple)):
            return _bug(call, node, f'a list for output "{output.name}"', brief(value))
        if check is None or output.types == "*":
            continue
        for item in value if output.is_list else (value,):
            fault = check(output.types, item)
            if fault is not None:
                return _bad_output(call, number, fault, node)
    return dict(zip(call.names, values, strict=True))


def _bad_output(call: Call, number: int, fault: str, node: Node) -> NodeBug:
    output = call.spec.outputs[number]
    return _bug(call, node, f'a value of type {output.types} for output "{output.name}"', fault)


def _bug(call: Call, node: Node, expected: str, got: str) -> NodeBug:
    fix = f"The node's own code ({call.spec.module}) is at fault: report it to its author."
    return NodeBug("R003", _place(node), expected, got, fix, node_id=node.id)
