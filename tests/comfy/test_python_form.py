"""Workflows as Python scripts: the graph comes back equal, the script runs to the same results, hostile text is refused."""

import ast
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from latentloom.engine.comfy.convert import open_workflow
from latentloom.engine.comfy.python_form import to_python
from latentloom.engine.comfy.python_read import MAX_CHARACTERS, from_python
from latentloom.engine.errors import UserError
from latentloom.engine.folders import Folders
from latentloom.engine.graph.assign import assign
from latentloom.engine.graph.build import Builder
from latentloom.engine.graph.graph import Graph, Link, Node
from latentloom.engine.graph.order import arrange
from latentloom.engine.library import load, package_root
from latentloom.engine.run.fingerprint import Fingerprints
from latentloom.engine.run.key import Keyer, compile_key

FOLDER = package_root() / "workflows"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if not path.name.endswith(".smoke.json"))
HEAD = "from latentloom import Builder\nb = Builder()\n"


def keys(graph: Graph, nodes, folders) -> dict[str, str]:
    """The cache keys that a run would plan with, by node."""
    keyer, found = Keyer(folders, Fingerprints(), "nonce"), {}
    for node_id in arrange(graph).ids:
        node = graph[node_id]
        found[node_id] = keyer.key(compile_key(nodes.spec(node.type)), node_id, node.inputs, found)
    return found


def built(script: str) -> Graph:
    """What Python itself makes of a script of ours."""
    names = {"__name__": "script"}
    exec(compile(script, "script", "exec"), names)
    return names["b"].graph()


def code_of(text: str, nodes) -> str | None:
    try:
        from_python(text, nodes)
    except UserError as error:
        return error.code
    return None


@pytest.mark.parametrize("name", NAMES)
def test_every_workflow_comes_back_equal_and_means_the_same_to_python(name, nodes, tmp_path):
    graph = load(FOLDER / f"{name}.json", nodes)
    script = to_python(graph, nodes)
    assert from_python(script, nodes) == graph
    made = built(script)
    assert list(made.nodes) == list(from_python(script, nodes).nodes)
    folders = Folders(tmp_path)
    assert keys(made, nodes, folders) == keys(graph, nodes, folders)
    assert max(map(len, script.splitlines())) <= 120


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ["txt2img", "img2img"])
def test_a_script_runs_to_the_same_picture(name, nodes, tmp_path, monkeypatch, python, latentloom):
    small = json.loads((FOLDER / f"{name}.smoke.json").read_text())
    script = tmp_path / "script.py"
    script.write_text(to_python(assign(load(FOLDER / f"{name}.json", nodes), small), nodes))
    monkeypatch.setenv("LATENTLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LATENTLOOM_DEVICE", "cpu")
    printed = python("import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')", str(script))
    (ours,) = (tmp_path / "home" / "output").glob("*.png")
    assert ours.name in printed
    code, _, err = latentloom("run", FOLDER / f"{name}.json", "--smoke", "--out", tmp_path / "out", "--device", "cpu")
    assert code == 0, err
    (theirs,) = (tmp_path / "out").glob("*.png")
    with Image.open(ours) as one, Image.open(theirs) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))
        assert json.loads(one.text["prompt"]) == json.loads(other.text["prompt"])


def test_a_script_reads_well(nodes):
    b = Builder(nodes)
    base = b.CheckpointLoaderSimple(ckpt_name="x.safetensors", _title="Base")
    other = b.CheckpointLoaderSimple(ckpt_name="y.safetensors", _title="2nd model!")
    long = "a cat, " * 30 + "\nin two lines"
    text = b.CLIPTextEncode(text=long, clip=base.CLIP, _title="Positive prompt")
    b.KSampler(model=other.MODEL, positive=text, negative=text, latent_image=b.EmptyLatentImage(_id="class"), _id="30")
    script = to_python(b.graph(), nodes)
    assert "model, clip, _" not in script, "only what is used has a name"
    assert '_, clip, _ = b.CheckpointLoaderSimple(ckpt_name="x.safetensors", _title="Base")' in script
    assert 'model, _, _ = b.CheckpointLoaderSimple(ckpt_name="y.safetensors", _title="2nd model!")' in script
    assert "positive_prompt = b.CLIPTextEncode(\n    text=(\n" in script
    assert 'empty_latent_image = b.EmptyLatentImage(_id="class")\nb.KSampler(\n' in script
    assert script == to_python(from_python(script, nodes), nodes)


WORDS = st.one_of(
    st.sampled_from(["seed", "class", "b", "ﬁ", "model", "naïve", "a b", "", "__x", "self", "1", "None", "\u202e"]),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
)
PLAIN = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.integers(-(2**200), 2**200), st.text(max_size=300),
        st.floats(allow_nan=False),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
TYPES = st.sampled_from(["KSampler", "CheckpointLoaderSimple", "SaveImage", "LoomForEach", "Unknown", "add", "x y", ""])


@st.composite
def graphs(draw):
    """Graphs of any kind: unknown types, odd names, rings, links from nowhere."""
    ids = draw(st.lists(st.one_of(st.integers(1, 9).map(str), WORDS), unique=True, max_size=6))
    links = st.builds(
        Link, st.one_of(st.sampled_from(ids or ["1"]), WORDS),
        st.one_of(st.integers(0, 4), st.sampled_from(["MODEL", "LATENT", "CLIP", "*", "none", "a b"])),
    )  # fmt: skip
    names = WORDS.filter(lambda name: name not in ("_id", "_title"))
    inputs = st.dictionaries(names, st.one_of(links, PLAIN), max_size=4)
    return Graph([Node(name, draw(TYPES), draw(inputs), draw(WORDS)) for name in ids])


@settings(max_examples=300)
@given(graph=graphs())
def test_any_graph_comes_back_equal(graph, nodes):
    script = to_python(graph, nodes)
    assert from_python(script, nodes) == graph
    assert all(line.isprintable() for line in script.splitlines())
    script.encode()


def test_numbers_beyond_numbers_come_back(nodes):
    node = Node("1", "KSampler", {"cfg": math.nan, "denoise": -math.inf, "seed": 10**3000, "x": (1, (2,)), "y": -0.0})
    found = from_python(to_python(Graph([node]), nodes), nodes)["1"].inputs
    assert math.isnan(found["cfg"]) and found["denoise"] == -math.inf and found["seed"] == 10**3000
    assert found["x"] == (1, (2,)) and math.copysign(1, found["y"]) == -1


@pytest.mark.parametrize("value", [object(), {1: 2}, 10**5000, [[], b"x"]], ids=range(4))
def test_what_no_script_can_say_is_refused(value, nodes):
    with pytest.raises(UserError) as caught:
        to_python(Graph([Node("1", "KSampler", {"seed": value})]), nodes)
    assert (caught.value.code, caught.value.node_id, caught.value.input) == ("C080", "1", "seed")
    with pytest.raises(UserError, match="C080"):
        to_python(Graph([Node("1", "KSampler", {"_id": 1})]), nodes)


def test_scripts_written_by_hand_are_read(nodes):
    text = """
import latentloom as loom
from latentloom import Engine

SEED: int = 7
engine = loom.Engine(device="cpu")
b = engine.builder()
ckpt = b.CheckpointLoaderSimple(ckpt_name="x.safetensors")
print(ckpt)
empty = b.add("EmptyLatentImage", width=64)
sample = b.KSampler(
    model=ckpt.MODEL, positive=b.CLIPTextEncode(clip=ckpt["CLIP"], text="a" "b"), negative=b["2"],
    latent_image=b.EmptyLatentImage(_id=9)[0], seed=SEED, cfg=-1.5,
)
b.set(sample, latent_image=empty, **{"steps": 4})
b.set("2", width=128)
graph = b.graph()
result = engine.run(graph)
with engine:
    print(result)
if __name__ == "__main__":
    for item in result:
        print(item)
"""
    graph = from_python(text, nodes)
    assert list(graph.nodes) == ["1", "2", "3", "9", "4"]
    assert graph["2"].inputs == {"width": 128}
    assert graph["4"].inputs == {
        "model": Link("1", "MODEL"), "positive": Link("3", "CONDITIONING"), "negative": Link("2", "LATENT"),
        "latent_image": Link("2", "LATENT"), "seed": 7, "cfg": -1.5, "steps": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text, code, line",
    [
        ("b.KSampler(", "C081", 3),
        ("for i in range(3):\n    b.KSampler()", "C082", 3),
        ("def f():\n    b.KSampler()", "C082", 3),
        ("if seed:\n    pass", "C082", 3),
        ("\n\nif __name__ == '__main__':\n    b.KSampler()", "C082", 6),
        ("print(b.KSampler())", "C082", 3),
        ("c = Builder()", "C082", 3),
        ("b = 3", "C082", 3),
        ("x.y = 3", "C082", 3),
        ("a, *c = b.KSampler()", "C084", 3),
        ("__import__('os').remove('x')", "C082", 3),
        ("b.use(3)", "C082", 3),
        ("b._nodes()", "C082", 3),
        ("b.KSampler(3)", "C082", 3),
        ("b.KSampler(seed=1 + 1)", "C083", 3),
        ("b.KSampler(seed=open('x'))", "C083", 3),
        ("b.KSampler(text=f'{b}')", "C083", 3),
        ("b.KSampler(**values)", "C083", 3),
        ("b.KSampler(seed=[b.EmptyLatentImage()])", "C083", 3),
        ("b.KSampler(seed=2j)", "C083", 3),
        (r"b.KSampler(text='\ud800')", "C083", 3),
        ("b.KSampler(seed=1, seed=2)", "C084", 3),
        ("b.KSampler(seed=1, **{'seed': 2})", "C084", 3),
        ("b.KSampler(seed=nothing)", "C084", 3),
        ("b.KSampler(_id=1)\nb.KSampler(_id='1')", "C084", 4),
        ("b.KSampler(model=b.CheckpointLoaderSimple())", "C084", 3),
        ("k = b.KSampler()\nb.VAEDecode(samples=k.LATENTS)", "C084", 4),
        ("model, clip = b.CheckpointLoaderSimple()", "C084", 3),
        ("b.set('7', seed=1)", "C084", 3),
        ("s = 1\nwith x as y:\n    s = 2\nb.KSampler(seed=s)", "C084", 6),
        ("s = [1]\nprint(s.append(2))\nb.KSampler(seed=s)", "C084", 5),
        ("with x as b:\n    pass", "C082", 3),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_line(text, code, line, nodes):
    with pytest.raises(UserError) as caught:
        from_python(HEAD + text, nodes)
    assert (caught.value.code, caught.value.where) == (code, f"script, line {line}"), str(caught.value)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "", "\0", "x = " + "(" * 5000, "x = " + "-" * 50_000 + "1", "x = " + "1+" * 50_000 + "1", "x" + ".a" * 50_000,
        HEAD + "x = " + "[" * 90 + "]" * 90, HEAD + "x = b" + ".a" * 3000, HEAD + "x = b" + "[0]" * 3000,
        HEAD + "x = " + "b.A(a=" * 150 + "1" + ")" * 150, HEAD + "x = " + "9" * 5000, HEAD + "b" + "()" * 1000,
        "\ud800", "x" * (MAX_CHARACTERS + 1), HEAD + "if " + "a" * 100_000 + ": pass", "async def f(): await b.A()",
    ],
    ids=range(16),
)  # fmt: skip
def test_hostile_scripts_are_refused(text, nodes):
    assert code_of(text, nodes) in ("C081", "C082", "C083", "C084")


def test_nothing_is_run(nodes, tmp_path):
    place = tmp_path / "made"
    for line in (
        f"open({str(place)!r}, 'w')",
        f"print(open({str(place)!r}, 'w'))",
        f"import made; made.f({str(place)!r})",
    ):
        code_of(HEAD + line, nodes)
        code_of(HEAD + f"if __name__ == '__main__':\n    {line}", nodes)
    assert not place.exists()


@settings(max_examples=300)
@given(data=st.data())
def test_mutated_scripts_never_raise_anything_else(data, nodes):
    script = (
        HEAD
        + 'm, c, v = b.CheckpointLoaderSimple(ckpt_name="x")\nt = b.CLIPTextEncode(clip=c, text=("a"\n"b"))\nb.set(t, **{"x y": [1, {"a": -2.0}]})\n'
    )
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(script)))
        gone = data.draw(st.integers(0, 12))
        put = data.draw(
            st.sampled_from(["", "(", ")", "b", ".", "=", "[", "*", "**", "\n", " ", "lambda: 0", "c", "{}", "1", ":="])
        )
        script = script[:place] + put + script[place + gone :]
    code = code_of(script, nodes)
    assert code in (None, "C081", "C082", "C083", "C084")
    if code is None:
        ast.parse(script)


def test_every_template_comes_back_equal(nodes):
    package = pytest.importorskip("comfyui_workflow_templates_json")
    count = 0
    for path in sorted((Path(package.__file__).parent / "templates").glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data, dict) and isinstance(data.get("nodes"), list):
            graph = open_workflow(data, nodes).graph
            assert from_python(to_python(graph, nodes), nodes) == graph, path.name
            count += 1
    assert count >= 644


@pytest.mark.timeout(120)
def test_long_and_deep_graphs_take_linear_time(nodes):
    seconds = []
    for count in (2_000, 20_000):
        chain = [Node("0", "EmptyLatentImage", {})]
        chain += [Node(str(n), "RepeatLatentBatch", {"samples": Link(str(n - 1), "LATENT")}) for n in range(1, count)]
        graph = Graph(reversed(chain))
        begun = time.perf_counter()
        assert from_python(to_python(graph, nodes), nodes) == graph
        seconds.append(time.perf_counter() - begun)
    assert seconds[1] < 10 * 4 * seconds[0] + 1
