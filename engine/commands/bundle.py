"""`latentloom bundle FILE OUT.zip` and `latentloom bundle --open OUT.zip DIR`: a workflow with what it needs.

After unpacking it says what of the lock is not here: node types, versions, models. Runs nothing, loads no torch.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..bundle import UI_FILE, pack
from ..errors import UserError
from ..folders import IO_KINDS, Folders
from ..node.registry import Registry
from ..run.hashes import FileHashes
from ..unbundle import unpack
from .compose import folders_for, registry_for, settings_for

__all__ = ["main"]


def main(args: argparse.Namespace) -> int:
    """Pack or unpack; return 0. Raises UserError."""
    settings = settings_for(args)
    registry, folders = registry_for(settings), folders_for(settings)
    if args.open:
        return _open(args, registry, folders)
    packed = pack(Path(args.source), Path(args.target), registry, folders, with_models=args.with_models)
    if args.json:
        notes = [note.as_dict() for note in packed.report]
        print(json.dumps({"bundle": args.target, "lock": packed.lock, "notes": notes}, indent=2))
        return 0
    for note in packed.report:
        print(note, file=sys.stderr)
    for place, entry in packed.lock["files"].items():
        how = "packed" if entry["included"] else "named by its hash"
        print(f"{place}  {entry['bytes'] / 1e6:,.1f} MB  {how}")
    print(args.target)
    return 0


def _open(args: argparse.Namespace, registry: Registry, folders: Folders) -> int:
    found = unpack(Path(args.source), Path(args.target))
    lacks = _lacks(found.lock, registry, folders)
    if args.json:
        print(json.dumps({"folder": str(found.folder), "lock": found.lock, "differs": lacks}, indent=2))
        return 0
    for line in lacks:
        print(line, file=sys.stderr)
    print(found.folder / UI_FILE)
    print(f'Run it with: latentloom run "{found.folder / UI_FILE}" --data-dir "{found.folder}"', file=sys.stderr)
    return 0


def _lacks(lock: Mapping[str, Any], registry: Registry, folders: Folders) -> list[str]:
    """Say what of the lock is not so here."""
    lines: list[str] = []
    nodes = lock.get("nodes")
    for kind, version in nodes.items() if isinstance(nodes, dict) else ():
        spec = registry.spec(kind)
        if spec is None:
            lines.append(f"node {kind[:80]}: not installed")
        elif spec.version != version:
            lines.append(f"node {kind[:80]}: version {spec.version} here, {version} in the bundle")
    hashes = FileHashes(lambda: folders.roots("cache")[0])
    for place, entry in lock["files"].items():
        folder, _, name = place.partition("/")
        if entry.get("included") or folder in IO_KINDS:
            continue
        try:
            path = folders.look(folder, name)
        except UserError:
            path = None
        if path is None:
            lines.append(f"model {place[:200]}: not here, sha256 {str(entry.get('sha256'))[:64]}")
        elif (digest := hashes.of(path)) is not None and digest != entry.get("sha256"):
            lines.append(f"model {place[:200]}: another file here, of the same name")
    return lines
