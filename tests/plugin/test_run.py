"""Our nodes run by the host's rules: values in its conventions, training, sub-graphs, progress, a stop."""

import json
from typing import Annotated, Any

import pytest
import torch

from latentloom.engine.errors import NodeBug, UserError
from latentloom.engine.node import Context, Socket, node
from latentloom.engine.plugin.catalog import Published
from latentloom.engine.plugin.node_class import node_class

CHECKPOINT = "loom-shapes-sd15.safetensors"
SMALL = {
    "unet_width": 32, "unet_levels": "1,1", "unet_attention": "1,1", "unet_blocks": 1, "text_width": 64,
    "text_layers": 1, "vae_width": 32, "vae_levels": "1,1,1,1", "prediction": "v", "seed": 0,
}  # fmt: skip
TRAIN = {
    "batch_size": 2, "learning_rate": 0.001, "warm_up": 1, "schedule": "constant", "decay_share": 0.3, "ema_decay": 0.5,
    "precision": "fp32", "seed": 0, "checkpoint_every": 2, "resume": True,
}  # fmt: skip
VAE = {**TRAIN, "steps": 3, "kl_weight": 1e-5, "part": "both", "jitter": 0.0, "normalise": True, "name": ""}


def entry(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def training(**changes):
    return {
        "1": entry("LoomShapeScenes", size=16, seed=0, split="train", keep_unplaced=1.0),
        "2": entry("LoomNewDiffusionModel", **SMALL),
        "3": entry("LoomTrainVAE", **{**VAE, "vae": ["2", 2], "dataset": ["1", 0], **changes}),
    }


def drawing(steps=2):
    return {
        "4": entry("LoomCheckpointLoaderSimple", ckpt_name=CHECKPOINT),
        "5": entry("EmptyLatentImage", width=64, height=64, batch_size=1),
        "6": entry("LoomCLIPTextEncode", text="a red circle", clip=["4", 1]),
        "7": entry("LoomCLIPTextEncode", text="", clip=["4", 1]),
        "3": entry(
            "LoomKSampler", model=["4", 0], seed=7, steps=steps, cfg=3.5, sampler_name="euler", scheduler="normal",
            positive=["6", 0], negative=["7", 0], latent_image=["5", 0], denoise=1.0,
        ),
        "8": entry("LoomVAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": entry("LoomShapeEval", images=["8", 0], captions="a red circle", mode="soft"),
    }  # fmt: skip


def test_a_picture_is_drawn_by_our_model_on_a_latent_of_the_host(comfy, host):
    prompt = drawing()
    image = comfy.run(prompt, "8")[0][0]
    assert image.shape == (1, 64, 64, 3) and image.dtype == torch.float32 and image.device.type == "cpu"
    assert not image.is_inference()
    score, report = (items[0] for items in comfy.run(prompt, "9"))
    assert 0 <= score <= 1 and json.loads(report)["pictures"][0]["caption"] == "a red circle"
    told = host["comfy.utils"].ProgressBar.told
    assert (2, 2, None) in [(value, total, preview) for value, total, preview in told]
    assert any(preview is not None and preview[1].size[0] >= 8 for _, _, preview in told)


def test_it_is_the_picture_that_the_stand_alone_engine_draws(comfy, data):
    from latentloom.engine.engine import Engine
    from latentloom.engine.graph.codec import read_api
    from latentloom.engine.graph.graph import Link
    from latentloom.engine.plugin.catalog import with_engine_ids

    prompt = drawing()
    hosted = comfy.run(prompt, "8")[0][0]
    with Engine(data, device="cpu", cache="off") as engine:
        graph = read_api(with_engine_ids(prompt, engine.registry, ["8"]), engine.registry)
        alone = engine.execute(graph, [Link("8", "IMAGE")]).values["8"]["IMAGE"]
    assert torch.equal(hosted, alone)


def test_a_model_of_the_host_cannot_be_wired_to_our_nodes(comfy):
    prompt = {**drawing(), "4": entry("CheckpointLoaderSimple", ckpt_name=CHECKPOINT)}
    with pytest.raises(AssertionError, match="return_type_mismatch: VAE to vae: LOOM_VAE"):
        comfy.run(prompt, "8")


def test_sigmas_come_in_the_hosts_form(comfy):
    prompt = {
        "1": entry("LoomCheckpointLoaderSimple", ckpt_name=CHECKPOINT),
        "2": entry("LoomBasicScheduler", model=["1", 0], scheduler="karras", steps=5, denoise=1.0),
    }
    sigmas = comfy.run(prompt, "2")[0][0]
    assert sigmas.shape == (6,) and sigmas[-1] == 0 and bool((sigmas[:-1] > sigmas[1:]).all())


def test_training_leaves_the_hosts_inference_mode(comfy, host):
    vae, curve = comfy.run(training(), "3")
    assert not any(tensor.is_inference() for tensor in vae[0].network.parameters())
    assert curve[0].ndim == 4 and curve[0].shape[-1] == 3
    assert (3, 3, None) in host["comfy.utils"].ProgressBar.told


def test_what_one_training_gives_the_next_one_takes(comfy):
    prompt = training()
    prompt["4"] = entry(
        "LoomTrainDiffusion", **{**TRAIN, "steps": 3, "timesteps": "uniform", "min_snr_gamma": 0.0},
        caption_dropout=0.1, pool=20, name="", model=["2", 0], clip=["2", 1], vae=["3", 0], dataset=["1", 0],
    )  # fmt: skip
    prompt["5"] = entry(
        "LoomCheckpointSave", model=["4", 0], clip=["4", 1], vae=["3", 0], filename_prefix="checkpoints/small"
    )
    comfy.run(prompt, "5", {"workflow": {"nodes": []}})
    (saved,) = comfy.ui["5"]["files"]
    assert saved["subfolder"] == "checkpoints" and saved["type"] == "output"


def test_what_is_saved_lies_in_the_hosts_folder_with_its_prompt(comfy, tmp_path):
    from safetensors import safe_open

    prompt = {
        "1": entry("LoomNewDiffusionModel", **SMALL),
        "2": entry("LoomVAESave", vae=["1", 2], filename_prefix="vae/x"),
    }
    comfy.run(prompt, "2", {"workflow": {"nodes": [1]}})
    (saved,) = comfy.ui["2"]["files"]
    with safe_open(str(tmp_path / "host" / "output" / "vae" / saved["filename"]), "pt") as file:
        assert json.loads(file.metadata()["prompt"]) == prompt
        assert json.loads(file.metadata()["workflow"]) == {"nodes": [1]}


def test_a_stop_ends_a_training_with_the_hosts_own_exception(comfy, host, tmp_path):
    management = host["comfy.model_management"]

    class Bar(host["comfy.utils"].ProgressBar):
        def update_absolute(self, value, total=None, preview=None):
            management.stop = value >= 2

    host["comfy.utils"].ProgressBar = Bar
    with pytest.raises(management.InterruptProcessingException):
        comfy.run(training(steps=500, name="stopped", checkpoint_every=400), "3")
    folder = tmp_path / "host" / "user" / "latentloom" / "training" / "stopped"
    assert list(folder.rglob("*.safetensors")), "a training that is stopped saves where it stands"


def test_one_branch_of_an_if_runs(comfy):
    comfy.classes["Fails"] = comfy.classes["EmptyImage"]
    prompt = {
        "1": entry("EmptyLatentImage", width=64, height=64, batch_size=1),
        "2": entry("Fails", width=64, height=64, batch_size=1, color=0),
        "3": entry("LoomIf", condition=True, on_true=["1", 0], on_false=["2", 0]),
    }
    assert comfy.run(prompt, "3")[0][0]["samples"].shape == (1, 4, 8, 8)
    assert comfy.runs == ["1", "3"]


def test_a_grid_runs_the_graph_above_it_in_our_executor(comfy, host):
    prompt = {
        "1": entry("EmptyImage", width=16, height=16, batch_size=1, color=0),
        "2": entry("LoomGrid", image=["1", 0], x_input="1.color", x_values="0, 255, 65280", y_input="", y_values=""),
    }
    sheet = comfy.run(prompt, "2")[0][0]
    assert comfy.runs == ["2"], "the host itself must not run what stands above"
    colours = {tuple(colour) for colour in sheet[0].reshape(-1, 3).tolist()}
    assert {(0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)} <= colours
    assert [value for value, total, _ in host["comfy.utils"].ProgressBar.told if total == 3][-1] == 3


def test_a_grid_draws_with_a_model_of_ours(comfy):
    prompt = drawing(steps=1)
    prompt["10"] = entry("LoomGrid", image=["8", 0], x_input="3.cfg", x_values="1,4", y_input="", y_values="")
    assert comfy.run(prompt, "10")[0][0].shape[2] > 128


def test_a_loop_takes_the_hosts_list_and_gives_one(comfy):
    prompt = {
        "1": entry("TwoTexts"),
        "2": entry("LoomItem"),
        "3": entry("LoomDynamicPrompt", text=["2", 0], seed=0),
        "4": entry("LoomForEach", items=["1", 0], body=["3", 0]),
        "5": entry("LoomDynamicPrompt", text=["4", 0], seed=0),
    }
    assert comfy.run(prompt, "4") == [["ab", "c"]]
    assert comfy.run(prompt, "5") == [["ab", "c"]]


def test_a_node_above_a_sub_graph_that_we_lack_is_named(comfy):
    comfy.classes["SomebodyElses"] = comfy.classes["EmptyImage"]
    prompt = {
        "1": entry("SomebodyElses", width=16, height=16, batch_size=1, color=0),
        "2": entry("LoomGrid", image=["1", 0], x_input="1.color", x_values="0", y_input="", y_values=""),
    }
    with pytest.raises(UserError, match=r"G001 Grid.*SomebodyElses \(node 1\)"):
        comfy.run(prompt, "2")


def test_a_wire_from_outside_of_the_prompt_is_refused(comfy):
    with pytest.raises(UserError, match="G010"):
        comfy.classes["LoomGrid"]().run(
            image=["9.1", 0], x_input="", x_values="", y_input="", y_values="", latentloom_prompt={}
        )


def test_a_stop_reaches_a_sub_graph(comfy, host):
    management = host["comfy.model_management"]
    prompt = {
        "1": entry("EmptyImage", width=16, height=16, batch_size=1, color=0),
        "2": entry("LoomGrid", image=["1", 0], x_input="1.color", x_values="0,1,2", y_input="", y_values=""),
    }

    class Bar(host["comfy.utils"].ProgressBar):
        def update_absolute(self, value, total=None, preview=None):
            management.stop = True

    host["comfy.utils"].ProgressBar = Bar
    with pytest.raises(management.InterruptProcessingException):
        comfy.run(prompt, "2")


def test_an_answer_that_is_a_graph_is_run_too(comfy, tmp_path):
    from PIL import Image

    place = tmp_path / "host" / "input"
    place.mkdir(parents=True)
    Image.new("RGB", (4, 2), (255, 0, 0)).save(place / "red.png")
    prompt = {
        "1": entry("LoomInput", name="picture", type="IMAGE", default="red.png", range="", options="", description=""),
        "2": entry("LoomOutput", name="result", value=["1", 0], description=""),
    }
    assert comfy.run(prompt, "1")[0][0].tolist() == [[[[1.0, 0.0, 0.0]] * 4] * 2]
    comfy.run(prompt, "2")
    (saved,) = comfy.ui["2"]["images"]
    assert (tmp_path / "host" / "output" / saved["subfolder"] / saved["filename"]).exists()


@node("LoomTestWrong", category="test")
def wrong() -> Annotated[Any, Socket("IMAGE")]:
    return "no picture"


@node("LoomTestFloat", category="test")
def half(*, amount: float = 1.0, name: str = "n") -> str:
    return f"{amount!r} {name}"


@node("LoomTestLists", category="test", outputs=("sum", "factors"))
def sums(
    *, items: Annotated[list[int], Socket("INT", whole_list=True)], factor: int = 1, context: Context
) -> tuple[int, Annotated[list[int], Socket("INT", whole_list=True)]]:
    context.progress(1, 1)
    return sum(items) * factor, [factor, factor]


def test_lists_taken_whole_stay_whole_and_others_are_gone_through(pack):
    pack.registry.add(sums)
    cls = node_class(Published("LoomTestLists", "", sums.__node__), pack)
    assert cls.INPUT_IS_LIST is True and cls.OUTPUT_IS_LIST == (True, True)
    hidden = {"latentloom_prompt": [{"1": {}}], "latentloom_extra": [None]}
    assert cls().run(items=[1, 2], factor=[1, 10], **hidden)["result"] == ([3, 30], [1, 1, 10, 10])
    assert cls().run(items=[1, 2])["result"][0] == [3]
    assert cls().run(items=[4], factor=[])["result"][0] == [4]  # nothing to go through: once, with the default


def test_a_result_that_was_not_declared_is_the_nodes_bug(pack):
    pack.registry.add(wrong)
    with pytest.raises(NodeBug, match=r"R003 LoomTestWrong \(node in ComfyUI\)"):
        node_class(Published("LoomTestWrong", "", wrong.__node__), pack)().run()


def test_defaults_and_whole_numbers_are_completed(pack):
    pack.registry.add(half)
    assert node_class(Published("LoomTestFloat", "", half.__node__), pack)().run(amount=2) == {"result": ("2.0 n",)}


def test_nodes_run_without_a_host(pack, tmp_path):
    """The same classes serve a program that only has the conventions."""
    from latentloom.engine.plugin.pack import mappings

    scenes = mappings(pack)[0]["LoomShapeScenes"]().run(size=16, seed=0)["result"][0]
    assert scenes.batch(0, 2)[0].shape == (2, 16, 16, 3)
