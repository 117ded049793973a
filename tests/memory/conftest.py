"""Lets the tests of this folder import what they share: pytest's importlib mode puts no folder on the path."""

import sys
from pathlib import Path

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.append(FOLDER)
