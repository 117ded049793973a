"""`latentloom check FILE...`: validate workflows and show every problem. Runs nothing, loads no torch.

A file may be in either format, or a picture that carries a workflow; what of an editor's file did not map is shown too.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..comfy.report import Report
from ..errors import Problem, UserError
from ..find_models import find_models
from ..graph.validate import validate
from ..library import open_file
from .compose import folders_for, registry_for, settings_for
from .notes import shown

__all__ = ["main"]


def main(args: argparse.Namespace) -> int:
    """Check each file; return 0 when all are valid, else 2."""
    settings = settings_for(args)
    registry, files = registry_for(settings), folders_for(settings)
    report: list[dict[str, Any]] = []
    for name in args.files:
        problems: tuple[Problem | UserError, ...]
        count = 0
        notes: Report = ()
        try:
            opened = open_file(name, registry)
            graph, found_models = find_models(opened.graph, name, registry, files)
            count, notes = len(graph), (*opened.report, *found_models)
            problems = validate(graph, registry, files)
        except UserError as error:
            problems = (error,)
        found = [problem.as_dict() for problem in problems]
        report.append({"file": name, "nodes": count, "problems": found, "report": [note.as_dict() for note in notes]})
        if not args.json:
            _show(name, count, problems)
            for line in shown(notes):
                print(f"  {line}", file=sys.stderr)
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
