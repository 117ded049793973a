"""The Python builder: what it makes, and mistakes reported on the line that makes them."""

import copy

import pytest

from latentloom.engine.errors import LatentloomError, UserError
from latentloom.engine.graph.build import Builder
from latentloom.engine.graph.builder import GraphBuilder
from latentloom.engine.graph.codec import read_api, write_api
from latentloom.engine.graph.graph import Link
from latentloom.engine.graph.validate import validate
from latentloom.engine.node import Registry


@pytest.fixture
def b(registry):
    return Builder(registry)


def test_builds_what_a_file_would_say(b, registry):
    model, vae = b.Load(name="a.safetensors")
    latent = b.Sample(model=model, latent=b.Empty(width=64), seed=7, cfg=4)
    b.Save(images=b.Decode(samples=latent, vae=vae), _title="Result")
    graph = b.graph()
    assert list(graph.nodes) == ["1", "2", "3", "4", "5"]
    assert graph["3"].inputs == {"model": Link("1", "MODEL"), "latent": Link("2", "LATENT"), "seed": 7, "cfg": 4.0}
    assert isinstance(graph["3"].inputs["cfg"], float)
    assert graph["5"].title == "Result"
    assert validate(graph, registry) == ()
    assert read_api(write_api(graph, registry), registry) == graph


def test_outputs_by_attribute_name_and_number(b):
    loaded = b.Load(name="a.safetensors")
    assert loaded.VAE.link == loaded["VAE"].link == loaded[1].link == Link("1", "VAE")
    assert [wire.types for wire in loaded] == ["MODEL", "VAE"]
    assert len(loaded) == 2
    with pytest.raises(UserError, match="Did you mean MODEL") as caught:
        loaded.MODLE  # noqa: B018
    assert caught.value.code == "G011"
    for wrong in (2, -1, True, "VEA"):
        with pytest.raises(UserError):
            loaded[wrong]


@pytest.mark.parametrize(
    "make, code, piece",
    [
        (lambda b: b.Sampel, "G001", "Did you mean Sample"),
        (lambda b: b.add("Smple"), "G001", "Did you mean Sample"),
        (lambda b: b.Empty(widht=3), "G004", "Did you mean width"),
        (lambda b: b.Save(prompt=1), "G018", "the engine fills it"),
        (lambda b: b.Empty(width=3), "G003", "16 to 1024"),
        (lambda b: b.Empty(width=True), "G005", "whole number"),
        (lambda b: b.Empty(width=None), "G005", "whole number"),
        (lambda b: b.Sample(cfg=float("nan")), "G009", "finite"),
        (lambda b: b.Sample(sampler="eular"), "G008", "Did you mean euler"),
        (lambda b: b.Mask(image=3), "G017", "a wire of type IMAGE"),
        (lambda b: b.Mask(image=b.Empty()), "G006", "got LATENT from node 1"),
        (lambda b: b.Mask(image=b.Resize()), "G011", "image, mask"),
        (lambda b: b.Mask(image=b.Save()), "G011", "a node with outputs"),
        (lambda b: b.Join(picture=b.Item()), "G004", "unknown"),
        (lambda b: b.Empty(_id="1") and b.Empty(_id="1"), "G023", "one in use"),
        (lambda b: b.set("4", width=3), "G015", "an unknown id"),
        (lambda b: b["4"], "G015", "a node of this builder"),
    ],
)
def test_mistakes_show_at_once(make, code, piece, b):
    # a handle has no truth value, so the case of two equal ids is written out
    with pytest.raises(UserError) as caught:
        if code == "G023":
            b.Empty(_id="1")
            b.Empty(_id="1")
        make(b)
    assert caught.value.code == code
    assert piece in str(caught.value)


def test_a_failed_call_leaves_no_node(b):
    with pytest.raises(UserError):
        b.Empty(width=3)
    assert len(b) == 0
    assert b.Empty().node_id == "1"


def test_set_replaces_inputs_and_earlier_graphs_stay(b):
    empty = b.Empty(width=64)
    before = b.graph()
    b.set(empty, width=128)
    b.set("1", width=b["1"]["LATENT"].link and 136)
    assert before["1"].inputs == {"width": 64}
    assert b.graph()["1"].inputs == {"width": 136}


def test_own_ids_and_automatic_ones_do_not_meet(b):
    b.Empty(_id="2")
    assert [b.Empty().node_id for _ in range(3)] == ["1", "3", "4"]


def test_use_takes_a_graph_over(b, registry):
    first = Builder(registry)
    first.Mask(image=first.Item())
    b.use(first.graph())
    b.Save(images=b["2"])
    assert list(b.graph().nodes) == ["1", "2", "3"]
    with pytest.raises(UserError) as caught:
        b.use(first.graph())
    assert caught.value.code == "G023"


def test_wires_of_another_builder_are_refused(b, registry):
    other = Builder(registry)
    with pytest.raises(UserError, match="another") as caught:
        b.Mask(image=other.Item())
    assert caught.value.code == "G010"


def test_handles_have_no_truth_value_and_wires_no_items(b):
    handle = b.Item()
    with pytest.raises(TypeError, match="before the graph runs"):
        bool(handle)
    with pytest.raises(TypeError, match="before the graph runs"):
        bool(handle.IMAGE)
    with pytest.raises(TypeError, match="one output"):
        list(handle.IMAGE)
    assert repr(handle) == "<node 1: Item>"
    assert "IMAGE" in repr(handle.IMAGE)


def test_python_protocols_get_attribute_errors_not_user_errors(b):
    assert not hasattr(b, "__deepcopy_nothing__")
    assert not hasattr(b.Item(), "_private")
    assert copy.copy(b.Item()).node_id == "2"
    assert "Sample" in dir(b)
    assert b  # an empty builder is no reason to make another


def test_repeats_and_wildcards(b, registry):
    item = b.Item()
    b.Save(images=b.Join(image_1=item, image_2=b.Any(value=item)))
    assert validate(b.graph(), registry) == ()


def test_without_a_registry_the_built_in_nodes_are_known():
    b = Builder()
    b.SaveImage(images=b.EmptyImage(width=64, height=64))
    graph = b.graph()
    assert [node.type for node in graph] == ["EmptyImage", "SaveImage"]
    assert validate(graph, b.registry) == ()


def test_a_registry_of_ones_own(registry):
    with pytest.raises(LatentloomError):
        GraphBuilder(Registry()).Empty()
