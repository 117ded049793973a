"""Saved documents: revisions, conflicts, no silent overwrite, names that stay inside the folder."""

import hashlib
import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from latentloom.engine.comfy.write_ui import to_ui
from latentloom.engine.server import documents
from latentloom.engine.server.documents import Changed, Documents

_spec = importlib.util.spec_from_file_location("server_desk", Path(__file__).with_name("desk.py"))
desk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(desk)
ALL = "/api/loom/documents"


@pytest.fixture
def client(tmp_path):
    with desk.Client(tmp_path) as client:
        yield client


def drawing(client, first=0, **more):
    return {**to_ui(desk.chain(first), client.hub.registry), **more}


def put(client, name, base=None, status=200, **more):
    body = {"document": drawing(client, more.pop("first", 0)), "base": base, **more}
    answer = client.put(f"{ALL}/{quote(name, safe='')}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def folder(client):
    return client.hub.folders.roots("user")[0] / "default" / "workflows"


def test_a_document_is_saved_listed_and_read_again(client):
    assert client.get(ALL).json() == {"documents": []}
    saved = put(client, "cats/first one")
    assert saved["name"] == "cats/first one"
    content = (folder(client) / "cats" / "first one.json").read_bytes()
    assert saved["revision"] == hashlib.sha256(content).hexdigest()[:32]
    [entry] = client.get(ALL).json()["documents"]
    assert entry == {**saved, "bytes": len(content)}
    for address in ("cats/first one", "cats%2Ffirst%20one", "cats/first one.json"):
        read = client.get(f"{ALL}/{address}")
        assert read.headers["etag"] == f'"{saved["revision"]}"'
        assert {name: read.json()[name] for name in saved} == saved
        assert read.json()["document"]["nodes"] == drawing(client)["nodes"]
        assert read.json()["missing"] == [] and read.json()["report"] == [] and read.json()["format"] == "ui"
    assert client.get(f"{ALL}/cats/first one", headers={"If-None-Match": f'"{saved["revision"]}"'}).status_code == 304


def test_the_file_is_one_that_comfyui_reads_and_that_diffs(client):
    put(client, "a")
    text = (folder(client) / "a.json").read_text()
    assert json.loads(text) == drawing(client)
    assert text.count("\n") >= len(drawing(client)["nodes"]), "a line for each node"
    assert client.get("/api/loom/workflows").json()["workflows"][0]["name"] == "a"


def test_a_save_never_overwrites_another_revision(client):
    first = put(client, "a")
    refused = put(client, "a", base=None, first=1, status=409)
    assert refused["error"]["code"] == "F026"
    assert (refused["revision"], refused["modified"]) == (first["revision"], first["modified"])
    second = put(client, "a", base=first["revision"], first=2)
    refused = put(client, "a", base=first["revision"], first=3, status=409)
    assert refused["revision"] == second["revision"]
    assert client.get(f"{ALL}/a").json()["document"]["nodes"] == drawing(client, 2)["nodes"]
    forced = put(client, "a", base=first["revision"], first=3, force=True)
    assert client.get(f"{ALL}/a").json()["revision"] == forced["revision"] != second["revision"]


def test_a_save_on_top_of_a_deleted_document_is_a_conflict(client):
    first = put(client, "a")
    (folder(client) / "a.json").unlink()
    refused = put(client, "a", base=first["revision"], status=409)
    assert refused["revision"] is None and refused["modified"] is None
    put(client, "a", base=None)


def test_a_change_by_another_program_is_seen(client):
    first = put(client, "a")
    path = folder(client) / "a.json"
    times = path.stat()
    path.write_text(path.read_text().replace('"version": 0.4', '"version": 0.5'))  # as long as before
    import os

    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    put(client, "a", base=first["revision"], first=1, status=409)
    assert '"version": 0.5' in path.read_text()


def test_of_many_saves_at_once_on_one_revision_exactly_one_wins(tmp_path, client):
    store = Documents(client.hub.folders)
    base = store.write("a", b"0", None)
    for turn in range(5):

        def save(number, base=base, turn=turn):
            try:
                return store.write("a", f"{turn}.{number}".encode(), base.revision)
            except Changed:
                return None

        with ThreadPoolExecutor(8) as pool:
            won = [state for state in pool.map(save, range(8)) if state is not None]
        assert len(won) == 1
        base, data = store.read("a")
        assert base == won[0] and hashlib.sha256(data).hexdigest()[:32] == base.revision


def test_a_save_that_fails_half_way_leaves_the_old_document(client, monkeypatch):
    first = put(client, "a")

    def full(target, write):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(documents, "replace_file", full)
    assert put(client, "a", base=first["revision"], first=1, status=507)["error"]["code"] == "F024"
    monkeypatch.undo()
    assert client.get(f"{ALL}/a").json()["revision"] == first["revision"]
    assert [path.name for path in folder(client).iterdir()] == ["a.json"]


def test_delete_and_move_name_the_revision_they_mean(client):
    first = put(client, "a")
    other = put(client, "b", first=1)
    assert client.code("DELETE", f"{ALL}/a", 400) == "P011"
    assert client.code("DELETE", f"{ALL}/a?base={other['revision']}", 409) == "F026"
    to = {"to": "b", "base": first["revision"]}
    taken = client.post(f"{ALL}/a/move", json=to)
    assert taken.status_code == 409 and taken.json()["revision"] == other["revision"]
    moved = client.post(f"{ALL}/a/move", json={**to, "to": "deep/er/c"}).json()
    assert (moved["name"], moved["revision"]) == ("deep/er/c", first["revision"])
    assert client.code("GET", f"{ALL}/a", 404) == "F001"
    assert client.get(f"{ALL}/deep/er/c").json()["revision"] == first["revision"]
    gone = client.delete(f"{ALL}/deep/er/c?base={first['revision']}")
    assert gone.json() == {"deleted": "deep/er/c"}
    assert [entry["name"] for entry in client.get(ALL).json()["documents"]] == ["b"]
    assert client.code("DELETE", f"{ALL}/b2?base={first['revision']}", 404) == "F001"


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "C:\\x", ".hidden", "a/.b", "x%2e%2e", "nul\0", ".1234567890abcdef.part", "a" * 300, "CON"]
)
def test_names_stay_inside(client, name):
    answer = client.put(f"{ALL}/{quote(name, safe='')}", json={"document": drawing(client), "base": None})
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["error"]["code"] in ("F002", "P404")
    assert not list(client.hub.folders.data_dir.rglob("*x*.json"))


def test_a_link_to_elsewhere_is_not_followed(client, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    folder(client).mkdir(parents=True)
    (folder(client) / "link").symlink_to(outside, target_is_directory=True)
    assert client.code("PUT", f"{ALL}/link/a", 400, json={"document": drawing(client), "base": None}) == "F002"
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        {"base": None}, {"document": {}, "base": None}, {"document": {"nodes": {}, "links": []}, "base": None},
        {"document": {"1": {"class_type": "X", "inputs": {}}}}, {"document": {"nodes": []}, "base": "x"},
        {"document": {"nodes": []}, "base": None, "more": 1}, {"document": {"nodes": []}, "force": "yes"},
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(client, body):
    assert client.code("PUT", f"{ALL}/a", 400, json=body) == "P010"
    assert client.get(ALL).json() == {"documents": []}


def test_a_file_that_is_no_workflow_says_so_and_can_be_deleted(client):
    folder(client).mkdir(parents=True)
    for name, content, code in (("a", "{", "P101"), ("b", "[]", "C001")):
        (folder(client) / f"{name}.json").write_text(content)
        assert client.code("GET", f"{ALL}/{name}", 400) == code
    for entry in client.get(ALL).json()["documents"]:
        assert client.delete(f"{ALL}/{entry['name']}?base={entry['revision']}").status_code == 200


def test_a_name_with_an_ending_of_its_own_keeps_it(client):
    folder(client).mkdir(parents=True)
    (folder(client) / "x.json.json").write_text(json.dumps(drawing(client)))
    [entry] = client.get(ALL).json()["documents"]
    assert client.get(f"{ALL}/{entry['name']}").json()["revision"] == entry["revision"]
