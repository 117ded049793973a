"""Nodes for tests of the server: trivial ones, slow ones, and ones that misbehave."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated

from latentloom.engine.durable import replace_file
from latentloom.engine.errors import UserError
from latentloom.engine.node.context import Context
from latentloom.engine.node.declare import node
from latentloom.engine.node.socket import Socket
from latentloom.engine.node.widget import Int

Number = Annotated[int, Int(-(2**53), 2**53)]
Wired = Annotated[int, Socket("INT")]


@node("ProbeNumber", category="probe")
def number(value: Number = 0) -> Wired:
    """Give a number."""
    return value


@node("ProbeAdd", category="probe")
def add(a: Wired, value: Number = 1) -> Wired:
    """Add a number."""
    return a + value


@node("ProbeShow", category="probe", effect=True)
def show(value: Wired, context: Context) -> None:
    """Show a number; the node that ends a chain."""
    context.output("text", [{"text": str(value)}])


@node("ProbeSleep", category="probe")
def sleep(value: Wired, context: Context, milliseconds: Annotated[int, Int(0, 600_000)] = 100) -> Wired:
    """Give the number after a while; asks at every 10 ms whether to stop."""
    steps = max(1, milliseconds // 10)
    for step in range(steps):
        context.progress(step, steps)
        time.sleep(min(0.01, milliseconds / 1000))
    return value


@node("ProbeWrite", category="probe", effect=True)
def write(value: Wired, context: Context, name: str = "file", kilobytes: Annotated[int, Int(1, 65536)] = 64) -> None:
    """Write a file of this size that ends in "whole", all or nothing, and announce it."""
    folder = context.files.directory("output")
    text = (f"{value}\n" * (1 + kilobytes * 1024 // (len(str(value)) + 1)))[: kilobytes * 1024] + "whole"
    replace_file(folder / f"{name}.txt", lambda path: path.write_text(text, encoding="ascii"))
    context.output("files", [{"filename": f"{name}.txt", "subfolder": "", "type": "output"}])


@node("ProbeFail", category="probe")
def fail(value: Wired) -> Wired:
    """Raise."""
    raise RuntimeError(f"no luck with {value}")


@node("ProbeRefuse", category="probe")
def refuse(value: Wired, limit: Number = 0) -> Wired:
    """Refuse a limit below the value: which can be known in a run only."""
    if limit < value:
        text = ("node ProbeRefuse", f"a limit of at least {value}", str(limit), f"Set limit to {value} or more.")
        raise UserError("D001", *text, input="limit")
    return value


@node("ProbeHang", category="probe")
def hang(value: Wired, spin: bool = False) -> Wired:
    """Never come back, asleep or busy."""
    while spin:
        pass
    time.sleep(1e9)
    return value


@node("ProbeDie", category="probe")
def die(value: Wired, name: str = "SIGKILL") -> Wired:
    """Kill the process it runs in."""
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(10)
    return value


@node("ProbePicture", category="probe", effect=True)
def picture(value: Wired, context: Context, side: Annotated[int, Int(8, 2048)] = 64, count: Annotated[int, Int(1, 10_000)] = 10) -> None:
    """Send pictures as previews, with progress."""
    import numpy as np

    for index in range(count):
        context.progress(index, count)
        context.preview(np.full((side, side, 3), (value + index) % 256, np.uint8))
        time.sleep(0.005)
    context.output("text", [{"text": "shown"}])


@node("ProbeFilm", category="probe", effect=True)
def film(value: Wired, context: Context, side: Annotated[int, Int(8, 2048)] = 512, seconds: Annotated[int, Int(1, 600)] = 5, rate: Annotated[int, Int(1, 60)] = 20) -> None:
    """Send pictures as a sampler does: full of detail, so many a second."""
    import numpy as np

    frames = np.random.default_rng(value).integers(0, 256, (8, side // 4, side // 4, 3), np.uint8)
    pictures = frames.repeat(4, axis=1).repeat(4, axis=2)
    began = time.monotonic()
    for index in range(seconds * rate):
        time.sleep(max(0.0, began + index / rate - time.monotonic()))
        context.progress(index, seconds * rate)
        context.preview(pictures[index % len(pictures)])
    context.output("text", [{"text": "shown"}])


@node("ProbeCurve", category="probe", effect=True)
def curve(value: Wired, context: Context, count: Annotated[int, Int(1, 100_000)] = 5) -> None:
    """Report a curve, one point of it not a number."""
    for step in range(count):
        context.metric("loss", step, float("nan") if step == 2 else 1 / (1 + step))
    context.output("text", [{"text": str(value)}])
