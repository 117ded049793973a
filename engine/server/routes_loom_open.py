"""`/api/loom/open`: a workflow of whatever kind, dropped or pasted, as a document for the editor.

Needs no worker. Knows no format: `opening` does.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .body import read_bytes
from .limits import OPEN_BYTES
from .openapi_editor import LONGEST_NAME
from .opening import UNNAMED, open_bytes
from .problems import bad_parameter
from .reach import hub_of
from .reply import Reply, dumps

__all__ = ["routes"]


def routes() -> list[Route]:
    """Return the routes, with full paths."""
    return [Route("/api/loom/open", _open, methods=["POST"])]


async def _open(request: Request) -> Response:
    """Answer the document; 400 with what is wrong when the body carries none."""
    hub = hub_of(request)
    name = request.query_params.get("name") or UNNAMED
    if len(name) > LONGEST_NAME:
        raise bad_parameter("name", f"at most {LONGEST_NAME} characters", name)
    await hub.nodes_known()
    data = await read_bytes(request, OPEN_BYTES)
    # In a thread, and written there, too: a document may be of megabytes.
    return Response(
        await asyncio.to_thread(lambda: dumps(open_bytes(data, name, hub.registry))), media_type=Reply.media_type
    )
