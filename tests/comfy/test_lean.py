"""Node types in brief: nothing that an editor wants at first is missing, and the words are all there."""

import json

from latentloom.engine.comfy.lean import lean_text, words_text
from latentloom.engine.comfy.schema import object_info, object_info_text
from latentloom.engine.library import registry

NODES = registry()
WHOLE = object_info(NODES)
LEAN = json.loads(lean_text(object_info_text(NODES)))
WORDS = json.loads(words_text(object_info_text(NODES)))


def without_tips(config):
    options = {name: value for name, value in (config[1] if config[1:] else {}).items() if name != "tooltip"}
    return [config[0], options] if options else [config[0]]


def test_inputs_and_outputs_are_all_there_without_words():
    assert list(LEAN) == list(WHOLE) and len(LEAN) > 100
    for name, entry in WHOLE.items():
        lean = LEAN[name]
        for section in ("required", "optional"):
            wanted = {key: without_tips(config) for key, config in entry["input"].get(section, {}).items()}
            assert lean["input"].get(section, {}) == wanted, name
            assert lean.get("input_order", {}).get(section, list(wanted)) == entry["input_order"].get(section, []), name
        assert lean.get("output_name", lean["output"]) == entry["output_name"]
        assert lean.get("display_name", name) == entry["display_name"]
        assert lean.get("output_node", False) == entry["output_node"]
        assert lean["output"] == entry["output"] and lean["category"] == entry["category"]


def test_seeds_are_named_where_their_name_does_not_tell():
    for name, entry in WHOLE.items():
        inputs = {key for section in ("required", "optional") for key in entry["input"].get(section, {})}
        guessed = sorted(inputs & {"seed", "noise_seed"})
        assert sorted(LEAN[name].get("loom", {}).get("seed", guessed)) == sorted(entry["loom"]["seed"]), name


def test_words_are_all_told_and_only_there():
    assert '"tooltip":' not in json.dumps(LEAN) and not [name for name, entry in LEAN.items() if "description" in entry]
    for name, entry in WHOLE.items():
        words = WORDS.get(name, {})
        assert words.get("description", "") == entry["description"]
        assert words.get("outputs", []) == entry.get("output_tooltips", [])
        tips = {
            key: config[1]["tooltip"]
            for section in ("required", "optional")
            for key, config in entry["input"].get(section, {}).items()
            if config[1:] and "tooltip" in config[1]
        }
        assert words.get("inputs", {}) == tips


def test_it_is_a_fraction_of_the_whole():
    assert len(lean_text(object_info_text(NODES))) < len(object_info_text(NODES)) / 2
