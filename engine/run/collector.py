"""Keeping Python's cycle collector from walking large graphs again and again.

The engine's own records hold no cycles, yet each full collection would visit all of them: half of the time of a run of
30,000 short nodes. Knows nothing of graphs.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["set_aside"]


@contextmanager
def set_aside(worth_it: bool) -> Iterator[None]:
    """Let collections look only at what is made from now on; cycles made meanwhile are still found."""
    if not worth_it:
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
