"""Extra model folders from a file in ComfyUI's `extra_model_paths.yaml` format.

Named sections, each with an optional `base_path` and `is_default`, and folder names whose values hold one path per
line. Relative paths count from the file. Only reads; whether the folders exist does not matter.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from .errors import UserError, brief

__all__ = ["LEGACY", "ExtraFolder", "model_type", "read_extra_paths"]

# Older folder names that ComfyUI still reads; within a data folder the older one is searched first, as there.
LEGACY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"diffusion_models": ("unet",), "text_encoders": ("clip",), "controlnet": ("t2i_adapter",)}
)
_NOT_MODELS = {"custom_nodes", "base_path", "is_default", "download_model_base"}


class ExtraFolder(NamedTuple):
    """One folder to search for models of type `folder`; `is_default` puts it before the data folder."""

    folder: str
    path: Path
    is_default: bool = False


def model_type(name: str) -> str:
    """Return the present name of a model folder: "unet" is "diffusion_models", "clip" is "text_encoders"."""
    for present, former in LEGACY.items():
        if name in former:
            return present
    return name


def read_extra_paths(files: Iterable[Path]) -> tuple[ExtraFolder, ...]:
    """Read the files in order. Raises UserError F005 for one that is absent, unreadable or not of the format."""
    found: list[ExtraFolder] = []
    for file in files:
        document = _parse(file)
        for section, entries in document.items():
            if entries is None:
                continue
            if not isinstance(entries, dict):
                raise _unfit(file, f'section "{section}" with entries', brief(entries))
            found.extend(_section(file, entries))
    return tuple(found)


def _section(file: Path, entries: dict[Any, Any]) -> list[ExtraFolder]:
    base = _path(str(entries["base_path"]), file.parent) if entries.get("base_path") else file.parent
    is_default = entries.get("is_default", False) is True
    found = []
    for key, value in entries.items():
        if key in _NOT_MODELS or value is None:
            continue
        if not isinstance(key, str) or not isinstance(value, str):
            raise _unfit(file, f'a path at "{key}"', brief(value))
        folder = model_type(key)
        found += [ExtraFolder(folder, _path(line, base), is_default) for line in value.splitlines() if line.strip()]
    return found


def _path(text: str, base: Path) -> Path:
    return Path(os.path.abspath(base / os.path.expandvars(os.path.expanduser(text.strip()))))


def _parse(file: Path) -> dict[Any, Any]:
    import yaml  # here, because most runs name no such file and the import costs 10 ms

    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unfit(file, "a readable yaml file", brief(str(error), 200)) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise _unfit(file, "named sections", brief(document))
    return document


def _unfit(file: Path, expected: str, got: str) -> UserError:
    return UserError("F005", f'"{file.name}"', expected, got, "Mend the file named by --extra-model-paths.")
