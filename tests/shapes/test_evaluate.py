import json

import numpy as np
import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.shapes import ShapeScenes, evaluate, held_out_captions, read
from latentloom.engine.shapes.vocabulary import HELD_OUT, KINDS


def test_the_report_counts_by_kind_and_on_held_out_pairs():
    pictures, captions = ShapeScenes(64, 2, "test").batch(0, 80)
    spoiled = pictures.copy()
    spoiled[:20] = 200
    report = evaluate(spoiled, captions)
    kinds = [read(caption).kind for caption in captions]
    assert report.overall.count == 80
    assert report.accuracy == pytest.approx(0.75)
    assert sum(share.count for share in report.kinds.values()) == 80
    for kind, share in report.kinds.items():
        assert share.count == kinds.count(kind)
        assert share.accuracy == pytest.approx(1 - kinds[:20].count(kind) / share.count)
    novel = [bool(read(caption).pairs & set(HELD_OUT)) for caption in captions]
    assert report.held_out.count == sum(novel)
    assert report.held_out.accuracy == pytest.approx(1 - sum(novel[:20]) / sum(novel))
    assert [verdict.passed for verdict in report.verdicts] == [False] * 20 + [True] * 60


def test_the_report_as_plain_values():
    captions = held_out_captions(3, "count", 0)
    report = evaluate(np.full((3, 64, 64, 3), 10, np.uint8), captions, "strict").as_dict()
    assert json.loads(json.dumps(report)) == report
    assert report["mode"] == "strict"
    assert set(report) == {"mode", "overall", "count", "held_out_pairs"}
    assert set(report) - {"mode", "overall", "held_out_pairs"} <= set(KINDS)
    assert report["overall"]["accuracy"] == 0.0


def test_unequal_numbers_are_refused():
    with pytest.raises(UserError, match="D107"):
        evaluate(np.zeros((2, 64, 64, 3), np.uint8), ["a red circle"])
