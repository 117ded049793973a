"""What a script needs before anything runs: all node types, and workflow files read and written with them.

The built-in package is named by a string and read from its manifest; installed packs are found by their entry point.
Loads no torch.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path

from .graph import codec
from .graph.graph import Graph
from .node.discover import ENTRY_POINTS
from .node.manifest import load as load_manifest
from .node.registry import Registry

__all__ = ["MANIFEST", "built_in_packages", "load", "package_root", "registry", "save"]

MANIFEST = "nodes/manifest.json"  # below the package's root


def package_root() -> Path:
    """Return the folder of the package, which is the repository's root in a checkout."""
    return Path(__file__).resolve().parent.parent


def built_in_packages() -> tuple[str, ...]:
    """Return the packages that hold the built-in nodes, under the name this package was imported by."""
    return (f"{__package__.rpartition('.')[0]}.nodes",)


def registry(cache_folder: Path | None = None, folders: Iterable[Path] = (), *, ask: bool = True) -> Registry:
    """Return all node types, built in, of installed packs and of the packs in `folders`, without importing them.

    cache_folder: where facts about packs are kept between processes; None looks them up each time. ask: False leaves
    out modules of which nothing is known yet, instead of asking another process, and names them in `unread`.
    """
    packs = importlib.metadata.entry_points(group=ENTRY_POINTS)
    names = sorted({point.value.partition(":")[0] for point in packs})
    return load_manifest((*built_in_packages(), *names), package_root() / MANIFEST, cache_folder, folders, ask=ask)


def load(path: str | Path, nodes: Registry | None = None) -> Graph:
    """Read the workflow file `path`; `nodes` are the types it may use, by default all that are installed.

    Raises UserError F001 (cannot be read), G021 (no workflow), G024 (the editor's own format).
    """
    return codec.load(path, registry() if nodes is None else nodes)


def save(graph: Graph, path: str | Path, nodes: Registry | None = None) -> None:
    """Write a workflow file, whole or not at all. Raises UserError G021 for a literal that JSON cannot hold."""
    codec.save(graph, path, registry() if nodes is None else nodes)
