"""A workflow file read for a command, and its report as lines: warnings and errors, each kind a few times at most.

Runs nothing, loads no torch.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

from ..comfy.report import Report
from ..comfy.runnable import runnable
from ..graph.codec import read_api
from ..graph.graph import Graph
from ..library import open_file
from ..node.registry import Registry

__all__ = ["read_for_run", "shown"]

_EACH = 5  # notes of one code that are shown in full


def shown(report: Report) -> Iterator[str]:
    """Yield a line for each warning and error; what there is too much of is counted."""
    counts: Counter[str] = Counter()
    for note in report:
        if note.level == "info":
            continue
        counts[note.code] += 1
        if counts[note.code] <= _EACH:
            yield str(note)
    for code, count in counts.items():
        if count > _EACH:
            yield f"{code}: {count - _EACH} more of this kind"


def read_for_run(path: str, registry: Registry) -> Graph:
    """Return the part of a workflow file that can run here, and say on standard error what did not map.

    Only of an editor's file (UI format) a part is enough. Raises as `library.open_file`.
    """
    opened = open_file(path, registry)
    kept, left_out = runnable(opened.api, registry) if opened.format == "ui" else (opened.api, [])
    for line in shown((*opened.report, *left_out)):
        print(line, file=sys.stderr)
    return read_api(kept, registry) if left_out else opened.graph
