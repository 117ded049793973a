"""Which device and which precision to use; looked up when asked, never at import.

Knows nothing of models beyond their role. Precision: SD's UNet and text encoder ship as float16; autoencoders
overflow in it, so they get bfloat16 or float32; SD3, Flux and T5 were made for bfloat16.
"""

from __future__ import annotations

import os
from typing import Literal

import torch

from ..errors import UserError

__all__ = ["DTYPES", "accelerators", "count", "empty_caches", "host_bytes", "pick_device", "pick_dtype", "unusable"]

DTYPES = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def pick_device(name: str | None = None) -> torch.device:
    """Return the device of that name ("cuda", "cuda:1", "rocm", "mps", "xpu", "cpu"), or the best there is.

    None and "auto" look for CUDA or ROCm, then XPU, then Metal, then take the CPU.
    Raises: UserError S010 for an unknown name or a device this machine lacks.
    """
    wanted = (name or "auto").lower()
    if wanted == "auto":
        return torch.device(next((kind for kind in ("cuda", "xpu", "mps") if count(kind)), "cpu"))
    wanted = wanted.replace("rocm", "cuda", 1).replace("hip", "cuda", 1)  # torch calls AMD's GPUs cuda
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise unusable(name) from None
    if (device.index or 0) >= count(device.type):
        raise unusable(name)
    return device


def pick_dtype(
    device: torch.device, name: str | None = None, *, role: Literal["network", "transformer", "vae"] = "network"
) -> torch.dtype:
    """Return the precision of that name ("fp32", "fp16", "bf16"), or the best for the device and role.

    None and "auto": float32 on the CPU; elsewhere float16, but bfloat16 for an autoencoder or a transformer (SD3,
    Flux, T5) where CUDA computes it natively, and float32 for an autoencoder where not.
    Raises: UserError S011 for an unknown name.
    """
    wanted = (name or "auto").lower()
    if wanted != "auto":
        if wanted not in DTYPES:
            raise UserError(
                "S011",
                "precision",
                "auto, fp32, fp16 or bf16",
                repr(name),
                "Name one of these, or leave it out.",
            )
        return DTYPES[wanted]
    if device.type == "cpu":
        return torch.float32  # half precision is emulated on most CPUs
    if role == "network":
        return torch.float16
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32 if role == "vae" else torch.float16


def count(kind: str) -> int:
    """Return how many devices of a kind this machine offers."""
    if kind == "cpu":
        return 1
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "xpu":
        return torch.xpu.device_count() if torch.xpu.is_available() else 0
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    return 0


def host_bytes() -> int:
    """Return the machine's memory; 4 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 4 << 30


def accelerators() -> tuple[str, ...]:
    """Return the names of all devices of this machine but its CPU: "cuda:0", ..., "xpu:0", ..., "mps"."""
    found = [f"{kind}:{index}" for kind in ("cuda", "xpu") for index in range(count(kind))]
    return (*found, "mps") if count("mps") else tuple(found)


def empty_caches() -> None:
    """Give the memory that torch keeps in reserve on accelerators back to the system."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if count("xpu") and torch.xpu.is_initialized():
        torch.xpu.empty_cache()
    if count("mps"):
        torch.mps.empty_cache()


def unusable(name: str | None) -> UserError:
    """Return the error for a device that cannot be had, naming those that can."""
    there = [kind for kind in ("cuda", "xpu", "mps", "cpu") if count(kind)]
    return UserError(
        "S010",
        "device",
        f"one of {', '.join(there)}",
        repr(name),
        'Name one of these, or "auto" for the best.',
    )
