"""What our declarations say of a node type beyond ComfyUI's `object_info`: facets, repeats, seeds, files, prompts.

Stands under "loom" in each entry, so that an editor needs to know no node by its id. Knows no file and no folder.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..node.spec import NodeSpec
from ..node.widget import File, Seed, Text

__all__ = ["facts"]


def facts(spec: NodeSpec) -> dict[str, Any]:
    """Return plain data; the same names for every node type."""
    shown = [entry for entry in spec.inputs if entry.hidden is None]
    return {
        "facets": {
            "input": {entry.name: dict(entry.facets) for entry in shown if entry.facets},
            "output": [dict(output.facets) for output in spec.outputs],
            "from": [output.facets_from for output in spec.outputs],
        },
        "repeat": None if spec.repeat is None else asdict(spec.repeat),
        "former_ids": list(spec.former_ids),
        "lane": spec.lane,
        "seed": [entry.name for entry in shown if isinstance(entry.widget, Seed)],
        "file": {
            entry.name: {
                "folder": entry.widget.folder,
                "upload": entry.widget.upload,
                "extensions": list(entry.widget.extensions),
            }
            for entry in shown
            if isinstance(entry.widget, File)
        },
        "prompt": [entry.name for entry in shown if isinstance(entry.widget, Text) and entry.widget.prompt],
        "trains": spec.trains,
        "version": spec.version,
    }
