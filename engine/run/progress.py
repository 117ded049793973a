"""Shows a run on a terminal: one line per node with its time, a bar under way, at the end what was remembered.

On a terminal the last line is redrawn in place; elsewhere only finished lines are written. A sink of `events`; plain
ASCII, since consoles with old code pages exist.
"""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from ..graph.graph import Graph
from . import events

__all__ = ["ProgressView"]

BAR = 24  # characters
REDRAW_SECONDS = 0.05


class ProgressView:
    """Call it with events; `close` ends the live line. live: redraw in place, False for files and pipes."""

    def __init__(self, graph: Graph, stream: TextIO, live: bool | None = None) -> None:
        self._names = {node.id: f"{node.id} {node.title or node.type}" for node in graph}
        self._stream = stream
        self._live = stream.isatty() if live is None else live
        self._total = 0
        self._done = 0
        self._drawn = ""
        self._drawn_at = 0.0
        self._running: dict[str, str] = {}  # node -> what its line shows now
        self._waiting: list[str] = []  # nodes announced as remembered; those of a sub-graph may yet run
        self._runs: dict[str, int] = {}
        self.seconds: dict[str, float] = {}  # by node of the user's graph; inner nodes are added to it

    @property
    def cached(self) -> list[str]:
        """The nodes of the user's graph that did not need to run."""
        return [node for node in self._waiting if node not in self._runs]

    def __call__(self, event: events.Event) -> None:
        """Show one event."""
        if isinstance(event, events.Queued):
            self._total = len(event.nodes)
        elif isinstance(event, events.Cached):
            self._waiting += [node for node in event.nodes if node in self._names]
        elif isinstance(event, events.Started):
            self._running[event.node] = self._name(event.display)
            self._runs[event.node] = self._runs.get(event.node, 0) + 1
            self._draw(force=True)
        elif isinstance(event, events.Progress):
            self._running[event.node] = f"{self._name(event.display)}  {_bar(event.value, event.total)}"
            self._draw()
        elif isinstance(event, events.Finished):
            self._finished(event)
        elif isinstance(event, events.Failed):
            self._running.pop(event.node, None)
            self._line(f"{self._name(event.display)}  failed")
        elif isinstance(event, events.Ended):
            self._ended(event)

    def close(self) -> None:
        """Remove the live line."""
        self._erase()
        self._stream.flush()

    def _name(self, node: str) -> str:
        return self._names.get(node, node)

    def _finished(self, event: events.Finished) -> None:
        self._running.pop(event.node, None)
        self.seconds[event.display] = self.seconds.get(event.display, 0.0) + event.seconds
        if event.node == event.display and self._runs.get(event.node, 1) == 1:
            self._done += 1
            memory = event.memory.get("device") if event.memory else None
            use = f", {memory / 1e9:.2f} GB on the device" if memory else ""
            self._line(f"{self._name(event.display)}  {self.seconds[event.display]:.2f} s{use}")
        else:
            self._draw()

    def _ended(self, event: events.Ended) -> None:
        for node, runs in self._runs.items():
            if runs > 1 and node in self.seconds:
                self._line(f"{self._name(node)}  {self.seconds[node]:.2f} s in {runs} runs")
        if self.cached:
            self._line("cached: " + ", ".join(self._name(node) for node in self.cached))
        self._line(
            f"{event.status} in {event.seconds:.2f} s, {len(self.cached)} of {len(self._names)} nodes from the cache"
        )

    def _line(self, text: str) -> None:
        self._erase()
        self._stream.write(f"{text}\n")
        self._stream.flush()
        self._draw(force=True)

    def _draw(self, force: bool = False) -> None:
        now = time.monotonic()
        if not self._live or not self._running or (now - self._drawn_at < REDRAW_SECONDS and not force):
            return
        text = f"[{self._done}/{self._total}] " + " | ".join(self._running.values())
        text = text[: max(shutil.get_terminal_size().columns - 1, 20)]
        self._stream.write("\r" + text.ljust(len(self._drawn)))
        self._stream.flush()
        self._drawn, self._drawn_at = text, now

    def _erase(self) -> None:
        if self._drawn:
            self._stream.write("\r" + " " * len(self._drawn) + "\r")
            self._drawn = ""


def _bar(value: float, total: float) -> str:
    share = min(max(value / total, 0.0), 1.0) if total > 0 else 0.0
    filled = int(share * BAR)
    return f"[{'#' * filled}{'-' * (BAR - filled)}] {value:g}/{total:g}"
