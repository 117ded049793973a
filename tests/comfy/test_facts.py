"""What stands under "loom" in a node type's entry: all that an editor would otherwise have to know by heart."""

from latentloom.engine.comfy.facts import facts
from latentloom.engine.comfy.schema import object_info
from latentloom.engine.library import registry

NODES = registry()
NAMES = {"facets", "repeat", "former_ids", "lane", "seed", "file", "prompt", "trains", "version"}


def test_every_node_type_says_all_of_it():
    for name, entry in object_info(NODES).items():
        loom = entry["loom"]
        assert set(loom) == NAMES, name
        assert len(loom["facets"]["output"]) == len(loom["facets"]["from"]) == len(entry["output"]), name
        inputs = {**entry["input"]["required"], **entry["input"].get("optional", {})}
        assert {*loom["seed"], *loom["file"], *loom["prompt"], *loom["facets"]["input"]} <= set(inputs), name


def test_seeds_prompts_files_and_facets():
    sampler = facts(NODES.spec("KSampler"))
    assert sampler["seed"] == ["seed"] and sampler["lane"] == "device"
    assert sampler["facets"]["input"]["model"]["latent"] == sampler["facets"]["input"]["latent_image"]["latent"] == "$latent"
    assert facts(NODES.spec("CLIPTextEncode"))["prompt"] == ["text"]
    image = facts(NODES.spec("LoadImage"))["file"]["image"]
    assert (image["folder"], image["upload"]) == ("input", True)
    loader = facts(NODES.spec("CheckpointLoaderSimple"))
    assert loader["file"]["ckpt_name"]["folder"] == "checkpoints" and ".safetensors" in loader["file"]["ckpt_name"]["extensions"]
    assert set(loader["facets"]["from"]) == {"ckpt_name"}


def test_repeats_are_told(nodes):
    repeated = {spec.id: facts(spec)["repeat"] for spec in nodes if spec.repeat is not None}
    assert repeated
    for name, told in repeated.items():
        assert told == {
            "pattern": nodes.spec(name).repeat.pattern, "types": nodes.spec(name).repeat.types,
            "minimum": nodes.spec(name).repeat.minimum, "maximum": nodes.spec(name).repeat.maximum,
        }  # fmt: skip
    assert facts(nodes.spec("TestMake"))["former_ids"] == ["TestMaker"]
