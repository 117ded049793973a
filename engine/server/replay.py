"""Replay: giving a session that is behind the next events from the journal, until it has caught up.

A client that lags costs no memory: its place is one number. Pure but for the time of a notice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from .journal import Journal
from .loom_protocol import Chunk, Entry, resync
from .session import WRITE_BYTES, Session

__all__ = ["refill"]

REPLAY_ENTRIES = 256  # looked at in one go


def refill(session: Session, journal: Journal) -> None:
    """Queue the next events if `session` is behind and has nothing else to send; note when it is level."""
    while session.behind and session.empty:
        entries = journal.since(session.seq, REPLAY_ENTRIES)
        if session.lagged or entries is None:
            reason = "gone" if entries is None else "slow"
            session.offer(resync(session.seq, journal.last, time.time(), reason))
            session.lagged = False
        if entries is None:
            session.seq = journal.last
        elif entries:
            entries = _as_many_as_fit(entries)
            last = entries[-1].seq or 0
            wanted = [entry for entry in entries if session.wants(entry.job)]
            if wanted:
                session.refill(Chunk(wanted).wire(session.batch), last)
            else:
                session.seq = last
            session.behind = last != journal.last
            continue
        session.behind = False


def _as_many_as_fit(entries: Iterable[Entry]) -> list[Entry]:
    """Return the first entries, at least one, up to some 64 KiB."""
    found: list[Entry] = []
    size = 0
    for entry in entries:
        size += len(entry.text)
        if found and size > WRITE_BYTES:
            break
        found.append(entry)
    return found
