"""Provenance: what a result was made of, as plain data to be kept in its file: seeds, files, versions, device.

Of the nodes that the result depends on, and of no others. With the graph it is enough to make the result again and to
say what has changed since. Knows no picture and no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import LatentloomError
from ..graph.graph import Graph, Link, Node
from ..node.context import Files
from ..node.registry import Registry
from ..node.widget import File, Seed, Text
from .fingerprint import Fingerprints
from .hashes import FileHashes
from .key import embeddings_in

__all__ = ["Provenance"]


class Provenance:
    """Made once per executor; software is asked for its versions when the first result is kept."""

    def __init__(
        self,
        registry: Registry,
        files: Files | None,
        fingerprints: Fingerprints,
        hashes: FileHashes,
        device: str | None,
        versions: Callable[[], Mapping[str, str]] | None,
    ) -> None:
        self._registry = registry
        self._files = files
        self._fingerprints = fingerprints
        self._hashes = hashes
        self._device = device
        self._ask = versions
        self._versions: dict[str, str] | None = None

    def of(self, graph: Graph, node_id: str) -> dict[str, Any]:
        """Return the provenance of what node `node_id` makes.

        "node": its id. "seeds": {"3.seed": n}. "files": {"checkpoints/x.safetensors": "sha256:..."}, or "quick:..."
        where hashing takes too long, or "absent". "versions": of software. "node_versions": by node type.
        """
        seeds: dict[str, int] = {}
        files: dict[str, str] = {}
        node_versions: dict[str, int] = {}
        for node in _ancestors(graph, node_id):
            spec = self._registry.spec(node.type)
            if spec is None:
                continue
            node_versions[spec.id] = spec.version
            for entry in spec.inputs:
                value = node.inputs.get(entry.name, entry.default)
                if isinstance(entry.widget, Seed) and type(value) is int:
                    seeds[f"{node.id}.{entry.name}"] = value
                elif isinstance(entry.widget, File) and isinstance(value, str) and value:
                    files.setdefault(f"{entry.widget.folder}/{value}", "")
                elif isinstance(entry.widget, Text) and entry.widget.prompt and isinstance(value, str):
                    files.update((f"embeddings/{name}", "") for name in self._embeddings(value))
        return {
            "version": self._own_version(),
            "node": node_id,
            "seeds": seeds,
            "files": {name: self._file(*name.split("/", 1)) for name in sorted(files)},
            "versions": self._software(),
            "device": self._device,
            "node_versions": dict(sorted(node_versions.items())),
        }

    def _file(self, folder: str, name: str) -> str:
        if self._files is None:
            return "absent"
        try:
            path = self._files.find(folder, name)
        except LatentloomError:
            return "absent"
        found = self._hashes.of(path)
        return f"sha256:{found}" if found is not None else f"quick:{self._fingerprints.of(path)}"

    def _embeddings(self, text: str) -> list[str]:
        """Return the embedding files that a prompt names, as they are found."""
        found = []
        for names in embeddings_in(text):
            for name in names:
                try:
                    if self._files is not None and self._files.find("embeddings", name):
                        found.append(name)
                        break
                except LatentloomError:
                    continue
        return found

    def _software(self) -> dict[str, str]:
        if self._versions is None:
            self._versions = dict(self._ask()) if self._ask is not None else {}
        return self._versions

    @staticmethod
    def _own_version() -> str:
        from ... import __version__

        return __version__


def _ancestors(graph: Graph, node_id: str) -> list[Node]:
    """Return the node and all it depends on, in file order."""
    wanted: set[str] = set()
    waiting = [node_id]
    while waiting:
        name = waiting.pop()
        if name not in wanted and name in graph:
            wanted.add(name)
            waiting += [value.node for value in graph[name].inputs.values() if type(value) is Link]
    return [node for node in graph if node.id in wanted]
