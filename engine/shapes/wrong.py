"""Captions that are wrong in exactly one thing: what a judge must refuse, and so the proof that it looks.

Knows nothing of pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .scene import Meaning, Thing
from .vocabulary import BACKGROUNDS, COLOURS, NUMBERS, POSITIONS, RELATIONS, SHAPES, SIZES

__all__ = ["wrong_meanings"]


def wrong_meanings(said: Meaning) -> Iterator[tuple[str, Meaning]]:
    """Yield (attribute, meaning) for every way to make one attribute of a true meaning false.

    Attributes: colour, shape, size, position, relation, background where stated; count; binding (two things
    swap their colours), order (two things swap places in a relation).
    """
    for place, thing in enumerate(said.things):
        for attribute, changed in _wrong_things(thing):
            things = (*said.things[:place], changed, *said.things[place + 1 :])
            if len({(each.colour, each.shape) for each in things}) == len(things):
                yield attribute, replace(said, things=things)
    if len(said.things) == 1 and said.things[0].position is None:
        (thing,) = said.things
        numbers = [number for number in (1, *NUMBERS.values()) if number != thing.count]
        yield from (("count", replace(said, things=(replace(thing, count=number),))) for number in numbers)
    if said.background is not None:
        others = [word for word in BACKGROUNDS if word != said.background]
        yield from (("background", replace(said, background=word)) for word in others)
    if said.relation is not None:
        yield from (("relation", replace(said, relation=word)) for word in RELATIONS if word != said.relation)
        yield "order", replace(said, things=said.things[::-1])
    if len(said.things) == 2:
        first, second = said.things
        if first.colour != second.colour and first.shape != second.shape:
            swapped = replace(first, colour=second.colour), replace(second, colour=first.colour)
            yield "binding", replace(said, things=swapped)


def _wrong_things(thing: Thing) -> Iterator[tuple[str, Thing]]:
    yield from (("colour", replace(thing, colour=word)) for word in COLOURS if word != thing.colour)
    yield from (("shape", replace(thing, shape=word)) for word in SHAPES if word != thing.shape)
    if thing.size is not None:
        yield from (("size", replace(thing, size=word)) for word in SIZES if word != thing.size)
    if thing.position is not None:
        others = [word for word in POSITIONS if word != thing.position]
        yield from (("position", replace(thing, position=word)) for word in others)
