"""HostFolders: the host's folders for models, inputs and outputs, with our packaged files behind them.

The rules for names stay those of `Folders`; only the places differ. They are looked up at every use, since a host adds
folders while it loads other packs. Knows no node.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..folders import Folders
from ..model_paths import LEGACY, model_type
from . import host

__all__ = ["HostFolders"]

_GETTERS: Mapping[str, str] = {
    "input": "get_input_directory",
    "output": "get_output_directory",
    "temp": "get_temp_directory",
}
_OURS = "latentloom"  # our folder below the host's one for users' data


class HostFolders(Folders):
    """As `Folders`, in the host's places where there is a host, else in those of the data folder."""

    def roots(self, folder: str) -> tuple[Path, ...]:
        """Return the folders searched: the host's, then our packaged ones. Raises UserError F003."""
        own = super().roots(folder)
        kind = model_type(folder)
        if kind in _GETTERS:
            place = _place(kind)
            return own if place is None else (place, *own[1:])
        named = _model_folders(kind)
        return (*named, own[-1]) if named else own

    def _own(self, kind: str) -> Path:
        named = [place for place in (_place(kind), *_model_folders(kind)) if place is not None]
        return named[0] if named else super()._own(kind)


def _place(kind: str) -> Path | None:
    """Return the host's folder of input, output, temporary or user files, and ours below the last one."""
    paths = host.folder_paths()
    if kind in ("user", "cache"):
        ask = getattr(paths, "get_user_directory", None)
        if ask is None:
            return None
        return Path(ask(), _OURS) if kind == "user" else Path(ask(), _OURS, "cache")
    ask = getattr(paths, _GETTERS.get(kind, ""), None)
    return None if ask is None else Path(ask())


def _model_folders(kind: str) -> tuple[Path, ...]:
    table: Any = getattr(host.folder_paths(), "folder_names_and_paths", None)
    if not isinstance(table, Mapping):
        return ()
    found: dict[Path, None] = {}
    for name in (kind, *LEGACY.get(kind, ())):
        if name in table:
            found.update(dict.fromkeys(Path(place) for place in table[name][0]))
    return tuple(found)
