"""`/api/loom/documents`: the user's saved documents, each with a revision; nothing is overwritten unseen.

What is a revision and what a conflict is `documents`' business. Knows no file and no worker.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..comfy.document import is_ui
from ..comfy.write_ui import ui_text
from ..errors import UserError
from .body import parse_json, read_json
from .documents import Changed, Documents, State
from .fields import Fields
from .openapi_editor import LONGEST_NAME
from .opening import open_parsed
from .problems import bad_field, bad_parameter, problem_response
from .reach import hub_of
from .reply import Reply, dumps

if TYPE_CHECKING:
    from .hub import Hub

__all__ = ["routes"]

_REVISION = re.compile(r"[0-9a-f]{32}")


def routes() -> list[Route]:
    """Return the routes, with full paths. Names may hold folders."""
    kept = _Kept()
    return [
        Route("/api/loom/documents", kept.list, methods=["GET"]),
        Route("/api/loom/documents/{name:path}/move", kept.move, methods=["POST"]),
        Route("/api/loom/documents/{name:path}", kept.get, methods=["GET"]),
        Route("/api/loom/documents/{name:path}", kept.put, methods=["PUT"]),
        Route("/api/loom/documents/{name:path}", kept.delete, methods=["DELETE"]),
    ]


class _Kept:
    """The routes, with the one store that makes their changes one after another."""

    def __init__(self) -> None:
        self._store: Documents | None = None

    async def list(self, request: Request) -> Response:
        """Answer all documents."""
        found = await asyncio.to_thread(self._documents(request).entries)
        return Reply({"documents": [{**entry.state._asdict(), "bytes": entry.size} for entry in found]})

    async def get(self, request: Request) -> Response:
        """Answer one document; 304 when the client has this revision."""
        hub, store, name = hub_of(request), self._documents(request), _name(request)
        state, data = await asyncio.to_thread(store.read, name)
        headers = {"ETag": f'"{state.revision}"', "Cache-Control": "private, no-cache"}
        if headers["ETag"] in _tags(request):
            return Response(status_code=304, headers=headers)
        await hub.nodes_known()
        text = await asyncio.to_thread(_opened, hub, state, data)
        return Response(text, media_type=Reply.media_type, headers=headers)

    async def put(self, request: Request) -> Response:
        """Save a document. 409 when another revision is there than the one it is based on."""
        store, name = self._documents(request), _name(request)
        given = Fields(await read_json(request), ("document", "base", "force"))
        document, base, force = given.table("document"), _base(given), given.flag("force")
        if document is None or not is_ui(document) or not isinstance(document["nodes"], list):
            raise bad_field('request, "document"', "a workflow in UI format", document)

        def work() -> State:
            return store.write(name, ui_text(document).encode(), base, force=force)

        return await _changed(work)

    async def delete(self, request: Request) -> Response:
        """Delete a document of the revision named."""
        store, name = self._documents(request), _name(request)
        base = request.query_params.get("base", "")
        if not _REVISION.fullmatch(base):
            raise bad_parameter("base", "the revision of the document", base)
        try:
            state = await asyncio.to_thread(store.delete, name, base)
        except Changed as error:
            return _conflict(error)
        return Reply({"deleted": state.name})

    async def move(self, request: Request) -> Response:
        """Give a document another name."""
        store, name = self._documents(request), _name(request)
        given = Fields(await read_json(request), ("to", "base"))
        to, base = given.text("to", LONGEST_NAME, empty=False), _base(given)
        if to is None or base is None:
            raise bad_field("request", '"to" and "base"', "one or none of them")
        return await _changed(lambda: store.move(name, to, base))

    def _documents(self, request: Request) -> Documents:
        folders = hub_of(request).folders
        if self._store is None or self._store.folders is not folders:
            self._store = Documents(folders)
        return self._store


async def _changed(work: Any) -> Response:
    try:
        state: State = await asyncio.to_thread(work)
    except Changed as error:
        return _conflict(error)
    return Reply(state._asdict(), headers={"ETag": f'"{state.revision}"'})


def _conflict(error: Changed) -> Response:
    """Answer 409 with what is there."""
    present = error.present
    there = {"revision": present and present.revision, "modified": present and present.modified}
    return problem_response(error, **there)


def _opened(hub: Hub, state: State, data: bytes) -> bytes:
    try:
        found = open_parsed(parse_json(data), hub.registry)
    except UserError as error:  # it is the file that is at fault, not the request
        raise UserError(error.code, f'document "{state.name}"', error.expected, error.got, error.fix) from error
    return dumps({**state._asdict(), **found})


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    if not 0 < len(name) <= LONGEST_NAME:
        raise UserError(
            "F002", "document", f"a name of 1 to {LONGEST_NAME} characters", f"{len(name)}", "Choose another."
        )
    return name


def _base(given: Fields) -> str | None:
    base = given.text("base", 32)
    if base is not None and not _REVISION.fullmatch(base):
        raise bad_field('request, "base"', "a revision, or null for a new document", base)
    return base


def _tags(request: Request) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
