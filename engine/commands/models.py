"""`latentloom models`: the model files that a workflow can name, where they are, and how large. Loads no torch.

`--remember FOLDER/WANTED=NAME` settles which file stands in for one that workflows name and that is not here.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..comfy.remap import forget, remember, remembered
from ..errors import UserError, brief
from ..folders import MODEL_TYPES, Folders
from ..library import package_root
from .compose import folders_for, settings_for

__all__ = ["EXTENSIONS", "main"]

EXTENSIONS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".yaml")


def main(args: argparse.Namespace) -> int:
    """List the files of every model folder, by the names that workflows use."""
    folders = folders_for(settings_for(args))
    for choice in args.remember:
        kind, wanted, name = _choice(choice)
        remember(folders, kind, wanted, name)
    for choice in args.forget:
        kind, wanted, _ = _choice(f"{choice}=")
        forget(folders, kind, wanted)
    found = {kind: entries for kind in MODEL_TYPES if (entries := _entries(folders, kind))}
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    for wanted, name in remembered(folders).items():
        print(f"{wanted} means {name}")
    for kind, entries in found.items():
        print(kind)
        for entry in entries:
            print(f"  {entry['name']}  {int(entry['bytes']) / 1e6:,.1f} MB  {entry['place']}")
    if not found:
        print(f"No model files. Put them into {folders.data_dir / 'models'}.")
    return 0


def _choice(text: str) -> tuple[str, str, str]:
    """Split "checkpoints/wanted.safetensors=here.safetensors". Raises UserError S023."""
    place, equals, name = text.partition("=")
    kind, slash, wanted = place.partition("/")
    if not (equals and slash and kind and wanted):
        fix = "For example: --remember checkpoints/v1-5.safetensors=sd15.safetensors"
        raise UserError("S023", "--remember or --forget", "FOLDER/WANTED, to remember =NAME", brief(text), fix)
    return kind, wanted, name


def _entries(folders: Folders, kind: str) -> list[dict[str, str | int]]:
    entries: list[dict[str, str | int]] = []
    for name in folders.names(kind, () if kind == "diffusers" else EXTENSIONS):
        path = folders.find(kind, name)
        files = path.rglob("*") if path.is_dir() else (path,)
        size = sum(file.stat().st_size for file in files if file.is_file())
        entries.append({"name": name, "bytes": size, "place": _place(path, folders), "path": str(path)})
    return entries


def _place(path: Path, folders: Folders) -> str:
    if path.is_relative_to(folders.data_dir):
        return "data folder"
    return "bundled" if path.is_relative_to(package_root()) else "extra folder"
