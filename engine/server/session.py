"""Session: what waits to be sent to one websocket, bounded however slowly the client reads.

State goes out in order and is never dropped: a Latentloom client that lags goes back to the journal and is told so, a
ComfyUI client, whose protocol has no replay, is closed. Progress and previews only ever keep the latest. The bytes are
shared between sessions. Pure: knows no socket and no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Literal

__all__ = ["TRY_AGAIN_LATER", "Session"]

TRY_AGAIN_LATER = 1013  # close code, RFC 6455's registry
MAX_MESSAGES = 256
MAX_BYTES = 8 << 20
MAX_RESULT_BYTES = 512 << 20  # of pictures that are results: they are stored nowhere, so a slow reader gets its time
PREVIEW_SECONDS = 0.05
WRITE_BYTES = 64 << 10  # as much as a transport buffers before it asks to wait


class _Slot:
    __slots__ = ("data", "result", "seq")

    def __init__(self, data: bytes, seq: int | None, result: bool = False) -> None:
        self.data = data
        self.seq = seq
        self.result = result


class Session:
    """One client. `id`: ComfyUI's client id, only a label: a session is known by its identity.

    seq: the number of the newest event handed to the socket. behind: events come from the journal, not from `offer`.
    lagged: `behind` because the client read too slowly. close_code, closed_reason: set when it must be closed.
    refused_previews: it said that it wants no pictures. greeted: a ComfyUI client's first message was heard.
    metadata: it wants previews that say whose they are. logs: it wants the server's log.
    """

    def __init__(
        self,
        id: str,
        kind: Literal["comfy", "loom"],
        *,
        seq: int = 0,
        job: str | None = None,
        previews: bool = True,
        batch: bool = False,
        max_messages: int = MAX_MESSAGES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """job: only events of this one and of none. batch: messages are arrays.

        max_messages: what is offered at once counts as one.
        """
        self.id = id
        self.kind = kind
        self.seq = seq
        self.job = job
        self.previews = previews
        self.batch = batch
        self.greeted = False
        self.metadata = False
        self.refused_previews = False
        self.logs = False
        self.behind = False
        self.lagged = False
        self.close_code: int | None = None
        self.closed_reason: str | None = None
        self.wake: Callable[[], None] = lambda: None
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._slots: deque[_Slot] = deque()
        self._bytes = 0
        self._results = self._result_bytes = 0  # of those: pictures that are results
        self._open: dict[Hashable, _Slot] = {}  # what may still be replaced in place
        self._previews: dict[tuple[str, str], bytes] = {}
        self._preview_due: dict[tuple[str, str], float] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing but previews waits."""
        return not self._slots

    @property
    def waiting(self) -> int:
        """Return the bytes that wait."""
        return self._bytes + sum(map(len, self._previews.values()))

    def wants(self, job: str | None) -> bool:
        """Tell whether the events of `job` are for this client; those of no job are for everybody."""
        return job is None or self.job is None or self.job == job

    def offer(self, data: bytes, seq: int | None = None) -> None:
        """Queue state: frames that must arrive, in order. seq: the number of the newest event in them."""
        if self.close_code is not None:
            return
        slots, waiting = len(self._slots) - self._results, self._bytes - self._result_bytes
        if slots >= self._max_messages or (slots and waiting + len(data) > self._max_bytes):
            self._overflow()
            return
        self.refill(data, seq)
        self.wake()

    def offer_result(self, data: bytes) -> None:
        """Queue a picture that is a result: as state, but with a bound of its own, as no replay has it."""
        if self.close_code is not None:
            return
        if self._result_bytes and self._result_bytes + len(data) > MAX_RESULT_BYTES:
            self._overflow()
            return
        self._slots.append(_Slot(data, None, True))
        self._bytes += len(data)
        self._results += 1
        self._result_bytes += len(data)
        self._open.clear()
        self.wake()

    def refill(self, data: bytes, seq: int | None) -> None:
        """Queue state whatever waits; for who looks that nothing does."""
        self._slots.append(_Slot(data, seq))
        self._bytes += len(data)
        self._open.clear()  # what follows must not overtake this

    def offer_latest(self, key: Hashable, data: bytes) -> None:
        """Queue how something stands now; it takes the place of what still waits under the same key."""
        if self.close_code is not None:
            return
        slot = self._open.get(key)
        if slot is not None:
            self._bytes += len(data) - len(slot.data)
            slot.data = data
            return
        slots, waiting = len(self._slots) - self._results, self._bytes - self._result_bytes
        if slots >= self._max_messages or waiting + len(data) > self._max_bytes:
            return  # the next one says as much
        slot = self._open[key] = _Slot(data, None)
        self._slots.append(slot)
        self._bytes += len(data)
        self.wake()

    def offer_preview(self, key: tuple[str, str], data: bytes) -> None:
        """Keep a preview until its turn: the latest of each (job, node), at most 20 a second."""
        if self.close_code is None and self.previews:
            self._previews[key] = data
            self.wake()

    def forget_previews(self, job_id: str) -> None:
        """Drop the previews that wait of a job that is over; their keys are (job, node)."""
        for key in [key for key in self._previews if key[0] == job_id]:
            del self._previews[key]

    def take(self, now: float) -> bytes | None:
        """Return what to write next, some 64 KiB at most unless a message is larger; None when nothing is due."""
        parts: list[bytes] = []
        size = 0
        while self._slots and size < WRITE_BYTES:
            slot = self._slots.popleft()
            parts.append(slot.data)
            size += len(slot.data)
            if slot.result:
                self._results -= 1
                self._result_bytes -= len(slot.data)
            if slot.seq is not None:
                self.seq = slot.seq
        self._bytes -= size
        if not self._slots:
            self._open.clear()
        elif parts:
            self._open = {key: slot for key, slot in self._open.items() if slot in self._slots}
        if self._previews and size < WRITE_BYTES:
            parts += self._take_previews(now)
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def due(self, now: float) -> float | None:
        """Return in how many seconds a preview that waits may be sent; None when none waits."""
        if not self._previews:
            return None
        return max(0.0, min(self._preview_due.get(key, now) for key in self._previews) - now)

    def skip(self, seq: int) -> None:
        """Note that the events up to `seq` are none of this client's."""
        if not self._slots and not self.behind:
            self.seq = max(self.seq, seq)

    def close(self, code: int, reason: str) -> None:
        """Drop all and ask for the socket to be closed."""
        if self.close_code is None:
            self.close_code, self.closed_reason = code, reason
            self._clear()
            self.wake()

    def _overflow(self) -> None:
        if self.kind == "comfy":
            self.close(TRY_AGAIN_LATER, "read too slowly; connect again and ask /history for what was missed")
            return
        self._clear()
        self.behind = self.lagged = True
        self.wake()

    def _clear(self) -> None:
        self._slots.clear()
        self._open.clear()
        self._previews.clear()
        self._bytes = self._results = self._result_bytes = 0

    def _take_previews(self, now: float) -> list[bytes]:
        due = [key for key in self._previews if self._preview_due.get(key, now) <= now]
        if len(self._preview_due) > 64:
            self._preview_due = {key: at for key, at in self._preview_due.items() if at > now}
        for key in due:
            # Counted from when it was due, and a late one may be followed sooner: else pictures that come at just this
            # rate would wait longer and longer.
            was_due = self._preview_due.get(key, 0.0)
            self._preview_due[key] = max(was_due + PREVIEW_SECONDS, now + PREVIEW_SECONDS / 2)
        return [self._previews.pop(key) for key in due]
