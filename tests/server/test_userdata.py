"""User data, settings, model lists and the page's helpers, over real folders."""

import json
import logging
import threading

import pytest
from files_desk import FilesDesk, application, png
from starlette.testclient import TestClient

from latentloom.engine.durable import remove_leftovers
from latentloom.engine.server.recent_log import LINES, RecentLog


@pytest.fixture
def desk(data):
    return FilesDesk(data)


@pytest.fixture
def client(desk):
    with TestClient(application(desk)) as client:
        yield client


def keep(data, name, content=b"{}"):
    path = data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def everything(data):
    return sorted(path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file())


# --- user data


@pytest.mark.parametrize("address", ["workflows%2Fa%20b.json", "workflows/a b.json", "workflows%2Fa b.json"])
def test_a_workflow_is_kept_read_and_deleted(client, data, address):
    assert client.post(f"/userdata/{address}", content=b'{"a": 1}').json() == "workflows/a b.json"
    assert everything(data) == ["user/default/workflows/a b.json"]
    answer = client.get(f"/api/userdata/{address}")
    assert (answer.json(), answer.headers["content-type"]) == ({"a": 1}, "application/json")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert client.delete(f"/userdata/{address}").status_code == 204
    assert client.get(f"/userdata/{address}").status_code == 404
    assert client.delete(f"/userdata/{address}").status_code == 404
    assert everything(data) == []


def test_full_info_and_overwriting(client, data):
    told = client.post("/userdata/a.json?full_info=true", content=b"12345").json()
    assert (told["path"], told["size"]) == ("a.json", 5)
    assert told["modified"] > 1e9 and told["created"] > 1e9
    refused = client.post("/userdata/a.json?overwrite=false", content=b"x")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "F021")
    assert client.get("/userdata/a.json").content == b"12345"
    assert client.post("/userdata/a.json", content=b"other").status_code == 200
    assert client.get("/userdata/a.json").content == b"other"
    assert everything(data) == ["user/default/a.json"]


@pytest.mark.parametrize("address", ["one.json/move/dir%2Ftwo.json", "one.json/move/dir%2Ftwo.json?overwrite=false"])
def test_moving(client, data, address):
    client.post("/userdata/one.json", content=b"1")
    assert client.post(f"/userdata/{address}").json() == "dir/two.json"
    assert everything(data) == ["user/default/dir/two.json"]
    assert client.get("/userdata/dir%2Ftwo.json").content == b"1"
    assert client.post("/userdata/none/move/x").status_code == 404
    client.post("/userdata/three.json", content=b"3")
    assert client.post("/userdata/three.json/move/dir%2Ftwo.json?overwrite=false").status_code == 409
    assert client.post("/userdata/three.json/move/dir%2Ftwo.json").status_code == 200
    assert client.get("/userdata/dir%2Ftwo.json").content == b"3"
    assert client.post("/userdata/dir%2Ftwo.json/move/dir%2Ftwo.json").status_code == 200
    assert everything(data) == ["user/default/dir/two.json"]


def test_a_folder_called_move_is_a_folder(client, data):
    assert client.post("/userdata/a%2Fmove%2Fb.json", content=b"1").json() == "a/move/b.json"
    assert everything(data) == ["user/default/a/move/b.json"]


def test_names_are_decoded_once(client, data):
    keep(data, "user/default/100%25.json", b"once")
    assert client.get("/userdata/100%2525.json").content == b"once"


def test_lists(client, data):
    for name in ("b.json", "a.json", "sub/c.json", "sub/deep/d.json", ".index.json", "sub/.0123.part"):
        keep(data, f"user/default/w/{name}")

    def listed(more):
        return client.get(f"/userdata?dir=w{more}").json()

    assert listed("") == ["a.json", "b.json"]
    assert listed("&recurse=true") == ["a.json", "b.json", "sub/c.json", "sub/deep/d.json"]
    assert listed("&recurse=true&split=true")[2] == ["sub/c.json", "sub", "c.json"]
    assert [(entry["path"], entry["size"]) for entry in listed("&full_info=true")] == [("a.json", 2), ("b.json", 2)]
    found = client.get("/v2/userdata?path=w").json()
    assert [(entry["name"], entry["path"], entry["type"]) for entry in found] == [
        (".index.json", "w/.index.json", "file"), ("a.json", "w/a.json", "file"), ("b.json", "w/b.json", "file"), ("sub", "w/sub", "directory"),
    ]  # fmt: skip
    assert found[1]["size"] == 2 and "size" not in found[3]
    assert [entry["name"] for entry in client.get("/v2/userdata").json()] == ["w"]
    assert client.get("/userdata/w%2F.index.json").status_code == 200


def test_a_page_that_starts_on_an_empty_folder(client, data):
    assert client.get("/v2/userdata").json() == []
    assert client.get("/settings").json() == {}
    assert client.get("/userdata?dir=workflows").status_code == 404
    assert client.get("/models/checkpoints").status_code == 200
    assert not data.exists()  # reading makes nothing


@pytest.mark.parametrize("query, status", [("", 400), ("?dir=", 400), ("?dir=..", 403), ("?dir=/etc", 403), ("?dir=a/../..", 403), ("?dir=none", 404)])
def test_lists_that_are_refused(client, query, status):
    assert client.get(f"/userdata{query}").status_code == status


def test_active_content_is_a_download(client):
    for name in ("a.html", "a.svg", "a.js", "a.json.html"):
        client.post(f"/userdata/{name}", content=b"<script>alert(1)</script>")
        answer = client.get(f"/userdata/{name}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")


def test_the_servers_configuration_is_out_of_reach(client, data):
    keep(data, "settings.toml", b"allow_pickle = true")
    keep(data, "secrets/token", b"secret-secret-secret")
    for name in ("..%2F..%2Fsettings.toml", "..%2F..%2Fsecrets%2Ftoken", "%2e%2e%2f%2e%2e%2fsettings.toml"):
        assert client.get(f"/userdata/{name}").status_code == 400
        assert client.post(f"/userdata/{name}", content=b"x").status_code == 400
        assert client.delete(f"/userdata/{name}").status_code == 400
        assert client.post(f"/userdata/{name}/move/a").status_code == 400
    assert everything(data) == ["secrets/token", "settings.toml"]
    assert (data / "settings.toml").read_bytes() == b"allow_pickle = true"


def test_nothing_is_written_through_a_link_or_onto_a_folder(client, data, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    keep(data, "user/default/dir/a.json")
    try:
        (data / "user/default/link.json").symlink_to(victim)
        (data / "user/default/up").symlink_to(tmp_path)
    except OSError:
        pytest.skip("no links here")
    assert client.post("/userdata/link.json", content=b"x").status_code == 400
    assert client.post("/userdata/up%2Fvictim", content=b"x").status_code == 400
    assert client.post("/userdata/dir", content=b"x").status_code == 400
    assert client.delete("/userdata/up%2Fvictim").status_code == 404
    assert client.get("/userdata/link.json").status_code == 404
    assert client.get("/userdata?dir=up").status_code == 404
    assert victim.read_text() == "mine"


def test_what_a_killed_server_left_is_swept(data):
    old, young = keep(data, "user/default/w/.0123456789abcdef.part"), keep(data, "user/default/.a.json.fedcba9876543210.part")
    import os

    os.utime(old, (0, 0))
    assert remove_leftovers(data / "user") == 1
    assert everything(data) == ["user/default/.a.json.fedcba9876543210.part"]
    assert remove_leftovers(data / "user", seconds=0) == 1 and not young.exists()
    assert remove_leftovers(data / "none") == 0


# --- settings


def test_settings_merge_and_last(client, data):
    assert client.post("/settings", json={"a": 1, "b": {"c": [2]}}).status_code == 200
    assert client.post("/settings/d.e", content=b"true", headers={"content-type": "text/plain"}).status_code == 200
    assert client.post("/settings", json={"a": None}).status_code == 200
    assert client.get("/settings").json() == {"a": None, "b": {"c": [2]}, "d.e": True}
    assert client.get("/settings/b").json() == {"c": [2]}
    assert client.get("/settings/none").json() is None
    assert json.loads((data / "user/default/comfy.settings.json").read_text()) == client.get("/settings").json()
    assert everything(data) == ["user/default/comfy.settings.json"]


def test_pages_that_save_at_once_both_get_their_way(desk):
    with TestClient(application(desk)) as client:
        threads = [threading.Thread(target=client.post, args=(f"/settings/k{index}",), kwargs={"json": index}) for index in range(20)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert client.get("/settings").json() == {f"k{index}": index for index in range(20)}


def test_a_damaged_file_is_kept_aside(client, data):
    keep(data, "user/default/comfy.settings.json", b'{"a": 1')
    assert client.get("/settings").json() == {}
    assert client.post("/settings", json={"b": 2}).status_code == 200
    assert client.get("/settings").json() == {"b": 2}
    assert (data / "user/default/comfy.settings.json.damaged").read_bytes() == b'{"a": 1'


def test_settings_that_are_refused(client, data):
    assert client.post("/settings", json=[1]).status_code == 400
    assert client.post("/settings", content=b"{").status_code == 400
    assert client.post("/settings", json={"a": "x" * (1 << 20)}).status_code == 413
    for index in range(9):
        status = client.post(f"/settings/{index}", json="x" * 1_000_000).status_code
        assert status == (200 if index < 8 else 413)
    assert client.post("/users", json={"username": "me"}).status_code == 400
    assert client.get("/users").json() == {"storage": "server", "migrated": True}


# --- models


def safetensors(metadata):
    header = json.dumps({"__metadata__": metadata, "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    return len(header).to_bytes(8, "little") + header + b"\0"


def test_model_lists(client, data):
    for name in ("checkpoints/b.safetensors", "checkpoints/sub/a.ckpt", "checkpoints/b.png", "checkpoints/notes.txt", "unet/u.safetensors", "embeddings/style.pt", "configs/v1.yaml"):
        keep(data, f"models/{name}")
    assert {"checkpoints", "loras", "vae", "diffusion_models"} <= set(client.get("/models").json())
    assert set(client.get("/models/checkpoints").json()) >= {"b.safetensors", "sub/a.ckpt"}
    assert not {"b.png", "notes.txt"} & set(client.get("/models/checkpoints").json())
    assert client.get("/models/unet").json() == client.get("/models/diffusion_models").json()
    assert client.get("/models/configs").json() == ["v1.yaml"]
    assert "style" in client.get("/embeddings").json()
    for folder in ("none", "input", "output", "user", "cache", "temp", "%2e%2e"):
        assert client.get(f"/models/{folder}").status_code == 404
        assert client.get(f"/experiment/models/{folder}").status_code == 404


def test_the_model_browser(client, data):
    keep(data, "models/unet/u.safetensors", b"123")
    browsed = {entry["name"]: entry["folders"] for entry in client.get("/experiment/models").json()}
    (entry,) = [entry for entry in client.get("/experiment/models/diffusion_models").json() if entry["name"] == "u.safetensors"]
    assert entry["size"] == 3 and entry["modified"] > 1e9
    assert browsed["diffusion_models"][entry["pathIndex"]] == str(data / "models" / "unet")


def test_the_picture_beside_a_model(client, data):
    keep(data, "models/loras/sub/a.safetensors")
    keep(data, "models/loras/sub/a.preview.png", png(width=7))
    keep(data, "models/loras/b.png", b"<script>")
    answer = client.get("/experiment/models/preview/loras/0/sub%2Fa.safetensors")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    for address in ("loras/0/none.safetensors", "loras/0/b.safetensors", "loras/9/sub/a.safetensors", "loras/-1/sub/a.safetensors", "loras/x/a", "none/0/a"):
        assert client.get(f"/experiment/models/preview/{address}").status_code == 404, address
    for address in ("loras/0/..%2F..%2Fa", "loras/0/%2Fetc%2Fpasswd"):
        assert client.get(f"/experiment/models/preview/{address}").status_code == 400, address


def test_what_a_model_says_of_itself(client, data):
    keep(data, "models/loras/a.safetensors", safetensors({"ss_tag": "x"}))
    keep(data, "models/loras/plain.safetensors", safetensors({}))
    keep(data, "models/loras/broken.safetensors", b"\xff" * 8 + b"{}")
    keep(data, "models/loras/a.ckpt", b"PK\x03\x04")
    assert client.get("/view_metadata/loras?filename=a.safetensors").json() == {"ss_tag": "x"}
    for name, status in (("plain.safetensors", 404), ("none.safetensors", 404), ("a.ckpt", 404), ("broken.safetensors", 400), ("../../x.safetensors", 400), ("", 400)):
        answer = client.get("/view_metadata/loras", params={"filename": name})
        assert answer.status_code == status, name
        assert str(data) not in answer.text
    assert client.get("/view_metadata/user?filename=a").status_code == 404


# --- helpers of the page


def test_the_log_is_shown_and_bounded(desk):
    app = application(desk)
    log = app.state.log
    heard = []
    log.listener = heard.append
    for index in range(LINES + 5):
        log.handle(logging.LogRecord("x", logging.INFO, "", 0, "line %d", (index,), None))
    with TestClient(app) as client:
        raw = client.get("/internal/logs/raw").json()
        assert len(raw["entries"]) == LINES
        assert raw["entries"][-1]["m"] == f"INFO line {LINES + 4}\n"
        assert client.get("/internal/logs").text.endswith(f"INFO line {LINES + 4}\n")
        assert client.patch("/internal/logs/subscribe", json={"clientId": "me", "enabled": True}).status_code == 200
        for wrong in ({}, [], {"clientId": 1, "enabled": True}, {"clientId": "me", "enabled": "yes"}):
            assert client.patch("/internal/logs/subscribe", json=wrong).status_code == 400
    assert desk.sessions.wanted == {"me": True}
    assert len(heard) == LINES + 5
    assert isinstance(log, RecentLog)


def test_newest_files_and_folders(client, data):
    import os

    for age, name in enumerate(("c.png", "b.png", "a.png")):
        os.utime(keep(data, f"output/{name}"), (1e9 - age, 1e9 - age))
    keep(data, "output/.hidden")
    keep(data, "output/sub/d.png")
    assert client.get("/internal/files/output").json() == ["c.png", "b.png", "a.png"]
    assert client.get("/internal/files/temp").json() == []
    assert client.get("/internal/files/user").status_code == 400
    assert str(data / "models" / "checkpoints") in client.get("/internal/folder_paths").json()["checkpoints"]
