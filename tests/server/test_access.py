"""Who gets through the gate: one table of requests, each with what must come of it."""

import logging

import httpx
import pytest
from files_desk import FilesDesk, application
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from latentloom.engine.errors import UserError
from latentloom.engine.server.access import Gate, Policy
from latentloom.engine.server.policy import Site, is_loopback, parse_origin
from latentloom.engine.server.token import cookie_value

PORT = 8188
OWN = f"http://127.0.0.1:{PORT}"
TOKEN = "t0ken-" + "a" * 40
LOCAL = Policy("127.0.0.1", PORT)
ASKING = Policy("127.0.0.1", PORT, token=TOKEN, require_token=True)
PUBLIC = Policy("0.0.0.0", PORT, ("studio.lan", "https://studio.example", "box:9000"), TOKEN)
PAGE = {"origin": OWN, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
TEXT = {"content-type": "text/plain;charset=UTF-8"}


@pytest.fixture
def send(tmp_path):
    """Send a request through a gate with this policy, all headers as given."""

    def sender(policy, method="GET", path="/echo", headers=(), content=None, host=f"127.0.0.1:{PORT}"):
        app = application(FilesDesk(tmp_path / "data"), policy)
        with TestClient(app, base_url=OWN) as client:
            client.headers["host"] = host
            return client.request(method, path, headers=headers, content=content, follow_redirects=False)

    return sender


@pytest.mark.parametrize(
    "name, method, path, headers",
    [
        ("script GET", "GET", "/settings", {}),
        ("script JSON", "POST", "/echo", JSON),
        ("urllib's default type", "POST", "/echo", FORM),
        ("script without a type", "POST", "/echo", {}),
        ("Node's fetch", "POST", "/echo", {**TEXT, "sec-fetch-mode": "cors", "accept-language": "*"}),
        ("a script that says it is us", "POST", "/echo", {**JSON, "origin": OWN}),
        ("own page", "GET", "/settings", PAGE),
        ("own page JSON", "POST", "/echo", {**PAGE, **JSON}),
        ("own page JSON with charset", "POST", "/echo", {**PAGE, "content-type": "application/json; charset=utf-8"}),
        ("own page's settings as text", "POST", "/settings/a", {**PAGE, **TEXT}),
        ("own page's user data as text", "POST", "/api/userdata/a.json", {**PAGE, **TEXT}),
        ("address typed in", "GET", "/settings", {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}),
        ("link from elsewhere to the page", "GET", "/", LINK),
        ("a cookie of another port", "GET", "/settings", {"cookie": "other=1"}),
        ("a cookie, JSON", "POST", "/echo", {**JSON, "cookie": "other=1"}),
    ],
)
def test_who_gets_in(send, name, method, path, headers):
    assert send(LOCAL, method, path, headers, b"{}" if method == "POST" else None).status_code == 200


@pytest.mark.parametrize(
    "name, method, path, headers, code",
    [
        ("foreign origin", "GET", "/settings", {"origin": "https://evil.example"}, "A003"),
        ("foreign origin, JSON", "POST", "/echo", {**JSON, "origin": "https://evil.example"}, "A003"),
        ("null origin", "POST", "/echo", {**JSON, "origin": "null"}, "A003"),
        ("origin without port", "POST", "/echo", {**JSON, "origin": "http://127.0.0.1"}, "A003"),
        ("origin of another port", "POST", "/echo", {**JSON, "origin": "http://127.0.0.1:3000"}, "A003"),
        ("origin of another scheme", "POST", "/echo", {**JSON, "origin": f"https://127.0.0.1:{PORT}"}, "A003"),
        ("origin of another own name", "POST", "/echo", {**JSON, "origin": f"http://localhost:{PORT}"}, "A003"),
        ("origin with a suffix", "POST", "/echo", {**JSON, "origin": OWN + ".evil.example"}, "A003"),
        ("origin with a user", "POST", "/echo", {**JSON, "origin": f"http://127.0.0.1:{PORT}@evil.example"}, "A003"),
        ("origin with a path", "POST", "/echo", {**JSON, "origin": OWN + "/x"}, "A003"),
        ("empty origin", "POST", "/echo", {**JSON, "origin": ""}, "A003"),
        ("two origins in one", "POST", "/echo", {**JSON, "origin": f"{OWN}, https://evil.example"}, "A003"),
        ("cross-site picture", "GET", "/view?filename=a.png", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, "A004"),
        ("same-site other port", "GET", "/settings", {"sec-fetch-site": "same-site"}, "A004"),
        ("cross-site frame of the page", "GET", "/", {**LINK, "sec-fetch-dest": "iframe"}, "A004"),
        ("cross-site script of the page", "GET", "/", {**LINK, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}, "A004"),
        ("link from elsewhere to data", "GET", "/settings", LINK, "A004"),
        ("link from elsewhere that posts", "POST", "/", {**LINK, **JSON}, "A004"),
        ("cross-site without Origin", "POST", "/echo", {**JSON, "sec-fetch-site": "cross-site"}, "A004"),
        ("unknown word", "GET", "/settings", {"sec-fetch-site": "SAME-ORIGIN"}, "A004"),
        ("own page's form", "POST", "/echo", {**PAGE, **FORM}, "A005"),
        ("own page's text", "POST", "/echo", {**PAGE, **TEXT}, "A005"),
        ("cookie alone, text", "POST", "/echo", {**TEXT, "cookie": "a=1"}, "A005"),
        ("cookie alone, upload", "POST", "/upload/image", {"content-type": "multipart/form-data; boundary=x", "cookie": "a=1"}, "A005"),
        ("JSON in name only", "POST", "/echo", {"content-type": "application/jsonx", "cookie": "a=1"}, "A005"),
        ("preflight", "OPTIONS", "/echo", {"origin": "https://evil.example", "access-control-request-method": "POST", "access-control-request-private-network": "true"}, "A003"),
        ("foreign DELETE", "DELETE", "/userdata/a", {"origin": "https://evil.example"}, "A003"),
        ("foreign PATCH", "PATCH", "/internal/logs/subscribe", {"origin": "null", **JSON}, "A003"),
        ("an address that does not exist", "GET", "/nothing", {"origin": "null"}, "A003"),
        ("through a proxy", "GET", "/settings", {"x-forwarded-for": "203.0.113.5"}, "A001"),
    ],
)  # fmt: skip
def test_who_is_turned_away(send, name, method, path, headers, code):
    answer = send(LOCAL, method, path, headers, b"{}" if method in ("POST", "PATCH") else None)
    assert answer.json()["error"]["code"] == code
    assert answer.status_code == (401 if code == "A001" else 403)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
def test_own_addresses(send, host):
    assert send(LOCAL, host=host).status_code != 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"127.0.0.1.evil.example:{PORT}",
        f"localhost.:{PORT}", f"192.168.1.5:{PORT}", f"user@127.0.0.1:{PORT}", f"127.0.0.1:{PORT}:{PORT}", f"127.0.0.1:0{PORT}x",
        f"127.0.0.1%00.evil:{PORT}", "0", "", f"2130706433:{PORT}", f"0x7f.1:{PORT}", f"[::ffff:127.0.0.1]:{PORT}", "8188", f":{PORT}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/settings", "/view?filename=a", "/nothing"])
def test_other_hosts_are_refused_on_every_path(send, host, path):
    """DNS bound anew to this machine names another host; no name is resolved to find that out."""
    answer = send(LOCAL, path=path, host=host)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "A002")


def test_names_that_the_owner_allows(send):
    bearer = {"authorization": f"Bearer {TOKEN}"}
    for host in (f"studio.lan:{PORT}", "studio.example", "studio.example:443", "box:9000", f"192.168.1.5:{PORT}", f"[fe80::1]:{PORT}"):
        assert send(PUBLIC, path="/settings", headers=bearer, host=host).status_code == 200, host
    for host in ("studio.lan", "studio.lan:9000", f"studio.example:{PORT}", "box", f"other:{PORT}", "192.168.1.5"):
        assert send(PUBLIC, path="/settings", headers=bearer, host=host).status_code == 403, host
    page = {**bearer, "sec-fetch-site": "same-origin"}
    assert send(PUBLIC, path="/settings", headers={**page, "origin": "https://studio.example"}, host="studio.example").status_code == 200
    assert send(PUBLIC, path="/settings", headers={**page, "origin": "http://studio.example"}, host="studio.example").status_code == 403


@pytest.mark.parametrize("policy", [ASKING, PUBLIC])
@pytest.mark.parametrize("path", ["/", "/settings", "/nothing", "/api/view?filename=a.png"])
def test_the_token_is_asked_of_everybody(send, policy, path):
    for headers in ({}, PAGE, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}, {"cookie": f"latentloom-{PORT}=wrong"}, {"cookie": f"other={cookie_value(TOKEN)}"}, {"authorization": "Bearer"}, {"authorization": b"Bearer \xff\xfe"}):
        answer = send(policy, path=path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "A001")
        assert TOKEN not in answer.text
    for headers in ({"authorization": f"Bearer {TOKEN}"}, {"authorization": f"bearer  {TOKEN}"}, {"cookie": f"a=1; latentloom-{PORT}={cookie_value(TOKEN)}"}):
        assert send(policy, path=path, headers=headers).status_code in (200, 404)


def test_a_script_may_put_the_token_into_the_address(send):
    assert send(ASKING, path=f"/settings?token={TOKEN}").status_code == 200
    assert send(ASKING, path="/settings?token=wrong").status_code == 401


@pytest.mark.parametrize("headers", [{"accept": "text/html,*/*"}, {**LINK, "sec-fetch-site": "none"}])
def test_a_browser_gets_a_cookie_for_the_token_in_its_address(send, headers):
    answer = send(ASKING, path=f"/?a=1&token={TOKEN}&b=%20x", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?a=1&b=%20x")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"latentloom-{PORT}={cookie_value(TOKEN)};")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
    kept = {"cookie": cookie.partition(";")[0]}
    assert send(ASKING, path="/", headers={**headers, **kept}).status_code == 200
    wrong = send(ASKING, path="/?token=wrong", headers=headers)
    assert wrong.status_code == 401 and "set-cookie" not in wrong.headers


@pytest.mark.parametrize("path", ["//evil.example/", "/%5Cevil.example/", "/%2F%2Fevil.example", "/\\evil.example", "/%0D%0ASet-Cookie:a=b"])
def test_the_redirect_leads_nowhere_else(send, path):
    answer = send(ASKING, path=f"{path}?token={TOKEN}", headers={"accept": "text/html"})
    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/")
        assert answer.headers["location"][1:2] not in ("/", "\\")
        assert answer.headers.get_list("set-cookie")[0].startswith("latentloom-")
    else:
        assert answer.status_code == 400


def test_the_token_is_out_of_the_request_before_anything_logs_it():
    seen = []

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        seen.append(scope["query_string"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    TestClient(Gate(app, ASKING), base_url=OWN).get(f"/?a=1&%74oken={TOKEN}&TOKEN={TOKEN}")
    assert seen == [b"a=1"]


def test_websockets_pass_the_same_gate(tmp_path):
    app = application(FilesDesk(tmp_path), LOCAL)
    with TestClient(app, base_url=OWN) as client:
        for headers in ({}, {"origin": OWN}, {"origin": OWN, "sec-fetch-site": "same-origin", "sec-fetch-mode": "websocket"}):
            with client.websocket_connect(f"ws://127.0.0.1:{PORT}/ws", headers=headers) as socket:
                assert socket.receive_text() == "hello"
        for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:3000"}, {"sec-fetch-site": "cross-site"}, {"host": f"evil.example:{PORT}"}):
            with pytest.raises((WebSocketDisconnect, httpx.HTTPStatusError, RuntimeError)) as refused, client.websocket_connect(f"ws://127.0.0.1:{PORT}/ws", headers=headers):
                pass
            assert getattr(refused.value, "code", 1008) in (1000, 1008) or "403" in str(refused.value)


def test_security_headers_are_on_every_answer(send):
    for path, status in (("/", 200), ("/settings", 200), ("/nothing", 404), ("/view", 404)):
        answer = send(LOCAL, path=path)
        assert answer.status_code == status
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy and "frame-ancestors 'self'" in policy
        assert "object-src 'none'" in policy and "base-uri 'none'" in policy and "unsafe-eval" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "arguments, code",
    [
        (("0.0.0.0", PORT), "A012"),
        (("192.168.1.5", PORT), "A012"),
        (("studio.lan", PORT), "A012"),
        (("", PORT), "A012"),
        (("127.0.0.1", PORT, (), None, True), "A012"),
        (("127.0.0.1", PORT, (), "short"), "A010"),
        (("127.0.0.1", PORT, ("http://a/b",)), "A013"),
        (("127.0.0.1", PORT, ("ftp://a",)), "A013"),
        (("127.0.0.1", PORT, ("*",)), "A013"),
    ],
)
def test_a_policy_that_would_let_everybody_in_is_refused(arguments, code):
    with pytest.raises(UserError) as refused:
        Policy(*arguments)
    assert refused.value.code == code


def test_addresses():
    assert [is_loopback(name) for name in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost")] == [True] * 5
    assert [is_loopback(name) for name in ("", "0.0.0.0", "::", "10.0.0.1", "localhost.evil.example")] == [False] * 5
    assert parse_origin("http://A.example") == Site("http", "a.example", 80)
    assert parse_origin("https://[::1]:8188") == Site("https", "[::1]", 8188)
    for text in ("null", "", "file://", "http://", "http://a:b", "http://a b", "javascript:1", "http://a:99999999"):
        assert parse_origin(text) is None


def test_the_gate_resolves_no_name(monkeypatch, send):
    import socket

    def never(*_arguments, **_named):
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(socket, "gethostbyname", never)
    assert send(LOCAL, host=f"evil.example:{PORT}").status_code == 403


def test_a_bug_of_ours_tells_no_token(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    app = application(FilesDesk(tmp_path), ASKING)
    with TestClient(app, base_url=OWN, raise_server_exceptions=False) as client:
        answer = client.get(f"/bug?token={TOKEN}", headers={"referer": f"{OWN}/?token={TOKEN}"})
    assert answer.status_code == 500
    assert TOKEN not in answer.text
    assert "Traceback" not in answer.text
