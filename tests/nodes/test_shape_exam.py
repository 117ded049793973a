"""The examination as a node: what it draws, what it reports, and that it stops within a step."""

import json

import pytest

from latentloom.engine.errors import Cancelled
from latentloom.engine.node.context import SilentContext
from latentloom.engine.values import check_value
from latentloom.nodes.shape_exam import evaluate_shapes


def test_each_kind_is_drawn_with_each_seed(tiny, context):
    given = {"model": tiny.model, "clip": tiny.clip, "vae": tiny.vae, "captions": 2, "steps": 1, "size": 16}
    out = evaluate_shapes(**given, seeds=2, context=context)
    report = json.loads(out.report)
    assert [report[mode]["overall"]["count"] for mode in ("soft", "strict")] == [12, 12]
    assert {kind: report["soft"][kind]["count"] for kind in ("one_object", "two_objects", "relation")} == {
        "one_object": 4, "two_objects": 4, "relation": 4,
    }  # fmt: skip
    assert out.accuracy == report["soft"]["overall"]["accuracy"] == 0.0  # random weights draw no scene
    assert check_value("IMAGE", out.sheet) is None and out.sheet.shape[2] == 8 * (2 * 16 + 4) + 4
    assert context.steps == [(12, 12)]
    other = evaluate_shapes(**given, seeds=2, first_seed=5, context=context)
    assert not (out.sheet == other.sheet).all()


def test_it_stops_within_a_step(tiny):
    class Impatient(SilentContext):
        checks = 0

        def check(self):
            self.checks += 1
            if self.checks == 3:
                raise Cancelled("test")

    context = Impatient()
    with pytest.raises(Cancelled):
        evaluate_shapes(
            model=tiny.model, clip=tiny.clip, vae=tiny.vae, captions=1, steps=50, size=16, context=context
        )  # fmt: skip
    assert context.checks == 3
