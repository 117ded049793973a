"""Pictures of a running job, encoded beside it: JPEG, small, at most 20 a second and node, the latest wins.

A thread of its own encodes, so that a sampler never waits for it. Pictures that are results go out at once, each one,
as PNG. Worker side: loads Pillow when the first picture comes. Knows nothing of who looks.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ..run.events import Preview
from .wire import encode

__all__ = ["Previews", "as_jpeg", "as_png"]

log = logging.getLogger("latentloom.previews")

LONGEST_PX = 512  # as ComfyUI's default
QUALITY = 90
COMPRESS_PNG = 1  # fast rather than small, as ComfyUI sends them
_PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}
INTERVAL_SECONDS = 0.05
# What Pillow raises for an object that is no picture; a node may hand over anything.
_NO_PICTURE = (TypeError, ValueError, AttributeError, KeyError, OSError, MemoryError, ZeroDivisionError)


class Previews:
    """The pictures of one job at a time. `send` gets whole frames."""

    def __init__(self, send: Callable[[bytes], None], before: Callable[[], None]) -> None:
        """before: called ahead of each picture, so that what happened earlier is told earlier."""
        self._send = send
        self._before = before
        self._job: str | None = None
        self._turn = 0  # counts jobs begun, as one and the same may be run twice
        self._latest: dict[str, tuple[Preview, float]] = {}  # by node; with the time of its handing over
        self._next: dict[str, float] = {}  # by node: when another picture may be sent
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, job: str) -> None:
        """Take the pictures of this job from now on."""
        with self._changed:
            self._job = job
            self._turn += 1
            self._latest.clear()
            self._next.clear()

    def end(self) -> None:
        """Drop what was not sent yet; nothing of the job is sent after this returns."""
        with self._sending, self._changed:
            self._job = None
            self._latest.clear()

    def add(self, event: Preview) -> None:
        """Take a picture; an earlier one of the node that was not sent yet is dropped."""
        with self._changed:
            self._latest[event.node] = (event, time.time())
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="latentloom-previews", daemon=True)
                self._thread.start()
            self._changed.notify()

    def send_whole(self, event: Preview) -> None:
        """Send a result in full size before this returns; what the node showed on its way to it is dropped.

        Raises what Pillow raises for an object that is no picture: the node's error, as this is called by the node.
        """
        at = time.time()
        picture, width, height = as_png(event.image)
        with self._sending:
            with self._changed:
                job = self._job
                self._latest.pop(event.node, None)
            if job is not None:
                self._before()
                self._send(encode({**_header(job, event, at, "png", width, height), "whole": True}, picture))

    def _work(self) -> None:
        while True:
            turn, job, event, at = self._take()
            try:
                picture, width, height = as_jpeg(event.image)
            except _NO_PICTURE as error:
                log.warning("preview of node %s: %s", event.display, error)
                continue
            with self._sending:
                if self._job is not None and turn == self._turn:
                    self._before()
                    self._send(encode(_header(job, event, at, "jpeg", width, height), picture))

    def _take(self) -> tuple[int, str, Preview, float]:
        """Wait for a picture whose turn it is; return it with the time of its handing over."""
        with self._changed:
            while True:
                now = time.monotonic()
                due = min(self._latest, key=lambda node: self._next.get(node, 0.0), default=None)
                if due is None or self._job is None:
                    self._changed.wait()
                elif self._next.get(due, 0.0) > now:
                    self._changed.wait(self._next[due] - now)
                else:
                    # Counted from when it was due, and a late one may be followed sooner: else pictures that come at
                    # just this rate would wait longer and longer.
                    was_due = self._next.get(due, 0.0)
                    self._next[due] = max(was_due + INTERVAL_SECONDS, now + INTERVAL_SECONDS / 2)
                    return self._turn, self._job, *self._latest.pop(due)


def as_jpeg(image: Any, longest_px: int = LONGEST_PX) -> tuple[bytes, int, int]:
    """Return a picture (uint8 [h w 3] or [h w], or a PIL image) as JPEG, with its width and height.

    It is made smaller, never larger, so that its long side is at most `longest_px`.
    """
    from PIL import Image

    picture: Image.Image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    scale = longest_px / max(picture.size)
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue(), picture.width, picture.height


def as_png(image: Any) -> tuple[bytes, int, int]:
    """Return a picture (uint8 [h w 3] or [h w], or a PIL image) as PNG of its own size, with its width and height."""
    from PIL import Image

    picture: Image.Image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    shown = picture if picture.mode in _PNG_MODES else picture.convert("RGB")
    shown.save(buffer, "PNG", compress_level=COMPRESS_PNG)
    return buffer.getvalue(), picture.width, picture.height


def _header(job: str, event: Preview, at: float, form: str, width: int, height: int) -> dict[str, Any]:
    where = {"job": job, "node": event.node, "display": event.display, "at": at}
    return {"is": "preview", **where, "format": form, "width": width, "height": height}
