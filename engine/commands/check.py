"""`latentloom check FILE...`: validate workflows and show every problem. Runs nothing, loads no torch."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..errors import Problem, UserError
from ..graph.codec import load
from ..graph.validate import validate
from .compose import folders_for, registry_for, settings_for

__all__ = ["main"]


def main(args: argparse.Namespace) -> int:
    """Check each file; return 0 when all are valid, else 2."""
    settings = settings_for(args)
    registry, files = registry_for(settings), folders_for(settings)
    report: list[dict[str, Any]] = []
    for name in args.files:
        problems: tuple[Problem | UserError, ...]
        count = 0
        try:
            graph = load(name, registry)
            count = len(graph)
            problems = validate(graph, registry, files)
        except UserError as error:
            problems = (error,)
        report.append({"file": name, "nodes": count, "problems": [problem.as_dict() for problem in problems]})
        if not args.json:
            _show(name, count, problems)
    if args.json:
        print(json.dumps(report, indent=2))
    return 2 if any(entry["problems"] for entry in report) else 0


def _show(name: str, count: int, problems: tuple[Problem | UserError, ...]) -> None:
    if not problems:
        print(f"{name}: {count} nodes, no problem")
        return
    print(f"{name}: {len(problems)} problem{'s' if len(problems) > 1 else ''}", file=sys.stderr)
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)
