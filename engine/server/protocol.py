"""The messages of both websocket protocols, in one place for those who send them.

The work is in `comfy_protocol`, `loom_protocol` and `binary`. Pure.
"""

from __future__ import annotations

from .comfy_protocol import ComfyMessage, ComfyRun
from .loom_protocol import Chunk, Entry

__all__ = ["Chunk", "ComfyMessage", "ComfyRun", "Entry"]
