"""`/api/loom/types`: the node types as the editor wants them, first what a graph is drawn and run with, then the words.

Both have an ETag and are compressed once for each content. Knows no store and no worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..comfy.lean import lean_text, words_text
from ..comfy.listing import Listing
from ..comfy.schema import object_info_text
from .compress import Content, packed, respond
from .hub import Hub
from .reach import hub_of

__all__ = ["routes"]


def routes() -> list[Route]:
    """Return the routes, with full paths."""
    return [
        Route("/api/loom/types", _Types(lean_text).answer, methods=["GET"]),
        Route("/api/loom/types/words", _Types(words_text).answer, methods=["GET"]),
    ]


class _Types:
    """One form of all node types, kept until they change."""

    def __init__(self, form: Callable[[bytes], bytes]) -> None:
        self._form = form
        self._listing: Listing | None = None
        self._whole = b""
        self._content: Content | None = None

    async def answer(self, request: Request) -> Response:
        """Answer with every node type; lists of files are as the folders are now."""
        hub = hub_of(request)
        await hub.nodes_known()
        # Folders may be slow to list.
        return respond(request, await asyncio.to_thread(self._packed, hub), "application/json")

    def _packed(self, hub: Hub) -> Content:
        if self._listing is None or self._listing.folders is not hub.folders:
            self._listing = Listing(hub.folders)
        whole = object_info_text(hub.registry, self._listing)
        if self._content is None or whole is not self._whole:
            self._content, self._whole = packed(self._form(whole)), whole
        return self._content
