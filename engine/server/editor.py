"""The editor's page as the server has it: ready, being built beside serving, failed, or absent.

Starts the build in a thread and says where it stands; routes ask. Knows nothing of HTTP and not how the page is built.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from .. import editor_build
from ..editor_build import EditorNotBuilt

__all__ = ["EditorBuild", "EditorState"]

EditorState = Literal["ready", "building", "failed", "absent"]

_BUILDING = "It is being built now, which takes a few seconds."
_LEFT_OUT = "The editor was left out (LATENTLOOM_NO_WEB); the API works without it."
_NOT_HERE = "This installation came without the editor; the API works without it."


class EditorBuild:
    """The page below one package root. `state` and `message` (for people; "" when ready) may be read at any time."""

    def __init__(self, root: Path, say: Callable[[str], object] = lambda _: None) -> None:
        """say: is given a line whenever there is progress to tell, from any thread."""
        self.folder = editor_build.dist(root)
        self._root = root
        self._say = say
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._now: tuple[EditorState, str] = ("ready", "") if editor_build.is_built(root) else ("absent", _NOT_HERE)

    @property
    def state(self) -> EditorState:
        """Whether there is a page: "building" says that there will be, "failed" and "absent" that there is none."""
        return self._now[0]

    @property
    def message(self) -> str:
        """What to tell a person about it, and what to do."""
        return self._now[1]

    def start(self) -> None:
        """Build the page in the background if this is a checkout whose page is missing or older than its sources."""
        if editor_build.unwanted():
            self._now = ("ready", "") if editor_build.is_built(self._root) else ("absent", _LEFT_OUT)
            return
        if editor_build.is_fresh(self._root) or not editor_build.has_sources(self._root):
            return
        try:
            editor_build.find_node()
        except EditorNotBuilt as error:
            if editor_build.is_built(self._root):
                self._say(f"The editor is older than its sources: {error}")
            else:
                self._now = ("absent", f"The editor is not built: {error}")
                self._say(self.message)
            return
        self._now = ("building", _BUILDING)
        self._thread = threading.Thread(target=self._build, name="editor build", daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None = None) -> EditorState:
        """Wait for a build that is under way; return the state."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self.state

    def stop(self) -> None:
        """End a build that is under way; returns once its processes are gone."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _build(self) -> None:
        try:
            editor_build.build(self._root, self._tell, self._stop)
        except (EditorNotBuilt, OSError) as error:
            self._now = ("failed", f"The editor could not be built: {error}")
            if not self._stop.is_set():
                self._say(self.message)
        else:
            self._now = ("ready", "")

    def _tell(self, line: str) -> None:
        self._now = ("building", f"{_BUILDING} {line}.")
        self._say(line)
