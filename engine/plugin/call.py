"""call_node: one of our nodes run for the host, between its inputs and its kind of answer.

Leaves the host's inference mode, fills in defaults, calls once per item where lists are taken whole, checks what comes
out. A node with sub-graph inputs goes to `inner`, whose executor runs them. Knows no file format.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch

from ..errors import Cancelled, LatentloomError
from ..graph.graph import Node
from ..graph.subgraph import Expand
from ..guard import TorchGuard
from ..node.spec import NodeSpec
from ..run.call import Call, shape
from ..run.lists import Many, collect, spread
from ..values import check_value
from . import host
from .context import HostContext
from .inner import expanded, with_subgraphs
from .inputs import EXTRA, PROMPT
from .values import handed_out, trainable
from .wires import is_shared

if TYPE_CHECKING:
    from .pack import Pack

__all__ = ["call_node"]


def call_node(pack: Pack, spec: NodeSpec, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Run a node and return {"result": outputs in order, "ui": what it announced}.

    inputs: as the host gives them, its hidden ones too. Raises what the node raises; the host's own exception when its
    user asked for a stop.
    """
    given = dict(inputs)
    whole = any(entry.whole_list for entry in spec.inputs)
    prompt, extra = (_first(given.pop(name, None), whole) for name in (PROMPT, EXTRA))
    context = HostContext(
        pack.folders,
        prompt=prompt if isinstance(prompt, Mapping) else None,
        extra=extra if isinstance(extra, Mapping) else None,
        device=pack.settings.device,
        allowed=frozenset(("pickle",) if pack.settings.allow_pickle else ()),
    )
    try:
        context.check()
        # Inference mode first: inside it no gradient could be turned on.
        with torch.inference_mode(mode=False), _guard(spec):
            outputs = _outputs(pack, spec, trainable(given) if spec.trains else given, context)
    except Cancelled:
        if context.stopped is not None:
            raise context.stopped from None
        raise
    place = host.resting_device()
    result = tuple(
        handed_out(value, place) if is_shared(output.types) else value
        for output, value in zip(spec.outputs, outputs, strict=True)
    )
    return {"result": result, "ui": context.shown} if context.shown else {"result": result}


def _guard(spec: NodeSpec) -> AbstractContextManager[Any]:
    guard = TorchGuard()
    return guard.grad() if spec.trains else guard.thread()


def _outputs(pack: Pack, spec: NodeSpec, given: Mapping[str, Any], context: HostContext) -> list[Any]:
    """Return the values of the outputs in order; one that the host takes apart is a list."""
    call = _ready(pack, spec)
    whole = any(entry.whole_list for entry in spec.inputs)
    arguments: dict[str, Any] = {name: Many(value) if whole else value for name, value in given.items()}
    if call.raw:
        found = with_subgraphs(pack, spec, arguments, context)
        return [
            _listed(found[output.name]) if output.is_list or whole else found[output.name] for output in spec.outputs
        ]
    calls = spread(arguments, call.whole) if whole else [arguments]
    answers = [_called(pack, call, one, context) for one in calls]
    joined = collect(spec, answers, mapped=whole)
    return [list(joined[name]) if isinstance(joined[name], Many) else joined[name] for name in call.names]


def _called(pack: Pack, call: Call, given: Mapping[str, Any], context: HostContext) -> dict[str, Any]:
    """Call the node's function once. Raises what it raises, NodeBug for a result that it did not declare."""
    spec = call.spec
    arguments = {**dict(call.fills), **given}
    for name in call.floats:
        if type(arguments.get(name)) is int:
            arguments[name] = float(arguments[name])
    if spec.wants_context is not None:
        arguments[spec.wants_context] = context
    returned = call.function(**arguments)
    if asyncio.iscoroutine(returned):
        returned = asyncio.run(returned)
    answer = shape(call, returned, check_value, Node("in ComfyUI", spec.id, {}))
    if isinstance(answer, LatentloomError):
        raise answer
    return expanded(pack, answer, context) if isinstance(answer, Expand) else answer


def _ready(pack: Pack, spec: NodeSpec) -> Call:
    calls = pack.registry.derived("calls of the plugin")
    call: Call | None = calls.get(spec.id)
    if call is None:
        call = calls[spec.id] = Call(pack.registry, spec, "")
    return call


def _first(value: Any, whole: bool) -> Any:
    """Return an input of which there is one only; the host wraps it where a node takes lists."""
    return value[0] if whole and isinstance(value, list) and value else value


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
