"""Which software and which device compute here: what decides the last bit of a result. Looked up when asked."""

from __future__ import annotations

import importlib.metadata
import platform

import torch

__all__ = ["software"]

_PACKAGES = ("torch", "numpy", "pillow", "safetensors", "tokenizers")


def software(device: str | None = None) -> dict[str, str]:
    """Return versions by name: of Python, the system, the packages that compute, and of `device` its name and driver
    platform ("cuda", "hip") where it is a GPU.
    """
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # built into something else, as distributions do
    found["torch"] = str(torch.__version__)  # tells the build too: 2.13.0+cpu
    if device is not None and torch.device(device).type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
        found.update({name: v for name, v in (("cuda", torch.version.cuda), ("hip", torch.version.hip)) if v})
    return found
