"""What a model file's header says of it, for validation: family and latent channels, without loading a weight.

Implements `graph.facets.FacetReader`. Knows files and keys, no node.
"""

from __future__ import annotations

from collections.abc import Mapping

from .models.facets import shape_facets
from .models.weights import open_weights
from .node.context import Files

__all__ = ["HeaderFacets"]


class HeaderFacets:
    """Reads facets of the files that `files` finds; every file is opened once while its size and time stay."""

    def __init__(self, files: Files, allow_pickle: bool = False) -> None:
        self._files = files
        self._allow_pickle = allow_pickle
        self._known: dict[tuple[str, int, int], Mapping[str, str]] = {}

    def facets(self, folder: str, name: str) -> Mapping[str, str]:
        """Return e.g. {"family": "SD1.x", "latent": "4"}; {} for a folder of many files. Raises UserError F*, M*."""
        path = self._files.find(folder, name)
        if path.is_dir():
            return {}
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns)
        if key not in self._known:
            shapes = open_weights(path, allow_pickle=self._allow_pickle).shapes
            self._known[key] = shape_facets(shapes, path.name)
        return self._known[key]
