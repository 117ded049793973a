"""Pack: what the host takes from us, and what its nodes share: node types, folders, settings.

Made when the host asks for the mapping, once; costs the reading of the manifest. Loads no torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..comfy.listing import Listing
from ..errors import UserError
from ..node.registry import Registry
from ..run.fingerprint import Fingerprints
from ..run.key import Keyer, compile_key
from ..settings import Settings, load_settings
from .catalog import own_registry, published
from .host_folders import HostFolders
from .node_class import node_class

__all__ = ["Pack", "mappings"]


class Pack:
    """The node types of one host process and where their files are."""

    def __init__(self, registry: Registry | None = None, settings: Settings | None = None) -> None:
        """registry: by default the built-in node types. settings: by default those of file and environment.

        Settings that cannot be read count as absent: a host must not lose all nodes for a slip in a file of ours.
        """
        self.registry = registry or own_registry()
        self.settings = settings or _settings()
        self.folders = HostFolders(self.settings.data_dir)
        self.files = Listing(self.folders)
        self.fingerprints = Fingerprints()

    def keyer(self) -> Keyer:
        """Return what tells the host whether a node would give something else than before."""
        return Keyer(self.folders, self.fingerprints, os.urandom(16).hex())

    def changed(self, node_id: str, inputs: Mapping[str, object]) -> str:
        """Return a text for one node's own inputs: another one when its version or a file that they name changes.

        inputs: those that are written down; wires are None. Every time another one for a node that is not pure.
        """
        spec = self.registry.spec(node_id)
        assert spec is not None
        if not spec.pure:
            return self.keyer().fresh()  # a text, as a NaN would end up in the metadata of pictures
        known = {entry.name: inputs.get(entry.name) for entry in spec.inputs if entry.hidden is None}
        return self.keyer().key(compile_key(spec), "", known, {})


def mappings(pack: Pack | None = None) -> tuple[dict[str, type], dict[str, str]]:
    """Return the host's two tables: class by id, title by id."""
    pack = pack or Pack()
    nodes = published(pack.registry)
    return {entry.id: node_class(entry, pack) for entry in nodes}, {entry.id: entry.title for entry in nodes}


def _settings() -> Settings:
    try:
        return load_settings()
    except UserError:
        return Settings(Path(os.environ.get("LATENTLOOM_HOME") or Path.home() / "latentloom"))
