"""Builds the objects a command needs from its arguments: settings, folders, the registry of nodes. Loads no torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..folders import Folders
from ..library import registry
from ..model_paths import read_extra_paths
from ..node.registry import Registry
from ..settings import Settings, load_settings

__all__ = ["folders_for", "registry_for", "settings_for"]


def settings_for(args: argparse.Namespace) -> Settings:
    """Return the settings: file < environment < the arguments that were given. Raises UserError S*."""
    paths = ("data_dir", "extra_model_paths", "nodes")
    names = (*paths, "device", "cache", "allow_pickle", "vram_budget", "preview_method")
    return load_settings({name: getattr(args, name, None) for name in names})


def folders_for(settings: Settings, out: str | None = None) -> Folders:
    """Return the folders of these settings; `out` is another output folder. Raises UserError F005."""
    extra = read_extra_paths(settings.extra_model_paths)
    return Folders(settings.data_dir, extra, output=Path(out) if out else None)


def registry_for(settings: Settings) -> Registry:
    """Return all node types; facts about packs are kept in the data folder's cache."""
    return registry(settings.data_dir / "cache", settings.node_folders)
