"""What a result says of how it was made."""

import hashlib
from typing import Annotated

import pytest

import latentloom
from latentloom.engine.folders import Folders
from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.node.context import Context
from latentloom.engine.node.declare import node
from latentloom.engine.node.registry import Registry
from latentloom.engine.node.widget import File, Seed, Text
from latentloom.engine.run.executor import Executor


@node("Draw", category="test", version=3)
def draw(
    model: Annotated[str, File("checkpoints")],
    seed: Annotated[int, Seed()] = 9,
    text: Annotated[str, Text(prompt=True)] = "",
) -> Annotated[int, Seed()]:
    """Give the seed."""
    return seed


@node("Keep", category="test", effect=True)
def keep(value: int, context: Context) -> None:
    """Announce the provenance."""
    context.output("made", [dict(context.provenance)])


@pytest.fixture
def files(tmp_path):
    folders = Folders(tmp_path / "data", packaged=tmp_path / "none")
    for folder, name, content in (("checkpoints", "a.bin", b"aa"), ("checkpoints", "b.bin", b"bb"), ("embeddings", "e.pt", b"ee")):
        (folders.directory(folder) / name).write_bytes(content)
    return folders


@pytest.fixture
def run(files):
    registry = Registry()
    registry.add(draw)
    registry.add(keep)
    asked = []
    executor = Executor(registry, None, files, "cpu", versions=lambda: asked.append(1) or {"torch": "9.9"})

    def go(*nodes):
        result = executor.run(Graph(nodes))
        assert not result.failures
        assert len(asked) <= 1, "asked more than once"
        return {name: kinds["made"][0] for name, kinds in result.outputs.items()}

    return go


def sha(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_it_tells_seeds_files_versions_and_device(run):
    found = run(
        Node("1", "Draw", {"model": "a.bin", "seed": 5, "text": "a (embedding:e:1.2) cat"}),
        Node("2", "Keep", {"value": Link("1", "INT")}),
    )
    assert found["2"] == {
        "version": latentloom.__version__,
        "node": "2",
        "seeds": {"1.seed": 5},
        "files": {"checkpoints/a.bin": sha(b"aa"), "embeddings/e.pt": sha(b"ee")},
        "versions": {"torch": "9.9"},
        "device": "cpu",
        "node_versions": {"Draw": 3, "Keep": 1},
    }


def test_defaults_are_told_and_other_branches_are_not(run):
    found = run(
        Node("1", "Draw", {"model": "a.bin"}),
        Node("2", "Keep", {"value": Link("1", "INT")}),
        Node("3", "Draw", {"model": "b.bin", "seed": 7}),
        Node("4", "Keep", {"value": Link("3", "INT")}),
    )
    assert found["2"]["seeds"] == {"1.seed": 9}
    assert list(found["2"]["files"]) == ["checkpoints/a.bin"]
    assert found["4"]["seeds"] == {"3.seed": 7}
    assert list(found["4"]["files"]) == ["checkpoints/b.bin"]


def test_a_file_that_is_gone_is_absent(run):
    found = run(Node("1", "Draw", {"model": "gone.bin"}), Node("2", "Keep", {"value": Link("1", "INT")}))
    assert found["2"]["files"] == {"checkpoints/gone.bin": "absent"}
