"""Who is connected: the open sessions of both protocols, and which of them a message is for.

A session is known by its identity, never by the client id it brought: of several with one id the newest is the owner
of that id's runs, and whichever leaves, another stays reachable. Knows no message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from .session import Session

__all__ = ["Audience"]

_RESTS_FROM = 16  # clients from which on each is written to at intervals
_REST_SECONDS, _LONGEST_REST_SECONDS = 0.0005, 0.1  # per client; at most


class Audience:
    """The open sessions; `len` of it is their number."""

    def __init__(self, on_subscribers_changed: Callable[[bool], None]) -> None:
        """on_subscribers_changed: told whether anybody wants previews, whenever one who does comes or goes."""
        self.loom: dict[Session, None] = {}
        self._comfy: dict[str, list[Session]] = {}  # newest last
        self._tell = on_subscribers_changed
        self._gone = asyncio.Event()

    def __len__(self) -> int:
        return len(self.loom) + sum(map(len, self._comfy.values()))

    def __iter__(self) -> Iterator[Session]:
        """Yield every session, those that another one took over included."""
        yield from list(self.loom)
        for sockets in list(self._comfy.values()):
            yield from list(sockets)

    def add(self, session: Session) -> None:
        """Take in a session; it takes over the runs of its id."""
        if session.kind == "comfy":
            self._comfy.setdefault(session.id, []).append(session)
        else:
            self.loom[session] = None
        if session.previews:
            self.note_subscribers()

    def remove(self, session: Session) -> None:
        """Let a session go; others with its id are left alone."""
        if session.kind == "loom":
            del self.loom[session]
        else:
            sockets = self._comfy[session.id]
            sockets.remove(session)
            if not sockets:
                del self._comfy[session.id]
        if not len(self):
            self._gone.set()
        if session.previews:
            self.note_subscribers()

    def owners(self, client_id: str | None) -> list[Session]:
        """Return the newest socket of this ComfyUI client, or of every client for None."""
        if client_id is None:
            return [sockets[-1] for sockets in self._comfy.values()]
        return self._comfy.get(client_id, [])[-1:]

    def of_client(self, client_id: str) -> list[Session]:
        """Return all sockets of this ComfyUI client."""
        return list(self._comfy.get(client_id, ()))

    def watchers(self, job_id: str) -> list[Session]:
        """Return Latentloom's clients that want previews of this job."""
        return [session for session in self.loom if session.previews and session.wants(job_id)]

    def note_subscribers(self) -> None:
        """Tell that somebody wants previews from now on, or no more."""
        self._tell(any(session.previews for session in self))

    def rest(self) -> float:
        """Return the seconds to leave one of Latentloom's clients alone after a write: many clients, few writes."""
        count = len(self.loom)
        return min(_LONGEST_REST_SECONDS, count * _REST_SECONDS) if count >= _RESTS_FROM else 0.0

    async def gone(self, seconds: float) -> None:
        """Wait until nobody is left, at most so long."""
        if not len(self):
            return
        self._gone.clear()
        try:
            await asyncio.wait_for(self._gone.wait(), seconds)
        except TimeoutError:
            return
