"""ComfyUI's POST /prompt and its companions: /interrupt and /free.

Errors have ComfyUI's shape, `{"error": {"type", "message", "details", "extra_info"}, "node_errors"}`, whatever raised
them. What a prompt may be is `comfy.prompt`'s business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..comfy.document import is_ui
from ..comfy.history import number
from ..comfy.listing import Listing
from ..comfy.prompt import Accepted, Refused, accept
from ..errors import UserError
from .body import read_json
from .jobs import Submission
from .problems import RETRY_AFTER, bad_field, status_of
from .reach import hub_of
from .reply import Reply

if TYPE_CHECKING:
    from .hub import Hub

__all__ = ["routes"]

_LARGE = 300  # nodes from which checking takes long enough (some ms) to be worth leaving the event loop
_TYPES: Mapping[str, str] = {
    "J002": "invalid_prompt_id",
    "J003": "queue_full",
    "J010": "disk_full",
    "J011": "server_stopping",
}


def routes() -> list[Route]:
    """Return the routes."""
    prompt = _Prompt()
    return [
        Route("/prompt", prompt.post, methods=["POST"]),
        Route("/prompt", remaining, methods=["GET"]),
        Route("/interrupt", interrupt, methods=["POST"]),
        Route("/free", free, methods=["POST"]),
    ]


class _Prompt:
    """POST /prompt, with the folder listings it checks file names against."""

    def __init__(self) -> None:
        self._listing: Listing | None = None

    async def post(self, request: Request) -> Response:
        """Check a prompt and queue it; on disk when the answer goes out."""
        hub = hub_of(request)
        try:
            document = await read_json(request)
            await hub.nodes_known()
            found = await self._check(document, hub)
            if isinstance(found, Refused):
                return Reply(found.body(), found.status)
            job = await hub.submit(_submission(found, request.headers.get("idempotency-key")))
        except UserError as error:
            return _problem(error)
        return Reply({"prompt_id": job.id, "number": number(job), "node_errors": job.node_errors})

    async def _check(self, document: Any, hub: Hub) -> Accepted | Refused:
        if self._listing is None or self._listing.folders is not hub.folders:
            self._listing = Listing(hub.folders)
        table = document.get("prompt") if isinstance(document, dict) else None
        if isinstance(table, dict) and (len(table) >= _LARGE or is_ui(table)):
            return await asyncio.to_thread(accept, document, hub.registry, self._listing)
        return accept(document, hub.registry, self._listing)


async def remaining(request: Request) -> Response:
    """GET /prompt: how many jobs wait or run."""
    hub = hub_of(request)
    return Reply({"exec_info": {"queue_remaining": hub.queue_remaining()}})


async def interrupt(request: Request) -> Response:
    """POST /interrupt: stop what runs, or only the job named; pending ones stay."""
    hub = hub_of(request)
    document = await _optional_json(request)
    await hub.interrupt(str(document["prompt_id"]) if document.get("prompt_id") else None)
    return Response()


async def free(request: Request) -> Response:
    """POST /free: let workers drop their models, or these and all that is cached, when they are idle next."""
    hub = hub_of(request)
    document = await _optional_json(request)
    models, memory = bool(document.get("unload_models")), bool(document.get("free_memory"))
    if models or memory:
        hub.free(models, memory)
    return Response()


async def _optional_json(request: Request) -> dict[str, Any]:
    """Return the body's JSON object; no body at all counts as an empty one. Raises UserError P*."""
    document = await read_json(request, empty={})
    if not isinstance(document, dict):
        raise bad_field("body", "a JSON object", document)
    return document


def _submission(found: Accepted, key: str | None) -> Submission:
    return Submission(
        graph=found.graph,
        targets=found.targets,
        extra=found.extra,
        client_id=found.client_id,
        job_id=found.prompt_id,
        priority=found.number or 0.0,
        front=found.front,
        node_errors=found.node_errors,
        idempotency_key=key,
    )


def _problem(error: UserError) -> Response:
    """Return an error of ours in ComfyUI's shape."""
    status = status_of(error)
    shown = {
        "type": _TYPES.get(error.code, "invalid_prompt" if status < 500 else "server_error"),
        "message": str(error),
        "details": error.fix,
        "extra_info": {"code": error.code},
    }
    headers = {"Retry-After": str(RETRY_AFTER[status])} if status in RETRY_AFTER else None
    return Reply({"error": shown, "node_errors": {}}, status, headers)
