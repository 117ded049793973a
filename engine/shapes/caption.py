"""Captions: `write` words what a scene says of itself, `read` finds the meaning of such a sentence again.

One grammar serves both: `read(write(scene, rng)) == scene.said` for every scene and every wording. Reading
accepts a little more than is ever written (digits, "grey", "centre", no article). Knows nothing of pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from ..errors import UserError, brief
from .scene import Meaning, Scene, Thing, pick
from .vocabulary import BACKGROUNDS, COLOURS, NUMBERS, POSITIONS, SHAPES

__all__ = ["read", "write"]

_LEADS = ("", "", "", "", "a picture of ", "an image of ", "a drawing of ")
_SIZE_WORDS = {"small": ("small", "small", "little"), "large": ("large", "large", "big")}
_RELATION_WORDS = {
    "left of": ("left of", "to the left of", "on the left of"),
    "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above", "above", "over"),
    "below": ("below", "below", "under"),
}
_JOINS = (" and ", " and ", " and ", " with ", ", ")
_ON = " on a {} background"
_GROUNDS = (_ON, _ON, " on {}", " against a {} background", ", {} background")
_CORNERS = (" in the {} corner", " in the {}", " at the {}")
_EDGES = (" at the {}", " on the {} side")
_MIDDLES = (" in the center", " in the middle", " at the center")
_PLURALS = {"circle": "circles", "square": "squares", "triangle": "triangles", "cross": "crosses"}


def write(scene: Scene, rng: np.random.Generator) -> str:
    """Word what the scene says of itself; the wording is drawn from `rng`, the facts never."""
    said = scene.said
    body = _phrase(said.things[0], rng)
    if said.relation is not None:
        body += f" {pick(_RELATION_WORDS[said.relation], rng)} {_phrase(said.things[1], rng)}"
    elif len(said.things) > 1:
        body += pick(_JOINS, rng) + _phrase(said.things[1], rng)
    ground = pick(_GROUNDS, rng).format(said.background) if said.background is not None else ""
    return pick(_LEADS, rng) + body + ground


def _phrase(thing: Thing, rng: np.random.Generator) -> str:
    words = [pick(_SIZE_WORDS[thing.size], rng)] if thing.size is not None else []
    words += [thing.colour, thing.shape if thing.count == 1 else _PLURALS[thing.shape]]
    if thing.count == 1:
        article = "an" if words[0][0] in "aeiou" else "a"
    else:
        article = next(word for word, count in NUMBERS.items() if count == thing.count)
    return " ".join([article, *words]) + _place(thing.position, rng)


def _place(position: str | None, rng: np.random.Generator) -> str:
    if position is None:
        return ""
    if position == "center":
        return pick(_MIDDLES, rng)
    return pick(_CORNERS if " " in position else _EDGES, rng).format(position)


def _either(words: Iterable[str]) -> str:
    """Return a pattern for any of the words, the longest first."""
    return "|".join(sorted(words, key=len, reverse=True))


_COUNTS = {**NUMBERS, **{str(count): count for count in NUMBERS.values()}, "a": 1, "an": 1, "one": 1, "1": 1}
_SIZES = {word: size for size, words in _SIZE_WORDS.items() for word in words}
_RELATIONS = {word: relation for relation, words in _RELATION_WORDS.items() for word in words}
_SINGULARS = {**{shape: shape for shape in SHAPES}, **{plural: shape for shape, plural in _PLURALS.items()}}
_LEAD = re.compile(r"^(?:(?:an?|the) (?:picture|image|drawing|photo) of |there (?:is|are) )")
_GROUND = re.compile(rf"(?:,? (?:on|against) (?:(?:an?|the) )?|, )({_either(BACKGROUNDS)})(?: background)?$")
_PLACE = re.compile(rf" (?:in|at|on) the ({_either([*POSITIONS, 'middle'])})(?: corner| side)?$")
_THING = re.compile(
    rf"^(?:({_either(_COUNTS)}) )?(?:({_either(_SIZES)}) )?({_either(COLOURS)}) ({_either(_SINGULARS)})$"
)
_RELATION = re.compile(rf"^(.+?),? (?:is )?({_either(_RELATIONS)}) (.+)$")
_JOIN = re.compile(r"^(.+?)(?:,? and |,? with |, )(.+)$")


def read(text: str) -> Meaning:
    """Return what a caption says.

    Raises: UserError D103, naming what was understood, for a sentence outside the grammar.
    """
    rest = " ".join(text.lower().replace("grey", "gray").replace("centre", "center").split()).rstrip(" .")
    rest = _LEAD.sub("", rest)
    background = None
    if (ground := _GROUND.search(rest)) is not None:
        background = ground[1]
        rest = rest[: ground.start()]
    relation = None
    if (related := _RELATION.match(rest)) is not None:
        parts = [related[1], related[3]]
        relation = _RELATIONS[related[2]]
    elif (joined := _JOIN.match(rest)) is not None:
        parts = [joined[1], joined[2]]
    else:
        parts = [rest]
    things = tuple(thing for part in parts if (thing := _thing(part)) is not None)
    alike = len(things) == 2 and (things[0].colour, things[0].shape) == (things[1].colour, things[1].shape)
    crowd = len(things) == 2 and any(thing.count > 1 for thing in things)
    if len(things) != len(parts) or alike or crowd:
        raise _foreign(text)
    return Meaning(things, relation, background)


def _thing(text: str) -> Thing | None:
    position = None
    if (place := _PLACE.search(text)) is not None:
        position = "center" if place[1] == "middle" else place[1]
        text = text[: place.start()]
    if (match := _THING.match(text)) is None:
        return None
    count, size, colour, shape = match.groups()
    number = _COUNTS[count] if count else 1
    if (number > 1) != (shape in _PLURALS.values()) or (number > 1 and position is not None):
        return None
    return Thing(colour, _SINGULARS[shape], number, _SIZES[size] if size else None, position)


def _foreign(text: str) -> UserError:
    """Return the error for a sentence outside the grammar, with the words that it does know."""
    known = {*COLOURS, *BACKGROUNDS, *_SINGULARS, *_SIZES, *NUMBERS, "left", "right", "above", "below"}
    words = re.findall(r"[a-z]+", text.lower())
    understood = [word for word in words if word in known]
    got = f"{brief(text)}, of which understood: {', '.join(understood) or 'nothing'}"
    wanted = 'a caption such as "a red circle left of a small blue square on a white background"'
    fix = f"One or two things. Shapes: {', '.join(SHAPES)}. Colours: {', '.join(COLOURS)}."
    return UserError("D103", "caption", wanted, got, fix)
