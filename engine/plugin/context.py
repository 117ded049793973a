"""HostContext: the `Context` of a node that the host runs.

Progress and previews go to the host's bar; its request to stop becomes our `Cancelled`, so that nodes can tidy up, and
is kept for whoever called the node to raise again. Knows no torch and no executor.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import Cancelled, UserError
from ..node.context import Files
from . import host

__all__ = ["HostContext"]

_EVERY_SECONDS = 0.05  # the eye cannot follow more than some 20 changes of a bar a second
_PREVIEW_PX = 512  # longest side of a preview that the host sends on


class HostContext:
    """Made on the thread of the host that runs the node; may be used from any thread until the node is done."""

    def __init__(
        self,
        files: Files,
        node_id: str = "",
        prompt: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        device: str | None = None,
        allowed: frozenset[str] = frozenset(),
    ) -> None:
        """extra: what the host keeps beside the prompt for a picture's metadata. device: without a host's own."""
        self.node_id = node_id
        self.files = files
        self.prompt = prompt
        self.extra: Mapping[str, Any] = {"extra_pnginfo": dict(extra)} if extra else {}
        self.device = host.device() or device
        self.preview_method = "auto"  # the host drops what its user does not want to see
        self.residence: Any = None  # the host keeps count of its own models alone: ours stay on the device
        self.provenance: Mapping[str, Any] | None = None  # what led here was the host's work
        self.stopped: BaseException | None = None
        self.shown: dict[str, list[dict[str, Any]]] = {}
        self._allowed = allowed
        self._bar = host.progress_bar(1)
        self._at: tuple[float, float] = (0, 1)
        self._next = 0.0

    @property
    def wants_previews(self) -> bool:
        """Whether there is a bar to send them with; the host drops what its user does not want to see."""
        return self._bar is not None

    def check(self) -> None:
        """Raise Cancelled when the host's user asked for a stop."""
        with self._stopping():
            host.stop_if_asked()

    def progress(self, value: float, total: float, **note: Any) -> None:
        """Move the host's bar. Raises Cancelled."""
        self.check()
        now = time.perf_counter()
        self._at = (value, total)
        if self._bar is not None and (now >= self._next or value >= total):
            self._next = now + _EVERY_SECONDS
            self._tell(None)

    def preview(self, image: Any, whole: bool = False) -> None:
        """Show a picture beside the bar. Raises Cancelled."""
        if self._bar is None:
            return
        if not hasattr(image, "save"):
            from PIL import Image  # only when there is a picture to show

            image = Image.fromarray(image)
        self._tell(("JPEG", image, _PREVIEW_PX))

    def output(self, kind: str, items: list[dict[str, Any]]) -> None:
        """Keep what the host shows below the node when it is done."""
        self.shown.setdefault(kind, []).extend(items)

    def metric(self, name: str, step: int, value: float) -> None:
        """Drop the point: the host draws no curves."""

    def allows(self, what: str) -> bool:
        """Whether our own settings allow it."""
        return what in self._allowed

    def evaluate(self, graph: Any, inputs: Mapping[str, Any], differentiable: bool = False) -> Any:
        """Refuse: nodes with sub-graphs are run by our executor, which has a context of its own.

        Raises UserError R007.
        """
        raise UserError("R007", "evaluate", "an input declared as SubGraph", "none", "Annotate the input as SubGraph.")

    def _tell(self, preview: Any) -> None:
        value, total = self._at
        if self._bar is not None:
            with self._stopping():
                self._bar.update_absolute(value, total, preview)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Turn the host's exception into ours. It is raised once; whoever asks afterwards is told again."""
        if self.stopped is not None:
            raise Cancelled()
        try:
            yield
        except host.interruptions() as stop:
            self.stopped = stop
            raise Cancelled() from stop
