"""What a worker tells of a job that is over: outputs, figures, and each failure with what a log needs of it.

Plain data only. Knows nothing of frames or threads; loads no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import LatentloomError, NodeBug, UserError, brief
from ..graph.graph import Graph, Link

if TYPE_CHECKING:
    from ..run.executor import RunResult

__all__ = ["failure", "of_result", "out_of_memory"]

# As torch words them: "Tried to allocate 2.00 GiB ... of which 1.25 GiB is free", "you tried to allocate 123 bytes".
_NEEDED = re.compile(r"tried to allocate ([\d.]+) ?(\w+)", re.IGNORECASE)
_FREE = re.compile(r"of which ([\d.]+) ?(\w+) is free", re.IGNORECASE)
_UNITS = {"bytes": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_CPU_ALLOCATOR = "DefaultCPUAllocator"  # it raises a plain RuntimeError


def of_result(result: RunResult, graph: Graph, kinds: Mapping[str, str], memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return status, outputs, failures and stats of a run.

    kinds: type of each node that began, for those that expansion brought. memory: by node, see `run.events.Finished`.
    """
    stats = result.stats
    return {
        "status": "failed" if result.failures else "cancelled" if result.cancelled else "done",
        "outputs": result.outputs,
        "failures": [failure(error, node, graph, kinds) for node, error in result.failures.items()],
        "stats": {
            "seconds": stats.seconds,
            "memory": memory,
            "total_seconds": stats.total_seconds,
            "cached": stats.cached,
            "ran": stats.ran,
        },
    }


def failure(
    error: BaseException, node_id: str | None = None, graph: Graph | None = None, kinds: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return an error as a record: `as_dict`, and what ComfyUI's clients and logs want beside it.

    node_type, exception_type, exception_message, traceback (lines), inputs (short texts by name).
    """
    # An error of ours knows better what was asked and what helps.
    shown = _memory_error(error, node_id) if out_of_memory(error) and not isinstance(error, UserError) else error
    record = shown.as_dict() if isinstance(shown, LatentloomError) else _bug(shown).as_dict()
    cause = error.__cause__ if isinstance(error, NodeBug) and error.__cause__ is not None else error
    node = graph.nodes.get(node_id) if graph is not None and node_id is not None else None
    kind = node.type if node is not None else (kinds or {}).get(node_id or "")
    notes = "".join(getattr(error, "__notes__", ()))
    return {
        **record,
        "node_id": record["node_id"] or node_id,
        "node_type": kind,
        "exception_type": _name(cause),
        "exception_message": str(cause),
        "traceback": notes.splitlines(keepends=True),
        "inputs": {} if node is None else {name: _shown(value) for name, value in node.inputs.items()},
    }


def out_of_memory(error: BaseException) -> bool:
    """Tell whether memory, of the machine or of a device, was what lacked."""
    return any(
        isinstance(item, MemoryError) or type(item).__name__ == "OutOfMemoryError" or _CPU_ALLOCATOR in str(item)
        for item in _chain(error)
    )


def _memory_error(error: BaseException, node_id: str | None) -> UserError:
    text = " ".join(str(item) for item in _chain(error))
    needed, free = _bytes(_NEEDED, text), _bytes(_FREE, text)
    got = "not enough of it" if free is None else f"{free:,} bytes free"
    fix = "Make the picture or the batch smaller, or use a lower precision. What was cached has been let go."
    expected = "memory" if needed is None else f"{needed:,} bytes of memory"
    place = getattr(error, "where", "run")
    return UserError("W003", place, expected, got, fix, node_id=node_id)


def _bytes(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    return int(float(match[1].rstrip(".")) * unit) if match and unit else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    item: BaseException | None = error
    while item is not None and id(item) not in seen:
        seen.add(id(item))
        yield item
        item = item.__cause__ or item.__context__


def _bug(error: BaseException) -> LatentloomError:
    """Return what is no error of ours, such as SystemExit of a node, as one."""
    text = f"{_name(error)}: {brief(str(error), 300)}"
    return NodeBug("W004", "worker", "a result", text, "Report it to the node's author, with the traceback.")


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _shown(value: Any) -> str:
    return f"from node {value.node}" if isinstance(value, Link) else brief(value)
