"""All routes about files, in one list. Each subject has a module of its own."""

from __future__ import annotations

from starlette.routing import Route

from . import routes_internal, routes_models, routes_settings, routes_upload, routes_userdata, routes_view

__all__ = ["routes"]


def routes() -> list[Route]:
    """Return the routes, bare; those of /internal stand only so."""
    parts = (routes_view, routes_upload, routes_userdata, routes_settings, routes_models, routes_internal)
    return [route for part in parts for route in part.routes()]
