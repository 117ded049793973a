"""`latentloom nodes [NAME]`: the node types, or one of them with its inputs and outputs. Loads no torch."""

from __future__ import annotations

import argparse
import json
import sys

from ..node.registry import Registry
from ..node.spec import MISSING, InputSpec, NodeSpec
from ..node.widget import Choice, File, Float, Int, Seed
from .compose import registry_for, settings_for

__all__ = ["main"]


def main(args: argparse.Namespace) -> int:
    """List node types, all or those whose id or title holds NAME; show the one that matches exactly."""
    registry = registry_for(settings_for(args))
    for failure in registry.failures:
        print(failure, file=sys.stderr)
    if args.name is None:
        return _list(list(registry), args.json)
    exact = registry.spec(args.name)
    if exact is not None:
        print(json.dumps(exact.as_json(), indent=2) if args.json else _describe(exact))
        return 0
    found = _search(registry, args.name)
    if not found:
        near = registry.nearest(args.name)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        print(f'No node type is called "{args.name}".{hint}', file=sys.stderr)
        return 2
    return _list(found, args.json)


def _search(registry: Registry, word: str) -> list[NodeSpec]:
    wanted = word.casefold()
    return [
        spec
        for spec in registry
        if any(wanted in text.casefold() for text in (spec.id, spec.title, spec.category, *spec.aliases))
    ]


def _list(specs: list[NodeSpec], as_json: bool) -> int:
    if as_json:
        print(json.dumps({spec.id: spec.as_json() for spec in specs}, indent=2))
        return 0
    width = max((len(spec.id) for spec in specs), default=0)
    category = None
    for spec in sorted(specs, key=lambda spec: (spec.category, spec.id)):
        if spec.category != category:
            category = spec.category
            print(category)
        notes = "".join(f" ({word})" for word in ("deprecated", "experimental") if getattr(spec, word))
        print(f"  {spec.id:{width}}  {spec.title}{notes}")
    return 0


def _describe(spec: NodeSpec) -> str:
    lines = [f"{spec.id}: {spec.title}", f"  category {spec.category}, version {spec.version}, in {spec.module}"]
    if spec.description:
        lines += ["", f"  {spec.description}"]
    if spec.inputs:
        lines += ["", "  inputs"]
        lines += [f"    {line}" for item in spec.inputs if not item.hidden for line in describe_input(item)]
    if spec.repeat is not None:
        lines.append(f"    {spec.repeat.pattern}: {spec.repeat.types}, {spec.repeat.minimum} to {spec.repeat.maximum}")
    if spec.outputs:
        lines += ["", "  outputs"]
        lines += [f"    {item.name}: {item.types}{' (list)' if item.is_list else ''}" for item in spec.outputs]
    return "\n".join(lines)


def describe_input(item: InputSpec) -> list[str]:
    """Return the lines that say what an input takes."""
    parts = [f"{item.name}: {item.types}"]
    widget = item.widget
    if isinstance(widget, Float):
        parts.append(f"{widget.min:g} to {widget.max:g}")
    elif isinstance(widget, Int | Seed):
        parts.append(f"{widget.min} to {widget.max}")
    elif isinstance(widget, Choice):
        parts.append("one of " + ", ".join(map(str, widget.options)))
    elif isinstance(widget, File):
        parts.append(f"a file of {widget.folder}")
    if item.default is not MISSING and item.default is not None:
        parts.append(f"default {json.dumps(item.default)}")
    if not item.required:
        parts.append("optional")
    return [", ".join(parts), *([f"    {item.tooltip}"] if item.tooltip else [])]
