"""The types of the editor: fresh, made from shapes that real messages have."""

import re

import jsonschema

from latentloom.engine.comfy.schema import object_info
from latentloom.engine.commands.web_types import web_types
from latentloom.engine.library import registry
from latentloom.engine.server.openapi import document
from latentloom.engine.server.openapi_events import EVENTS, MOMENTS, NODE_SHAPES

SHAPES = {"schemas": {**document("")["components"]["schemas"], **NODE_SHAPES}}


def test_every_shape_and_every_address_has_a_type():
    text = web_types()
    declared = set(re.findall(r"^export (?:type|interface) (\w+)", text, re.M))
    named = {{"Error": "ErrorAnswer", "Worker": "WorkerState"}.get(name, name) for name in SHAPES["schemas"]}
    assert named <= declared
    used = set(re.findall(r"\b[A-Z]\w+", re.sub(r"/\*\*.*?\*/|//.*|\"[^\"]*\"", "", text, flags=re.S)))
    assert used - declared <= {"Record", "Array", "Blob", "K", "Api"}, "every name that is used is declared"
    addresses = {
        f"{method.upper()} {path}"
        for path, methods in document("")["paths"].items() if path.startswith("/api/loom/")
        for method in methods
    }  # fmt: skip
    assert addresses == set(re.findall(r'^  "([A-Z]+ /\S+)": \{$', text, re.M))
    for kind in (*EVENTS, *MOMENTS):
        assert f"\n  {kind}: {{" in text


def test_shapes_are_schemas():
    for shape in (*EVENTS.values(), *MOMENTS.values(), *NODE_SHAPES.values()):
        jsonschema.Draft202012Validator.check_schema(shape)


def test_every_node_type_has_the_shape_that_the_editor_counts_on():
    shape = {"$ref": "#/components/schemas/NodeDeclaration", "components": SHAPES}
    checker = jsonschema.Draft202012Validator(shape)
    found = object_info(registry())
    assert len(found) > 100
    for name, entry in found.items():
        assert [error.message for error in checker.iter_errors(entry)] == [], name
        known = set(SHAPES["schemas"]["NodeDeclaration"]["properties"])
        assert set(entry) <= known, name
        for options in (pair[1] for part in ("required", "optional") for pair in entry["input"].get(part, {}).values() if pair[1:]):
            assert set(options) <= set(SHAPES["schemas"]["InputOptions"]["properties"]), name
