"""Following one job: what was seen, what to ask for next, when it is over. A lost connection loses no event.

Pure: frames and job records in, messages out; the socket is `remote_job`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .message import Message, read_frame

__all__ = ["ENDED", "Following"]

ENDED = frozenset(("done", "failed", "cancelled"))
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds between two looks at a job that tells nothing by itself
_QUIET_SECONDS = 15.0  # of silence, after which the job is looked at: nothing is inferred from it
_REPLAY_SECONDS = 0.3  # the same for a job that is over, whose last events may have been forgotten


class Following:
    """after: the newest event seen. state: of the job as last heard. look: ask for the job's record now.

    over: the record said that the job has ended, though no event did yet. again: connect anew, as `after` has changed.
    refused: the server takes no websockets; only looking is left.
    """

    def __init__(self, job_id: str, after: int = 0, over: bool = False) -> None:
        self.job_id = job_id
        self.after = after
        self.over = over
        self.state: str | None = None
        self.look = False
        self.again = False
        self.refused = False
        self._jumped = False
        self._pause = _FIRST_PAUSE

    @property
    def ended(self) -> bool:
        """Whether the job is over."""
        return self.state in ENDED

    @property
    def quiet(self) -> float:
        """Return how many seconds of silence are a reason to look."""
        return _REPLAY_SECONDS if self.over else _QUIET_SECONDS

    def take(self, frame: str | bytes) -> list[Message]:
        """Return what of a frame is news about the job."""
        found = []
        for message in read_frame(frame):
            if message.kind == "hello":
                self._greeted(message)
            elif message.kind == "resync":
                self._resynced(message)
            elif message.job == self.job_id and not (message.seq is not None and message.seq <= self.after):
                found.append(message)
                self._pause = _FIRST_PAUSE
                if message.kind == "job":
                    self.state = message.data.get("state", self.state)
            if message.seq is not None and message.kind not in ("hello", "resync"):
                self.after = max(self.after, message.seq)
        return found

    def looked(self, record: Mapping[str, Any]) -> list[Message]:
        """Return a message if the job's record tells a state that no event has told."""
        self.look = False
        state = str(record.get("state"))
        if state == self.state:
            return []
        self.state = state
        return [Message(None, float(record.get("ended") or record.get("created") or 0.0), "job", self.job_id, record)]

    def pause(self) -> float:
        """Return how many seconds to wait before the next try; longer each time that nothing came."""
        now = self._pause
        self._pause = min(_LONGEST_PAUSE, now * 1.5)
        return now

    def _greeted(self, hello: Message) -> None:
        """Begin with the oldest event that the server can still tell, when what was asked for is older or unknown."""
        first, last = hello.data.get("first"), hello.seq
        if not isinstance(first, int) or last is None or first - 1 <= self.after <= last:
            self._jumped = False
        elif not self._jumped:
            self.after = first - 1
            self.again = self._jumped = True

    def _resynced(self, notice: Message) -> None:
        if notice.data.get("reason") != "slow":  # else what was missed follows by itself
            self.look = True
            self.after = notice.seq if notice.seq is not None else self.after
