"""Events of a running job on their way to the server: gathered for a few milliseconds, sent in order, never lost.

The thread that runs nodes only appends; JSON is written once for a whole batch, by hand for the two events that come
with every node. Knows nothing of sockets or of what the server does with them.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quote
from queue import SimpleQueue

from ..run.events import Event, Finished, Started, as_dict
from .wire import frame, plain

__all__ = ["EventBatch"]

FLUSH_SECONDS = 0.005
FLUSH_EVENTS = 200
_write = json.JSONEncoder(separators=(",", ":"), default=plain).encode


class EventBatch:
    """A buffer of events; `send` gets whole frames, one at a time and in order."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._events: deque[tuple[Event, float]] = deque()
        self._job = ""
        self._lock = threading.RLock()  # held while sending, so that two batches cannot overtake one another
        self._due: SimpleQueue[None] = SimpleQueue()
        threading.Thread(target=self._tick, name="latentloom-events", daemon=True).start()

    def begin(self, job: str) -> None:
        """Take the events of this job from now on."""
        with self._lock:
            self._events.clear()
            self._job = job

    def add(self, event: Event) -> None:
        """Take one event; it is sent after 5 ms at the latest."""
        events = self._events
        events.append((event, time.time()))
        count = len(events)
        if count >= FLUSH_EVENTS:
            self.flush()
        elif count == 1:
            self._due.put(None)

    def flush(self) -> None:
        """Send what is there."""
        events = self._events
        with self._lock:
            items: list[str] = []
            while events:  # until it is empty: whoever adds the first one after that calls for the next flush
                items.append(_text(*events.popleft()))
            if items:
                text = ",".join(items)
                self._send(frame(f'{{"is":"events","job":{quote(self._job)},"events":[{text}]}}'.encode("ascii")))

    def _tick(self) -> None:
        while True:
            self._due.get()
            time.sleep(FLUSH_SECONDS)  # a deadline, not a poll: it begins with the first event of a batch
            self.flush()


def _text(event: Event, at: float) -> str:
    if isinstance(event, Started):
        name = f'"display":{quote(event.display)},"type":{quote(event.type)}'
        return f'{{"kind":"started","node":{quote(event.node)},{name},"at":{at:.6f}}}'
    if isinstance(event, Finished) and event.memory is None:
        name = f'"display":{quote(event.display)},"seconds":{event.seconds:.7f}'
        return f'{{"kind":"finished","node":{quote(event.node)},{name},"memory":null,"at":{at:.6f}}}'
    data = {**as_dict(event), "at": round(at, 6)}
    try:
        return _write(data)
    except (TypeError, ValueError, RecursionError):
        return _write(plain(data))
