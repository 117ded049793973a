"""Hand-made UI files, one or more for each feature of the format, and the prompts they must give.

`ui/NAME.json` is the file, `ui/NAME.api.json` the prompt, `ui/notes.json` the report ("CODE node", "-" for no node).
"""

import copy
import json
from pathlib import Path
from typing import Annotated, Any

import pytest

from latentloom.engine.comfy.convert import open_workflow, to_api
from latentloom.engine.graph.codec import write_api
from latentloom.engine.library import registry as built_in
from latentloom.engine.node import Choice, Int, Registry, Repeat, Socket, Text, node

FOLDER = Path(__file__).parent / "ui"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if not path.stem.endswith(".api") and path.stem != "notes")
NOTES = json.loads((FOLDER / "notes.json").read_text("utf-8"))
Image = Annotated[Any, Socket("IMAGE")]


@node("TestForced", title="Test Forced", category="test")
def forced(
    *,
    text: Annotated[str, Text(force_input=True)],
    amount: float = 0.5,
    count: Annotated[int, Int(1, 10)] = 1,
) -> str:
    return text


@node("TestPick", title="Test Pick", category="test")
def pick(*, choice: Annotated[str, Choice(("a", "b"))] = "a", count: Annotated[int, Int(1, 10)] = 1) -> Image:
    return choice


@node("TestLate", title="Test Late", category="test")
def late(*, extra: str | None = None, needed: Annotated[int, Int(1, 10)]) -> Image:
    return extra


@node("TestAny", title="Test Any", category="test")
def anything(**values: Annotated[Any, Repeat("*")]) -> Image:
    return values


@node("TestMixed", title="Test Mixed", category="test")
def mixed(*, mask: Annotated[Any, Socket("MASK")], image: Image) -> Image:
    return image


@pytest.fixture(scope="module")
def types() -> Registry:
    found = built_in().copy()
    for function in (forced, pick, late, anything, mixed):
        found.add(function)
    return found


def read(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def test_there_are_files_for_every_feature():
    assert len(NAMES) >= 82
    assert set(NOTES) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_file_gives_the_expected_prompt(name, types):
    document = read(name)
    before = copy.deepcopy(document)
    found = to_api(document, types)
    assert found.api == read(f"{name}.api")
    assert list(found.api) == list(read(f"{name}.api"))
    assert [f"{note.code} {note.node or '-'}" for note in found.report] == NOTES.get(name, [])
    assert document == before


@pytest.mark.parametrize("name", NAMES)
def test_file_opens_as_a_graph_that_writes_the_same_prompt(name, types):
    opened = open_workflow(read(name), types)
    assert opened.format == "ui" and opened.graph.faults == ()
    expected = read(f"{name}.api")
    if any(entry["class_type"] not in types for entry in expected.values()):
        expected = {key: entry for key, entry in expected.items() if entry["class_type"] in types}
        assert {key: entry for key, entry in write_api(opened.graph, types).items() if key in expected} == expected
    else:
        assert write_api(opened.graph, types) == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_node_says_where_in_the_file_it_is(name, types):
    document = read(name)
    found = to_api(document, types)
    assert set(found.origin) == set(found.api)
    for node_id, place in found.origin.items():
        at: Any = document
        for step in place.replace("[", ".").replace("]", "").split("."):
            at = at[int(step)] if isinstance(at, list) else at[step]
        assert at["type"] == found.api[node_id]["class_type"]


@pytest.mark.parametrize("name", NAMES)
def test_the_api_prompt_opens_too(name, types):
    opened = open_workflow({"prompt": read(f"{name}.api")}, types)
    assert opened.format == "api" and len(opened.graph) == len(read(f"{name}.api"))


def test_unknown_types_are_named_and_can_be_left_out_with_what_they_feed(types):
    kept = to_api(read("unknown_types"), types)
    assert kept.unknown == ("Foreign One", "Foreign Three", "Foreign Two")
    assert "Foreign One" in next(str(note) for note in kept.report if note.code == "C010")
    rest = to_api(read("unknown_types"), types, keep_unknown=False)
    assert list(rest.api) == ["1"] == list(rest.origin)
    assert [note.node for note in rest.report if note.code == "C034"] == ["2", "3", "4", "5"]


def test_a_near_name_is_suggested(types):
    found = to_api({"nodes": [{"id": 1, "type": "KSamplr"}], "links": []}, types)
    assert found.report[0].text.endswith("did you mean KSampler?")
