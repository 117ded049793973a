"""The checkout as the host takes it in: by its path, under a name made of the path, with no other way to find it."""

import json

import pytest

LOAD = """
import json, sys, time
from importlib.util import module_from_spec, spec_from_file_location

folder, stand_in, data = sys.argv[1:4]

def by_path(name, file):
    spec = spec_from_file_location(name, file)
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

begun = time.process_time()  # as other processes must not make it fail
pack = by_path(folder.replace(".", "_x_"), folder + "/__init__.py")
found = hasattr(pack, "NODE_CLASS_MAPPINGS") and getattr(pack, "NODE_CLASS_MAPPINGS") is not None
classes, titles = pack.NODE_CLASS_MAPPINGS, pack.NODE_DISPLAY_NAME_MAPPINGS
seconds = time.process_time() - begun
for name, cls in classes.items():
    cls.RELATIVE_PYTHON_MODULE = "custom_nodes.latentloom"  # as the host marks where a class is from
loaded = [name for name in ("torch", "numpy", "PIL", "safetensors", "tokenizers") if name in sys.modules]
"""

FACTS = """
again = pack.NODE_CLASS_MAPPINGS
print(json.dumps({
    "found": found, "seconds": seconds, "loaded": loaded, "ids": sorted(classes), "titles": sorted(titles),
    "web": getattr(pack, "WEB_DIRECTORY", None), "entry": hasattr(pack, "comfy_entrypoint"),
    "same": again is classes, "others": sorted(name for name in sys.modules if name.split(".")[0] == "latentloom"),
    "package": pack.__name__,
}))
"""

FAMILIES = """
from pathlib import Path
host_module = by_path("stand_in_host", stand_in)
sys.modules.update(host_module.stand_ins(Path(data)))
host = host_module.Host({**classes, **host_module.own_nodes()})

def entry(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}

def spared(kind):
    '''The class of a node that the host has itself: made the same way, only not handed over.'''
    parts = {name: sys.modules[f"{pack.__name__}.engine.plugin.{name}"] for name in ("catalog", "node_class", "pack")}
    ours = parts["pack"].Pack()
    return parts["node_class"].node_class(parts["catalog"].Published(kind, kind, ours.registry.spec(kind)), ours)

for kind in ("LatentBlend", "KarrasScheduler"):
    host.classes[kind] = spared(kind)

small = dict(unet_width=32, unet_levels="1,1", unet_attention="1,1", unet_blocks=1, text_width=64, text_layers=1,
             vae_width=32, vae_levels="1,1,1,1", prediction="v", seed=0)
prompt = {
    "latent": entry("EmptyLatentImage", width=32, height=32, batch_size=2),
    "blend": entry("LatentBlend", samples1=["latent", 0], samples2=["latent", 0], blend_factor=0.5),
    "karras": entry("KarrasScheduler", steps=4, sigma_max=10.0, sigma_min=0.1, rho=7.0),
    "checkpoint": entry("LoomCheckpointLoaderSimple", ckpt_name="loom-shapes-sd15.safetensors"),
    "sigmas": entry("LoomBasicScheduler", model=["checkpoint", 0], scheduler="normal", steps=3, denoise=1.0),
    "text": entry("LoomCLIPTextEncode", text="a red circle", clip=["checkpoint", 1]),
    "drawn": entry("LoomKSampler", model=["checkpoint", 0], seed=1, steps=2, cfg=2.0, sampler_name="euler",
                   scheduler="normal", positive=["text", 0], negative=["text", 0], latent_image=["latent", 0],
                   denoise=1.0),
    "image": entry("LoomVAEDecode", samples=["drawn", 0], vae=["checkpoint", 2]),
    "judge": entry("LoomShapeEval", images=["image", 0], captions="a red circle", mode="soft"),
    "data": entry("LoomShapeScenes", size=16, seed=0, split="train", keep_unplaced=1.0),
    "new": entry("LoomNewDiffusionModel", **small),
    "train": entry("LoomTrainVAE", vae=["new", 2], dataset=["data", 0], steps=3, batch_size=2, learning_rate=0.001,
                   warm_up=1, schedule="constant", decay_share=0.3, kl_weight=1e-5, part="both", jitter=0.0,
                   normalise=True, ema_decay=0.5, precision="fp32", seed=0, name="", checkpoint_every=2, resume=True),
    "black": entry("EmptyImage", width=16, height=16, batch_size=1, color=0),
    "grid": entry("LoomGrid", image=["black", 0], x_input="black.color", x_values="0,255", y_input="", y_values=""),
    "prompted": entry("LoomDynamicPrompt", text="{a|b}", seed=3),
    "if": entry("LoomIf", condition=False, on_true=["black", 0], on_false=["prompted", 0]),
}
answers = {}
for name in ("blend", "karras", "sigmas", "image", "judge", "train", "grid", "if"):
    values = [items[0] for items in host.run(prompt, name)]
    answers[name] = [list(value.shape) if hasattr(value, "shape") else
                     list(value["samples"].shape) if isinstance(value, dict) else
                     value if isinstance(value, (str, float)) else type(value).__name__ for value in values]
try:
    classes["LoomRewardImage"]().run()
    answers["reward"] = "ran"
except Exception as error:
    answers["reward"] = str(error)
told = sys.modules["comfy.utils"].ProgressBar.told
print(json.dumps({"answers": answers, "steps": [value for value, total, preview in told if total == 3],
                  "previews": sum(1 for *_, preview in told if preview is not None),
                  "others": sorted(name for name in sys.modules if name.split(".")[0] == "latentloom")}))
"""


@pytest.fixture(params=["latentloom", "any.name-2"])
def folder(request, root, tmp_path):
    """The checkout among the host's packs; the name of the folder is the user's choice."""
    place = tmp_path / "custom_nodes" / request.param
    place.parent.mkdir()
    place.symlink_to(root, target_is_directory=True)
    return place


def facts(python, code, folder, root, tmp_path):
    printed = python(LOAD + code, str(folder), str(root / "tests" / "plugin" / "conftest.py"), str(tmp_path / "host"))
    return json.loads(printed.splitlines()[-1])


def test_the_tables_are_found_quickly_and_without_torch(python, folder, root, tmp_path):
    found = facts(python, FACTS, folder, root, tmp_path)
    assert found["found"] and found["same"]
    assert found["loaded"] == []
    assert found["seconds"] <= 0.3
    assert found["ids"] == found["titles"] and len(found["ids"]) > 40
    assert found["web"] is None and not found["entry"]
    assert found["others"] == [], "the pack must not lean on an installed latentloom"
    assert "." not in found["package"]


def test_one_node_of_each_family_runs(python, folder, root, tmp_path):
    found = facts(python, FAMILIES, folder, root, tmp_path)
    answers = found["answers"]
    assert answers["blend"] == [[2, 4, 4, 4]]
    assert answers["karras"] == [[5]] and answers["sigmas"] == [[4]]
    assert answers["image"] == [[2, 32, 32, 3]]
    assert isinstance(answers["judge"][0], float) and "a red circle" in answers["judge"][1]
    assert answers["train"][0] == "Autoencoder" and answers["train"][1][3] == 3
    assert answers["grid"][0][0] == 1 and answers["grid"][0][3] == 3
    assert answers["if"][0] in ("a", "b")
    assert answers["reward"].startswith("R020 Reward Image")
    assert (found["steps"][0], found["steps"][-1]) == (1, 3) and found["previews"] >= 1
    assert found["others"] == []


def test_the_api_of_the_package_is_as_lazy_as_before(python):
    code = "import sys, latentloom; print([n for n in sys.modules if n.startswith('latentloom.')])"
    assert python(code).strip() == "[]"
    assert python("import latentloom; print('NODE_CLASS_MAPPINGS' in dir(latentloom))").strip() == "False"
