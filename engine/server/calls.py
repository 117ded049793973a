"""What the server may ask of a worker beside its jobs, by name; each answers plain data and bytes.

Runs in the worker, in threads of its own, while a job may run. Torch and Pillow are loaded inside the functions only.
Knows nothing of frames.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import UserError, brief
from . import picture_calls

if TYPE_CHECKING:
    from ..engine import Engine

__all__ = ["MOST_ENTRIES", "NAMES", "answer", "describe"]

MOST_ENTRIES = 500  # that "ledger" lists

Answer = tuple[Any, bytes]


def answer(name: str, engine: Engine, arguments: Mapping[str, Any], blob: memoryview) -> Answer:
    """Return what the call `name` gives. Raises UserError W011 for an unknown name, and what the call raises."""
    call = _CALLS.get(name)
    if call is None:
        raise UserError("W011", "worker", f"one of {', '.join(_CALLS)}", brief(name), "Name one of these.")
    return call(engine, arguments, blob)


def describe(engine: Engine) -> dict[str, Any]:
    """Return device, versions, and memory in bytes: {"device", "devices", "versions", "memory", "ram_total", ...}.

    "available": the names of all accelerators of this machine.
    """
    import torch

    total, free = _machine_memory()
    device = torch.device(engine.device)
    entry: dict[str, Any] = {"name": str(device), "type": device.type, "index": device.index or 0}
    if device.type == "cuda":
        there, whole = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device)
        entry |= {
            "name": f"{device} {torch.cuda.get_device_name(device)}",
            "vram_total": whole,
            "vram_free": there,
            "torch_vram_total": held,
            "torch_vram_free": held - torch.cuda.memory_allocated(device),
        }
    else:
        entry |= {"vram_total": total, "vram_free": free, "torch_vram_total": total, "torch_vram_free": free}
    return {
        "device": engine.device,
        "pid": os.getpid(),
        "available": list(engine.accelerators),
        "devices": [entry],
        "versions": {"python": sys.version.split()[0], "torch": str(torch.__version__)},
        "memory": {"ram_total": total, "ram_free": free, **engine.executor.store.memory()},
        "ram_total": total,
        "ram_free": free,
        "pack_failures": [{"name": failure.name, "error": failure.error} for failure in engine.registry.failures],
    }


def _describe(engine: Engine, _arguments: Mapping[str, Any], _blob: memoryview) -> Answer:
    return describe(engine), b""


def _ledger(engine: Engine, arguments: Mapping[str, Any], _blob: memoryview) -> Answer:
    """Answer {"device", "memory", "cache": None or {"stats", "used", "entries", "total", "tiers", "evictions"}}; bytes.

    limit: how many entries, the largest first; 500 at most. See `run.listing`.
    """
    cache = engine.cache
    shown = None
    if cache is not None:
        limit = max(0, min(MOST_ENTRIES, int(arguments.get("limit", MOST_ENTRIES))))
        shown = {"stats": cache.stats._asdict(), "used": dict(cache.ledger.used), **cache.listing(limit).as_dict()}
    return {"device": engine.device, "memory": engine.executor.store.memory(), "cache": shown}, b""


def _manifest(engine: Engine, _arguments: Mapping[str, Any], _blob: memoryview) -> Answer:
    """Read the packs anew; what changed is known to jobs from now on. Answer {"nodes": [spec], "failures"}."""
    from ..library import registry

    fresh = registry(engine.settings.data_dir / "cache", engine.settings.node_folders)
    known = {spec.id: spec.as_json() for spec in fresh}
    before = {spec.id: spec.as_json() for spec in engine.registry}
    changed = known != before
    if changed:
        engine.registry = engine.executor.registry = fresh
    # A module that was imported before stays as it was in this process: only a new one can run its changed code.
    stale = any(known.get(name) != spec and spec["module"] in sys.modules for name, spec in before.items())
    failures = [failure._asdict() for failure in fresh.failures]
    return {"nodes": list(known.values()), "failures": failures, "changed": changed, "restart": stale}, b""


def _free(engine: Engine, arguments: Mapping[str, Any], _blob: memoryview) -> Answer:
    before = engine.executor.store.memory()
    engine.free(models=bool(arguments.get("models", True)), cache=bool(arguments.get("cache", True)))
    return {"before": before, "after": engine.executor.store.memory()}, b""


def _machine_memory() -> tuple[int | None, int | None]:
    """Return total and available bytes of the machine; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii", "replace").splitlines()
        table = {name: int(rest.split()[0]) << 10 for name, _, rest in (line.partition(":") for line in lines)}
        return table.get("MemTotal"), table.get("MemAvailable")
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None, None


def _without_engine(call: Callable[[Mapping[str, Any], memoryview], Answer]) -> Callable[..., Answer]:
    return lambda _engine, arguments, blob: call(arguments, blob)


_CALLS: Mapping[str, Callable[[Any, Mapping[str, Any], memoryview], Answer]] = MappingProxyType(
    {
        "describe": _describe,
        "ledger": _ledger,
        "manifest": _manifest,
        "free": _free,
        "picture": _without_engine(picture_calls.picture),
        "check_picture": _without_engine(picture_calls.check_picture),
        "mask": _without_engine(picture_calls.mask),
        "metadata": _without_engine(picture_calls.metadata),
    }
)
NAMES = tuple(_CALLS)
