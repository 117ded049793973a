"""Weights in several files with an index, as diffusers and transformers write large networks.

Knows nothing of networks. Source: the published layout (`*.index.json`: {"weight_map": {key: file}}).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ..errors import UserError
from .folder_json import bad, read_json
from .weights import WeightFile, open_weights

__all__ = ["ShardedFile", "open_sharded"]


@dataclass(frozen=True)
class ShardedFile:
    """Several files as one."""

    path: Path
    """The index."""
    files: Mapping[str, WeightFile]
    """Which file holds a key."""
    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def tensor(self, key: str) -> Tensor:
        """Return one tensor on the CPU."""
        return self.files[key].tensor(key)


def open_sharded(index: Path, *, allow_pickle: bool = False) -> ShardedFile:
    """Open every file that an index names, each once, and check that it holds what the index says.

    Raises: UserError M009 for an index that is none or names other folders, M015 for a key that its file lacks, or
    the errors of `open_weights`.
    """
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise bad(index.parent, f"a weight_map of file names in {index.name}", type(places).__name__)
    outside = next((name for name in places.values() if Path(name).name != name or name in ("", ".", "..")), None)
    if outside is not None:
        raise bad(index.parent, "weights in the index's own folder", repr(outside)[:60])
    opened = {
        name: open_weights(index.parent / name, allow_pickle=allow_pickle) for name in dict.fromkeys(places.values())
    }
    lacking = next((key for key, name in places.items() if key not in opened[name].shapes), None)
    if lacking is not None:
        raise UserError(
            "M015",
            where=f'"{places[lacking]}"',
            expected=f'"{lacking[:90]}", as {index.name} says',
            got="a file without it",
            fix="Fetch the files and their index again, all from one place.",
        )
    files = {key: opened[name] for key, name in places.items()}
    return ShardedFile(index, files, {key: file.shapes[key] for key, file in files.items()})
