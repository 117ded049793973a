"""Our nodes against a table of ComfyUI's: ids, inputs, order, types, defaults, ranges, choices, outputs.

The table holds facts read from a live server of ComfyUI 0.3.64 (names and numbers).
"""

import importlib
import json
import pkgutil
from pathlib import Path

import pytest

import latentloom.nodes
from latentloom.engine.node.spec import MISSING
from latentloom.engine.node.widget import Bool, Choice, File, Float, Int, Seed, Text

TABLE = json.loads(Path(__file__).with_name("comfy_table.json").read_text(encoding="utf-8"))
NODES = TABLE["nodes"]

# What SD1.x has no use for, or what comes with later model families, LoRA, ControlNet and upscalers.
LATER = {
    "CLIPVisionEncode",
    "CLIPVisionLoader", "CheckpointLoader",
    "GLIGENLoader", "GLIGENTextBoxApply",
    "QuadrupleCLIPLoader", "StyleModelApply", "StyleModelLoader",
    "unCLIPCheckpointLoader", "unCLIPConditioning",
}  # fmt: skip

OURS = {"LoomDynamicPrompt", "LoomShapeEval"}  # checked here only for not being in the table


def specs():
    found = {}
    for info in pkgutil.iter_modules(latentloom.nodes.__path__):
        module = importlib.import_module(f"latentloom.nodes.{info.name}")
        for value in vars(module).values():
            spec = getattr(value, "__node__", None)
            if spec is not None and spec.module == module.__name__:
                assert spec.id not in found, f"{spec.id} is declared twice"
                found[spec.id] = spec
    return found


SPECS = specs()
CLAIMED = sorted(set(NODES) & set(SPECS))


def test_every_entry_of_the_table_is_claimed_or_named_as_later():
    assert set(NODES) - set(SPECS) == LATER
    assert not LATER & set(SPECS)
    assert not OURS & set(NODES)


@pytest.mark.parametrize("node_id", CLAIMED)
def test_inputs_have_the_same_names_in_the_same_order(node_id):
    ours = [(entry.name, entry.required) for entry in SPECS[node_id].inputs if entry.hidden is None]
    assert ours == [(entry["name"], not entry.get("optional", False)) for entry in NODES[node_id]["inputs"]]


def cases():
    for node_id in CLAIMED:
        for entry, facts in zip(SPECS[node_id].inputs, NODES[node_id]["inputs"], strict=False):
            yield pytest.param(node_id, entry, facts, id=f"{node_id}.{entry.name}")


@pytest.mark.parametrize(("node_id", "entry", "facts"), cases())
def test_input(node_id, entry, facts):
    widget = entry.widget
    assert entry.types == facts["type"]
    expected = facts.get("default", MISSING)
    if facts["type"] == "COMBO" and "options" in facts:
        expected = facts["options"][0]  # ComfyUI selects the first
    if not (facts["type"] == "COMBO" and "list" in facts):
        assert entry.default == expected
        assert type(entry.default) is type(expected)
    if facts["type"] in ("INT", "FLOAT"):
        assert isinstance(widget, Float) if facts["type"] == "FLOAT" else isinstance(widget, (Int, Seed))
        for name in ("min", "max", "step"):
            if name in facts:
                assert getattr(widget, name) == facts[name], name
        if facts["type"] == "INT":
            assert widget.control == facts.get("control", False)
        else:
            assert widget.round == facts.get("round")
    elif facts["type"] == "STRING":
        assert isinstance(widget, Text)
        assert (widget.multiline, widget.prompt) == (
            facts.get("multiline", False),
            facts.get("prompt", False),
        )
    elif facts["type"] == "BOOLEAN":
        assert isinstance(widget, Bool)
    elif facts["type"] == "COMBO" and "folder" in facts:
        assert isinstance(widget, File)
        assert (widget.folder, widget.upload) == (facts["folder"], facts.get("upload", False))
        assert "extension" not in facts or widget.extensions == (facts["extension"],)
    elif facts["type"] == "COMBO":
        assert isinstance(widget, Choice)
        options = facts.get("options") or TABLE["lists"][facts["list"]]
        if "list" in facts:
            assert list(widget.options) == [option for option in options if option in widget.options]
        else:
            assert list(widget.options) == options
    else:
        assert widget is None, "a wire has no widget"


@pytest.mark.parametrize("node_id", CLAIMED)
def test_outputs(node_id):
    ours = [{"type": output.types, "name": output.name} for output in SPECS[node_id].outputs]
    assert ours == NODES[node_id]["outputs"]
    assert not any(output.is_list for output in SPECS[node_id].outputs)


@pytest.mark.parametrize("node_id", CLAIMED)
def test_flags(node_id):
    spec, facts = SPECS[node_id], NODES[node_id]
    for flag in ("effect", "deprecated", "experimental"):
        assert getattr(spec, flag) == facts.get(flag, False), flag


@pytest.mark.parametrize("node_id", sorted(SPECS))
def test_every_node_says_what_it_does(node_id):
    spec = SPECS[node_id]
    assert spec.description.endswith((".", "?", "!")), spec.description
    assert spec.category
    names = {entry.name for entry in spec.inputs} | {output.name for output in spec.outputs}
    for line in (importlib.import_module(spec.module).__dict__[spec.function].__doc__ or "").splitlines()[1:]:
        name, colon, _ = line.strip().partition(":")
        if colon and name.isidentifier() and line.startswith("    ") and not line.startswith("     "):
            assert name in names, f"the help text names {name!r}, which the node does not have"


def test_schedulers_are_all_there():
    options = next(entry for entry in SPECS["KSampler"].inputs if entry.name == "scheduler").widget.options
    assert list(options) == TABLE["lists"]["schedulers"]


def test_samplers_asked_for_are_there():
    options = next(entry for entry in SPECS["KSampler"].inputs if entry.name == "sampler_name").widget.options
    wanted = {
        "euler",
        "euler_ancestral",
        "heun",
        "dpmpp_2m",
        "dpmpp_sde",
        "dpmpp_2m_sde",
        "ddim",
        "lcm",
        "uni_pc",
    }
    assert wanted <= set(options)
