"""Comparing UI files; and opening, writing back, of every template: nothing that was not touched changes."""

import json
from pathlib import Path

import comfyui_workflow_templates_json
import pytest

from latentloom.engine.comfy.canonical import canonical_bytes, canonical_order
from latentloom.engine.comfy.convert import open_workflow
from latentloom.engine.comfy.document import is_ui
from latentloom.engine.comfy.write_ui import to_ui
from latentloom.engine.graph.codec import write_api

FOLDER = Path(comfyui_workflow_templates_json.__file__).parent / "templates"
DOCUMENTS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
TEMPLATES = {name: data for name, data in DOCUMENTS.items() if is_ui(data)}


def test_order_of_keys_nodes_and_links_does_not_count():
    one = {
        "nodes": [{"id": 2, "type": "B"}, {"type": "A", "id": 1}],
        "links": [[9, 1, 0, 2, 0, "X"], {"id": 3}],
        "definitions": {"subgraphs": [{"id": "u", "nodes": [{"id": 7}, {"id": 5}], "links": None}]},
    }
    other = {
        "definitions": {"subgraphs": [{"links": None, "nodes": [{"id": 5}, {"id": 7}], "id": "u"}]},
        "links": [{"id": 3}, [9, 1, 0, 2, 0, "X"]],
        "nodes": [{"id": 1, "type": "A"}, {"id": 2, "type": "B"}],
    }
    before = json.dumps(one)
    assert canonical_bytes(one) == canonical_bytes(other)
    assert json.dumps(one) == before
    assert [node["id"] for node in canonical_order(one)["nodes"]] == [1, 2]


@pytest.mark.parametrize(
    "other",
    [
        {"nodes": [{"id": 1, "widgets_values": [2, 1]}]},
        {"nodes": [{"id": 1, "widgets_values": [1, 2.0]}]},
        {"nodes": [{"id": 1, "widgets_values": [True, 2]}]},
        {"nodes": [{"id": "1", "widgets_values": [1, 2]}]},
        {"nodes": [{"id": 1, "widgets_values": [1, 2], "color": None}]},
        {"nodes": [{"id": 1, "widgets_values": [1, 2]}], "extra": {}},
    ],
    ids=str,
)
def test_everything_else_counts(other):
    assert canonical_bytes({"nodes": [{"id": 1, "widgets_values": [1, 2]}]}) != canonical_bytes(other)


def test_entries_without_a_sound_id_stay_at_the_end():
    mixed = {"nodes": [None, {"id": True}, {"id": "b"}, 5, {"id": 4}, {"id": "a"}], "links": {"no": "list"}}
    assert canonical_order(mixed)["nodes"] == [{"id": 4}, {"id": "a"}, {"id": "b"}, None, {"id": True}, 5]
    assert canonical_order(mixed)["links"] == {"no": "list"}


def test_there_are_templates():
    assert len(TEMPLATES) > 600


@pytest.mark.parametrize("name", TEMPLATES)
def test_untouched_templates_are_written_back_to_the_byte(name, nodes):
    """File to Graph to file; the graph is what is written, so what it has lost would be lost in the file."""
    before = json.dumps(TEMPLATES[name])
    opened = open_workflow(TEMPLATES[name], nodes)
    again = to_ui(write_api(opened.graph, nodes), nodes, base=TEMPLATES[name])
    assert canonical_bytes(again) == canonical_bytes(json.loads(before))
    assert json.dumps(TEMPLATES[name]) == before
