"""`latentloom manifest [--check]`: write `nodes/manifest.json` from the node files, or tell whether it is stale.

Writing imports the node files, so torch; checking compares fingerprints only.
"""

from __future__ import annotations

import argparse
import sys

from ..library import MANIFEST, built_in_packages, package_root
from ..node.manifest import build, read, stale, write

__all__ = ["main"]


def main(args: argparse.Namespace) -> int:
    """Write the manifest, or with --check return 1 when it is stale."""
    path = package_root() / MANIFEST
    if args.check:
        old = stale(read(path), built_in_packages())
        if old:
            print(f"{MANIFEST} is stale: {', '.join(old)} changed. Run `make manifest stubs`.", file=sys.stderr)
        return 1 if old else 0
    manifest = build(built_in_packages())
    write(manifest, path)
    modules = manifest["modules"].values()
    print(f"{MANIFEST}: {sum(len(module['nodes']) for module in modules)} nodes of {len(modules)} modules")
    return 0
