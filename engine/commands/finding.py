"""One line of a doctor's report."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Finding"]


class Finding(NamedTuple):
    """`ok`: True or False for what was tested, None for plain information."""

    subject: str
    text: str
    ok: bool | None = None
