"""ComfyUI's websocket messages, made from the events of one run, and what its history keeps of them.

`progress_state` is the one message whose size grows with the graph: it is sent at most some 20 times a second, and of a
large graph only what runs or changed last, with everything once at the end, so that bytes stay linear. Pure: time comes
with the events. Knows no socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol

from .frames import quote, strict_json
from .pace import Pace

__all__ = ["ComfyMessage", "ComfyRun", "Ending", "as_text", "executing_now", "feature_flags", "status"]

STATES_PER_SECOND = 20.0
STATES_AT_ONCE = 16  # so that short runs of few nodes look exactly as ComfyUI's
STATES_WHOLE = 64  # nodes up to which `progress_state` holds all that were touched
STATE_WINDOW = 16  # beyond, until the end: those that run and so many that changed last

_RUNNING, _FINISHED, _ERROR = "running", "finished", "error"


class ComfyMessage(NamedTuple):
    """One message: {"type": type, "data": data}; "progress_text" goes out as a binary one (`binary.node_text`)."""

    type: str
    data: Mapping[str, Any]


class Ending(Protocol):
    """How a run came out; `supervise.Outcome` is one."""

    @property
    def status(self) -> str:
        """Return "done", "failed", "cancelled" or "died"."""

    @property
    def failures(self) -> Sequence[Mapping[str, Any]]:
        """Return error records (`LatentloomError.as_dict`), with node_type, traceback and inputs where known."""

    @property
    def reason(self) -> str | None:
        """Return why it died."""

    @property
    def node(self) -> str | None:
        """Return the node that ran when it died."""


def as_text(message: ComfyMessage) -> bytes:
    """Return the message as JSON. The one that comes with every node is written by hand: thrice as fast."""
    kind, data = message
    if kind == "executing" and len(data) == 3:
        node, display, job = quote(data["node"]), quote(data["display_node"]), quote(data["prompt_id"])
        return f'{{"type":"executing","data":{{"node":{node},"display_node":{display},"prompt_id":{job}}}}}'.encode()
    return strict_json({"type": kind, "data": data}).encode()


def status(remaining: int, sid: str | None = None) -> ComfyMessage:
    """Return how many jobs wait or run; `sid`, the client's id, only in the first message to a socket."""
    data: dict[str, Any] = {"status": {"exec_info": {"queue_remaining": remaining}}}
    if sid is not None:
        data["sid"] = sid
    return ComfyMessage("status", data)


def executing_now(node: str) -> ComfyMessage:
    """Return what an owner who comes back is told; as in ComfyUI it names no prompt."""
    return ComfyMessage("executing", {"node": node})


def feature_flags(flags: Mapping[str, Any]) -> ComfyMessage:
    """Return the answer to a client's flags."""
    return ComfyMessage("feature_flags", dict(flags))


class _Node:
    __slots__ = ("display", "outputs", "state", "total", "type", "value")

    def __init__(self, display: str, kind: str) -> None:
        self.display = display
        self.type = kind
        self.state = _RUNNING
        self.value = 0.0
        self.total = 1.0
        self.outputs: dict[str, list[Any]] | None = None


class ComfyRun:
    """One run. `start`, then `feed` as often as events come, then `end`; each returns messages in their order.

    history: [type, data] of the messages that ComfyUI's history keeps. meta: of the nodes with outputs, for the same.
    stale: nodes changed since the last `progress_state`; `state` is then worth sending.
    """

    def __init__(self, job_id: str, client_id: str | None) -> None:
        self.job_id = job_id
        self.client_id = client_id
        self.history: list[list[Any]] = []
        self.meta: dict[str, dict[str, Any]] = {}
        self.stale = False
        self._nodes: dict[str, _Node] = {}  # the one that changed last is last
        self._running: dict[str, None] = {}
        self._executed: list[str] = []
        self._cached_said = False
        self._pace = Pace(STATES_PER_SECOND, STATES_AT_ONCE)

    @property
    def node(self) -> str | None:
        """Return the node that began last and still runs."""
        return next(reversed(self._running), None)

    def start(self, at: float) -> list[ComfyMessage]:
        """Tell that the run begins, `at` seconds since 1970."""
        return [self._kept("execution_start", {}, at)]

    def feed(self, events: Iterable[Mapping[str, Any]]) -> list[ComfyMessage]:
        """Take events of the worker: `run.events.as_dict` and "at". Those of unknown kind are passed over."""
        said: list[ComfyMessage] = []
        for event in events:
            kind = event["kind"]
            at = event["at"]
            if kind == "cached":
                self._say_cached(said, event["nodes"], at)
                continue
            if kind == "queued":
                continue
            if not self._cached_said:
                self._say_cached(said, (), at)
            if kind == "started":
                self._started(said, event, at)
            elif kind == "finished":
                self._finished(said, event, at)
            elif kind == "progress":
                self._progress(said, event, at)
            elif kind == "output":
                self._output(event)
            elif kind == "failed" and event["node"] in self._nodes:
                self._change(event["node"], _ERROR)
                self._maybe_state(said, at)
        return said

    def state(self, everything: bool = False) -> ComfyMessage:
        """Return `progress_state` as it is now: what runs and what changed last, or all nodes touched."""
        if everything or len(self._nodes) <= STATES_WHOLE:
            ids = list(self._nodes)
        else:
            recent = list(islice(reversed(self._nodes), STATE_WINDOW))
            ids = [*dict.fromkeys([*self._running, *reversed(recent)])]
        self.stale = False
        states = {node_id: self._state_of(node_id, self._nodes[node_id]) for node_id in ids}
        return ComfyMessage("progress_state", {"prompt_id": self.job_id, "nodes": states})

    def end(self, outcome: Ending, at: float) -> tuple[list[ComfyMessage], list[ComfyMessage]]:
        """Return what may be sent now, and what only after the job's end is on record, `at` seconds since 1970."""
        before: list[ComfyMessage] = []
        if not self._cached_said:
            self._say_cached(before, (), at)
        if self.stale or len(self._nodes) > STATES_WHOLE:
            before.append(self.state(everything=True))
        if outcome.status == "done":
            last = self._kept("execution_success", {}, at)
        elif outcome.status == "cancelled":
            node = outcome.node or self.node or next(reversed(self._nodes), None)
            about = {"node_id": node, "node_type": self._type_of(node), "executed": list(self._executed)}
            last = self._kept("execution_interrupted", about, at)
        else:
            last = self._kept("execution_error", self._error(outcome), at)
        over = ComfyMessage("executing", {"node": None, "prompt_id": self.job_id})
        return before, [last, ComfyMessage("status", {}), over]

    # --- one event each

    def _say_cached(self, said: list[ComfyMessage], nodes: Sequence[str], at: float) -> None:
        self._cached_said = True
        said.append(self._kept("execution_cached", {"nodes": list(nodes)}, at))

    def _started(self, said: list[ComfyMessage], event: Mapping[str, Any], at: float) -> None:
        node_id, display = event["node"], event["display"]
        known = self._nodes.get(node_id)
        if known is None:
            self._nodes[node_id] = _Node(display, event["type"])
        else:
            self._change(node_id, _RUNNING)  # again, with its lazy inputs
        self._running[node_id] = None
        self._maybe_state(said, at)
        said.append(ComfyMessage("executing", {"node": node_id, "display_node": display, "prompt_id": self.job_id}))

    def _finished(self, said: list[ComfyMessage], event: Mapping[str, Any], at: float) -> None:
        node_id = event["node"]
        node = self._nodes.get(node_id)
        if node is None:
            return
        if node.outputs is not None:
            data = {"node": node_id, "display_node": node.display, "output": node.outputs, "prompt_id": self.job_id}
            said.append(ComfyMessage("executed", data))
            node.outputs = None
        node.value = node.total
        self._executed.append(node_id)
        self._change(node_id, _FINISHED)
        self._maybe_state(said, at)

    def _progress(self, said: list[ComfyMessage], event: Mapping[str, Any], at: float) -> None:
        node_id = event["node"]
        node = self._nodes.get(node_id)
        if node is None:
            return
        node.value, node.total = event["value"], event["total"]
        self._change(node_id, _RUNNING)
        data = {"value": node.value, "max": node.total, "prompt_id": self.job_id, "node": node_id}
        said.append(ComfyMessage("progress", data))
        if note := event.get("note"):
            text = ", ".join(f"{name} {_short(value)}" for name, value in note.items())
            said.append(ComfyMessage("progress_text", {"prompt_id": self.job_id, "node": node_id, "text": text}))
        self._maybe_state(said, at)

    def _output(self, event: Mapping[str, Any]) -> None:
        node_id, display = event["node"], event["display"]
        node = self._nodes.setdefault(node_id, _Node(display, ""))
        if node.outputs is None:
            node.outputs = {}
        node.outputs.setdefault(event["name"], []).extend(event["items"])
        self.meta[display] = {
            "node_id": node_id,
            "display_node": display,
            "parent_node": display if display != node_id else None,
            "real_node_id": display,
        }

    # --- parts

    def _change(self, node_id: str, state: str) -> None:
        node = self._nodes.pop(node_id)
        self._nodes[node_id] = node
        node.state = state
        if state != _RUNNING:
            self._running.pop(node_id, None)

    def _maybe_state(self, said: list[ComfyMessage], at: float) -> None:
        self.stale = True
        if self._pace.take(at):
            said.append(self.state())

    def _state_of(self, node_id: str, node: _Node) -> dict[str, Any]:
        return {
            "value": node.value,
            "max": node.total,
            "state": node.state,
            "node_id": node_id,
            "prompt_id": self.job_id,
            "display_node_id": node.display,
            "parent_node_id": node.display if node.display != node_id else None,
            "real_node_id": node.display,
        }

    def _type_of(self, node_id: str | None) -> str | None:
        node = self._nodes.get(node_id) if node_id is not None else None
        return node.type if node is not None else None

    def _error(self, outcome: Ending) -> dict[str, Any]:
        unknown: Mapping[str, Any] = {"message": outcome.reason or "the run failed"}
        failure = outcome.failures[0] if outcome.failures else unknown
        node = failure.get("node_id") or outcome.node or self.node
        inputs = failure.get("inputs") or {}
        return {
            "node_id": node,
            "node_type": failure.get("node_type") or self._type_of(node),
            "executed": list(self._executed),
            "exception_message": failure["message"],
            "exception_type": failure.get("exception_type") or failure.get("kind") or "WorkerDied",
            "traceback": list(failure.get("traceback") or ()),
            "current_inputs": {name: value if isinstance(value, list) else [value] for name, value in inputs.items()},
            "current_outputs": list(self._executed),
        }

    def _kept(self, kind: str, data: Mapping[str, Any], at: float) -> ComfyMessage:
        full = {"prompt_id": self.job_id, **data, "timestamp": int(at * 1000)}
        self.history.append([kind, full])
        return ComfyMessage(kind, full)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:200]
