"""What the oracles need to be importable here."""

import importlib
import sys


def pytest_configure():
    """Hide a torchvision that was built for another torch; the oracles then do without it.

    A CPU-only torch beside the usual torchvision cannot load its operators, and transformers gives up on the import.
    """
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        pass
    except (ImportError, RuntimeError, OSError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules["torchvision"] = None
