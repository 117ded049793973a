"""Which input of a bypassed node feeds one of its outputs, and when two wire types go together.

Source: the editor's rules, by type. Knows no graph.
"""

from __future__ import annotations

from .parts import UiNode

__all__ = ["bypass_input", "fits"]


def bypass_input(node: UiNode, slot: int, wanted: str) -> int | None:
    """Return the number of the input that stands for output `slot` where `wanted` is asked for; None without one.

    In this order: a wire of any type takes the input of the same number, else the first; the input of the same number
    if it goes with the output's type and with the one wanted; the first of exactly the type wanted; the first that
    fits.
    """
    inputs = node.inputs
    if not inputs:
        return None
    if wanted == "*":
        return slot if slot < len(inputs) else 0
    if slot < len(inputs):
        given = node.outputs[slot].type if slot < len(node.outputs) else "*"
        if fits(inputs[slot].type, given) and fits(inputs[slot].type, wanted):
            return slot
    loose: int | None = None
    for number, entry in enumerate(inputs):
        if entry.type == wanted:
            return number
        if loose is None and fits(entry.type, wanted):
            loose = number
    return loose


def fits(one: str, other: str) -> bool:
    """Tell whether two types go together: equal in any case, either is "*", or unions that share a member."""
    if one == other or "*" in (one, other):
        return True
    left, right = one.casefold(), other.casefold()
    if "," not in left and "," not in right:
        return left == right
    return not {part.strip() for part in left.split(",")}.isdisjoint(part.strip() for part in right.split(","))
