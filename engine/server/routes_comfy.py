"""ComfyUI's routes but those for files, as one list. Bare paths; the application adds the twins under /api."""

from __future__ import annotations

from starlette.routing import Route

from . import routes_info, routes_jobs_comfy, routes_prompt, routes_queue

__all__ = ["routes"]


def routes() -> list[Route]:
    """Return them all; each call makes its own caches of folder listings."""
    return [*routes_prompt.routes(), *routes_queue.routes(), *routes_info.routes(), *routes_jobs_comfy.routes()]
