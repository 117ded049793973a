"""Grid: one picture per value, on one sheet, the rest of the graph run once."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
import torch

from latentloom.engine.graph.builder import GraphBuilder
from latentloom.engine.graph.validate import require_valid
from latentloom.engine.guard import TorchGuard
from latentloom.engine.node import Int, Registry, node
from latentloom.engine.run.cache import Cache
from latentloom.engine.run.executor import Executor, RunResult
from latentloom.engine.store import TorchStore
from latentloom.engine.values import Image, check_value
from latentloom.nodes.grid import loom_grid


class Bench:
    """A registry with a node that paints and one that is slow to make."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

        @node("Base", category="test")
        def base(size: int = 32) -> Image:
            """Make a canvas."""
            self.calls.append("base")
            return torch.zeros(1, size, size, 3)

        @node("Paint", category="test")
        def paint(
            canvas: Image, level: float = 0.5, count: Annotated[int, Int(1, 4)] = 1, flag: bool = False
        ) -> Image:
            """Paint it."""
            self.calls.append((level, count, flag))
            return (canvas + level).expand(count, -1, -1, -1)

        self.registry = Registry([base, paint, loom_grid])

    def run(self, **settings: Any) -> tuple[RunResult, str]:
        b = GraphBuilder(self.registry)
        end = b.LoomGrid(image=b.Paint(canvas=b.Base()), **settings)
        executor = Executor(
            self.registry, Cache(TorchStore()), guard=TorchGuard(), check_value=check_value
        )
        graph = require_valid(b.graph(), self.registry, targets=[end.node_id]).graph  # with defaults filled in
        return executor.run(graph, [end.node_id]), end.node_id

    def sheet(self, **settings: Any) -> torch.Tensor:
        result, end = self.run(**settings)
        for error in result.failures.values():
            raise error
        return result.values[end]["IMAGE"]


def test_a_cell_for_each_value_and_the_constant_part_once() -> None:
    bench = Bench()
    sheet = bench.sheet(x_input="Paint.level", x_values="0.25, 0.5, 1")
    assert bench.calls == ["base", (0.25, 1, False), (0.5, 1, False), (1.0, 1, False)]
    assert sheet.shape[0] == 1
    assert sheet.shape[2] == 3 * 32 + 4 * 4
    middle = sheet[0, -4 - 16, :, 0]
    for number, level in enumerate((0.25, 0.5, 1.0)):
        assert middle[4 + number * 36 + 16].item() == pytest.approx(level, abs=1 / 255)


def test_two_axes_make_rows_and_columns() -> None:
    bench = Bench()
    sheet = bench.sheet(x_input="2.level", x_values="0\n0.5", y_input="Paint.flag", y_values="true, false")
    assert bench.calls[1:] == [(0.0, 1, True), (0.5, 1, True), (0.0, 1, False), (0.5, 1, False)]
    assert sheet.shape[1] > 2 * 32
    assert (sheet[0, :, :40] < 0.5).any()  # the labels of the rows


def test_a_batch_lies_side_by_side() -> None:
    wide = Bench().sheet(x_input="Paint.count", x_values="3")
    narrow = Bench().sheet(x_input="Paint.count", x_values="1")
    assert wide.shape[2] - narrow.shape[2] == 2 * 32


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"x_input": "Paint.level", "x_values": " , "}, "R021"),
        ({"x_input": "Paint.level", "x_values": "much"}, "R021"),
        ({"x_input": "Paint.canvas", "x_values": "1"}, "R021"),
        ({"x_input": "Paint.nothing", "x_values": "1"}, "R021"),
        ({"x_input": "Nobody.level", "x_values": "1"}, "G026"),
        ({"x_input": "Paint.count", "x_values": "99"}, "G000"),
    ],
)
def test_mistakes_are_the_users_and_are_named(settings: Any, code: str) -> None:
    result, end = Bench().run(**settings)
    assert result.failures[end].code == code


def test_the_sheet_needs_a_picture() -> None:
    bench = Bench()

    @node("Number", category="test")
    def number(n: int = 1) -> int:
        """Return a number."""
        return n

    bench.registry.add(number)
    b = GraphBuilder(bench.registry)
    end = b.LoomGrid(image=b.Number(), x_input="Number.n", x_values="1,2")
    assert Executor(bench.registry).run(b.graph(), [end.node_id]).failures[end.node_id].code == "R021"
