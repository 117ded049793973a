"""`latentloom doctor --server URL`: what a running server says of itself, and what is amiss with it. Loads no torch."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import LatentloomError
from .finding import Finding

if TYPE_CHECKING:
    from ..client import Client

__all__ = ["examine_server"]

SILENT_SECONDS = 15.0  # a worker beats once a second, a busy machine delays it


def examine_server(url: str, token: str | None) -> Iterator[Finding]:
    """Yield what is found; an unreachable server is a finding too. Raises UserError P101 for what is no address."""
    from ..client import Client

    with Client(url, token, patience=5.0) as client:
        begun = time.monotonic()
        try:
            health = client.ask("GET", "/health")
        except LatentloomError as error:
            yield Finding("server", str(error), False)
            return
        seconds = time.monotonic() - begun
        yield Finding("server", f"{client.url} answers in {seconds * 1e3:.0f} ms, up for {_span(health)}", True)
        for part in (_version, _readiness, _workers, _queue, _computes):
            try:
                yield from part(client, health)
            except LatentloomError as error:
                yield Finding(part.__name__.strip("_"), str(error), False)


def _version(_client: Client, health: dict[str, Any]) -> Iterator[Finding]:
    theirs, ours = str(health.get("version")), importlib.metadata.version("latentloom")
    same = theirs == ours
    yield Finding("version", theirs if same else f"{theirs}, this client is {ours}", None if same else False)


def _readiness(client: Client, _health: dict[str, Any]) -> Iterator[Finding]:
    answer = client.ask("GET", "/ready", accept=(503,))
    ready = answer.get("ready") is True
    yield Finding("ready", "yes" if ready else "no: " + ", ".join(map(str, answer.get("missing", []))), ready)


def _workers(client: Client, _health: dict[str, Any]) -> Iterator[Finding]:
    workers = client.ask("GET", "/api/loom/workers")["workers"]
    if not workers:
        yield Finding("workers", "none", False)
    for worker in workers:
        state, restarts, beat = worker.get("state"), worker.get("restarts") or 0, worker.get("last_beat")
        silent = time.time() - beat if isinstance(beat, int | float) and beat > 0 else 0.0
        notes = [str(worker.get("device") or "no device yet"), str(state)]
        if restarts:
            notes.append(f"started again {restarts} times")
        late = silent > SILENT_SECONDS and state in ("idle", "busy")
        if late:
            notes.append(f"silent for {silent:.0f} s")
        info = worker.get("info") or {}
        stalled, error = info.get("stalled"), info.get("error")
        if stalled:
            notes.append(f"node {stalled['node']} has made no progress for {stalled['seconds']} s")
        if error:
            notes.append(str(error.get("message")))
        yield Finding(f"worker {worker.get('name')}", ", ".join(notes), state in ("idle", "busy") and not late)
        for failure in info.get("pack_failures") or ():
            yield Finding("node pack", str(failure), False)


def _queue(client: Client, _health: dict[str, Any]) -> Iterator[Finding]:
    queue = client.ask("GET", "/api/loom/queue")
    counts = queue.get("counts", {})
    text = ", ".join(f"{number} {state}" for state, number in counts.items() if number) or "no jobs"
    if queue.get("paused") != "no":
        text += f"; paused ({queue.get('paused')})"
    if queue.get("draining"):
        text += "; the server is stopping"
    yield Finding("queue", text, None if queue.get("paused") == "no" and not queue.get("draining") else False)


def _computes(client: Client, _health: dict[str, Any]) -> Iterator[Finding]:
    """Yield the software and the devices, as ComfyUI's clients are told of them."""
    stats = client.ask("GET", "/system_stats")
    system = stats.get("system", {})
    python = str(system.get("python_version", "")).split(" ")[0]
    yield Finding("software", f"Python {python}, torch {system.get('pytorch_version')}, {system.get('os')}")
    for device in stats.get("devices", []):
        total, free = device.get("vram_total") or 0, device.get("vram_free") or 0
        yield Finding("device", f"{device.get('name')}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free")


def _span(health: dict[str, Any]) -> str:
    seconds = float(health.get("uptime") or 0.0)
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
