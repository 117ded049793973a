"""The routes about files, over real folders and the worker's own picture functions."""

import io
import json
import os
import struct
import threading

import pytest
from files_desk import FilesDesk, application, png
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.testclient import TestClient

OPAQUE = "application/octet-stream"


@pytest.fixture
def client(data):
    with TestClient(application(FilesDesk(data))) as client:
        yield client


def keep(data, name, content):
    path = data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def upload(client, name, content, path="/upload/image", **fields):
    return client.post(path, files={"image": (name, content)}, data=fields)


def everything(data):
    return sorted(path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file())


# --- /view


@pytest.mark.parametrize(
    "query",
    [
        "filename=a.png&subfolder=sub", "filename=sub/a.png", "filename=sub%5Ca.png&type=output",
        "filename=a.png&subfolder=sub&type=output", "filename=sub/a.png [output]&type=temp",
    ],
)  # fmt: skip
def test_a_picture_is_shown_as_it_is(client, data, query):
    content = png(text="kept")
    keep(data, "output/sub/a.png", content)
    answer = client.get(f"/view?{query}")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'inline; filename="a.png"'
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert client.get(f"/api/view?{query}").content == content
    assert client.head(f"/view?{query}").headers["content-length"] == str(len(content))


@pytest.mark.parametrize(
    "query, status",
    [
        ("", 404), ("filename=none.png", 404), ("filename=", 400), ("filename=../a", 400), ("filename=/etc/passwd", 400),
        ("filename=a.png&type=models", 400), ("filename=a.png&type=user", 400), ("filename=a.png [user]", 404),
        ("filename=a.png&subfolder=..", 403), ("filename=a.png&subfolder=/etc", 403), ("filename=a.png&subfolder=a/../../b", 403),
        ("filename=sub", 404), ("filename=" + "a" * 300, 400), ("filename=" + "a/" * 20 + "b", 400), ("filename=a%00.png", 400),
        ("filename=.0123.part&type=output", 404), ("filename=C:a.png", 400), ("filename=con", 400), ("filename=a%ED%A0%80", 404),
    ],
)  # fmt: skip
def test_what_is_not_shown(client, data, query, status):
    keep(data, "output/sub/a.png", png())
    keep(data, "output/.0123.part", png())
    answer = client.get(f"/view?{query}")
    assert answer.status_code == status
    assert str(data) not in answer.text and "Traceback" not in answer.text


@pytest.mark.parametrize(
    "name, content, kind",
    [
        ("a.html", b"<script>alert(1)</script>", OPAQUE),
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', OPAQUE),
        ("a.png", b"<!doctype html><script>alert(1)</script>", OPAQUE),
        ("a.xml", b"<?xml version='1.0'?>", OPAQUE),
        ("a.pdf", b"%PDF-1.7", OPAQUE),
        ("a.js", b"alert(1)", OPAQUE),
        ("a.json", b"{}", OPAQUE),
        ("a.txt", b"", OPAQUE),
        ("a.html", b"GIF89a" + b"\0" * 40 + b"<script>", "image/gif"),
        ("a.bin", b"\xff\xd8\xff\xe0" + b"\0" * 60, "image/jpeg"),
        ("a.mp4", b"\0\0\0\x18ftypmp42" + b"\0" * 52, "video/mp4"),
        ("a.webm", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm", "video/webm"),
        ("a.mkv", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", OPAQUE),
        ("a.flac", b"fLaC" + b"\0" * 60, "audio/flac"),
        ("a.mp3", b"ID3\x04" + b"\0" * 60, "audio/mpeg"),
        ("a.wav", b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        ("a.webp", b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        ("a.avif", b"\0\0\0\x18ftypavif" + b"\0" * 52, OPAQUE),
    ],
)
def test_the_type_is_what_the_bytes_prove(client, data, name, content, kind):
    keep(data, f"output/{name}", content)
    answer = client.get(f"/view?filename={name}")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, kind, content)
    shown = "attachment" if kind == OPAQUE else "inline"
    assert answer.headers["content-disposition"] == f'{shown}; filename="{name}"'
    assert answer.headers["content-security-policy"].startswith("sandbox")


def test_odd_names_make_no_headers(client, data):
    name = 'ü"\\;x=日本.png'.replace("\\", "")
    keep(data, f"output/{name}", png())
    answer = client.get("/view", params={"filename": name})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("inline; filename*=utf-8''%C3%BC%22")


def test_ranges_are_served_and_bounded(client, data):
    content = bytes(range(256)) * 40
    keep(data, "output/a.bin", content)
    part = client.get("/view?filename=a.bin", headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    many = "bytes=" + ",".join(f"{index}-{index + 1}" for index in range(0, 5000, 3))
    assert client.get("/view?filename=a.bin", headers={"range": many}).content == content
    assert client.get("/view?filename=a.bin", headers={"range": "bytes=99999-"}).status_code == 416
    assert client.get("/view?filename=a.bin", headers={"range": "bytes=x"}).status_code in (400, 416)


def test_what_the_browser_has_is_not_sent_again(client, data):
    path = keep(data, "output/a.png", png())
    tag = client.get("/view?filename=a.png").headers["etag"]
    again = client.get("/view?filename=a.png", headers={"if-none-match": f'"other", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    path.write_bytes(png(colour=1, width=9))
    assert client.get("/view?filename=a.png", headers={"if-none-match": tag}).status_code == 200


@pytest.mark.parametrize("asked, kind", [("webp;50", "WEBP"), ("webp", "WEBP"), ("jpeg;90", "JPEG"), ("bmp", "WEBP"), ("webp;x" * 50, "WEBP")])
def test_a_worker_makes_previews(client, data, asked, kind):
    keep(data, "output/a.png", png(width=9))
    answer = client.get("/view", params={"filename": "a.png", "preview": asked})
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == (kind, (9, 3))


def test_channels(client, data):
    buffer = io.BytesIO()
    Image.new("RGBA", (2, 2), (10, 20, 30, 40)).save(buffer, "PNG")
    keep(data, "output/a.png", buffer.getvalue())
    for channel, mode, pixel in (("rgb", "RGB", (10, 20, 30)), ("a", "RGBA", (0, 0, 0, 40)), ("rgba", "RGBA", (10, 20, 30, 40))):
        with Image.open(io.BytesIO(client.get(f"/view?filename=a.png&channel={channel}").content)) as picture:
            assert (picture.mode, picture.getpixel((0, 0))) == (mode, pixel)
    assert client.get("/view?filename=a.png&channel=other").content == buffer.getvalue()


def test_links_and_special_files_are_not_served(client, data, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    keep(data, "output/a.png", png())
    try:
        (data / "output" / "link.txt").symlink_to(tmp_path / "secret.txt")
        (data / "output" / "up").symlink_to(tmp_path)
    except OSError:
        pytest.skip("no links here")
    if hasattr(os, "mkfifo"):
        os.mkfifo(data / "output" / "pipe")
        assert client.get("/view?filename=pipe").status_code == 404
    for query in ("filename=link.txt", "filename=secret.txt&subfolder=up", "filename=up/secret.txt"):
        answer = client.get(f"/view?{query}")
        assert answer.status_code == 404 and "secret" not in answer.text.replace("secret.txt", "")


# --- uploads


def test_an_upload_is_there_whole_and_nothing_beside_it(client, data):
    content = png(text="kept")
    answer = upload(client, "a.png", content, subfolder="one/two")
    assert answer.json() == {"name": "a.png", "subfolder": "one/two", "type": "input"}
    assert everything(data) == ["input/one/two/a.png"]
    assert client.get("/view?type=input&filename=a.png&subfolder=one/two").content == content


def test_the_same_bytes_keep_their_name_and_others_get_a_new_one(client, data):
    names = [upload(client, "a.png", png(colour=colour)).json()["name"] for colour in (1, 1, 2, 3, 2, 1)]
    assert names == ["a.png", "a.png", "a (1).png", "a (2).png", "a (1).png", "a.png"]
    assert upload(client, "a.png", png(colour=9), overwrite="true").json()["name"] == "a.png"
    assert (data / "input" / "a.png").read_bytes() == png(colour=9)
    assert everything(data) == ["input/a (1).png", "input/a (2).png", "input/a.png"]


def test_uploads_at_the_same_time_lose_nothing(data):
    app = application(FilesDesk(data))
    names = []

    def one(colour):
        with TestClient(app) as client:
            names.append(upload(client, "a.png", png(colour=colour)).json()["name"])

    threads = [threading.Thread(target=one, args=(colour,)) for colour in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(names) == sorted({*names}) and len(names) == 8
    assert {(data / "input" / name).read_bytes() for name in names} == {png(colour=colour) for colour in range(8)}


@pytest.mark.parametrize("kind", ["input", "temp", "output"])
def test_uploads_go_to_the_three_folders(client, data, kind):
    assert upload(client, "film.mp4", b"\0\0\0\x18ftypmp42" + bytes(100), type=kind).json()["type"] == kind
    assert everything(data) == [f"{kind}/film.mp4"]


def test_another_output_folder_on_another_disk_is_no_hindrance(data, tmp_path, monkeypatch):
    """A move between file systems is a copy: it must be whole under its name as well."""
    from latentloom.engine.server import incoming

    real = os.stat
    with TestClient(application(FilesDesk(data, output=tmp_path / "out"))) as client:
        upload(client, "a.bin", b"first", type="output")

        def other_disk(path, *arguments, **named):
            found = real(path, *arguments, **named)
            if str(path).startswith(str(tmp_path / "out")):
                return os.stat_result((*found[:2], found.st_dev + 1, *found[3:]))
            return found

        monkeypatch.setattr(incoming.os, "stat", other_disk)
        assert upload(client, "a.bin", b"second", type="output").json()["name"] == "a (1).bin"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a (1).bin", "a.bin"]
    assert everything(data) == []


@pytest.mark.parametrize(
    "name",
    ["../a.png", "..\\a.png", "/etc/a.png", "a/b.png", "a\0.png", ".htaccess", "..", ".", "a.png:stream", "nul.png", "a.png ",
     "x" * 300 + ".png", "%2e%2e%2fa.png", ".0123456789abcdef.part", "a\r\nb.png", ""],
)  # fmt: skip
def test_unsafe_names_are_refused(client, data, name):
    body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="' + name.encode() + b'"\r\n\r\n' + png() + b"\r\n--b--\r\n"
    answer = client.post("/upload/image", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 400, answer.text
    assert everything(data) == []


@pytest.mark.parametrize(
    "fields", [{"subfolder": "../x"}, {"subfolder": "/tmp"}, {"subfolder": "a/%2e%2e/b"}, {"subfolder": ".hidden"}, {"type": "user"}, {"type": "models"}, {"subfolder": "a" * 5000}]
)
def test_unsafe_places_are_refused(client, data, fields):
    assert upload(client, "a.png", png(), **fields).status_code == 400
    assert everything(data) == []


def picture_of(kind, size=(4, 4), **options):
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name, content",
    [
        ("bomb.png", png(claim=(13_000, 13_000))),
        ("huge.png", png(claim=(0x7FFFFFFF, 0x7FFFFFFF))),
        ("cut.png", png()[:45]),
        ("cut.jpg", picture_of("JPEG", (64, 64))[:300]),
        ("html.png", b"<script>alert(1)</script>"),
        ("empty.png", b""),
        ("postscript.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n"),
        ("psd.jpg", b"8BPS\0\x01" + bytes(60)),
        ("opaque.dat", png(claim=(13_000, 13_000))),  # a picture by its bytes
        ("bomb.bmp", b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30_000, 30_000, 1, 24, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_unfit_pictures_never_become_files(client, data, name, content):
    answer = upload(client, name, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "F010")
    assert everything(data) == []


@pytest.mark.parametrize("kind, name", [("PNG", "a.png"), ("JPEG", "a.jpg"), ("WEBP", "a.webp"), ("GIF", "a.gif"), ("BMP", "a.bmp"), ("TIFF", "a.tiff")])
def test_fit_pictures_do(client, data, kind, name):
    assert upload(client, name, picture_of(kind)).status_code == 200
    assert everything(data) == [f"input/{name}"]


def test_too_many_frames(client, data):
    frames = [Image.new("RGB", (2, 2), (index, 255 - index, 0)) for index in range(70)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=20)
    assert upload(client, "a.gif", buffer.getvalue()).status_code == 400
    assert everything(data) == []


def test_a_mask_keeps_the_colours_and_texts_of_its_picture(client, data):
    info = PngInfo()
    info.add_text("prompt", '{"1": {}}')
    original, mask = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (2, 2), (10, 20, 30)).save(original, "PNG", pnginfo=info)
    Image.new("RGBA", (2, 2), (0, 0, 0, 77)).save(mask, "PNG")
    keep(data, "output/sub/a.png", original.getvalue())
    reference = json.dumps({"filename": "a.png", "subfolder": "sub", "type": "output"})
    answer = upload(client, "m.png", mask.getvalue(), "/upload/mask", original_ref=reference, subfolder="clipspace")
    assert answer.json() == {"name": "m.png", "subfolder": "clipspace", "type": "input"}
    with Image.open(data / "input" / "clipspace" / "m.png") as picture:
        assert picture.getpixel((1, 1)) == (10, 20, 30, 77)
        assert picture.text == {"prompt": '{"1": {}}'}
    assert everything(data) == ["input/clipspace/m.png", "output/sub/a.png"]


@pytest.mark.parametrize(
    "reference, status",
    [("", 400), ("[]", 400), ("{", 400), ('{"filename":1}', 400), ('{"filename":"a","type":7}', 400), ('{"filename":"none.png"}', 404),
     ('{"filename":"../../x.png"}', 400), ('{"filename":"x.png","subfolder":".."}', 403), ('{"filename":"x","type":"user"}', 400)],
)  # fmt: skip
def test_a_mask_without_its_picture(client, data, reference, status):
    assert upload(client, "m.png", png(), "/upload/mask", original_ref=reference).status_code == status
    assert everything(data) == []


def test_a_full_disk_is_507_and_leaves_nothing(client, data, monkeypatch):
    from latentloom.engine.server.incoming import Incoming

    def full(self, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Incoming, "write", full)
    for answer in (upload(client, "a.bin", b"x"), client.post("/userdata/a.json", content=b"{}")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "F024")
    assert everything(data) == []
    monkeypatch.undo()
    assert upload(client, "a.bin", b"x").status_code == 200
