"""A worker never outlives its server, never takes its Ctrl-C, and is the first that the system kills for memory.

Everything here is the operating system's; what it does not offer is left out. Knows nothing of jobs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

__all__ = ["apart", "die_with", "leave", "resident_bytes"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_OOM_SCORE = "500"  # of 1000: well before the server, whose death would cost more


def apart() -> None:
    """Keep the terminal's Ctrl-C away, which the server answers for us, and be the system's choice when memory ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgid"):
        try:
            os.setpgid(0, 0)
        except OSError:
            return  # a session leader already, so a group of our own
    if sys.platform.startswith("linux"):
        try:
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
        except OSError:
            return  # not ours to raise in some containers


def die_with(parent: int) -> None:
    """Let the kernel kill this process when the thread that started it ends, even in the midst of C code (Linux).

    parent: its process id; if it is gone already, this process leaves at once.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        leave(1)


def leave(code: int) -> None:
    """End the process now, whatever its threads do."""
    os._exit(code)


def resident_bytes() -> int:
    """Return the memory that this process holds, in bytes; 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
