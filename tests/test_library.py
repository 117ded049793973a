"""Workflow files opened whatever holds them: UI or API format, a picture; and written in either format."""

import json
import struct
import subprocess
import sys
import zlib

import pytest

from latentloom.engine.engine import Engine
from latentloom.engine.errors import UserError
from latentloom.engine.graph.builder import GraphBuilder
from latentloom.engine.library import load, open_file, package_root, registry, save

TXT2IMG = package_root() / "workflows" / "txt2img.json"


@pytest.fixture(scope="module")
def nodes():
    return registry()


@pytest.fixture
def api(nodes, tmp_path):
    """txt2img in API format, as data."""
    path = tmp_path / "exported.json"
    save(load(TXT2IMG, nodes), path, nodes, format="api")
    return json.loads(path.read_text(encoding="utf-8"))


def png(path, **texts):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))]
    parts += [chunk(b"tEXt", name.encode() + b"\0" + json.dumps(data).encode()) for name, data in texts.items()]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b""))
    return path


def test_both_formats_give_one_graph(api, nodes, tmp_path):
    graph = load(TXT2IMG, nodes)
    assert graph["3"].inputs["steps"] == 20 and graph["6"].title == "Prompt" and len(graph) == 7
    (tmp_path / "bom.json").write_text("\ufeff" + TXT2IMG.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "body.json").write_text(json.dumps({"prompt": json.loads(TXT2IMG.read_text(encoding="utf-8"))}))
    for name, form in (("exported", "api"), ("bom", "ui"), ("body", "ui")):
        opened = open_file(tmp_path / f"{name}.json", nodes)
        assert (opened.graph, opened.format, opened.report) == (graph, form, ()), name
        assert {node: entry["class_type"] for node, entry in opened.api.items()} == {n.id: n.type for n in graph}


def test_a_picture_gives_what_ran_before_what_was_drawn(api, nodes, tmp_path):
    ui = json.loads(TXT2IMG.read_text(encoding="utf-8"))
    api["3"]["inputs"]["seed"] = 99
    both = open_file(png(tmp_path / "both.png", prompt=api, workflow=ui), nodes)
    assert both.graph["3"].inputs["seed"] == 99 and both.format == "api"
    drawn = open_file(png(tmp_path / "drawn.PNG", workflow=ui), nodes)
    assert drawn.graph == load(TXT2IMG, nodes) and drawn.format == "ui"


def test_names_that_stand_twice_are_still_seen_in_api_files(nodes, tmp_path):
    text = '{"nodes": {"class_type": "EmptyImage", "inputs": {"width": 1, "width": 2}}}'
    (tmp_path / "twice.json").write_text(text)
    assert [fault.code for fault in load(tmp_path / "twice.json", nodes).faults] == ["G023"]


def test_a_file_with_unknown_nodes_opens_and_says_so(nodes, tmp_path):
    ui = json.loads(TXT2IMG.read_text(encoding="utf-8"))
    ui["nodes"].append({"id": 50, "type": "OfAPackThatIsNotHere", "widgets_values_named": {"x": 1}})
    (tmp_path / "x.json").write_text(json.dumps(ui))
    opened = open_file(tmp_path / "x.json", nodes)
    assert opened.graph["50"].inputs == {"x": 1}
    assert [(note.code, note.node, note.type) for note in opened.report] == [("C010", "50", "OfAPackThatIsNotHere")]


@pytest.mark.parametrize(
    "content, code",
    [
        (b"", "G021"),
        (b"not a workflow", "G021"),
        (b"[1, 2]", "G021"),
        (b'{"nodes": [', "G021"),
        (b'{"nodes": [1' + b"[" * 100_000, "G021"),
        (b"\xff\xfe\x00", "G021"),
        (b"\x89PNG\r\n\x1a\n", "C041"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "C042"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_holds_no_workflow_is_named(content, code, nodes, tmp_path):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(UserError) as caught:
        load(tmp_path / "x.json", nodes)
    assert caught.value.code == code


@pytest.mark.parametrize("path", ["absent.json", ".", "a\0b"])
def test_what_cannot_be_read_is_f001(path, nodes, tmp_path):
    with pytest.raises(UserError) as caught:
        open_file(tmp_path / path, nodes)
    assert caught.value.code == "F001"


def test_saving_keeps_the_layout_of_the_file_it_came_from(nodes, tmp_path):
    base = json.loads(TXT2IMG.read_text(encoding="utf-8"))
    graph = load(TXT2IMG, nodes).with_inputs("6", text="a green cross")
    save(graph, tmp_path / "new.json", nodes, base=base)
    new = json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))
    assert [node["pos"] for node in new["nodes"]] == [node["pos"] for node in base["nodes"]]
    assert new["groups"] == base["groups"] and load(tmp_path / "new.json", nodes) == graph


def test_a_built_graph_is_saved_with_a_layout(nodes, tmp_path):
    builder = GraphBuilder(nodes)
    image = builder.add("EmptyImage", width=8, height=8, batch_size=1, color=255)
    builder.add("SaveImage", images=image[0], filename_prefix="x")
    save(builder.graph(), tmp_path / "built.json", nodes)
    data = json.loads((tmp_path / "built.json").read_text(encoding="utf-8"))
    (left, _), (right, _) = (node["pos"] for node in data["nodes"])
    assert data["version"] == 0.4 and left < right
    for value in (float("nan"), "\ud800"):
        with pytest.raises(UserError) as caught:
            save(builder.graph().with_inputs("2", filename_prefix=value), tmp_path / "built.json", nodes)
        assert caught.value.code == "G021"
    assert json.loads((tmp_path / "built.json").read_text(encoding="utf-8")) == data


def test_an_engine_loads_either(nodes, api, tmp_path):
    with Engine(tmp_path / "home", "cpu", registry=nodes) as engine:
        assert engine.load(TXT2IMG) == engine.load(tmp_path / "exported.json") == load(TXT2IMG, nodes)


def test_opening_loads_no_torch():
    code = f"""
import sys
from latentloom.engine.library import open_file
assert len(open_file({str(TXT2IMG)!r}).graph) == 7
print(sorted({{"torch", "numpy", "PIL", "starlette"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
