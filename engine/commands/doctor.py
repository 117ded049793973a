"""`latentloom doctor`: what this machine has, and what would keep a workflow from running; then it exits with 1.

With --server a running server is examined instead.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import LatentloomError
from ..folders import Folders
from ..settings import Settings
from .compose import folders_for, registry_for, settings_for
from .finding import Finding
from .server_doctor import examine_server

__all__ = ["main"]

BUNDLED = "loom-shapes-sd15.safetensors"
FREE_BYTES = 1 << 30  # below this, a run that caches to disk or trains will soon stop
PACKAGES = ("latentloom", "torch", "numpy", "pillow", "safetensors", "tokenizers")


def main(args: argparse.Namespace) -> int:
    """Examine and report; return 1 when anything is amiss."""
    if args.server:
        findings = list(examine_server(args.server, args.token))
    else:
        settings = settings_for(args)
        findings = list(_examine(settings, folders_for(settings)))
    if args.json:
        print(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            mark = {None: " ", True: "+", False: "!"}[finding.ok]
            print(f"{mark} {finding.subject:{width}}  {finding.text}")
    return 1 if any(finding.ok is False for finding in findings) else 0


def _examine(settings: Settings, folders: Folders) -> Iterator[Finding]:
    yield Finding("system", f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} cores")
    yield Finding("python", platform.python_version())
    yield from _versions()
    yield from _device(settings)
    yield from _data_folder(folders)
    yield from _nodes(settings)
    yield from _bundled(folders)


def _versions() -> Iterator[Finding]:
    for package in PACKAGES:
        try:
            yield Finding(package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, "not installed", package == "latentloom" or False)


def _device(settings: Settings) -> Iterator[Finding]:
    try:
        import torch

        from ..memory.device import pick_device
    except ImportError as error:
        yield Finding("device", f"torch cannot be loaded: {error}", False)
        return
    try:
        device = pick_device(settings.device)
        result = float((torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)).sum())
    except (LatentloomError, RuntimeError) as error:
        yield Finding("device", str(error), False)
        return
    text = f"{device}, {torch.get_num_threads()} threads"
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        text = f"{device} {torch.cuda.get_device_name(device)}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"
    yield Finding("device", text, result == 512.0)


def _data_folder(folders: Folders) -> Iterator[Finding]:
    place = folders.data_dir
    yield Finding("data folder", str(place) if place.exists() else f"{place} (made on first use)")
    existing = next(parent for parent in (place, *place.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    yield Finding("disk", f"{free / 1e9:.1f} GB free", free >= FREE_BYTES)
    try:
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".latentloom-"):
            pass
        yield Finding("writable", "yes", True)
    except OSError as error:
        yield Finding("writable", f"no: {error.strerror}", False)


def _nodes(settings: Settings) -> Iterator[Finding]:
    registry = registry_for(settings)
    yield Finding("nodes", f"{len(registry)} types", len(registry) > 0)
    for failure in registry.failures:
        yield Finding("node pack", str(failure), False)


def _bundled(folders: Folders) -> Iterator[Finding]:
    try:
        path = folders.find("checkpoints", BUNDLED)
        yield Finding("bundled model", _header(path), True)
    except LatentloomError as error:
        yield Finding("bundled model", str(error), False)


def _header(path: Path) -> str:
    from ..models.weights import open_safetensors

    opened = open_safetensors(path)
    return f"{path.name}, {path.stat().st_size / 1e6:.1f} MB, {len(opened.shapes)} tensors"
