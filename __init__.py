"""Latentloom: typed nodes for diffusion models, run by one executor that remembers its work.

The public Python API. Every name is imported on first use, so `import latentloom` costs no torch and next to no time;
type checkers and editors see the names through the block below. ComfyUI, which imports this folder by its path, finds
the two tables of a node pack the same way; there is no WEB_DIRECTORY, as the nodes need no code in its front end.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Builder",
    "Cancelled",
    "Client",
    "Context",
    "Engine",
    "EngineBug",
    "Graph",
    "InvalidGraph",
    "LatentloomError",
    "NodeBug",
    "Problem",
    "UserError",
    "__version__",
    "function",
    "load",
    "node",
    "save",
]

if TYPE_CHECKING:
    from .engine.client import AsyncClient, Client
    from .engine.engine import Engine
    from .engine.errors import Cancelled, EngineBug, InvalidGraph, LatentloomError, NodeBug, Problem, UserError
    from .engine.function import function
    from .engine.graph.build import Builder
    from .engine.graph.graph import Graph
    from .engine.library import load, save
    from .engine.node.context import Context
    from .engine.node.declare import node


def _home(name: str) -> str | None:
    """Return the module that defines the public `name`."""
    return {
        "AsyncClient": "engine.client",
        "Builder": "engine.graph.build",
        "Client": "engine.client",
        "Context": "engine.node.context",
        "Engine": "engine.engine",
        "Graph": "engine.graph.graph",
        "function": "engine.function",
        "load": "engine.library",
        "node": "engine.node.declare",
        "save": "engine.library",
        **dict.fromkeys(
            ("Cancelled", "EngineBug", "InvalidGraph", "LatentloomError", "NodeBug", "Problem", "UserError"),
            "engine.errors",
        ),
    }.get(name)


def __getattr__(name: str) -> Any:
    if name in ("NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"):
        globals().update(_pack())  # both of the same making; found without this function from now on
        return globals()[name]
    home = _home(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value  # found without this function from now on
    return value


def _pack() -> dict[str, Any]:
    """Return what a ComfyUI node pack exports."""
    from .engine.plugin.pack import mappings

    classes, titles = mappings()
    return {"NODE_CLASS_MAPPINGS": classes, "NODE_DISPLAY_NAME_MAPPINGS": titles}


def __dir__() -> list[str]:
    return sorted(__all__)
