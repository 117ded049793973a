"""The examples in ComfyUI's template browser: made of nodes that are there, wired as the host allows, and they run."""

import json
from dataclasses import replace

import pytest

from latentloom.engine.comfy.convert import to_api
from latentloom.engine.plugin.catalog import Published, published
from latentloom.engine.plugin.node_class import node_class
from latentloom.engine.plugin.wires import wire_type

NAMES = ["compare_settings", "draw_shapes", "train_model"]
QUICK = {
    "compare_settings": {"5.width": 16, "5.height": 16, "10.x_values": "1,2", "10.y_values": "1"},
    "draw_shapes": {"3.steps": 1},
    "train_model": {
        "1.size": 16, "2.unet_width": 32, "2.unet_attention": "1,1", "2.text_width": 64, "2.text_layers": 1,
        "2.vae_width": 32, "2.vae_levels": "1,1,1,1", "3.steps": 2, "3.batch_size": 2, "3.name": "", "4.size": 16,
        "5.steps": 2, "5.batch_size": 4, "5.pool": 40, "5.name": "", "9.captions": 1, "9.seeds": 1, "9.steps": 1,
        "9.size": 16, "14.batch_size": 1, "15.steps": 2,
    },
}  # fmt: skip


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def example(root, name):
    return json.loads((root / "example_workflows" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def hosted(pack):
    """The node types under the host's ids and wire types, which is how a file saved there names them."""
    registry = pack.registry.copy()
    for entry in published(pack.registry):
        inputs = [replace(i, types=i.types if i.widget else str(wire_type(i.types))) for i in entry.spec.inputs]
        outputs = [replace(output, types=str(wire_type(output.types))) for output in entry.spec.outputs]
        spec = replace(entry.spec, id=entry.id, inputs=tuple(inputs), outputs=tuple(outputs), former_ids=())
        registry.add(spec, replace=True)
    return registry


def test_these_are_the_examples(root):
    folder = root / "example_workflows"
    assert sorted(path.stem for path in folder.glob("*.json")) == NAMES
    assert {path.stem for path in folder.iterdir()} == set(NAMES)


def test_every_node_exists_there_and_every_wire_fits(example, pack):
    ours = {entry.id: node_class(entry, pack) for entry in published(pack.registry)}
    notes = {"Note", "MarkdownNote"}
    kinds = {node["id"]: node["type"] for node in example["nodes"] if node["type"] not in notes}
    assert notes & {node["type"] for node in example["nodes"]}, "each says in a line what it shows"
    for kind in kinds.values():
        assert kind in ours or (not kind.startswith("Loom") and kind in pack.registry), kind
    for _, source, slot, target, place, type_ in example["links"]:
        if kinds[source] in ours:
            assert ours[kinds[source]].RETURN_TYPES[slot] == type_
        if kinds[target] in ours:
            wired = next(node for node in example["nodes"] if node["id"] == target)["inputs"][place]["name"]
            sections = ours[kinds[target]].INPUT_TYPES()
            assert {**sections["required"], **sections.get("optional", {})}[wired][0] in (type_, "*")


def test_it_runs_by_the_hosts_rules(example, name, hosted, pack, comfy):
    converted = to_api(example, hosted)
    assert converted.unknown == ()
    assert not [note for note in converted.report if note.level == "error"]
    prompt = converted.api
    for place, value in QUICK[name].items():
        node_id, _, wanted = place.partition(".")
        assert wanted in prompt[node_id]["inputs"], place
        prompt[node_id]["inputs"][wanted] = value
    for kind in ("SaveImage", "PreviewAny", "EmptyLatentImage"):  # the host's own, in our making
        comfy.classes[kind] = node_class(Published(kind, kind, pack.registry.spec(kind)), pack)
    ends = [node_id for node_id, entry in prompt.items() if comfy.classes[entry["class_type"]].OUTPUT_NODE]
    assert ends
    done = {}
    for node_id in ends:
        comfy.run(prompt, node_id, {"workflow": example}, done)
    assert set(comfy.ui) == set(ends)
