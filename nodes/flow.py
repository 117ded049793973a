"""Choosing and repeating: an if that runs one branch only, and a loop over a sub-graph. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from ..engine.errors import UserError
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.socket import ANY, Socket, SubGraph

LazyAny = Annotated[Any, Socket(ANY, lazy=True)]
AnyList = Annotated[list[Any], Socket(ANY, whole_list=True)]
PLAIN = (str, int, float, bool)


def _branch(condition: bool, **_: Any) -> tuple[str]:
    """Name the branch to run."""
    return ("on_true",) if condition else ("on_false",)


@node("LoomIf", title="If", category="flow", lane="cpu", needs=_branch, aliases=("switch", "condition", "branch"))
def loom_if(
    *, condition: bool = True, on_true: LazyAny = None, on_false: LazyAny = None
) -> Annotated[Any, Socket(ANY)]:
    """Hand on one of two values; what makes the other one never runs.

    condition: true hands on `on_true`, false `on_false`.
    """
    return on_true if condition else on_false


class Item(NamedTuple):
    """One turn of a loop."""

    item: Annotated[Any, Socket(ANY)]
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls on a loop item


@node("LoomItem", title="Loop Item", category="flow", lane="cpu", placeholder=True, aliases=("for each", "iterate"))
def loom_item() -> Item:
    """Stand for the item of the loop that the graph below leads into.

    index: 0 for the first item.
    """
    raise UserError("R020", "Loop Item", "to stand inside a loop", "a run without one", "Lead it into For Each.")


@node("LoomForEach", title="For Each", category="flow", lane="cpu", aliases=("loop", "map", "iterate"))
def loom_for_each(*, items: AnyList, body: SubGraph, context: Context) -> AnyList:
    """Run the graph above `body` once per item, the item in the place of Loop Item; hand on the list of results.

    items: a list on a wire, item by item, or a written list of texts or numbers.
    body: the end of the graph to repeat. What does not depend on the item runs once.
    """
    values = items
    if len(items) == 1 and isinstance(items[0], list) and all(isinstance(value, PLAIN) for value in items[0]):
        values = items[0]
    results = []
    for index, value in enumerate(values):
        inputs: Mapping[str, Any] = {"LoomItem": (value, index)}
        results.append(context.evaluate(body, inputs))
        context.progress(index + 1, len(values))
    return results
