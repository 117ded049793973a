"""A client from PyPI that was written for ComfyUI, unmodified, draws a picture here."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from comfy_api_simplified import ComfyApiWrapper, ComfyWorkflowWrapper
from PIL import Image
from serving import Serving

from latentloom.engine.library import load
from latentloom.engine.library import save as write

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("comfy") / "data") as running:
        yield running


def test_txt2img_is_submitted_followed_and_downloaded(server: Serving, tmp_path: Path) -> None:
    exported = tmp_path / "txt2img.json"  # the client reads what ComfyUI exports for scripts, the API format
    write(load(ROOT / "workflows" / "txt2img.json"), exported, format="api")
    workflow = ComfyWorkflowWrapper(str(exported))
    workflow.set_node_param("Sampler", "steps", 4)
    workflow.set_node_param("Sampler", "seed", 11)
    save = next(node["_meta"]["title"] for node in workflow.values() if node["class_type"] == "SaveImage")

    found = ComfyApiWrapper(server.url).queue_and_wait_images(workflow, save)

    assert len(found) == 1
    ((name, data),) = found.items()
    picture = Image.open(io.BytesIO(data))
    assert name.endswith(".png") and picture.size == (64, 64)
    assert json.loads(picture.text["prompt"])[workflow.get_node_id("Sampler")]["inputs"]["seed"] == 11
    assert len(set(picture.convert("RGB").getdata())) > 10, "a plain colour"


def test_its_other_calls_work(server: Serving, tmp_path: Path) -> None:
    client = ComfyApiWrapper(server.url)
    Image.new("RGB", (9, 7), (200, 10, 10)).save(tmp_path / "upload.png")
    stored = client.upload_image(str(tmp_path / "upload.png"))
    assert stored["name"] == "upload.png" and stored["type"] == "input"
    assert client.get_image("upload.png", stored["subfolder"], "input") == (tmp_path / "upload.png").read_bytes()
    assert client.get_queue() == {"queue_running": [], "queue_pending": []}
    assert client.get_history("never-heard-of") == {}


def test_a_prompt_that_fails_is_told(server: Serving) -> None:
    from comfy_api_simplified.exceptions import ComfyApiError

    graph = {
        "0": {"class_type": "ProbeNumber", "inputs": {"value": 1}, "_meta": {"title": "a"}},
        "1": {"class_type": "ProbeSleep", "inputs": {"value": ["0", 0], "milliseconds": 500}, "_meta": {"title": "b"}},
        "2": {"class_type": "ProbeFail", "inputs": {"value": ["1", 0]}, "_meta": {"title": "c"}},
        "3": {"class_type": "ProbeShow", "inputs": {"value": ["2", 0]}, "_meta": {"title": "d"}},
    }
    with pytest.raises(ComfyApiError, match="Execution error"):
        ComfyApiWrapper(server.url).queue_and_wait_images(ComfyWorkflowWrapper(graph), "d")
