"""The last lines of the log, for the page's log panel. Keeps texts only; `routes_internal` hands them out.

A handler like any other: filters that redact secrets are added to it, too.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

__all__ = ["LINES", "RecentLog"]

LINES = 1000
_LONGEST = 2000  # characters of one line


class RecentLog(logging.Handler):
    """Keeps the last `LINES` records as {"t": ISO time, "m": text} and tells `listener` of each."""

    def __init__(self, level: int = logging.INFO) -> None:
        super().__init__(level)
        self.entries: deque[dict[str, Any]] = deque(maxlen=LINES)
        self.listener: Callable[[dict[str, Any]], object] | None = None
        """Called with each entry, by whatever thread logs, under the handler's lock; must be quick."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record. Called under the handler's lock."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat()
        entry = {"t": at, "m": f"{record.levelname} {record.getMessage()}"[:_LONGEST] + "\n"}
        self.entries.append(entry)
        if self.listener is not None:
            self.listener(entry)
