"""Lists on wires: a node that takes single items is called once per item of the lists it receives.

Lists are zipped, a shorter one repeating its last item; results are collected in the same order. Knows nothing of the
executor. Source: ComfyUI's list rules, see `spread`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import UserError
from ..node.spec import NodeSpec

__all__ = ["Many", "collect", "spread"]


class Many(list[Any]):
    """Several values travelling one wire, to be handed on one by one; an ordinary list value is one item."""

    __slots__ = ()


def spread(arguments: Mapping[str, Any], whole: frozenset[str]) -> list[dict[str, Any]]:
    """Return the arguments of each call. `whole`: names of inputs that receive their list undivided.

    If every divided input is an empty list, there is one call without them. Raises UserError R006 when only some are.
    """
    fixed = {
        name: list(value) if isinstance(value, Many) else [value] for name, value in arguments.items() if name in whole
    }
    divided = {
        name: value if isinstance(value, Many) else (value,) for name, value in arguments.items() if name not in whole
    }
    longest = max((len(items) for items in divided.values()), default=0)
    if longest == 0:
        return [fixed]
    for name, items in divided.items():
        if not items:
            raise UserError(
                "R006",
                f'input "{name}"',
                "at least one item",
                "an empty list beside others that are not",
                "Check the node that makes the list.",
                input=name,
            )
    return [
        {**fixed, **{name: items[min(call, len(items) - 1)] for name, items in divided.items()}}
        for call in range(longest)
    ]


def collect(spec: NodeSpec, calls: Iterable[Mapping[str, Any]], mapped: bool) -> dict[str, Any]:
    """Join the outputs of the calls. `mapped`: the node was called per item, so that every output is a list.

    The items of an output declared as a list are joined end to end.
    """
    results = list(calls)
    joined: dict[str, Any] = {}
    for output in spec.outputs:
        values = [result[output.name] for result in results]
        if output.is_list:
            joined[output.name] = Many(item for value in values for item in value)
        elif mapped:
            joined[output.name] = Many(values)
        else:
            joined[output.name] = values[0]
    return joined
