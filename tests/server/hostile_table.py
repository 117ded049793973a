"""Hostile requests as data: a name, the bytes that are sent, which statuses are right, and which application has the route.

`needs`: "files" for what the routes about files and the gate answer alone, "server" for what needs the whole server,
"socket" for bytes after a websocket's handshake, whose `expected` are close codes. In the bytes @PORT@ stands for the
server's port. `PREPARED` are files that must be in the data folder before.
"""

from __future__ import annotations

import json
import struct
from typing import NamedTuple
from urllib.parse import quote

MARKER = "hostile-marker"
"""Name of a file that must never come to be, in whatever folder the server runs."""


class Row(NamedTuple):
    name: str
    request: bytes
    expected: frozenset[int]
    needs: str = "files"


REFUSED = frozenset({400, 403, 404})
FOREIGN = frozenset({403})
BAD = frozenset({400})
CUT = frozenset({0, 400, 413, 431})


def request(line: str, *headers: str, body: bytes = b"", host: str | None = "127.0.0.1:@PORT@", length: bool = True) -> bytes:
    """Return a request as bytes; a length is added where there is a body."""
    lines = [f"{line} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers]
    if length and (body or line.startswith(("POST", "PUT", "PATCH"))):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def form(*parts: tuple[str, bytes], boundary: str = "b") -> bytes:
    """Return a multipart body; each part is (its head's disposition parameters, its bytes)."""
    found = [f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts]
    return b"".join(found) + f"--{boundary}--\r\n".encode()


def upload(*parts: tuple[str, bytes], path: str = "/upload/image", boundary: str = "b") -> bytes:
    return request(f"POST {path}", f"Content-Type: multipart/form-data; boundary={boundary}", body=form(*parts, boundary=boundary))


def file(name: str, data: bytes = b"data") -> tuple[str, bytes]:
    return f'name="image"; filename="{name}"', data


def post(path: str, document: object, *headers: str) -> bytes:
    return request(f"POST {path}", "Content-Type: application/json", *headers, body=json.dumps(document).encode())


PICKLE = b"\x80\x04cbuiltins\neval\n(V" + f"open({MARKER!r}, 'w')".encode() + b"\ntR."
BOMB = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">IIBBBBB", 13_000, 13_000, 8, 6, 0, 0, 0) + b"\x9e\x8f\x86\x1d" + bytes(40)

PREPARED: dict[str, bytes] = {
    "models/checkpoints/evil.ckpt": PICKLE,
    "models/checkpoints/evil.safetensors": PICKLE,
    "models/checkpoints/long.safetensors": b"\xff" * 7 + b"\x7f{}",
    "models/checkpoints/deep.safetensors": struct.pack("<Q", 200_000) + b"[" * 200_000,
    "models/checkpoints/twice.safetensors": struct.pack("<Q", 62) + b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":null}' + b"\0",
    "output/secret.html": b"<script>document.title='owned'</script>",
    "user/default/kept.json": b"{}",
}

# "../../settings.toml" as it is sent: plain, encoded, encoded twice, with backslashes, and in overlong UTF-8.
ENCODINGS = {
    "plain": "../../settings.toml",
    "encoded": "%2e%2e%2f%2e%2e%2fsettings.toml",
    "twice": "%252e%252e%252f%252e%252e%252fsettings.toml",
    "backslashes": "..%5c..%5csettings.toml",
    "overlong": "%c0%ae%c0%ae%c0%af%c0%ae%c0%ae%c0%afsettings.toml",
}
PLACES = {
    "view": "GET /view?filename={}",
    "view subfolder": "GET /view?filename=settings.toml&subfolder={}",
    "view annotated": "GET /view?filename={}%20[input]",
    "api view": "GET /api/view?type=temp&filename={}",
    "userdata get": "GET /userdata/{}",
    "userdata post": "POST /userdata/{}",
    "userdata delete": "DELETE /userdata/{}",
    "userdata move from": "POST /userdata/{}/move/x.json",
    "userdata move to": "POST /userdata/kept.json/move/{}",
    "userdata list": "GET /userdata?dir={}",
    "userdata entries": "GET /v2/userdata?path={}",
    "metadata": "GET /view_metadata/checkpoints?filename={}",
    "metadata folder": "GET /view_metadata/{}?filename=settings.toml",
    "models": "GET /models/{}",
    "model preview": "GET /experiment/models/preview/checkpoints/0/{}",
}


def _traversals() -> list[Row]:
    rows = []
    for place, line in PLACES.items():
        for encoding, path in ENCODINGS.items():
            line_path = line.format(path)
            plain_in_path = encoding == "plain" and "?" not in line
            expected = REFUSED | ({405} if plain_in_path or "move" in place else set())
            rows.append(Row(f"traversal {encoding}: {place}", request(line_path), frozenset(expected)))
    for encoding, path in ENCODINGS.items():
        name = bytes.fromhex("c0aec0aec0af") + b"settings.toml" if encoding == "overlong" else path.replace("%5c", "\\").encode()
        head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="' + name + b'"\r\n\r\nx\r\n--b--\r\n'
        rows.append(Row(f"traversal {encoding}: upload name", request("POST /upload/image", "Content-Type: multipart/form-data; boundary=b", body=head), BAD))
        fields = b'--b\r\nContent-Disposition: form-data; name="subfolder"\r\n\r\n' + name + b"\r\n"
        body = fields + form(file("a.txt"))
        rows.append(Row(f"traversal {encoding}: upload subfolder", request("POST /upload/image", "Content-Type: multipart/form-data; boundary=b", body=body), BAD))
        reference = json.dumps({"filename": name.decode("latin-1"), "type": "output"}).encode()
        mask = upload(('name="original_ref"', reference), file("m.png"), path="/upload/mask")
        rows.append(Row(f"traversal {encoding}: mask original", mask, REFUSED))
    return rows


def _senders() -> list[Row]:
    own = "Origin: http://127.0.0.1:@PORT@"
    rows = []
    for name, headers in {
        "foreign": ("Origin: https://evil.example",), "null": ("Origin: null",), "no port": ("Origin: http://127.0.0.1",),
        "other port": ("Origin: http://127.0.0.1:3000",), "other scheme": ("Origin: https://127.0.0.1:@PORT@",),
        "suffix": ("Origin: http://127.0.0.1:@PORT@.evil.example",), "two": (own, "Origin: https://evil.example"),
        "cross-site fetch": (own, "Sec-Fetch-Site: cross-site"), "same-site fetch": ("Sec-Fetch-Site: same-site",),
    }.items():  # fmt: skip
        rows.append(Row(f"origin {name}: upload", request("POST /upload/image", *headers, "Content-Type: multipart/form-data; boundary=b", body=form(file("a.txt"))), FOREIGN))
        rows.append(Row(f"origin {name}: read", request("GET /settings", *headers), FOREIGN))
        rows.append(Row(f"origin {name}: prompt", request("POST /prompt", *headers, "Content-Type: text/plain", body=b'{"prompt":{}}'), FOREIGN))
        handshake = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
        rows.append(Row(f"origin {name}: websocket", request("GET /ws", *headers, *handshake), FOREIGN | ({400} if name == "two" else set())))
    for host in ("evil.example:@PORT@", "evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:@PORT@", "127.0.0.1:@PORT@@evil.example", "[::ffff:7f00:1]:@PORT@"):
        rows += [Row(f"rebinding {host}", request("GET /settings", host=host), BAD | FOREIGN)]
    rows.append(Row("rebinding: page", request("GET /", host="evil.example:@PORT@"), FOREIGN))
    rows.append(Row("rebinding: websocket", request("GET /ws", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", host="evil.example:@PORT@"), FOREIGN))
    rows.append(Row("no host", request("GET /settings", host=None), BAD | FOREIGN))
    rows.append(Row("two hosts", request("GET /settings", "Host: 127.0.0.1:@PORT@"), BAD | FOREIGN))
    rows.append(Row("absolute address", request("GET http://evil.example/settings"), REFUSED))
    rows.append(Row("preflight", request("OPTIONS /upload/image", "Origin: https://evil.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Private-Network: true"), FOREIGN))
    rows.append(Row("form from our own origin", request("POST /prompt", own, "Content-Type: application/x-www-form-urlencoded", body=b"prompt={}"), FOREIGN))
    rows.append(Row("link to data", request("GET /settings", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"), FOREIGN))
    rows.append(Row("page in a frame", request("GET /", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"), FOREIGN))
    rows.append(Row("through a proxy", request("GET /settings", "X-Forwarded-For: 203.0.113.9"), frozenset({401})))
    return rows


def _protocol() -> list[Row]:
    json_type = "Content-Type: application/json"
    big = 200 << 20
    rows = [
        Row("binary junk", bytes(range(256)) * 8, CUT),
        Row("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), CUT),
        Row("a pickle for a request", PICKLE + b"\r\n\r\n", CUT),
        Row("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", CUT | {403, 405}),
        Row("a giant header", request("GET /settings", "X-A: " + "a" * 1_000_000), CUT),
        Row("a large header", request("GET /settings", "X-A: " + "a" * 17_000), frozenset({431})),
        Row("many headers", request("GET /settings", *(f"X-{index}: 1" for index in range(150))), frozenset({431})),
        Row("a long address", request("GET /" + "a" * 10_000), frozenset({414})),
        Row("a long query", request("GET /view?filename=" + "a" * 10_000), frozenset({414})),
        Row("NUL in the address", request("GET /view%00?filename=a"), BAD),
        Row("line break in the address", request("GET /settings%0d%0aX:1"), BAD),
        Row("two slashes", request("GET //evil.example/settings"), BAD),
        Row("header without name", request("GET /settings", ": x"), BAD),
        Row("header that folds", request("GET /settings", "X-A: 1\r\n folded: 2", "Origin: null"), BAD | FOREIGN),
        Row("length and chunks", request("POST /settings", "Transfer-Encoding: chunked", json_type, body=b"0\r\n\r\n"), BAD),
        Row("two lengths", request("POST /settings", "Content-Length: 1", json_type, body=b"{}"), BAD),
        Row("a length below zero", request("POST /settings", "Content-Length: -1", length=False), BAD),
        Row("a length in words", request("POST /settings", "Content-Length: many", length=False), BAD),
        Row("a length beyond all caps", request("POST /settings", f"Content-Length: {big}", length=False), frozenset({413})),
        Row("a length of 30 digits", request("POST /settings", "Content-Length: " + "9" * 30, length=False), frozenset({400, 413})),
        Row("an upload beyond the cap", request("POST /upload/image", f"Content-Length: {big}", "Content-Type: multipart/form-data; boundary=b", length=False), frozenset({413})),
        Row("user data beyond the cap", request("POST /userdata/a", f"Content-Length: {big}", length=False), frozenset({413})),
        Row("chunks of no number", request("POST /settings", "Transfer-Encoding: chunked", length=False) + b"zz\r\n", BAD),
        Row("an unknown transfer coding", request("POST /settings", "Transfer-Encoding: gzip, chunked", length=False), frozenset({400, 501})),
        Row("gzip", request("POST /settings", "Content-Encoding: gzip", json_type, body=b"\x1f\x8b\x08" + bytes(20)), frozenset({415})),
        Row("deflate upload", request("POST /upload/image", "Content-Encoding: deflate", "Content-Type: multipart/form-data; boundary=b", body=b"x"), frozenset({415})),
        Row("brotli user data", request("POST /userdata/a", "Content-Encoding: br", body=b"x"), frozenset({415})),
    ]
    for method, path in (("PUT", "/settings"), ("DELETE", "/settings"), ("POST", "/view"), ("DELETE", "/upload/image"), ("PATCH", "/userdata/a"), ("GET", "/upload/image"), ("PUT", "/internal/logs"), ("TRACE", "/"), ("CONNECT", "/"), ("BREW", "/settings"), ("get", "/settings")):
        rows.append(Row(f"wrong method {method} {path}", request(f"{method} {path}"), frozenset({405})))
    return rows


def _bodies() -> list[Row]:
    rows = []
    for name, body in {
        "nothing": b"", "half": b'{"a":', "junk": b"\x00\xff\xfe\x01", "pickle": PICKLE, "NaN": b'{"a":NaN}', "infinity": b'{"a":-Infinity}',
        "1e999": b'{"a":1e999}', "a number of 5000 digits": b"1" * 5000, "half a surrogate": b'{"a":"\\ud800"}', "overlong UTF-8": b'"\xc0\xaf"',
        "deep lists": b"[" * 100_000, "deep objects": b'{"a":' * 5000 + b"1" + b"}" * 5000, "2 million values": b"[" + b"0," * 2_000_000 + b"0]",
        "UTF-16": '{"a":1}'.encode("utf-16"), "two documents": b"{}{}",
    }.items():  # fmt: skip
        long = frozenset({400, 413})  # settings have a smaller cap of their own
        rows.append(Row(f"settings body: {name}", request("POST /settings", "Content-Type: application/json", body=body), long))
        rows.append(Row(f"prompt body: {name}", request("POST /prompt", "Content-Type: application/json", body=body), BAD, "server"))
    for name, document in {"list": [], "number": 7, "null": None, "text": "x"}.items():
        rows.append(Row(f"settings of type {name}", post("/settings", document), BAD))
        rows.append(Row(f"prompt document of type {name}", post("/prompt", document), BAD, "server"))
    rows.append(Row("settings too long", post("/settings", {"a": "x" * 1_100_000}), frozenset({413})))
    rows.append(Row("another user", post("/users", {"username": "../x"}), BAD))
    rows.append(Row("log for no client", request("PATCH /internal/logs/subscribe", body=b'{"clientId":[1],"enabled":1}'), BAD))
    return rows


def _uploads() -> list[Row]:
    plain = "Content-Type: multipart/form-data; boundary=b"
    rows = [Row(f"upload named {name!r}", upload(file(name)), BAD) for name in (
        "/etc/passwd", "C:evil.txt", "C:/evil.txt", "..", ".ssh", "a/b.txt", "con", "nul.txt", "a.txt:x", "a.txt.", "a.txt ", "x" * 400, ".0123456789abcdef.part", "a\0b.txt", "a%00b.txt",
    )]  # fmt: skip
    rows += [
        Row("upload without a file", upload(('name="image"', b"text")), BAD),
        Row("upload without a name", upload(file("")), BAD),
        Row("upload in another part", upload(('name="other"; filename="a.txt"', b"x")), BAD),
        Row("two files", upload(file("a.txt"), file("b.txt")), BAD),
        Row("1000 parts", upload(*[(f'name="f{index}"', b"x") for index in range(1000)], file("a.txt")), BAD),
        Row("a field of 64 KiB", upload(('name="subfolder"', b"a" * 65_536), file("a.txt")), BAD),
        Row("a part without a name", upload(("x=1", b"a"), file("a.txt")), BAD),
        Row("a part's endless head", request("POST /upload/image", plain, body=b"--b\r\nX: " + b"a" * 100_000), BAD),
        Row("a part's many heads", request("POST /upload/image", plain, body=b"--b\r\n" + b"X: a\r\n" * 500 + b"\r\n"), BAD),
        Row("no end of the form", request("POST /upload/image", plain, body=form(file("a.txt"))[:-9]), BAD),
        Row("no boundary", request("POST /upload/image", "Content-Type: multipart/form-data", body=b"x"), BAD),
        Row("an endless boundary", request("POST /upload/image", "Content-Type: multipart/form-data; boundary=" + "b" * 5000, body=b"x"), BAD),
        Row("upload as JSON", post("/upload/image", {"image": "x"}), BAD),
        Row("upload to another kind", upload(('name="type"', b"models"), file("a.txt")), BAD),
        Row("upload to the user data", upload(('name="type"', b"user"), file("a.txt")), BAD),
        Row("picture bomb", upload(file("bomb.png", BOMB)), BAD),
        Row("picture bomb without a name for it", upload(file("bomb.dat", BOMB)), BAD),
        Row("a page for a picture", upload(file("a.png", b"<script>alert(1)</script>")), BAD),
        Row("a pickle for a picture", upload(file("a.png", PICKLE)), BAD),
        Row("an empty picture", upload(file("a.jpg", b"")), BAD),
        Row("mask without its original", upload(file("m.png", BOMB), path="/upload/mask"), BAD),
        Row("mask of a page", upload(('name="original_ref"', b'{"filename":"secret.html"}'), file("m.png", BOMB), path="/upload/mask"), BAD),
        Row("mask with a deep reference", upload(('name="original_ref"', b"[" * 3000), file("m.png", b"x"), path="/upload/mask"), BAD),
    ]  # fmt: skip
    return rows


def _files() -> list[Row]:
    rows = [Row(f"view {query}", request(f"GET /view?{query}"), REFUSED) for query in (
        "filename=/etc/passwd", "filename=%2fetc%2fpasswd", "filename=C:%5cboot.ini", "filename=%5c%5chost%5cshare", "filename=a%00.png", "filename=", "filename=.", "filename=con",
        "filename=" + "a/" * 40 + "b", "filename=" + "a" * 2000, "filename=a&type=cache", "filename=a&type=user", "filename=comfy.settings.json&type=user", "filename=a%20[user]",
        "filename=token&subfolder=/", "filename=" + quote("．．／settings.toml"), "filename=%ed%a0%80", "filename=a&subfolder=%00", "filename=a%0d%0ab",
    )]  # fmt: skip
    rows += [
        Row("pickle's metadata", request("GET /view_metadata/checkpoints?filename=evil.ckpt"), REFUSED),
        Row("pickle named safetensors", request("GET /view_metadata/checkpoints?filename=evil.safetensors"), BAD),
        Row("header of 2^63 bytes", request("GET /view_metadata/checkpoints?filename=long.safetensors"), BAD),
        Row("deep header", request("GET /view_metadata/checkpoints?filename=deep.safetensors"), BAD),
        Row("header with a key twice", request("GET /view_metadata/checkpoints?filename=twice.safetensors"), BAD),
        Row("preview of index -1", request("GET /experiment/models/preview/checkpoints/-1/a"), REFUSED),
        Row("preview of a huge index", request("GET /experiment/models/preview/checkpoints/99999999999999999999/a"), REFUSED),
        Row("list of inputs as models", request("GET /models/input"), REFUSED),
        Row("list of user data as files", request("GET /internal/files/user"), BAD),
        Row("a range of no bytes", request("GET /view?filename=secret.html", "Range: bytes=900-"), frozenset({416})),
    ]
    return rows


def _prompts() -> list[Row]:
    node = {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}
    documents: dict[str, object] = {
        "no prompt": {}, "null": {"prompt": None}, "list": {"prompt": []}, "text": {"prompt": "x"}, "empty": {"prompt": {}},
        "node is null": {"prompt": {"1": None}}, "node is a list": {"prompt": {"1": []}}, "no class": {"prompt": {"1": {"inputs": {}}}},
        "class is a number": {"prompt": {"1": {"class_type": 7, "inputs": {}}}}, "unknown class": {"prompt": {"1": {"class_type": "os.system", "inputs": {}}}},
        "class is dunder": {"prompt": {"1": {"class_type": "__class__", "inputs": {}}}}, "inputs are a list": {"prompt": {"1": {**node, "inputs": []}}},
        "cycle": {"prompt": {"1": {"class_type": "LatentFlip", "inputs": {"samples": ["1", 0], "flip_method": "x-axis: vertically"}}}},
        "link to nothing": {"prompt": {"1": {"class_type": "LatentFlip", "inputs": {"samples": ["9", 0], "flip_method": "x"}}}},
        "link to a slot below zero": {"prompt": {"1": node, "2": {"class_type": "SaveLatent", "inputs": {"samples": ["1", -1], "filename_prefix": "a"}}}},
        "no outputs": {"prompt": {"1": node}}, "number is text": {"prompt": {"1": node}, "number": "first"},
        "a file outside": {"prompt": {"1": {"class_type": "LoadImage", "inputs": {"image": "../../../etc/passwd"}}, "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}},
        "a width of 40 digits": {"prompt": {"1": {**node, "inputs": {"width": 10**39, "height": 64, "batch_size": 1}}, "2": {"class_type": "SaveLatent", "inputs": {"samples": ["1", 0], "filename_prefix": "a"}}}},
        "targets of no list": {"prompt": {"1": node}, "partial_execution_targets": {"a": 1}}, "ids beyond measure": {"prompt": {"x" * 100_000: node}},
    }  # fmt: skip
    rows = [Row(f"prompt: {name}", post("/prompt", document), BAD, "server") for name, document in documents.items()]
    rows.append(Row("prompt of 40 MiB", request("POST /prompt", f"Content-Length: {40 << 20}", length=False), frozenset({413}), "server"))
    for path, document in (("/queue", {"delete": 7}), ("/queue", []), ("/history", {"delete": "all"}), ("/interrupt", []), ("/free", 7)):
        rows.append(Row(f"{path} with {document!r}", post(path, document), BAD, "server"))
    return rows


def _frame(opcode: int, data: bytes, *, mask: bool = True, length: int | None = None) -> bytes:
    size = len(data) if length is None else length
    told = bytes([size | mask << 7]) if size < 126 else bytes([127 | mask << 7]) + struct.pack(">Q", size)
    return bytes([opcode]) + told + (b"\0\0\0\0" if mask else b"") + data


def _sockets() -> list[Row]:
    handshake = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    rows = []
    for path in ("/ws?clientId=a", "/api/loom/ws"):
        opening = request(f"GET {path}", *handshake)
        for name, frame, codes in (
            ("a frame of 2^62 bytes", _frame(0x81, b"x", length=1 << 62), {1002, 1009}), ("a frame of 2 MiB", _frame(0x81, b"x" * (2 << 20)), {1009}),
            ("a frame without mask", _frame(0x81, b"{}", mask=False), {1002}), ("a reserved opcode", _frame(0x83, b""), {1002}),
            ("text that is none", _frame(0x81, b"\xff\xfe"), {1007}), ("a compressed frame", _frame(0xC1, b"x"), {1002}), ("a fragmented ping", _frame(0x09, b"x"), {1002}),
        ):  # fmt: skip
            rows.append(Row(f"{path}: {name}", opening + frame, frozenset(codes), "socket"))
    return rows


HOSTILE: tuple[Row, ...] = (
    *_traversals(), *_senders(), *_protocol(), *_bodies(), *_uploads(), *_files(), *_prompts(), *_sockets(),
)  # fmt: skip
