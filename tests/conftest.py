"""What all tests share: few threads, no user's environment, markers, and helpers that need no import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Servers under test listen here; a proxy of the machine knows nothing of them.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1,::1"

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)  # a red build must be red again
settings.register_profile("soak", deadline=None, max_examples=5000)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path_factory):
    """Keep the developer's own data folder and settings out of every test."""
    for name in list(os.environ):
        if name.startswith("LATENTLOOM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LATENTLOOM_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture(scope="session", autouse=True)
def _few_threads():
    """Two threads at most: small tensors gain nothing from more, and parallel machines are shared."""
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root, which is the package's folder."""
    return ROOT


@pytest.fixture(scope="session")
def python():
    """Run `code` in a fresh interpreter outside the repository and return what it printed; fails with its error."""

    def run(code: str, *arguments: str, cwd: Path | None = None, timeout: float = 120) -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *arguments],
            capture_output=True,
            text=True,
            cwd=cwd or ROOT.parent,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def data(tmp_path):
    """A data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def latentloom(capsys, data):
    """Run the command line in this process; return (exit code, standard output, standard error)."""
    from latentloom.engine.cli import main

    def run(*arguments):
        try:
            code = main([arguments[0], *map(str, arguments[1:]), "--data-dir", str(data)])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def flips(tmp_path):
    """A workflow without a model: latent, flip, save."""
    graph = {
        "1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "2": {
            "class_type": "LatentFlip",
            "inputs": {"samples": ["1", 0], "flip_method": "x-axis: vertically"},
            "_meta": {"title": "Turn"},
        },
        "3": {"class_type": "SaveLatent", "inputs": {"samples": ["2", 0], "filename_prefix": "latents/a"}},
    }
    path = tmp_path / "flips.json"
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def randomised():
    """Give every parameter of a network a value that matters, zero-initialised ones too; returns it, ready to use."""

    def randomise(network, seed: int):
        import torch

        generator = torch.Generator().manual_seed(seed)
        for name, parameter in network.named_parameters():
            spread = 0.05 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
            value = torch.randn(parameter.shape, generator=generator) * spread
            parameter.data = value + 1 if "norm" in name and name.endswith("weight") else value
        return network.eval().requires_grad_(False)

    return randomise
