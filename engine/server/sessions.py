"""Sessions: sends what happens to the websocket clients of both protocols, and lets them in.

Each message is made once and its bytes are shared; a client costs one append. Knows neither the store nor workers; only
for the thread of the event loop. The contract is docs/protocol.md.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from starlette.websockets import WebSocket

from ..errors import UserError
from .audience import Audience
from .binary import node_text, preview_plain, preview_with_metadata
from .comfy_protocol import ComfyMessage, ComfyRun, as_text, executing_now, feature_flags, status
from .frames import binary_frame, text_frame
from .journal import Journal
from .loom_protocol import Chunk, Entry, hello
from .pace import Pace
from .problems import bad_parameter
from .replay import refill
from .session import Session
from .sockets import refuse, serve

__all__ = ["Sessions"]

MAX_CLIENTS = 1000
WRITE_SECONDS = 10.0
STATUS_PER_SECOND, STATUS_AT_ONCE = 20.0, 16
_LATEST = {"progress", "progress_state", "progress_text"}  # only how it stands now matters
_TO_ALL = _LATEST | {"execution_interrupted"}  # sent to everybody when nobody owns the run
_POLICY, _UNSUPPORTED, _RESTART = 1008, 1003, 1012  # close codes, RFC 6455's registry


class Sessions:
    """See the module. `comfy_socket` and `loom_socket` are the endpoints; `len` is the number of open sockets."""

    def __init__(
        self,
        journal: Journal,
        *,
        current: Callable[[str], tuple[str, str | None] | None] = lambda _client: None,
        queue_remaining: Callable[[], int] = lambda: 0,
        on_subscribers_changed: Callable[[bool], None] = lambda _on: None,
        features: Mapping[str, Any] | None = None,
        plain_previews: bool = True,
        max_clients: int = MAX_CLIENTS,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        """current: (job, node) that runs for a ComfyUI client id. queue_remaining: jobs that wait or run.

        on_subscribers_changed: told whether anybody wants previews, whenever one who does comes or goes. features:
        ComfyUI's server feature flags. plain_previews: whether ComfyUI clients that never sent their flags get
        previews; some of them take every picture for a result. write_seconds: how long a write may wait for the client.
        """
        self.features = {"supports_preview_metadata": True} if features is None else dict(features)
        self._journal = journal
        self._current = current
        self._remaining = queue_remaining
        self._plain_previews = plain_previews
        self._max_clients = max_clients
        self._write_seconds = write_seconds
        self._audience = Audience(on_subscribers_changed)
        self._closing = False
        self._status_pace = Pace(STATUS_PER_SECOND, STATUS_AT_ONCE)
        self._status_timer: asyncio.TimerHandle | None = None
        self._state_timers: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._audience)

    # --- what is sent

    def publish(self, entries: Sequence[Entry]) -> None:
        """Send journal entries, all of one job or of none, to Latentloom's clients."""
        if not self._audience.loom or not entries:
            return
        state: list[Entry] = []
        for entry in entries:
            if entry.seq is not None:
                state.append(entry)
                continue
            self._publish_state(state)
            state = []
            frame = Chunk([entry])
            for session in self._audience.loom:
                if not session.behind and session.wants(entry.job):
                    session.offer_latest((entry.job, entry.node), frame.wire(session.batch))
        self._publish_state(state)

    def publish_comfy(
        self, client_id: str | None, messages: Iterable[ComfyMessage], run: ComfyRun | None = None
    ) -> None:
        """Send a run's messages to its owner; of a run without owner only progress, to everybody.

        A "status" among them is sent to all as `status` does. run: its `progress_state` follows when it may.
        """
        owners = self._audience.owners(client_id)
        parts: list[bytes] = []
        for message in messages:
            if message.type == "status":
                self._send_state(owners, parts)
                self.status()
            elif not owners or (client_id is None and message.type not in _TO_ALL):
                continue
            elif message.type in _LATEST:
                self._send_state(owners, parts)
                frame, key = _frame(message), (message.type, message.data["prompt_id"], message.data.get("node"))
                for session in owners:
                    session.offer_latest(key, frame)
            else:
                parts.append(_frame(message))
                if message.type == "executing" and message.data["node"] is None:
                    for session in owners:
                        session.forget_previews(message.data["prompt_id"])
        self._send_state(owners, parts)
        if run is not None and run.stale and owners:
            self._state_later(run)

    def preview(self, job_id: str, client_id: str | None, header: Mapping[str, Any], picture: bytes) -> None:
        """Send a picture on its way to those who want it.

        header: "node", "display", "format" ("jpeg" or "png"), "at" (when it was handed over), and "whole" when the
        picture is a result, which is then sent as state is: each one, in order.
        """
        form, node, display, at = header["format"], header["node"], header["display"], header["at"]
        owners = self._audience.owners(client_id)
        plain = rich = b""
        for session in (*owners, *self._audience.watchers(job_id)):
            if session.kind == "comfy" and not session.metadata:
                frame = plain = plain or binary_frame(preview_plain(picture, form))
            else:
                frame = rich = rich or binary_frame(
                    preview_with_metadata(picture, form, job=job_id, node=node, display=display, at=at)
                )
            if not header.get("whole"):
                session.offer_preview((job_id, node), frame)
            elif not session.behind:
                session.offer_result(frame)

    def status(self) -> None:
        """Tell ComfyUI's clients how long the queue is; in a storm only some 20 times a second, the last one always."""
        if self._status_timer is not None or self._closing or not self._audience.owners(None):
            return
        loop = asyncio.get_running_loop()
        if self._status_pace.take(loop.time()):
            self.say("status", status(self._remaining()).data)
        else:
            self._status_timer = loop.call_later(self._status_pace.wait(loop.time()), self._late_status)

    def say(self, kind: str, data: Mapping[str, Any], client_id: str | None = None) -> None:
        """Send any message to one ComfyUI client, or to all."""
        frame = _frame(ComfyMessage(kind, data))
        for session in self._audience.owners(client_id):
            session.offer(frame)

    def log_to(self, client_id: str, on: bool) -> None:
        """Send the server's log to this client from now on, or no more."""
        for session in self._audience.of_client(client_id):
            session.logs = on

    def logs(self, entries: Sequence[Mapping[str, Any]], columns: int = 120, rows: int = 40) -> None:
        """Send lines of the log, each {"t": time, "m": text}, to those who asked for them."""
        listeners = [session for session in self._audience if session.logs]
        if listeners:
            frame = _frame(ComfyMessage("logs", {"entries": list(entries), "size": {"cols": columns, "rows": rows}}))
            for session in listeners:
                session.offer(frame)

    def wants_previews(self, job_id: str, client_id: str | None) -> bool:
        """Tell whether anybody would be sent this job's previews."""
        owners = self._audience.owners(client_id)
        return any(session.previews for session in owners) or bool(self._audience.watchers(job_id))

    async def close(self, seconds: float = 2.0) -> None:
        """Close every socket as a server does that comes back, and wait so long for them to go."""
        self._closing = True
        for timer in (self._status_timer, *self._state_timers.values()):
            if timer is not None:
                timer.cancel()
        for session in self._audience:
            session.close(_RESTART, "the server stops; connect again")
        await self._audience.gone(seconds)

    # --- endpoints

    async def comfy_socket(self, websocket: WebSocket) -> None:
        """`/ws?clientId=`: ComfyUI's protocol. `previews=0` or `1` decides about pictures on their way."""
        client_id = websocket.query_params.get("clientId") or uuid.uuid4().hex
        if await self._refused(websocket) or await _too_long(websocket, "clientId", client_id):
            return
        await websocket.accept()
        asked = websocket.query_params.get("previews")
        session = Session(client_id, "comfy", previews=self._plain_previews if asked is None else asked != "0")
        session.refused_previews = asked == "0"
        session.offer(_frame(status(self._remaining(), client_id)))
        running = self._current(client_id)
        if running is not None and running[1] is not None:
            session.offer(_frame(executing_now(running[1])))
        await self._serve(websocket, session, lambda message: self._hear_comfy(session, message))

    async def loom_socket(self, websocket: WebSocket) -> None:
        """`/api/loom/ws?after=SEQ&job=ID&previews=1&batch=1`: Latentloom's own protocol."""
        query = websocket.query_params
        after, job = query.get("after"), query.get("job")
        if await self._refused(websocket) or await _too_long(websocket, "job", job or ""):
            return
        if after is not None and not (after.isascii() and after.isdigit() and len(after) <= 16):
            await refuse(websocket, 400, bad_parameter("after", "the number of an event", after))
            return
        await websocket.accept()
        last = self._journal.last
        session = Session(
            "", "loom", seq=last if after is None else int(after), job=job,
            previews=query.get("previews") == "1", batch=query.get("batch") == "1",
        )  # fmt: skip
        session.behind = after is not None
        session.offer(hello(last, self._journal.first, time.time(), {"remaining": self._remaining()}))
        await self._serve(websocket, session, lambda message: self._hear_loom(session, message))

    async def _serve(self, websocket: WebSocket, session: Session, hear: Callable[[str | bytes], None]) -> None:
        self._audience.add(session)
        try:
            await serve(
                websocket, session, hear=hear, refill=lambda: refill(session, self._journal),
                rest=self._audience.rest if session.kind == "loom" else lambda: 0.0,
                write_seconds=self._write_seconds,
            )  # fmt: skip
        finally:
            self._audience.remove(session)

    async def _refused(self, websocket: WebSocket) -> bool:
        if len(self) < self._max_clients and not self._closing:
            return False
        got = "a server that stops" if self._closing else f"{len(self)} already"
        fix = "Close other clients, or try again soon."
        await refuse(websocket, 503, UserError("P012", "websocket", f"at most {self._max_clients} clients", got, fix))
        return True

    # --- what is heard

    def _hear_comfy(self, session: Session, message: str | bytes) -> None:
        """The first JSON message may be feature flags; ComfyUI passes over everything else, and so do we."""
        if session.greeted or isinstance(message, bytes):
            return
        found = _parse(message)
        if found is None:
            return
        session.greeted = True
        if isinstance(found, dict) and found.get("type") == "feature_flags" and isinstance(found.get("data"), dict):
            session.metadata = found["data"].get("supports_preview_metadata") is True
            if not session.previews and not session.refused_previews:
                session.previews = True
                self._audience.note_subscribers()
            session.offer(_frame(feature_flags(self.features)))

    def _hear_loom(self, session: Session, message: str | bytes) -> None:
        if isinstance(message, bytes):
            session.close(_UNSUPPORTED, "expected JSON text, got a binary message")
            return
        found = _parse(message)
        if isinstance(found, dict) and found.get("do") == "previews" and isinstance(found.get("on"), bool):
            session.previews = found["on"]
            self._audience.note_subscribers()
        else:
            session.close(_POLICY, 'expected {"do": "previews", "on": true or false}, got something else')

    # --- parts

    def _publish_state(self, entries: list[Entry]) -> None:
        if not entries:
            return
        chunk = Chunk(entries)
        for session in self._audience.loom:
            if session.behind:
                continue
            if session.wants(chunk.job):
                session.offer(chunk.wire(session.batch), chunk.last)
            elif chunk.last is not None:
                session.skip(chunk.last)

    def _send_state(self, sessions: list[Session], parts: list[bytes]) -> None:
        if parts:
            frames = b"".join(parts)
            parts.clear()
            for session in sessions:
                session.offer(frames)

    def _state_later(self, run: ComfyRun) -> None:
        if run.job_id not in self._state_timers:
            timer = asyncio.get_running_loop().call_later(1 / STATUS_PER_SECOND, self._late_state, run)
            self._state_timers[run.job_id] = timer

    def _late_state(self, run: ComfyRun) -> None:
        del self._state_timers[run.job_id]
        if run.stale:
            self.publish_comfy(run.client_id, [run.state()])

    def _late_status(self) -> None:
        self._status_timer = None
        self.status()


def _frame(message: ComfyMessage) -> bytes:
    if message.type == "progress_text":
        return binary_frame(node_text(message.data["node"], message.data["text"]))
    return text_frame(as_text(message))


def _parse(text: str) -> Any:
    """Return the JSON value, None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


async def _too_long(websocket: WebSocket, name: str, value: str) -> bool:
    if len(value) <= 256:
        return False
    await refuse(websocket, 400, bad_parameter(name, "at most 256 characters", f"{len(value)} of them"))
    return True
