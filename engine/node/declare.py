"""`@node`: turns an ordinary function into a node by reading its signature; the function itself is left as it is.

The decorator only attaches a `NodeSpec` as `__node__`; nothing is registered at import, so the order in which modules
load never matters. Knows nothing of registries or graphs.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

from ..errors import NodeBug
from .migration import Migration
from .signature import read_signature
from .spec import InputSpec, NodeSpec, OutputSpec

__all__ = ["Lane", "node"]

F = TypeVar("F", bound=Callable[..., Any])
Lane = Literal["device", "cpu", "io"]
Needs = Callable[..., Iterable[str]]


def node(
    id: str,
    *,
    category: str,
    title: str | None = None,
    effect: bool = False,
    trains: bool = False,
    pure: bool = True,
    version: int = 1,
    lane: Lane = "device",
    inputs: Iterable[InputSpec] = (),
    outputs: Iterable[str | OutputSpec] | None = None,
    needs: Needs | None = None,
    placeholder: bool = False,
    deprecated: bool = False,
    experimental: bool = False,
    aliases: Iterable[str] = (),
    former_ids: Iterable[str] = (),
    migrations: Iterable[Migration] = (),
) -> Callable[[F], F]:
    """Declare the decorated function as the node `id`; its signature gives inputs and outputs (see `signature`).

    inputs: further ones, received by the function's `**` parameter, whose names Python need not be able to spell.
    outputs: other output names than the annotation gives, or whole `OutputSpec`s.
    needs: for lazy inputs; called with the inputs available by name, returns the names of lazy inputs wanted now.
    The other arguments are the fields of `NodeSpec`. Raises NodeBug N001 for a signature that cannot be read.
    """

    def declare(function: F) -> F:
        if not re.fullmatch(r"\S(.*\S)?", id):
            raise NodeBug("N001", f"declaration of {id!r}", "an id without outer blanks", repr(id), "Rename it.")
        signature = read_signature(id, function, outputs)
        further = tuple(inputs)
        spec = NodeSpec(
            id=id,
            title=title or _title(id),
            category=category,
            module=function.__module__,
            function=function.__qualname__,
            inputs=(*signature.inputs, *further),
            outputs=signature.outputs,
            repeat=None if further else signature.repeat,
            description=signature.description,
            version=version,
            effect=effect,
            trains=trains,
            pure=pure,
            lane=lane,
            wants_context=signature.wants_context,
            is_async=inspect.iscoroutinefunction(function),
            placeholder=placeholder,
            has_needs=needs is not None,
            deprecated=deprecated,
            experimental=experimental,
            aliases=tuple(aliases),
            former_ids=tuple(former_ids),
            migrations=tuple(migrations),
        )
        _check(spec)
        function.__node__ = spec  # type: ignore[attr-defined]  # a function takes any attribute
        function.__needs__ = needs  # type: ignore[attr-defined]
        return function

    return declare


def _check(spec: NodeSpec) -> None:
    """Refuse a declaration that contradicts itself. Raises NodeBug N001."""
    names = {entry.name for entry in spec.inputs}
    lazy = [entry.name for entry in spec.inputs if entry.lazy]
    if lazy and not spec.has_needs:
        raise _contradiction(spec, f'lazy input "{lazy[0]}"', "a needs= function that asks for it", "none")
    if spec.has_needs and not lazy:
        raise _contradiction(spec, "needs=", "an input annotated as lazy", "none")
    for output in spec.outputs:
        if output.facets_from is not None and output.facets_from not in names:
            raise _contradiction(spec, f'output "{output.name}"', "facets from one of its inputs", output.facets_from)
    steps = [step.from_version for step in spec.migrations]
    if len(set(steps)) != len(steps) or not all(0 < step < spec.version for step in steps):
        raise _contradiction(spec, "migrations", f"one step at most from each version below {spec.version}", str(steps))
    if spec.id in spec.former_ids:
        raise _contradiction(spec, "former_ids", "ids that differ from the present one", spec.id)


def _contradiction(spec: NodeSpec, place: str, expected: str, got: str) -> NodeBug:
    return NodeBug("N001", f"declaration of {spec.id}, {place}", expected, got, "Correct the declaration.")


def _title(node_id: str) -> str:
    """Return "Train GRPO" for "LoomTrainGRPO": words split where case changes, our prefix dropped."""
    bare = node_id.removeprefix("Loom") or node_id
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", bare)
