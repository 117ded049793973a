"""`object_info` for an editor that is to start at once: without words and what goes without saying; then the words.

Leaves out what its reader takes for granted (web/src/model/nodetypes.ts), so that both forms read alike; a test of the
editor compares them. Knows no queue and no network.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["lean_text", "words_text"]

_SEEDS = ("seed", "noise_seed")  # names that are taken for seeds unless something else is said
_FACTS = ("repeat", "former_ids", "file", "prompt")  # of `loom`, what matters before anything runs
_FLAGS = ("output_node", "deprecated", "experimental", "search_aliases")


def lean_text(whole: bytes) -> bytes:
    """Return the JSON of all node types in brief; whole: `object_info_text`."""
    return _dumped({node_id: _lean(node_id, entry) for node_id, entry in json.loads(whole).items()})


def words_text(whole: bytes) -> bytes:
    """Return the JSON of what all node types say of themselves to people; whole: `object_info_text`."""
    told = ((node_id, _words(entry)) for node_id, entry in json.loads(whole).items())
    return _dumped({node_id: words for node_id, words in told if words})


def _lean(node_id: str, entry: dict[str, Any]) -> dict[str, Any]:
    sections = {name: inputs for name, inputs in entry["input"].items() if name != "hidden"}
    found: dict[str, Any] = {
        "input": {
            section: {name: _input(config) for name, config in inputs.items()} for section, inputs in sections.items()
        },
        "output": entry["output"],
        "category": entry["category"],
    }
    if any(name.isdecimal() for inputs in sections.values() for name in inputs):
        found["input_order"] = {section: list(inputs) for section, inputs in sections.items()}
    if entry["display_name"] != node_id:
        found["display_name"] = entry["display_name"]
    if entry["output_name"] != entry["output"]:
        found["output_name"] = entry["output_name"]
    if any(entry["output_is_list"]):
        found["output_is_list"] = entry["output_is_list"]
    if entry["python_module"] != "nodes":
        found["python_module"] = entry["python_module"]
    found |= {name: entry[name] for name in _FLAGS if entry.get(name)}
    facts = _facts(entry["loom"], sections)
    return found | ({"loom": facts} if facts else {})


def _input(config: list[Any]) -> list[Any]:
    options = {name: value for name, value in (config[1] if config[1:] else {}).items() if name != "tooltip"}
    return [config[0], options] if options else [config[0]]


def _facts(loom: dict[str, Any], sections: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found = {name: loom[name] for name in _FACTS if loom[name]}
    if "file" in found:
        found["file"] = {
            name: {key: place[key] for key in ("folder", "upload")} for name, place in found["file"].items()
        }
    guessed = {name for inputs in sections.values() for name in inputs if name in _SEEDS}
    return found | ({"seed": loom["seed"]} if set(loom["seed"]) != guessed else {})


def _words(entry: dict[str, Any]) -> dict[str, Any]:
    tips = {
        name: config[1]["tooltip"]
        for section, inputs in entry["input"].items()
        if section != "hidden"
        for name, config in inputs.items()
        if config[1:] and config[1].get("tooltip")
    }
    told = {"description": entry["description"], "inputs": tips, "outputs": entry.get("output_tooltips")}
    return {name: words for name, words in told.items() if words}


def _dumped(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
