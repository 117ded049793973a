"""What a run tells while it goes on: small immutable records handed to one function, the sink.

`as_dict` gives their form for the wire. A sink is called by one thread at a time, must be quick and must not raise; it
may refuse a `Preview`, which is then the error of the node. Knows nothing of graphs, sockets or torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..errors import LatentloomError

__all__ = [
    "Cached",
    "Ended",
    "Event",
    "Failed",
    "Finished",
    "Metric",
    "Output",
    "Preview",
    "Progress",
    "Queued",
    "Sink",
    "Started",
    "as_dict",
]


class Queued(NamedTuple):
    """The run has been planned. `nodes`: those that will run as far as is known; lazy and expanded ones come later."""

    nodes: tuple[str, ...]


class Cached(NamedTuple):
    """These nodes need not run: their values were remembered, or only remembered values depend on them."""

    nodes: tuple[str, ...]


class Started(NamedTuple):
    """A node begins. `display`: the node of the user's graph it belongs to (itself, unless it was expanded)."""

    node: str
    display: str
    type: str


class Progress(NamedTuple):
    """How far a node is: `value` of `total`, with free notes. Coalesced: at most some 20 a second and node."""

    node: str
    display: str
    value: float
    total: float
    note: Mapping[str, Any]


class Preview(NamedTuple):
    """An intermediate picture: uint8 array [h w 3] or a PIL image. `whole`: a result, to be shown as it is."""

    node: str
    display: str
    image: Any
    whole: bool = False


class Output(NamedTuple):
    """A result for the user, e.g. output "images" with its files."""

    node: str
    display: str
    name: str
    items: list[dict[str, Any]]


class Metric(NamedTuple):
    """One point of a curve."""

    node: str
    display: str
    name: str
    step: int
    value: float


class Failed(NamedTuple):
    """A node failed; `blocked` are the nodes that therefore cannot run."""

    node: str
    display: str
    error: LatentloomError
    blocked: tuple[str, ...]


class Finished(NamedTuple):
    """A node is done. `memory`: bytes in use afterwards by name ("rss", "device"); None for nodes too short to ask."""

    node: str
    display: str
    seconds: float
    memory: Mapping[str, int] | None


class Ended(NamedTuple):
    """The run is over. `status`: "done", "failed" or "cancelled"."""

    status: str
    seconds: float


Event = Queued | Cached | Started | Progress | Preview | Output | Metric | Failed | Finished | Ended
Sink = Callable[[Event], None]


def as_dict(event: Event) -> dict[str, Any]:
    """Return the event as plain data, its name in small letters as "kind"; a picture stays the object it is."""
    data: dict[str, Any] = {"kind": type(event).__name__.lower(), **event._asdict()}
    if isinstance(event, Failed):
        data["error"] = event.error.as_dict()
    return data
