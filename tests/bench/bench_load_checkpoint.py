"""Measure loading a checkpoint of 2 GB and print the figures as JSON.

    python tests/bench/bench_load_checkpoint.py [--repeats 3] [--folder DIR]

A file with SD1.x's keys and shapes in float16 (2.1 GB, random numbers, removed afterwards) lies in the system's memory
of files. Seconds until every byte of every weight has been touched, the weights in the file's type, against reading the
file's bytes once into memory of their size (the bound is 1.2 times), against reading them through one small buffer, and
against touching them in a plain memory map. The peak of the process's memory above what it had before, mapped pages of
the file included, against the file's size (the bound is 1.1 times); and both again for the float32 copy that a CPU
computes with. Each load in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import mmap
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from latentloom.engine.models.arch import TEXT, UNET, VAE
from latentloom.engine.models.clip import CLIPText, CLIPTextConfig
from latentloom.engine.models.load import load_checkpoint
from latentloom.engine.models.unet import UNet, UNetConfig
from latentloom.engine.models.vae import AutoencoderKL, VAEConfig

BUFFER = 16 * 2**20


def write(path: Path) -> None:
    """Write a checkpoint of SD1.x's shape, its numbers one block of normal ones again and again."""
    with torch.device("meta"):
        parts = (
            (UNET, UNet(UNetConfig())),
            (VAE, AutoencoderKL(VAEConfig())),
            (TEXT + "text_model.", CLIPText(CLIPTextConfig())),
        )
    shapes = {p + key: tuple(value.shape) for p, network in parts for key, value in network.state_dict().items()}
    header, end = {}, 0
    for key, shape in shapes.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[key] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    block = np.random.default_rng(0).standard_normal(BUFFER // 2).astype(np.float16).tobytes()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for begin in range(0, end, BUFFER):
            file.write(block[: min(BUFFER, end - begin)])


def read_s(path: Path) -> float:
    """Return the time to read a file's bytes once."""
    buffer = bytearray(BUFFER)
    start = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - start


def kept_s(path: Path) -> float:
    """Return the time to read a file's bytes once and have them all."""
    start = time.perf_counter()
    path.read_bytes()
    return time.perf_counter() - start


def mapped_s(path: Path) -> float:
    """Return the time to touch a file's bytes in a memory map of one's own."""
    start = time.perf_counter()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
        words = np.frombuffer(view, dtype=np.uint64, count=len(view) // 8)
        np.bitwise_xor.reduce(words)
        del words
    return time.perf_counter() - start


def touch(tensor: torch.Tensor) -> None:
    """Read every byte of a weight."""
    flat = tensor.detach().reshape(-1).view(torch.uint8).numpy()
    words = len(flat) // 8 * 8
    if flat.ctypes.data % 8 == 0:
        np.bitwise_xor.reduce(flat[:words].view(np.uint64))
        np.bitwise_xor.reduce(flat[words:])
    else:
        np.bitwise_xor.reduce(flat)


def peak_bytes() -> int:
    """Return the most memory that this process has had, pages of mapped files included."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this system does not tell a process's peak")


def load(path: Path, dtype: torch.dtype) -> dict[str, float]:
    """Load and touch every byte; return seconds and the growth of memory."""
    before = peak_bytes()
    start = time.perf_counter()
    loaded = load_checkpoint(path, device=torch.device("cpu"), dtype=dtype, vae_dtype=dtype)
    opened = time.perf_counter() - start
    assert loaded.clip is not None
    assert loaded.vae is not None
    for network in (loaded.model.network, loaded.clip.network, loaded.vae.network):
        for tensor in network.state_dict().values():
            touch(tensor)
    return {"open_s": opened, "seconds": time.perf_counter() - start, "grown": float(peak_bytes() - before)}


def child(path: Path, dtype: str) -> dict[str, float]:
    """Return what `load` measures in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-P", __file__, "--load", str(path), "--dtype", dtype],
        capture_output=True, text=True, check=True, env=os.environ,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to put the file; the system's temporary folder")
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--dtype", default="float16", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(load(options.load, getattr(torch, options.dtype))))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "x.safetensors"
        write(path)
        size = path.stat().st_size
        read_s(path)  # into the system's memory
        rounds = [(kept_s(path), read_s(path), mapped_s(path), child(path, "float16")) for _ in range(options.repeats)]
        wide = child(path, "float32")
    kept, read, mapped = (statistics.median(round_[i] for round_ in rounds) for i in range(3))
    seconds = statistics.median(found["seconds"] for *_, found in rounds)
    figures = {
        "file_bytes": size,
        "read_once_s": round(kept, 3),
        "read_through_a_small_buffer_s": round(read, 3),
        "touch_a_plain_map_s": round(mapped, 3),
        "load_s": round(statistics.median(found["open_s"] for *_, found in rounds), 3),
        "load_and_touch_s": round(seconds, 3),
        "against_reading": round(seconds / kept, 3),
        "against_a_small_buffer": round(seconds / read, 3),
        "against_a_plain_map": round(seconds / mapped, 3),
        "peak_against_file": round(max(found["grown"] for *_, found in rounds) / size, 3),
        "float32_load_and_touch_s": round(wide["seconds"], 3),
        "float32_peak_against_file": round(wide["grown"] / size, 3),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
