"""Jobs as ComfyUI's clients see them: queue items, history entries, and the records of its jobs API.

Takes any object with the fields of `Record`. Knows no store and no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

__all__ = ["STATUS", "Record", "detail", "entry", "number", "queue_item", "summary", "workflow_id"]

STATUS: Mapping[str, str] = MappingProxyType(
    {
        "pending": "pending",
        "running": "in_progress",
        "done": "completed",
        "failed": "failed",
        "cancelled": "cancelled",
    }
)
"""Our states and what the jobs API calls them."""

_SHOWN_KINDS = ("images", "video", "audio")
_SHOWN_FORMATS = ("video/", "audio/")
_SHOWN_ENDINGS = (".obj", ".fbx", ".gltf", ".glb")


class Record(Protocol):
    """What is read of a job (implemented by `engine.server.jobs.Job`); times are seconds since 1970."""

    @property
    def id(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def priority(self) -> float: ...
    @property
    def graph(self) -> Mapping[str, Any]: ...
    @property
    def targets(self) -> Sequence[str] | None: ...
    @property
    def extra(self) -> Mapping[str, Any]: ...
    @property
    def created(self) -> float: ...
    @property
    def started(self) -> float | None: ...
    @property
    def ended(self) -> float | None: ...
    @property
    def error(self) -> Mapping[str, Any] | None: ...
    @property
    def outputs(self) -> Mapping[str, Any]: ...
    @property
    def meta(self) -> Mapping[str, Any]: ...
    @property
    def messages(self) -> Sequence[Any]: ...


def number(job: Record) -> float:
    """Return ComfyUI's `number`: the priority the caller chose, else the job's place in the order of arrival."""
    return float(job.priority) if job.priority else float(job.sequence)


def queue_item(job: Record) -> list[Any]:
    """Return `[number, id, prompt, extra data, output ids]`; the extra data tells when the job came (ms)."""
    extra = {**job.extra, "create_time": _ms(job.created)}
    return [number(job), job.id, job.graph, extra, list(job.targets or ())]


def entry(job: Record) -> dict[str, Any]:
    """Return the history entry of a job that has ended."""
    return {"prompt": queue_item(job), "outputs": job.outputs, "status": _status(job), "meta": _meta(job)}


def summary(job: Record) -> dict[str, Any]:
    """Return the job as the jobs API lists it; times are in milliseconds, and what is not known is left out."""
    files = _files(job)
    shown = [file for file in files if _can_be_shown(file)]
    found = {
        "id": job.id,
        "status": STATUS[str(job.state)],
        "priority": number(job),
        "create_time": _ms(job.created),
        "execution_start_time": _ms(job.started),
        "execution_end_time": _ms(job.ended),
        "execution_error": _error(job),
        "outputs_count": len(files),
        "previewable_outputs_count": len(shown),
        "preview_output": next((item for item in shown if item.get("type") == "output"), shown[0] if shown else None),
        "workflow_id": workflow_id(job),
    }
    return {name: value for name, value in found.items() if value is not None}


def detail(job: Record) -> dict[str, Any]:
    """Return the job with its outputs, messages and graph."""
    status = _status(job) if job.ended is not None else None
    workflow = {"prompt": job.graph, "extra_data": job.extra}
    return {**summary(job), "outputs": job.outputs, "execution_status": status, "workflow": workflow}


def _status(job: Record) -> dict[str, Any]:
    done = str(job.state) == "done"
    return {"status_str": "success" if done else "error", "completed": done, "messages": _messages(job)}


def _messages(job: Record) -> list[Any]:
    """Return the messages of the run; a job that ended without a run gets the one that says how."""
    messages = list(job.messages)
    state = str(job.state)
    wanted = {"done": "execution_success", "failed": "execution_error", "cancelled": "execution_interrupted"}.get(state)
    if wanted is None or any(message[0] == wanted for message in messages):
        return messages
    data: dict[str, Any] = {"prompt_id": job.id, "timestamp": _ms(job.ended)}
    if state == "failed":
        error = job.error or {}
        data |= {
            "node_id": error.get("node_id"),
            "node_type": error.get("node_type"),
            "executed": [],
            "exception_message": error.get("message", ""),
            "exception_type": error.get("code", ""),
            "traceback": [],
            "current_inputs": {},
            "current_outputs": [],
        }
    elif state == "cancelled":
        data |= {"node_id": None, "node_type": None, "executed": []}
    return [*messages, [wanted, data]]


def _error(job: Record) -> dict[str, Any] | None:
    if str(job.state) != "failed":
        return None
    found = [message[1] for message in _messages(job) if message[0] == "execution_error"]
    return dict(found[0]) if found else None


def _meta(job: Record) -> Mapping[str, Any]:
    if job.meta:
        return job.meta
    return {
        node_id: {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
        for node_id in job.outputs
    }


def _files(job: Record) -> list[dict[str, Any]]:
    """Return what the job put out, each with its node and kind."""
    return [
        {**item, "nodeId": node_id, "mediaType": kind}
        for node_id, kinds in job.outputs.items()
        for kind, items in kinds.items()
        if isinstance(items, list)
        for item in items
        if isinstance(item, Mapping)
    ]


def _can_be_shown(file: Mapping[str, Any]) -> bool:
    """Tell whether front ends have a viewer for it."""
    return (
        file["mediaType"] in _SHOWN_KINDS
        or str(file.get("format", "")).startswith(_SHOWN_FORMATS)
        or str(file.get("filename", "")).lower().endswith(_SHOWN_ENDINGS)
    )


def workflow_id(job: Record) -> str | None:
    """Return the id of the editor's workflow that the job was made from, if it says."""
    info = job.extra.get("extra_pnginfo")
    workflow = info.get("workflow") if isinstance(info, Mapping) else None
    found = workflow.get("id") if isinstance(workflow, Mapping) else None
    return found if isinstance(found, str) else None


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)
