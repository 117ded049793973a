"""The program around us, when that is ComfyUI: its progress bar, its request to stop, its devices and folders.

Nothing of it is imported: what is there has been loaded by the host itself and is looked up when it is needed, so that
all of this works without a host as well. Knows no node.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["device", "folder_paths", "interruptions", "progress_bar", "resting_device", "stop_if_asked"]


def folder_paths() -> Any | None:
    """Return the host's table of folders, or None."""
    return sys.modules.get("folder_paths")


def progress_bar(total: int) -> Any | None:
    """Return a new progress bar of the host, or None. It belongs to the node that runs on this thread."""
    make = getattr(sys.modules.get("comfy.utils"), "ProgressBar", None)
    return None if make is None else make(total)


def interruptions() -> tuple[type[BaseException], ...]:
    """Return the classes of what the host raises in a node that should stop; usable in `except` even when empty."""
    kind = getattr(_management(), "InterruptProcessingException", None)
    return (kind,) if isinstance(kind, type) and issubclass(kind, BaseException) else ()


def stop_if_asked() -> None:
    """Raise the host's own exception when its user asked for a stop."""
    check = getattr(_management(), "throw_exception_if_processing_interrupted", None)
    if check is not None:
        check()


def device() -> str | None:
    """Return the device that the host computes on ("cuda:0"), or None without a host."""
    return _device("get_torch_device")


def resting_device() -> str:
    """Return the device on which the host wants values to lie between nodes, which is the CPU unless it says else."""
    return _device("intermediate_device") or "cpu"


def _device(getter: str) -> str | None:
    ask = getattr(_management(), getter, None)
    return None if ask is None else str(ask())


def _management() -> Any | None:
    return sys.modules.get("comfy.model_management")
