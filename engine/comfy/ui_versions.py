"""The mark that Latentloom leaves in a UI file: `extra.latentloom`, with the versions of the nodes it was written for.

Reading it is how an old file is known to need migration. Knows no layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..node.registry import Registry

__all__ = ["FORMAT", "KEY", "stamp"]

KEY = "latentloom"
FORMAT = 1
"""Of `extra.latentloom`; raised when a reader of today could not read it."""


def stamp(api: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return what belongs into "extra" of a file with these nodes."""
    versions: dict[str, int] = {}
    for entry in api.values():
        spec = registry.spec(entry["class_type"])
        if spec is not None:
            versions[entry["class_type"]] = spec.version
    from ... import __version__

    return {KEY: {"format": FORMAT, "version": __version__, "node_versions": dict(sorted(versions.items()))}}
