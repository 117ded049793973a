"""Lanes: room, order, what is open."""

from __future__ import annotations

from latentloom.engine.run.lanes import Lanes


def test_a_full_lane_keeps_its_nodes_and_others_go_on() -> None:
    lanes = Lanes(device=1, cpu=2, io=1)
    lanes.named("device").ready += ["d1", "d2"]
    lanes.named("cpu").ready += ["c1"]
    first = lanes.take()
    assert first is not None
    assert first[0] == "d2"
    second = lanes.take()
    assert second is not None
    assert second[0] == "c1"
    assert lanes.take() is None
    assert not lanes.open
    first[1].busy -= 1
    assert lanes.open
    third = lanes.take()
    assert third is not None
    assert third[0] == "d1"


def test_io_starts_first_and_unknown_lanes_are_the_devices() -> None:
    lanes = Lanes()
    lanes.named("who knows").ready.append("d")
    lanes.named("io").ready.append("i")
    assert [took[0] for took in (lanes.take(), lanes.take()) if took] == ["i", "d"]


def test_clearing_forgets_what_is_ready() -> None:
    lanes = Lanes()
    lanes.named("cpu").ready.append("c")
    lanes.clear()
    assert lanes.take() is None
    assert lanes.threads >= 3
