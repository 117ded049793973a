"""ComfyUI's own templates: every one converts, and those that use only what exists here are sound.

The lower bounds are what was measured when this was written; they may only rise.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from latentloom.engine.comfy.convert import open_workflow, to_api
from latentloom.engine.graph.validate import validate

package = pytest.importorskip("comfyui_workflow_templates_json")
FOLDER = Path(package.__file__).parent / "templates"
# Names still to come: samplers and text encoder kinds that the nodes of the templates may name.
LATER = {
    ("KSampler", "sampler_name"),
    ("KSamplerSelect", "sampler_name"),
    ("CLIPLoader", "type"),
    ("DualCLIPLoader", "type"),
}


@pytest.fixture(scope="module")
def files():
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        data = json.loads(path.read_text("utf-8"))
        if isinstance(data, dict) and isinstance(data.get("nodes"), list):
            found[path.name] = data
    return found


@pytest.fixture(scope="module")
def opened(files, nodes):
    return {name: open_workflow(data, nodes) for name, data in files.items()}


def test_every_template_converts(files, opened):
    assert len(files) >= 644
    for name, found in opened.items():
        assert found.format == "ui" and found.graph.faults == (), name
        assert not [note for note in found.report if note.level == "error"], name
        json.dumps(found.api, allow_nan=False)


def test_every_real_node_is_in_the_prompt(files, opened):
    """Count nodes by another way: over scopes, by hand, without mutes and hosts."""
    gone = {"Note", "MarkdownNote", "PrimitiveNode", "Reroute"}
    for name, data in files.items():
        definitions = {entry["id"]: entry for entry in data.get("definitions", {}).get("subgraphs", ())}

        def count(nodes, definitions=definitions):
            live = [node for node in nodes if node["mode"] not in (2, 4) and node["type"] not in gone]
            inner = [definitions[node["type"]]["nodes"] for node in live if node["type"] in definitions]
            return len(live) - len(inner) + sum(count(entry) for entry in inner)

        assert len(opened[name].api) == count(data["nodes"]), name


def test_templates_of_nodes_that_exist_here_validate(opened, nodes):
    known = [name for name, found in opened.items() if not any(note.code == "C010" for note in found.report)]
    assert len(known) >= 5
    for name in known:
        graph = opened[name].graph
        problems = [
            str(problem)
            for problem in validate(graph, nodes)
            if problem.code != "G008" or (graph[problem.node_id].type, problem.input) not in LATER
        ]
        assert problems == [], name
        assert not [note for note in opened[name].report if note.level != "info"], name


def test_the_rest_are_listed_with_reasons(opened):
    """Each of the others has a note for each node of an unknown type; nothing is left out in silence."""
    reasons = Counter()
    for name, found in opened.items():
        unknown = {note.type for note in found.report if note.code == "C010"}
        foreign = {entry["class_type"] for entry in found.api.values()} & unknown
        assert foreign == unknown, name
        reasons["foreign" if unknown else "known"] += 1
        reasons.update(note.code for note in found.report)
    assert reasons["known"] >= 5 and reasons["known"] + reasons["foreign"] >= 644
    assert reasons["C005"] == reasons["C016"] == reasons["C019"] == reasons["C025"] == reasons["C020"] == 0
    assert 0 < reasons["C018"] <= 22  # inputs behind bypassed loaders, which ComfyUI cuts too


def test_known_nodes_of_all_templates_are_sound_but_for_what_foreign_nodes_bring(opened, nodes):
    """No value of a known node landed on the wrong widget: nothing is of the wrong kind or out of range."""
    codes = Counter()
    for found in opened.values():
        codes.update(problem.code for problem in validate(found.graph, nodes))
    assert set(codes) <= {"G001", "G002", "G008", "G011", "G014"}
    assert codes["G002"] <= 5 and codes["G011"] <= 17


def test_leaving_out_unknown_nodes_leaves_sound_graphs(files, nodes):
    running = 0
    for data in files.values():
        found = to_api(data, nodes, keep_unknown=False)
        assert not {entry["class_type"] for entry in found.api.values()} & set(found.unknown)
        running += bool(found.api)
    assert running >= 500
