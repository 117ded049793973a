"""Exact references shared by the tests of this room."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def gaussian():
    """The module `gaussian.py` beside this file."""
    spec = importlib.util.spec_from_file_location("diffusion_gaussian", Path(__file__).with_name("gaussian.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def small():
    """The module `model.py` beside this file."""
    spec = importlib.util.spec_from_file_location("diffusion_model", Path(__file__).with_name("model.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
