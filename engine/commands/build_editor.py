"""`python -m latentloom.engine.commands.build_editor`: the editor's page built from a checkout, for make.

With `install` it only fetches the packages that building and testing the page need. Loads no torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..editor_build import EditorNotBuilt, build, install, is_fresh, unwanted
from ..library import package_root

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Do as asked; return 0, or 1 when the page could not be built."""
    root = package_root()
    try:
        if unwanted():
            print("The editor is left alone (LATENTLOOM_NO_WEB).")
        elif list(arguments) == ["install"]:
            install(root, _say)
        elif is_fresh(root):
            print("The editor is up to date.")
        else:
            build(root, _say)
    except EditorNotBuilt as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
