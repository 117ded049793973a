"""Old files made new by the steps that nodes declare; and what is said where there is no step."""

import copy
import json
from typing import Annotated, Any

import pytest

from latentloom.engine.comfy.convert import open_workflow
from latentloom.engine.errors import NodeBug
from latentloom.engine.graph.migrate import migrate, outdated, versions_in
from latentloom.engine.node import Choice, Int, Registry, Socket, node
from latentloom.engine.node.manifest import dumps
from latentloom.engine.node.migration import Migration
from latentloom.engine.node.spec import from_json

Image = Annotated[Any, Socket("IMAGE")]

STEPS = (
    Migration(1, renamed={"size": "width"}, values={"mode": {"nearest": "exact", "1": "one"}}),
    Migration(2, added={"height": 64}, dropped=("tile",), slots={"0": 1, "1": 0, "2": None}),
)


@node("Grown", category="test", version=3, migrations=STEPS, outputs=("mask", "image"))
def grown(
    *,
    width: Annotated[int, Int(1, 100)] = 1,
    height: Annotated[int, Int(1, 100)] = 1,
    mode: Annotated[str, Choice(("exact", "one"))] = "exact",
) -> tuple[Image, Image]: ...


@node("Changed", category="test", version=2)
def changed(*, image: Image) -> Image: ...


@pytest.fixture
def registry():
    return Registry([grown, changed])


OLD = {
    "1": {"class_type": "Grown", "inputs": {"size": 8, "mode": "nearest", "tile": True}, "_meta": {"title": "x"}},
    "2": {"class_type": "Changed", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "Changed", "inputs": {"image": ["1", 2], "odd": [1, 2, 3]}},
}


def test_all_steps_are_taken_in_their_order(registry):
    before = copy.deepcopy(OLD)
    found = migrate(OLD, {"Grown": 1}, registry)
    assert found.api["1"] == {
        "class_type": "Grown", "inputs": {"height": 64, "width": 8, "mode": "exact"}, "_meta": {"title": "x"},
    }  # fmt: skip
    assert found.api["2"]["inputs"] == {"image": ["1", 1]}
    assert found.api["3"]["inputs"] == {"odd": [1, 2, 3]}
    assert [finding[:4] for finding in found.findings] == [("info", "C055", "1", "Grown")]
    assert before == OLD, "what is given stays"


def test_a_later_version_takes_only_the_steps_left(registry):
    api = {"1": {"class_type": "Grown", "inputs": {"width": 8, "mode": "nearest", "height": 5}}}
    assert migrate(api, {"Grown": 2}, registry).api["1"]["inputs"] == {"width": 8, "mode": "nearest", "height": 5}


def test_numbers_are_looked_up_as_json(registry):
    api = {"1": {"class_type": "Grown", "inputs": {"mode": 1}}}
    assert migrate(api, {"Grown": 1}, registry).api["1"]["inputs"]["mode"] == "one"


def test_todays_files_are_the_very_same_object(registry):
    assert migrate(OLD, {"Grown": 3, "Unknown": 1}, registry) == (OLD, ())
    assert migrate(OLD, {}, registry).api is OLD


def test_newer_files_and_versions_without_a_step_are_told_of(registry):
    found = migrate(OLD, {"Grown": 4, "Changed": 1}, registry)
    assert found.api is OLD
    assert [(finding.level, finding.code, finding.type) for finding in found.findings] == [
        ("warning", "C056", "Grown"), ("info", "C057", "Changed"),
    ]  # fmt: skip


@pytest.mark.parametrize("entry", [None, 7, [], {}, {"class_type": "Grown"}, {"class_type": ["Grown"], "inputs": {}}])
def test_broken_entries_are_left_for_whoever_reports_them(registry, entry):
    assert migrate({"1": entry}, {"Grown": 1}, registry).api["1"] == entry


@pytest.mark.parametrize(
    "record",
    [None, [], {"node_versions": []}, {"node_versions": {"A": "1", "B": -1, "C": True, "D": 10**400, "E": 1.0}}],
)
def test_records_that_say_nothing(record):
    assert versions_in(record) == {}


def test_steps_travel_with_the_spec_as_json(registry):
    spec = registry.spec("Grown")
    text = json.loads(json.dumps(spec.as_json()))
    assert from_json(text) == spec and from_json(text).migrations[1].slots == {"0": 1, "1": 0, "2": None}
    assert "migrations" not in registry.spec("Changed").as_json()
    assert "Migration" not in dumps({"format": 2, "modules": {"m": {"fingerprint": "", "nodes": [spec.as_json()]}}})


def test_steps_from_a_version_that_was_never_are_refused():
    for steps in ((Migration(3),), (Migration(0),), (Migration(1), Migration(1))):
        with pytest.raises(NodeBug):

            @node("Wrong", category="test", version=3, migrations=steps)
            def wrong() -> None: ...


def test_readers_migrate_ui_files_by_the_versions_they_record(registry):
    ui = {
        "nodes": [
            {"id": 1, "type": "Grown", "widgets_values": [8, "nearest"], "widgets_values_named": {"size": 8, "mode": "nearest"},
             "outputs": [{"name": "image", "type": "IMAGE", "links": [1]}, {"name": "mask", "type": "IMAGE", "links": []}]},
            {"id": 2, "type": "Changed", "inputs": [{"name": "image", "type": "IMAGE", "link": 1}]},
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
        "extra": {"latentloom": {"format": 1, "node_versions": {"Grown": 1, "Changed": 2}}},
        "version": 0.4,
    }  # fmt: skip
    opened = open_workflow(ui, registry)
    assert opened.api["1"]["inputs"] == {"height": 64, "width": 8, "mode": "exact"}
    assert opened.api["2"]["inputs"] == {"image": ["1", 1]}
    assert "C055" in [note.code for note in opened.report]
    assert outdated({"Grown": 1}, registry) == {"Grown"} and outdated({"Grown": 3, "Changed": 1}, registry) == set()
