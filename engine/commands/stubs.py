"""`latentloom stubs [--check]`: write what is generated from our own declarations, or tell whether it is stale.

That is `engine/graph/build.pyi`, by which editors complete the builder, `docs/nodes.md`, and the types by which the
browser's editor knows the server. Loads no torch.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..graph.stubs import generate
from ..library import MANIFEST, built_in_packages, package_root
from ..node.manifest import load
from .reference import reference
from .web_types import web_types

__all__ = ["main"]


def main(args: argparse.Namespace) -> int:
    """Write the files, or with --check return 1 when one is stale."""
    root = package_root()
    specs = list(load(built_in_packages(), root / MANIFEST))
    wanted = {root / "engine" / "graph" / "build.pyi": generate(specs)}
    if (root / "docs").is_dir():  # an installed package has no documents
        wanted[root / "docs" / "nodes.md"] = reference(specs)
    if (root / "web" / "src").is_dir():  # nor the editor's sources
        wanted[root / "web" / "src" / "server" / "protocol.ts"] = web_types()
    old = [path for path, text in wanted.items() if _content(path) != text]
    if args.check:
        for path in old:
            print(f"{path.relative_to(root).as_posix()} is stale. Run `make stubs`.", file=sys.stderr)
        return 1 if old else 0
    for path in old:
        path.write_text(wanted[path], encoding="utf-8", newline="\n")
    print(f"{len(old)} of {len(wanted)} files written")
    return 0


def _content(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
