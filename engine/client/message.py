"""Messages of `/api/loom/ws`: text and binary frames to values, and those values to the run's events.

So a remote run is shown by whatever shows a local one. Knows no socket and no job.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..run import events
from .answers import error_of

__all__ = ["Message", "events_of", "read_frame"]

_PREVIEW_WITH_METADATA = 4  # the binary kind that says whose picture it is
_KINDS: Mapping[str, type[Any]] = MappingProxyType(
    {
        kind.__name__.lower(): kind
        for kind in (
            events.Queued, events.Cached, events.Started, events.Progress, events.Output, events.Metric, events.Failed,
            events.Finished, events.Ended,
        )
    }
)  # fmt: skip


class Message(NamedTuple):
    """What the server told. seq: its number, None when it only says how things stand. at: seconds since 1970.

    kind: of an event (`run.events`, in small letters), "job" when the job's state changed, "preview" with `picture`,
    "hello" and "resync". picture: an encoded picture, else empty. after: of a resync, where the gap begins.
    """

    seq: int | None
    at: float
    kind: str
    job: str | None
    data: Mapping[str, Any]
    picture: bytes = b""
    after: int | None = None


def read_frame(frame: str | bytes) -> list[Message]:
    """Return the messages of one frame; what cannot be read is left out, since newer servers may say more."""
    if isinstance(frame, bytes):
        found = _picture(frame)
        return [] if found is None else [found]
    try:
        data = json.loads(frame)
    except (ValueError, RecursionError):
        return []
    read = (_message(item) for item in (data if isinstance(data, list) else [data]))
    return [message for message in read if message is not None]


def events_of(message: Message) -> list[events.Event]:
    """Return the events that a message stands for; none for states and notices."""
    if message.kind == "metric" and "points" in message.data:
        rows = [{**message.data, "name": n, "step": s, "value": v} for n, s, v in message.data["points"]]
    else:
        rows = [dict(message.data)]
    if message.kind == "preview":
        return _preview(message)
    made = (_event(message.kind, row) for row in rows)
    return [event for event in made if event is not None]


def _event(kind: str, data: dict[str, Any]) -> events.Event | None:
    cls = _KINDS.get(kind)
    if cls is None:
        return None
    data = {"memory": None, "note": {}, **data}
    for name in ("nodes", "blocked"):
        if name in data:
            data[name] = tuple(data[name])
    if "error" in data and isinstance(data["error"], Mapping):
        data["error"] = error_of(data["error"])
    try:
        event: events.Event = cls(**{name: data[name] for name in cls._fields})
    except KeyError:
        return None
    return event


def _preview(message: Message) -> list[events.Event]:
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(message.picture))
    except (UnidentifiedImageError, OSError, ValueError):
        return []
    return [events.Preview(str(message.data.get("node")), str(message.data.get("display")), picture)]


def _message(item: Any) -> Message | None:
    if not isinstance(item, dict) or not isinstance(item.get("kind"), str):
        return None
    seq, at, data = item.get("seq"), item.get("at"), item.get("data")
    return Message(
        seq if isinstance(seq, int) else None,
        float(at) if isinstance(at, int | float) else 0.0,
        item["kind"],
        item.get("job"),
        data if isinstance(data, dict) else {},
        after=item.get("after"),
    )


def _picture(frame: bytes) -> Message | None:
    """Read a binary frame: kind, length, JSON, picture; numbers are unsigned 32-bit, big-endian."""
    if len(frame) < 8 or int.from_bytes(frame[:4], "big") != _PREVIEW_WITH_METADATA:
        return None
    end = 8 + int.from_bytes(frame[4:8], "big")
    try:
        about = json.loads(frame[8:end])
    except (ValueError, RecursionError):
        return None
    if not isinstance(about, dict):
        return None
    data = {"node": about.get("node_id"), "display": about.get("display_node_id"), "type": about.get("image_type")}
    return Message(None, 0.0, "preview", about.get("prompt_id"), data, frame[end:])
