"""AUTOMATIC1111's text becomes the classic graph; what has no place in it is named."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.comfy.infotext import graph_of_infotext
from latentloom.engine.graph.codec import read_api
from latentloom.engine.graph.validate import validate

TEXT = """a cat, <lora:fur:0.6>in a hat
second line, Steps are not counted here
Negative prompt: dog,
bird
Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 1234567890123, Size: 512x768, \
Model hash: abc, Model: some\\model_v2, Clip skip: 2, Lora hashes: "fur: 12, x: 34", Denoising strength: 0.5, \
Hires upscale: 2, Hires upscaler: Latent, Version: v1.9"""


def test_every_setting_has_its_place(nodes):
    graph, left_out = graph_of_infotext(TEXT)
    assert left_out == ("hires upscale", "hires upscaler")
    by_id = {node_id: entry["inputs"] for node_id, entry in graph.items()}
    assert by_id["6"]["text"] == "a cat, in a hat\nsecond line, Steps are not counted here"
    assert by_id["7"]["text"] == "dog,\nbird"
    assert by_id["5"] == {"width": 512, "height": 768, "batch_size": 1}
    assert by_id["4"] == {"ckpt_name": "some\\model_v2.safetensors"}
    assert by_id["20"]["lora_name"] == "fur.safetensors" and by_id["20"]["strength_clip"] == 0.6
    assert by_id["10"] == {"clip": ["20", 1], "stop_at_clip_layer": -2}
    sampler = by_id["3"]
    assert (sampler["sampler_name"], sampler["scheduler"]) == ("dpmpp_2m", "karras")
    assert (sampler["steps"], sampler["cfg"], sampler["seed"]) == (28, 6.5, 1234567890123)
    problems = validate(read_api(graph, nodes), nodes)
    assert {problem.node_id for problem in problems if problem.code == "G001"} <= {"20"}, "LoRAs may be still to come"
    assert {problem.code for problem in problems} <= {"G001"}


@pytest.mark.parametrize(
    "line, sampler, scheduler, left_out",
    [
        ("Sampler: Euler a", "euler_ancestral", "normal", ()),
        ("Sampler: DPM++ 2M Karras", "dpmpp_2m", "karras", ()),
        ("Sampler: DPM++ 2M SDE Exponential", "dpmpp_2m_sde", "exponential", ()),
        ("Sampler: DDIM", "ddim", "ddim_uniform", ()),
        ("Sampler: Nobody's, Schedule type: Odd", "euler", "normal", ("sampler", "schedule type")),
        ("CFG scale: 7", "euler", "normal", ()),
    ],
)
def test_samplers_and_schedules(line, sampler, scheduler, left_out):
    graph, missing = graph_of_infotext(f"x\nSteps: 3, {line}")
    inputs = graph["3"]["inputs"]
    assert (inputs["sampler_name"], inputs["scheduler"], missing) == (sampler, scheduler, left_out)


@pytest.mark.parametrize("text", ["", "a cat", "Negative prompt: x", "Steps:", "the Steps: 20", "{}", "x" * (2 << 20)])
def test_other_text_is_none_of_it(text):
    assert graph_of_infotext(text) is None


@given(text=st.text(max_size=200), line=st.text(max_size=200))
def test_any_text_gives_a_graph_or_nothing(text, line):
    found = graph_of_infotext(f"{text}\nSteps: 5, Seed: {line}, Size: {line}, Clip skip: {line}, {line}")
    if found is not None:
        inputs = found[0]["3"]["inputs"]
        assert type(inputs["seed"]) is int and type(inputs["steps"]) is int


@pytest.mark.parametrize(
    "text",
    [" " * 500_000, "a: " * 150_000, 'a: "' * 120_000, "<lora:" * 80_000, "x, " * 150_000, '\\"' * 200_000, "\n" * 500_000],
    ids=range(7),
)  # fmt: skip
def test_long_texts_take_linear_time(text):
    begun = time.perf_counter()
    graph_of_infotext(f"{text}\nSteps: 5, {text}")
    assert time.perf_counter() - begun < 3
