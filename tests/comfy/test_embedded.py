"""Workflows inside pictures, videos, sounds and other files; and what damaged or hostile files do to the reader."""

import io
import json
import os
import struct
import zlib
from functools import cache
from html import escape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from latentloom.engine.comfy.embedded import container, none_inside, workflow_in
from latentloom.engine.errors import UserError

API = {
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "Größe.safetensors"}},
    "3": {"class_type": "KSampler", "inputs": {"model": ["4", 0], "seed": 2**63}},
}
UI = {"nodes": [{"id": 3, "type": "KSampler"}], "links": [], "version": 0.4, "last_node_id": 3}
MADE = {"version": "0.1.0", "seeds": {"3.seed": 5}}
PROMPT, WORKFLOW = json.dumps(API), json.dumps(UI)


def picture(kind: str, **more) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 8), "navy").save(out, kind, **more)
    return out.getvalue()


def exif(**texts) -> Image.Exif:
    """EXIF as ComfyUI writes it: Model and Make."""
    found = Image.Exif()
    for tag, (name, text) in zip((0x0110, 0x010F), texts.items(), strict=False):
        found[tag] = f"{name}:{text}"
    return found


def png(add="add_text", **texts) -> bytes:
    info = PngInfo()
    for name, text in texts.items():
        if add == "zip":
            info.add_text(name, text, zip=True)
        else:
            getattr(info, add)(name, text)
    return picture("PNG", pnginfo=info)


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def data(text: str) -> bytes:
    return box(b"data", struct.pack(">II", 1, 0), text.encode())


HANDLER = box(b"hdlr", bytes(4), bytes(4), b"mdta", bytes(12))
FTYP = box(b"ftyp", b"isom", bytes(4))
MDAT = box(b"mdat", bytes(999))


def mp4_keys(full=True, **texts) -> bytes:
    """A video as ffmpeg writes it with use_metadata_tags: a table of keys, and values by number."""
    keys = b"".join(struct.pack(">I", 8 + len(name)) + b"mdta" + name.encode() for name in texts)
    items = b"".join(box(struct.pack(">I", n), data(text)) for n, text in enumerate(texts.values(), 1))
    meta = box(
        b"meta",
        bytes(4) if full else b"",
        HANDLER,
        box(b"keys", bytes(4), struct.pack(">I", len(texts)), keys),
        box(b"ilst", items),
    )
    return FTYP + MDAT + box(b"moov", box(b"mvhd", bytes(100)), meta)


def mp4_comment(comment: str, long_size=False) -> bytes:
    """A video whose comment holds everything."""
    meta = box(b"meta", bytes(4), HANDLER, box(b"ilst", box(b"\xa9cmt", data(comment))))
    wide = struct.pack(">I", 1) + b"mdat" + struct.pack(">Q", 16 + 50) + bytes(50) if long_size else MDAT
    return FTYP + wide + box(b"moov", box(b"udta", meta))


def mov_comment(comment: str) -> bytes:
    text = comment.encode()
    plain = box(b"\xa9cmt", struct.pack(">HH", len(text), 0), text)
    return box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", box(b"udta", plain, bytes(4))) + box(b"mdat", bytes(9))


def mp4_free_form(**texts) -> bytes:
    items = b"".join(
        box(b"----", box(b"mean", bytes(4), b"com.apple.iTunes"), box(b"name", bytes(4), name.encode()), data(text))
        for name, text in texts.items()
    )
    return FTYP + box(b"moov", box(b"udta", box(b"meta", bytes(4), HANDLER, box(b"ilst", items))))


def element(kind: int, *parts: bytes, unknown=False) -> bytes:
    body = b"".join(parts)
    size = b"\x01" + b"\xff" * 7 if unknown else struct.pack(">Q", 1 << 56 | len(body))
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + size + body


def webm(unknown=False, **texts) -> bytes:
    tags = [
        element(0x67C8, element(0x45A3, name.upper().encode()), element(0x4487, t.encode()))
        for name, t in texts.items()
    ]
    cluster = element(0x1F43B675, element(0xE7, b"\x00"), element(0xA3, bytes(300)), unknown=unknown)
    other = element(0x67C8, element(0x45A3, b"ENCODER"), element(0x4487, b"Lavf"))
    tag = element(0x7373, element(0x63C0), other, *tags)
    return element(0x1A45DFA3, bytes(20)) + element(0x18538067, cluster, element(0x1254C367, tag), unknown=unknown)


def comments(**texts) -> bytes:
    entries = [f"{name.upper()}={text}".encode() for name, text in texts.items()]
    body = b"".join(struct.pack("<I", len(entry)) + entry for entry in entries)
    return struct.pack("<I", 4) + b"Lavf" + struct.pack("<I", len(entries)) + body


def flac(**texts) -> bytes:
    found = comments(**texts)
    return b"fLaC" + bytes([0, 0, 0, 34]) + bytes(34) + b"\x84" + len(found).to_bytes(3, "big") + found + bytes(99)


def ogg(beginning=b"OpusTags", **texts) -> bytes:
    def page(number: int, chunk: bytes, lacing: list[int], serial=7) -> bytes:
        head = struct.pack("<4sBBQIIIB", b"OggS", 0, 0, 0, serial, number, 0, len(lacing))
        return head + bytes(lacing) + chunk

    packet = beginning + comments(**texts)
    lacing = [255] * (len(packet) // 255) + [len(packet) % 255]
    half = len(lacing) // 2
    cut = 255 * half
    pages = page(0, b"OpusHead" + bytes(11), [19]) + page(0, b"other", [5], serial=8)
    return pages + page(1, packet[:cut], lacing[:half]) + page(2, packet[cut:], lacing[half:]) + page(3, b"sound", [5])


def mp3(version=4, charset=3, **texts) -> bytes:
    def seven(number: int) -> bytes:
        return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))

    name, zero = ("utf-8", b"\0") if charset == 3 else ("utf-16", b"\0\0")
    frames = b""
    for title, text in texts.items():
        body = bytes([charset]) + title.encode(name) + zero + text.encode(name)
        size = seven(len(body)) if version == 4 else struct.pack(">I", len(body))
        frames += b"TXXX" + size + bytes(2) + body
    return b"ID3" + bytes([version, 0, 0]) + seven(len(frames) + 10) + frames + bytes(10) + b"\xff\xfb" + bytes(50)


def safetensors(**texts) -> bytes:
    header = json.dumps({"__metadata__": texts, "x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


def glb(**texts) -> bytes:
    body = json.dumps({"asset": {"version": "2.0", "extras": texts}}).encode()
    return struct.pack("<4sII", b"glTF", 2, 20 + len(body)) + struct.pack("<I4s", len(body), b"JSON") + body


def svg(**texts) -> bytes:
    text = json.dumps({name: json.loads(value) for name, value in texts.items()})
    return f'<?xml version="1.0"?><svg><metadata><![CDATA[{text}]]></metadata><g/></svg>'.encode()


def packed(**texts) -> str:
    """Everything in one text, as some packs write it: one document as a text of its own, one as an object."""
    return json.dumps({"prompt": texts["prompt"], "workflow": json.loads(texts["workflow"])})


@cache
def samples() -> dict[str, bytes]:
    both = {"prompt": PROMPT, "workflow": WORKFLOW}
    return {
        "png": png(**both),
        "png zTXt": png("zip", **both),
        "png iTXt": png("add_itxt", **both),
        "png exif": picture("PNG", exif=exif(**both)),
        "webp": picture("WEBP", exif=exif(**both)),
        "webp lossless": picture("WEBP", lossless=True, exif=exif(**both)),
        "jpeg": picture("JPEG", exif=exif(**both)),
        "jpeg comment": picture("JPEG", comment=packed(**both)),
        "avif": picture("AVIF", exif=exif(**both)),
        "mp4 keys": mp4_keys(**both),
        "mov keys": mp4_keys(full=False, **both),
        "mp4 comment": mp4_comment(packed(**both)),
        "mp4 long box": mp4_comment(packed(**both), long_size=True),
        "mp4 free form": mp4_free_form(**both),
        "mov comment": mov_comment(packed(**both)),
        "webm": webm(**both),
        "webm stream": webm(unknown=True, **both),
        "flac": flac(**both),
        "ogg opus": ogg(**both),
        "ogg vorbis": ogg(b"\x03vorbis", **both),
        "mp3 2.4": mp3(**both),
        "mp3 2.3 utf-16": mp3(version=3, charset=1, **both),
        "safetensors": safetensors(**both),
        "glb": glb(**both),
        "svg": svg(**both),
        "svg escaped": f"<svg><metadata>{escape(packed(**both))}</metadata></svg>".encode(),
    }


@pytest.fixture
def opened(tmp_path):
    def read(content: bytes, name: str = "x.bin"):
        path = tmp_path / name
        path.write_bytes(content)
        return workflow_in(path)

    return read


@pytest.mark.parametrize("name", samples())
def test_both_documents_are_found_whatever_the_file_is_called(name, opened):
    found = opened(samples()[name])
    assert found.api == API
    assert found.ui == UI
    assert found.kind == {"mov": "mp4"}.get(name.split()[0], name.split()[0])


def test_provenance_and_the_last_of_several_texts_count(opened):
    info = PngInfo()
    for name, text in (("prompt", "{}"), ("prompt", PROMPT), ("latentloom", json.dumps(MADE))):
        info.add_text(name, text)
    found = opened(picture("PNG", pnginfo=info))
    assert (found.api, found.ui, found.provenance) == (API, None, MADE)


def test_texts_behind_the_pixels_are_found(opened):
    whole = png()
    end = whole.index(b"IEND") - 4
    body = b"prompt\0" + PROMPT.encode()
    chunk = struct.pack(">I", len(body)) + b"tEXt" + body + struct.pack(">I", zlib.crc32(b"tEXt" + body))
    assert opened(whole[:end] + chunk + whole[end:]).api == API


def test_documents_in_each_others_place_are_told_apart(opened):
    assert opened(png(prompt=WORKFLOW)).ui == UI
    assert opened(png(workflow=PROMPT)).api == API
    assert opened(png(prompt=json.dumps(PROMPT))).api == API, "JSON in JSON"


@pytest.mark.parametrize("text", ["a cat", "[1]", "null", '"x"', "{}", '{"a": 1}', "[" * 100_000, "1" * 5000, ""])
def test_texts_of_other_programs_are_no_workflow(text, opened):
    found = opened(png(prompt=text, workflow=text, latentloom=text or "-"))
    assert found[:3] == (None, None, json.loads(text) if text[:1] == "{" else None)


def test_nan_is_kept_for_validation_to_name_and_broken_letters_are_replaced(opened):
    text = '{"3": {"class_type": "KSampler", "inputs": {"cfg": NaN, "text": "\\ud800"}}}'
    inputs = opened(png(prompt=text)).api["3"]["inputs"]
    assert inputs["cfg"] != inputs["cfg"]
    assert inputs["text"] == "?"


def test_user_comments_in_each_character_set(opened):
    text = "a cat\nSteps: 5, Sampler: Euler, CFG scale: 2, Seed: 9, Size: 64x32"
    sets = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16-be", bytes(8): "utf-8"}
    for name, codec in [*sets.items(), (b"UNICODE\0", "utf-16-le")]:
        found = Image.Exif()
        found.get_ifd(0x8769)[0x9286] = name + text.encode(codec)
        api = opened(picture("JPEG", exif=found)).api
        assert api["3"]["inputs"]["seed"] == 9, codec
        assert api["6"]["inputs"]["text"] == "a cat"


def test_other_files_and_absent_ones_are_refused(tmp_path, opened):
    for content in (b"", b"{}", b"GIF89a" + bytes(99), b"<html><body>", bytes(5000)):
        with pytest.raises(UserError) as caught:
            opened(content)
        assert caught.value.code == "C040"
    for path in (tmp_path / "none.png", tmp_path, "a\0b.png"):
        with pytest.raises(UserError) as caught:
            workflow_in(path)
        assert caught.value.code == "F001"
    assert none_inside("a/b.png", "png").code == "C042"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UserError, match="F001"):
        workflow_in(tmp_path / "pipe.png")


@pytest.mark.parametrize("name", samples())
def test_every_cut_gives_what_was_whole_or_an_error(name, opened):
    whole = samples()[name]
    step = max(1, len(whole) // 150)
    for length in range(0, len(whole), step):
        try:
            found = opened(whole[:length])
        except UserError as error:
            assert error.code in ("C040", "C041"), length
        else:
            assert found.api in (None, API) and found.ui in (None, UI)


@settings(max_examples=400)
@given(data=st.data())
def test_mutated_files_never_raise_anything_else(data, tmp_path_factory):
    whole = bytearray(data.draw(st.sampled_from(list(samples().values()))))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(whole), 3000) - 1))
        kind = data.draw(st.sampled_from(("byte", "number", "remove", "repeat")))
        if kind == "byte":
            whole[place] = data.draw(st.integers(0, 255))
        elif kind == "number":
            whole[place : place + 4] = struct.pack(">I", data.draw(st.sampled_from((0, 1, 7, 2**31, 2**32 - 1))))
        elif kind == "remove":
            del whole[place : place + data.draw(st.integers(1, 40))]
        else:
            whole[place:place] = whole[place : place + data.draw(st.integers(1, 200))]
    check(bytes(whole), tmp_path_factory)


@settings(max_examples=300)
@given(head=st.sampled_from([content[:16] for content in samples().values()]), tail=st.binary(max_size=400))
def test_random_bytes_after_a_true_beginning_never_raise_anything_else(head, tail, tmp_path_factory):
    check(head + tail, tmp_path_factory)


def check(content: bytes, tmp_path_factory) -> None:
    path = Path(tmp_path_factory.getbasetemp() / "mutated.bin")
    path.write_bytes(content)
    try:
        found = workflow_in(path)
    except UserError as error:
        assert error.code in ("C040", "C041")
    else:
        for part in (found.api, found.ui, found.provenance):
            assert part is None or isinstance(part, dict)


def test_bombs_are_small_in_memory(opened):
    bomb = b"prompt\0\0" + zlib.compress(bytes(100 << 20), 9)
    assert len(bomb) < 200_000
    whole = png()
    chunk = struct.pack(">I", len(bomb)) + b"zTXt" + bomb + bytes(4)
    assert opened(whole[:33] + chunk + whole[33:]).api is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "content",
    [
        png()[:33] + struct.pack(">I", 0) + b"vOId",
        FTYP + (struct.pack(">I", 8) + b"free") * 400_000,
        FTYP + box(b"moov", box(b"udta", box(b"\xa9cmt", bytes(4)) * 300_000)),
        b"\x1a\x45\xdf\xa3\x80" + b"\xec\x80" * 400_000,
        b"OggS" + bytes(10) + b"abcd" + bytes(9) + (b"OggS" + bytes(23)) * 300_000,
        b"ID3\x04\0\0\0\x7f\x7f\x7f" + (b"TXXX" + bytes(6)) * 200_000,
        b"\xff\xd8" + b"\xff" * 2_000_000,
        struct.pack("<Q", 900_000) + b'{"a":' + b"[" * 900_000,
        b"<svg><metadata>" + b"<" * 2_000_000,
        picture("JPEG")[:2] + b"\xff\xe1\xff\xffExif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x0e\x01\x02\0\xff\xff\0\0\0\0\0\0" * 5400,
    ],
    ids=["png", "mp4", "udta", "webm", "ogg", "mp3", "jpeg", "safetensors", "svg", "exif"],
)  # fmt: skip
def test_files_made_to_keep_the_reader_busy_are_left_soon(content, opened):
    try:
        assert opened(content)[:3] == (None, None, None)
    except UserError as error:
        assert error.code == "C041"


def test_the_kind_is_told_by_the_first_bytes():
    assert {container(content[:4096]) for content in samples().values()} == {
        "png", "webp", "jpeg", "avif", "mp4", "webm", "flac", "ogg", "mp3", "safetensors", "glb", "svg",
    }  # fmt: skip
    assert container(b'{"3": {"class_type": "KSampler"}}') is None
    assert container(b'{"a": "<svg"}') is None
