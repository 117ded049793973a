"""What the editor asks of the server beside jobs, in the OpenAPI document: documents, templates, opening anything.

Limits come from the modules that enforce them. Data only; knows no route.
"""

from __future__ import annotations

from typing import Any

from .openapi_events import NODE_SHAPES
from .openapi_parts import operation, query
from .openapi_schemas import (
    COUNT,
    FLAG,
    OBJECT,
    SECONDS,
    TEXT,
    Schema,
    listed,
    or_null,
    record,
    ref,
    strict,
)

__all__ = ["LONGEST_NAME", "editor_paths", "editor_schemas"]

FORMATS = ("ui", "api", "infotext")
LONGEST_NAME = 1024  # characters of a document's name
REVISION: Schema = {**TEXT, "pattern": "^[0-9a-f]{32}$"}

_DOCUMENT = {
    **OBJECT,
    "description": "a workflow in UI format 0.4; every node has its values by name where they are known",
}


def editor_schemas() -> dict[str, Schema]:
    """Return the shapes that these addresses take and give."""
    found = {
        "document": _DOCUMENT,
        "report": listed(ref("Note")),
        "format": {"enum": list(FORMATS)},
        "missing": listed(ref("Missing")),
    }
    state = {"name": TEXT, "revision": REVISION, "modified": SECONDS}
    present = {"revision": or_null(REVISION), "modified": or_null(SECONDS)}
    words = {"description": TEXT, "inputs": {"type": "object", "additionalProperties": TEXT}, "outputs": listed(TEXT)}
    return {
        "Missing": {
            **record({"type": TEXT, "nodes": listed(TEXT), "nearest": listed(TEXT)}),
            "description": "a node type that is not here; nodes: where it is, as execution ids",
        },
        "Opened": record({**found, "name": TEXT}),
        "DocumentState": record(state),
        "DocumentEntry": record({**state, "bytes": COUNT}),
        "SavedDocument": record({**state, **found}),
        "Conflict": {
            **record({"error": ref("Problem"), **present}),
            "description": "another revision is there than the one the change is based on; null: none is",
        },
        "Save": strict(
            {
                "document": {"type": "object", "properties": {"nodes": {"type": "array"}}, "required": ["nodes"]},
                "base": {**or_null(REVISION), "description": "the revision it is based on; null: it is new"},
                "force": {"type": ["boolean", "null"], "description": "replace whatever is there"},
            },
            "document",
        ),
        "Move": strict({"to": {**TEXT, "minLength": 1, "maxLength": LONGEST_NAME}, "base": REVISION}, "to", "base"),
        "Template": record(
            {
                "name": TEXT,
                "title": TEXT,
                "description": TEXT,
                "category": {"enum": ["from text", "from a picture", "training"]},
                "runs": {**FLAG, "description": "all its node types and models are here"},
                "nodes": COUNT,
                "picture": {**or_null(TEXT), "description": "address of a picture of what it makes"},
            }
        ),
        "TemplateDocument": record({**found, "name": TEXT, "title": TEXT}),
        **{name: NODE_SHAPES[name] for name in ("InputOptions", "InputDeclaration")},
        "BriefNode": _brief_node(),
        "NodeWords": record(words, *words),
    }


def _brief_node() -> Schema:
    inputs = {"type": "object", "additionalProperties": ref("InputDeclaration")}
    facts = {
        "repeat": record({"pattern": TEXT, "types": TEXT, "minimum": COUNT, "maximum": COUNT}),
        "former_ids": listed(TEXT),
        "file": {"type": "object", "additionalProperties": record({"folder": TEXT, "upload": FLAG})},
        "prompt": listed(TEXT),
        "seed": {**listed(TEXT), "description": "left out: what is called seed or noise_seed"},
    }
    sections = record({"required": inputs, "optional": inputs}, "optional")
    needed = {"input": sections, "output": listed(TEXT), "category": TEXT}
    more = {
        "input_order": {"type": "object", "additionalProperties": listed(TEXT)},
        "display_name": {**TEXT, "description": "left out: its id"},
        "output_name": {**listed(TEXT), "description": "left out: the types"},
        "output_is_list": listed(FLAG),
        "python_module": {**TEXT, "description": "left out: it came with the package"},
        **dict.fromkeys(("output_node", "deprecated", "experimental"), FLAG),
        "search_aliases": listed(TEXT),
        "loom": record(facts, *facts),
    }
    return {**record({**needed, **more}, *more), "description": "a node type without words; what is not so is left out"}


def _types() -> Schema:
    def every(shape: str) -> dict[int, Schema]:
        return {200: {"type": "object", "additionalProperties": ref(shape)}}

    brief = operation("check", "All node types in brief, as the editor wants them first", every("BriefNode"))
    words = operation("check", "What node types say of themselves to people", every("NodeWords"))
    for each in (brief, words):
        each["responses"]["304"] = {"description": "The client has these."}
    return {"/api/loom/types": {"get": brief}, "/api/loom/types/words": {"get": words}}


def editor_paths() -> dict[str, Any]:
    """Return the paths."""
    return {"/api/loom/open": {"post": _open()}, **_documents(), **_templates(), **_types()}


def _open() -> Schema:
    found = operation(
        "documents",
        "Read a workflow of any format, also inside a picture, film or sound, as a document for the editor",
        {200: ref("Opened")},
        [query("name", {**TEXT, "maxLength": LONGEST_NAME}, "title of the document, such as the file's name")],
        {},
    )
    found["requestBody"]["content"] |= {"application/octet-stream": {"schema": {}}}
    return found


def _documents() -> Schema:
    name = _name('as listed; may hold "/"')
    base = query("base", REVISION, "the revision that is meant", required=True)
    state, conflict = {200: ref("DocumentState")}, {409: ref("Conflict")}
    one = operation("documents", "One document; its ETag is the revision", {200: ref("SavedDocument")}, [name])
    one["responses"]["304"] = {"description": "The client has this revision."}
    return {
        "/api/loom/documents": {
            "get": operation(
                "documents", "All saved documents", {200: record({"documents": listed(ref("DocumentEntry"))})}
            )
        },
        "/api/loom/documents/{name}": {
            "get": one,
            "put": operation("documents", "Save a document", {**state, **conflict}, [name], ref("Save"), 507),
            "delete": operation(
                "documents", "Delete a document", {200: record({"deleted": TEXT}), **conflict}, [name, base]
            ),
        },
        "/api/loom/documents/{name}/move": {
            "post": operation(
                "documents", "Give a document another name", {**state, **conflict}, [name], ref("Move"), 507
            )
        },
    }


def _templates() -> Schema:
    name = _name("as listed")
    picture = operation("documents", "A picture of what a template makes", {}, [name])
    picture["responses"]["200"] = {"description": "JPEG, PNG or WebP.", "content": {"image/*": {"schema": {}}}}
    return {
        "/api/loom/templates": {
            "get": operation(
                "documents", "Workflows to begin with", {200: record({"templates": listed(ref("Template"))})}
            )
        },
        "/api/loom/templates/{name}": {
            "get": operation("documents", "One of them as a document", {200: ref("TemplateDocument")}, [name])
        },
        "/api/loom/templates/{name}/picture": {"get": picture},
    }


def _name(description: str) -> Schema:
    return {
        "name": "name",
        "in": "path",
        "required": True,
        "schema": {**TEXT, "minLength": 1},
        "description": description,
    }
