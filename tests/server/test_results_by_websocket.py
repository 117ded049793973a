"""SaveImageWebsocket: each picture in full size and in order, to who follows the run, in the worker and over a server."""

from __future__ import annotations

import io
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving import Serving
from websockets.sync.client import ClientConnection, connect

from latentloom.engine.run.events import Preview, Started
from latentloom.engine.server.batch import EventBatch
from latentloom.engine.server.previews import Previews, as_png
from latentloom.engine.server.wire import decode

COUNT, SIDE = 24, 700


def sent(previews: Previews, frames: list[Any], event: Preview) -> tuple[dict[str, Any], Image.Image]:
    previews.send_whole(event)
    header, blob = decode(frames[-1])
    return header, Image.open(io.BytesIO(bytes(blob)))


def test_a_result_is_sent_at_once_as_it_is_after_what_happened_before() -> None:
    frames: list[bytes] = []
    batch = EventBatch(frames.append)
    previews = Previews(frames.append, batch.flush)
    batch.begin("j")
    previews.begin("j")
    pixels = np.random.default_rng(0).integers(0, 256, (600, 1100, 3), np.uint8)
    batch.add(Started("1", "1", "SaveImageWebsocket"))
    before = time.time()
    header, picture = sent(previews, frames, Preview("1", "9", pixels, whole=True))
    assert before <= header.pop("at") <= time.time()
    assert header == {
        "is": "preview", "job": "j", "node": "1", "display": "9", "format": "png", "width": 1100, "height": 600,
        "whole": True,
    }  # fmt: skip
    assert picture.format == "PNG" and (np.asarray(picture) == pixels).all()
    assert [decode(frame)[0]["is"] for frame in frames] == ["events", "preview"]


def test_none_of_many_results_is_dropped_or_held_back() -> None:
    frames: list[bytes] = []
    previews = Previews(frames.append, lambda: None)
    previews.begin("j")
    for level in range(30):
        previews.add(Preview("1", "1", np.full((8, 8, 3), 255, np.uint8)))
        previews.send_whole(Preview("1", "1", np.full((8, 8, 3), level, np.uint8), whole=True))
    whole = [bytes(blob) for header, blob in map(decode, frames) if header.get("whole")]
    assert [Image.open(io.BytesIO(blob)).getpixel((0, 0))[0] for blob in whole] == list(range(30))
    count = len(frames)
    time.sleep(0.12)
    assert len(frames) <= count + 1, "what the node showed before its result must not come after it"
    previews.end()
    previews.send_whole(Preview("1", "1", np.zeros((8, 8, 3), np.uint8), whole=True))
    assert not [frame for frame in frames[count:] if decode(frame)[0].get("whole")], "no job runs any more"


def test_a_result_that_is_no_picture_is_the_error_of_the_node() -> None:
    frames: list[bytes] = []
    previews = Previews(frames.append, lambda: None)
    previews.begin("j")
    with pytest.raises((TypeError, AttributeError)):
        previews.send_whole(Preview("1", "1", "no picture", whole=True))
    assert not frames


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "I;16", "CMYK", "F", "YCbCr"])
def test_pictures_of_any_mode_become_pngs_of_their_size(mode: str) -> None:
    blob, width, height = as_png(Image.new(mode, (2000, 3)))
    assert (width, height) == (2000, 3) == Image.open(io.BytesIO(blob)).size


# Over a server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("results")
    (folder / "data" / "input").mkdir(parents=True)
    random = np.random.default_rng(1)
    for number in range(COUNT):  # noise, which no compression makes small
        picture = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(picture).save(folder / "data" / "input" / f"{number:02}.png")
    with Serving(folder / "data") as running:
        yield running


def graph(first: int, last: int) -> dict[str, Any]:
    """Return a graph that sends the pictures from `first` up to, but without, `last` as one batch."""
    found: dict[str, Any] = {}
    for number in range(first, last):
        found[f"load{number}"] = {"class_type": "LoadImage", "inputs": {"image": f"{number:02}.png"}}
        before = [f"load{number}", 0]
        if number > first:
            inputs = {"image1": [f"join{number - 1}" if number > first + 1 else f"load{first}", 0], "image2": before}
            found[f"join{number}"] = {"class_type": "ImageBatch", "inputs": inputs}
    end = [f"join{last - 1}" if last > first + 1 else f"load{first}", 0]
    found["result"] = {"class_type": "SaveImageWebsocket", "inputs": {"images": end}}
    return found


def follow(server: Serving, prompt: dict[str, Any], socket: ClientConnection, client: str = "c") -> list[Any]:
    """Send a prompt as ComfyUI's example for this node does, and return what comes until it is over."""
    body = json.dumps({"prompt": prompt, "client_id": client}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/prompt", body), timeout=30) as answer:
        prompt_id = json.loads(answer.read())["prompt_id"]
    found: list[Any] = []
    while True:
        message = socket.recv(timeout=60)
        found.append(message if isinstance(message, bytes) else json.loads(message))
        if isinstance(message, str) and found[-1]["type"] == "executing":
            data = found[-1]["data"]
            if data["prompt_id"] == prompt_id and data["node"] is None:
                return found


def pictures(found: list[Any]) -> list[tuple[str | None, bytes]]:
    """Return each binary message with the node that was said to run when it came."""
    running: str | None = None
    shown = []
    for message in found:
        if isinstance(message, bytes):
            shown.append((running, message))
        elif message["type"] == "executing":
            running = message["data"]["node"]
    return shown


def same(png: bytes, server: Serving, number: int) -> bool:
    stored = np.asarray(Image.open(server.data / "input" / f"{number:02}.png"))
    picture = Image.open(io.BytesIO(png))
    return picture.format == "PNG" and bool((np.asarray(picture) == stored).all())


def address(server: Serving, path: str) -> str:
    return server.url.replace("http", "ws", 1) + path


def test_a_client_without_feature_flags_receives_each_picture(server: Serving) -> None:
    with connect(address(server, "/ws?clientId=c"), max_size=None) as socket:
        shown = pictures(follow(server, graph(0, 3), socket))
        assert [node for node, _ in shown] == ["result"] * 3
        for number, (_, message) in enumerate(shown):
            assert message[:8] == bytes([0, 0, 0, 1, 0, 0, 0, 2])
            assert same(message[8:], server, number)
        again = pictures(follow(server, graph(0, 3), socket))
        assert [message for _, message in again] == [message for _, message in shown], "the node runs every time"
    assert not list((server.data / "output").rglob("*.png")), "nothing is saved"


def test_clients_that_want_metadata_or_our_protocol_receive_them_too(server: Serving) -> None:
    ours: list[bytes] = []

    def watch() -> None:
        with connect(address(server, "/api/loom/ws?previews=1"), max_size=None) as watcher:
            ready.set()
            while len(ours) < 2:
                message = watcher.recv(timeout=60)
                if isinstance(message, bytes):
                    ours.append(message)

    ready = threading.Event()
    watching = threading.Thread(target=watch)
    watching.start()
    assert ready.wait(30)
    with connect(address(server, "/ws?clientId=c"), max_size=None) as socket:
        socket.send(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
        shown = [message for _, message in pictures(follow(server, graph(3, 5), socket))]
    watching.join(30)
    assert ours == shown and len(shown) == 2
    for number, message in enumerate(shown, 3):
        length = int.from_bytes(message[4:8], "big")
        about = json.loads(message[8 : 8 + length])
        assert message[:4] == bytes([0, 0, 0, 4]) and about["node_id"] == "result"
        assert about["image_type"] == "image/png" and same(message[8 + length :], server, number)


def test_a_large_batch_arrives_whole(server: Serving) -> None:
    with connect(address(server, "/ws?clientId=c"), max_size=None) as socket:
        shown = [message for _, message in pictures(follow(server, graph(0, COUNT), socket))]
    assert sum(map(len, shown)) > 30 << 20 and len(shown) == COUNT
    assert all(same(message[8:], server, number) for number, message in enumerate(shown))


def test_without_a_server_the_node_saves_nothing_and_does_not_fail(server: Serving, tmp_path: Path) -> None:
    from latentloom.engine.engine import Engine
    from latentloom.engine.folders import Folders

    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "00.png").write_bytes((server.data / "input" / "00.png").read_bytes())
    with Engine(tmp_path, "cpu", "off", folders=Folders(tmp_path)) as engine:
        file = tmp_path / "graph.json"
        file.write_text(json.dumps(graph(0, 1)), encoding="utf-8")
        assert engine.run(file) == {"result": {}}
    assert [path.name for path in tmp_path.rglob("*.png")] == ["00.png"]
