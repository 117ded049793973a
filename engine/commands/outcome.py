"""What a run came to, as the command line says it: exit codes, and the results on standard output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["FAILED", "INTERRUPTED", "show"]

FAILED, INTERRUPTED = 1, 130


def show(report: Mapping[str, Any]) -> None:
    """Print where the results are, or what they say."""
    for item in report["outputs"]:
        text = item.get("path") or item.get("text")
        if text:
            print(text)
