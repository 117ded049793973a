"""What may travel along a wire: type names, unions, the wildcard, and facets.

A socket is data, so it can be written to the manifest and read back without the node's module. Types are upper-case
names by convention (`IMAGE`, `LATENT`); `*` takes anything. Knows nothing of graphs or torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

__all__ = ["ANY", "HIDDEN", "FileFacets", "Hidden", "Socket", "SubGraph", "accepts"]

ANY = "*"
HIDDEN = ("PROMPT", "EXTRA_PNGINFO", "UNIQUE_ID")  # what the engine can fill in by itself


@dataclass(frozen=True, slots=True)
class Socket:
    """A wire's type, used inside `Annotated[...]`.

    types: one name, or several joined by a comma for a union ("IMAGE,MASK"); "*" takes anything.
    facets: finer facts compared before a run, e.g. {"latent": "4"}. A value that begins with "$" is a variable: all
        sockets of one node that use it must agree ({"latent": "$L"} on KSampler's model and latent_image).
    lazy: evaluated only when the node's `needs` function asks for it.
    whole_list: the node receives the whole list instead of being called once per item.
    raw: the node receives the un-run graph above the wire (see `SubGraph`) instead of a value.
    """

    types: str
    facets: Mapping[str, str] = field(default_factory=dict, hash=False)
    lazy: bool = False
    whole_list: bool = False
    raw: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The member types of the union, in the order written."""
        return tuple(part.strip() for part in self.types.split(","))


@dataclass(frozen=True, slots=True)
class FileFacets:
    """Says that an output's facets are read from the header of the file named by `input`."""

    input: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """Says that the engine fills an input: the API prompt, the caller's extra data, or the node's id."""

    kind: str


SubGraph = Annotated[Any, Socket(ANY, raw=True)]
"""Annotation of an input that receives the graph above it, not its value; run it with `Context.evaluate`."""


def accepts(wanted: str, given: str) -> bool:
    """Tell whether a wire of type `given` may enter a socket of type `wanted`; both may be unions or "*"."""
    if wanted in (given, ANY) or given == ANY:
        return True
    if "," not in wanted and "," not in given:
        return False
    left = {part.strip() for part in wanted.split(",")}
    right = {part.strip() for part in given.split(",")}
    return ANY in left or ANY in right or not left.isdisjoint(right)
