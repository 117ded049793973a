"""Structured logs: one JSON object a line in `<data>/logs/server.log`, one short line on standard error.

Texts from outside are JSON-encoded, so that no request can forge a line. Knows nothing of what is logged.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

__all__ = ["JsonLines", "set_up_log"]

FILE_BYTES, FILES = 8 << 20, 4
_PLAIN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time (epoch seconds), level, logger, text, extra fields, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        data = {"at": round(record.created, 3), "level": record.levelname.lower(), "from": record.name}
        data["text"] = record.getMessage()
        data |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            # The text that a filter may have redacted comes before the exception itself.
            data["traceback"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(data, default=str)


def set_up_log(
    folder: Path, stream: TextIO, *filters: logging.Filter, more: Iterable[logging.Handler] = (), verbose: bool = False
) -> None:
    """Send the records of this package and of uvicorn to the folder's file and, from warnings on, to `stream`.

    filters: asked for every record, e.g. to redact secrets. more: further handlers. Raises OSError when the folder
    cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    to_file = logging.handlers.RotatingFileHandler(
        folder / "server.log", maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8", delay=True
    )
    to_file.setFormatter(JsonLines())
    to_stream = logging.StreamHandler(stream)
    to_stream.setLevel(logging.INFO if verbose else logging.WARNING)
    to_stream.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.getLogger("uvicorn.error").addFilter(_worth_telling)
    handlers: list[logging.Handler] = [to_file, to_stream, *more]
    for name in ("latentloom", "uvicorn"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        for handler in handlers:
            for each in filters:
                handler.addFilter(each)
            logger.addHandler(handler)


def _worth_telling(record: logging.LogRecord) -> bool:
    """Pass over uvicorn's error for every websocket that the gate refuses: any web page can cause it at will."""
    return "without completing handshake" not in record.getMessage()
