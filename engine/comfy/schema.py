"""ComfyUI's `object_info`: how its clients learn which nodes there are and what each takes.

What a spec says is turned once per registry; lists of files are filled in whenever a folder changed. Key order is the
declaration's, as clients map widgets by it. Knows no queue and no network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..errors import UserError
from ..node.context import Files
from ..node.registry import Registry
from ..node.spec import MISSING, InputSpec, NodeSpec
from ..node.widget import Bool, Choice, File, Float, Int, Seed, Text, Widget
from .facts import facts

__all__ = ["input_config", "object_info", "object_info_of", "object_info_text"]

_REPEATS = 16  # of an input that may be given many times, so many are shown
_PACKAGE = __package__.partition(".engine.")[0]  # what the built-in nodes' modules begin with


def object_info(registry: Registry, files: Files | None = None) -> dict[str, Any]:
    """Return the entry of every node type by id. `files` None leaves the lists of files empty."""
    found: dict[str, Any] = json.loads(object_info_text(registry, files))
    return found


def object_info_of(node_id: str, registry: Registry, files: Files | None = None) -> dict[str, Any]:
    """Return `{node_id: entry}`, or {} for an unknown one; a former id gives the present node's entry."""
    spec = registry.spec(node_id)
    return {} if spec is None else {node_id: _entry(spec, files)}


def object_info_text(registry: Registry, files: Files | None = None) -> bytes:
    """Return `object_info` as JSON; the very same object while neither nodes nor files change."""
    kept = registry.derived("object_info")  # emptied whenever a node is added
    parts: dict[str, bytes] = kept.setdefault("parts", {})
    lists: dict[str, list[tuple[str, ...]]] = kept.setdefault("lists", {})
    changed = "whole" not in kept
    for node_id, spec in _specs(registry, kept):
        names = [_names(widget, files) for widget in _file_widgets(spec)]
        if node_id not in parts or lists[node_id] != names:
            parts[node_id], lists[node_id] = _dumped({node_id: _entry(spec, files)})[1:-1], names
            changed = True
    if changed:
        kept["whole"] = b"{" + b",".join(parts[node_id] for node_id in registry.ids) + b"}"
    whole: bytes = kept["whole"]
    return whole


def input_config(spec: InputSpec, files: Files | None = None) -> list[Any]:
    """Return the `[type, options]` pair of one input; a combo's type is the list of what can be chosen."""
    widget = spec.widget
    kind: str | list[Any] = spec.types
    if isinstance(widget, Choice):
        kind = list(widget.options)
    elif isinstance(widget, File):
        kind = list(_names(widget, files))
    options = _options(spec, widget)
    return [kind, options] if options or widget is not None else [kind]


def _specs(registry: Registry, kept: dict[str, Any]) -> Iterator[tuple[str, NodeSpec]]:
    """Yield all nodes the first time, afterwards only those whose entry depends on files."""
    if "filed" in kept:
        yield from kept["filed"]
        return
    filed = []
    for spec in registry:
        if any(True for _ in _file_widgets(spec)):
            filed.append((spec.id, spec))
        yield spec.id, spec
    kept["filed"] = filed


def _entry(spec: NodeSpec, files: Files | None) -> dict[str, Any]:
    required: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    hidden: dict[str, Any] = {}
    for entry in spec.inputs:
        if entry.hidden is not None:
            hidden[entry.name] = entry.hidden
        else:
            (required if entry.required else optional)[entry.name] = input_config(entry, files)
    for number, name in enumerate(_repeats(spec), 1):
        assert spec.repeat is not None
        (required if number <= spec.repeat.minimum else optional)[name] = [spec.repeat.types]
    inputs = {"required": required}
    inputs |= {"optional": optional} if optional else {}
    inputs |= {"hidden": hidden} if hidden else {}
    shown = [entry for entry in spec.inputs if entry.hidden is None]
    found: dict[str, Any] = {
        "input": inputs,
        "input_order": {section: list(names) for section, names in inputs.items()},
        "is_input_list": bool(shown) and all(entry.whole_list for entry in shown),
        "output": [output.types for output in spec.outputs],
        "output_is_list": [output.is_list for output in spec.outputs],
        "output_name": [output.name for output in spec.outputs],
        "name": spec.id,
        "display_name": spec.title or spec.id,
        "description": spec.description,
        "python_module": _module(spec),
        "category": spec.category,
        "output_node": spec.effect,
    }
    if any(output.tooltip for output in spec.outputs):
        found["output_tooltips"] = [output.tooltip for output in spec.outputs]
    if spec.deprecated:
        found["deprecated"] = True
    if spec.experimental:
        found["experimental"] = True
    if spec.aliases:
        found["search_aliases"] = list(spec.aliases)
    found["loom"] = facts(spec)
    return found


def _options(spec: InputSpec, widget: Widget | None) -> dict[str, Any]:
    """Return the second half of an input's pair; only what differs from what clients assume."""
    options: dict[str, Any] = {}
    if spec.default is not MISSING and spec.default is not None:
        options["default"] = spec.default
    if isinstance(widget, (Int, Seed)):
        options |= {"min": widget.min, "max": widget.max, "step": widget.step}
        if widget.control:
            options["control_after_generate"] = True
    elif isinstance(widget, Float):
        options |= {"min": widget.min, "max": widget.max, "step": widget.step}
        if widget.round is not None:
            options["round"] = widget.round
        if widget.display != "number":
            options["display"] = widget.display
    elif isinstance(widget, Bool):
        options |= {"label_on": widget.label_on} if widget.label_on else {}
        options |= {"label_off": widget.label_off} if widget.label_off else {}
    elif isinstance(widget, Text):
        flags = {"multiline": widget.multiline, "dynamicPrompts": widget.prompt, "forceInput": widget.force_input}
        options |= {name: True for name, value in flags.items() if value}
        options |= {"placeholder": widget.placeholder} if widget.placeholder else {}
    elif isinstance(widget, File) and widget.upload:
        options["image_upload"] = True
    if spec.lazy:
        options["lazy"] = True
    if spec.raw:
        options["rawLink"] = True
    if spec.tooltip:
        options["tooltip"] = spec.tooltip
    return options


def _repeats(spec: NodeSpec) -> list[str]:
    """Return names for inputs that may be given many times; none where any name will do."""
    repeat = spec.repeat
    if repeat is None or "{n}" not in repeat.pattern:
        return []
    count = min(repeat.maximum, max(repeat.minimum, _REPEATS))
    return [repeat.pattern.replace("{n}", str(number)) for number in range(1, count + 1)]


def _file_widgets(spec: NodeSpec) -> Iterator[File]:
    for entry in spec.inputs:
        if isinstance(entry.widget, File):
            yield entry.widget


def _names(widget: File, files: Files | None) -> tuple[str, ...]:
    if files is None:
        return ()
    try:
        return files.names(widget.folder, widget.extensions)
    except UserError:
        return ()  # a pack may name a kind of folder that this machine does not have


def _module(spec: NodeSpec) -> str:
    """Return where ComfyUI would say the node is from; front ends colour and filter by it."""
    if spec.module.startswith(f"{_PACKAGE}.nodes."):
        return "nodes"
    return f"custom_nodes.{spec.module.partition('.')[0]}"


def _dumped(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
