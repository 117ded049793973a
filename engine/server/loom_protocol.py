"""Latentloom's own websocket messages: what happened, each with a number, as JSON text made once.

An `Entry` is a numbered event that can be replayed; one without a number (progress) only says how things stand now.
The contract is docs/protocol.md. Pure: knows no socket, no journal and no clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .frames import quote, strict_json, text_frame

__all__ = ["Chunk", "Entry", "entries_of", "hello", "make_entry", "resync"]


class Entry(NamedTuple):
    """One event. seq: its number, None for progress. text: the whole message as JSON. node: of progress only."""

    seq: int | None
    job: str | None
    kind: str
    text: bytes
    node: str | None = None

    @property
    def at(self) -> float:
        """Return when it happened, in seconds since 1970."""
        return float(json.loads(self.text)["at"])

    @property
    def data(self) -> dict[str, Any]:
        """Return what it says; read from the text, as entries are kept in thousands and looked into seldom."""
        data: dict[str, Any] = json.loads(self.text)["data"]
        return data


class Chunk:
    """Entries of one job that are sent together; their bytes are made when first asked for, and shared."""

    __slots__ = ("_array", "_frames", "entries", "job", "last")

    def __init__(self, entries: Sequence[Entry]) -> None:
        """entries: at least one."""
        self.entries = entries
        self.job = entries[0].job
        self.last = entries[-1].seq
        self._frames: bytes | None = None
        self._array: bytes | None = None

    def wire(self, batch: bool) -> bytes:
        """Return one message per entry, or with `batch` one message that is the array of all."""
        if batch:
            if self._array is None:
                self._array = text_frame(b"[" + b",".join([entry.text for entry in self.entries]) + b"]")
            return self._array
        if self._frames is None:
            self._frames = b"".join([text_frame(entry.text) for entry in self.entries])
        return self._frames


def make_entry(seq: int | None, at: float, kind: str, job: str | None, data: Mapping[str, Any]) -> Entry:
    """Return an entry; `at` in seconds since 1970."""
    return Entry(seq, job, kind, _text(seq, at, kind, job, strict_json(data)))


def entries_of(job: str, events: Iterable[Mapping[str, Any]], first: int, now: float) -> list[Entry]:
    """Return the entries of a run's events (`run.events.as_dict`), numbered from `first`.

    Progress gets no number; the metrics of one node that follow each other become one entry; pictures go elsewhere.
    now: the time of events that bring no "at".
    """
    found: list[Entry] = []
    points: list[Any] = []
    seq = first
    owner: tuple[str, str] | None = None
    when = now

    def close_points() -> None:
        nonlocal seq, owner
        if owner is not None:
            data = {"node": owner[0], "display": owner[1], "points": list(points)}
            found.append(make_entry(seq, when, "metric", job, data))
            seq, owner = seq + 1, None
            points.clear()

    for event in events:
        kind = event["kind"]
        at = event.get("at", now)
        if kind == "metric":
            key = (event["node"], event["display"])
            if owner != key:
                close_points()
            owner, when = key, at
            points.append([event["name"], event["step"], event["value"]])
            continue
        if owner is not None:
            close_points()
        if kind == "preview":
            continue
        if kind == "progress":
            found.append(make_entry(None, at, kind, job, _data(event))._replace(node=event["node"]))
            continue
        found.append(Entry(seq, job, kind, _text(seq, at, kind, job, _body(kind, event))))
        seq += 1
    close_points()
    return found


def hello(seq: int, first: int, at: float, data: Mapping[str, Any]) -> bytes:
    """Return the first message to a client. seq: the newest event's number; first: the oldest that can be replayed."""
    return text_frame(_text(seq, at, "hello", None, strict_json({"first": first, **data})))


def resync(after: int, seq: int, at: float, reason: str) -> bytes:
    """Return the notice that what came after number `after` was not sent as it happened.

    reason: "slow", it follows now, replayed; "gone", it cannot be replayed: take a snapshot, events go on after `seq`.
    """
    text = f'{{"seq":{seq},"at":{at:.3f},"kind":"resync","job":null,"after":{after},"data":{{"reason":"{reason}"}}}}'
    return text_frame(text.encode())


def _text(seq: int | None, at: float, kind: str, job: str | None, body: str) -> bytes:
    number = "" if seq is None else f'"seq":{seq},'
    name = "null" if job is None else quote(job)
    return f'{{{number}"at":{at:.3f},"kind":{quote(kind)},"job":{name},"data":{body}}}'.encode()


def _body(kind: str, event: Mapping[str, Any]) -> str:
    """Return the event's data as JSON. The two kinds that come with every node are written by hand: thrice as fast."""
    if kind == "started":
        node, display = quote(event["node"]), quote(event["display"])
        return f'{{"node":{node},"display":{display},"type":{quote(event["type"])}}}'
    if kind == "finished" and event.get("memory") is None:
        node, display = quote(event["node"]), quote(event["display"])
        return f'{{"node":{node},"display":{display},"seconds":{event["seconds"]:.6f},"memory":null}}'
    return strict_json(_data(event))


def _data(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in ("kind", "at")}
