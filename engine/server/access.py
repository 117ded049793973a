"""The one gate before routing: every method, file and websocket passes it or gets a 4xx that says why.

A request must name one of our addresses (Host), must come from our own page or from no page (Origin, Sec-Fetch-Site),
and must carry the token where one is asked for. Knows no route but the page itself and which paths take files.

Origin, Sec-Fetch-Site and Cookie mark a browser. Sec-Fetch-Mode alone does not: Node's fetch sends it, and no browser
sends it without Sec-Fetch-Site. From elsewhere a browser may only open the page "/" as a document of its own; what the
page then loads comes from our own origin. Marked requests that change something send JSON, or prove that they come from
our page and either have no body or go to a path that takes files.
"""

from __future__ import annotations

from urllib.parse import quote, unquote_plus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import LatentloomError, UserError, brief
from .limits import Exchange, check_head
from .policy import Policy, parse_origin
from .problems import problem_response
from .token import cookie_value, same

__all__ = ["Gate", "Policy"]

SAFE = ("GET", "HEAD", "OPTIONS")
# Bodies that are not JSON, or JSON that ComfyUI's page sends as text.
TAKES_FILES = ("/upload/", "/userdata/", "/settings", "/loom/open")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

_PAGE = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", _PAGE.encode("ascii")),
)


class Gate:
    """ASGI middleware around the whole application; see the module. Adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self._app = app
        self._policy = policy
        self._cookie = cookie_value(policy.token) if policy.token else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass or refuse it; a refused websocket is answered before it is accepted."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        send = _with_headers(send)
        given = _take_token(scope)  # first, so that nothing logged later has it
        exchange: Exchange | None = None
        try:
            if scope["type"] == "http":
                exchange = Exchange(scope, receive, send)
            check_head(scope, headers)
            self._check_sender(scope, headers)
            knows = self._check_token(headers, given)
            if given and self._policy.token and _opens_page(scope, headers):
                await self._redirect(scope, send, knows)
                return
            if exchange is None:
                await self._app(scope, receive, send)
            else:
                exchange.check_body()
                await self._app(scope, exchange.receive, exchange.send)
        except UserError as error:
            if exchange is None:
                await _refuse(scope, receive, send, error)
            elif exchange.started:
                raise
            else:
                await _refuse(scope, exchange.receive, exchange.send, error)

    def _check_sender(self, scope: Scope, headers: Headers) -> None:
        hosts = headers.getlist("host")
        sites = self._policy.answers_to(hosts[0]) if len(hosts) == 1 else frozenset()
        if not sites:
            got = brief(hosts[0] if len(hosts) == 1 else hosts)
            fix = "Use the address the server printed, or start it with --allow-host."
            raise UserError("A002", "Host header", "an address of this server", got, fix)
        origins = headers.getlist("origin")
        if origins and (len(origins) > 1 or parse_origin(origins[0]) not in sites):
            fix = "Open the server's own page; other pages may not use it."
            raise UserError("A003", "Origin header", "this server's own origin", brief(origins[0]), fix)
        fetched = headers.getlist("sec-fetch-site")
        foreign = [site for site in fetched if site not in ("same-origin", "none")]
        if foreign and not _opens_page(scope, headers, only="/"):
            fix = "Open the server's own page; other pages may not use it."
            raise UserError("A004", "Sec-Fetch-Site header", "same-origin or none", brief(foreign[0]), fix)
        if scope["type"] == "http" and scope["method"] not in SAFE:
            marked = bool(origins or fetched or headers.get("cookie"))
            if marked and not _is_json(headers):
                proven = bool(origins) or "same-origin" in fetched
                takes_files = scope["path"].removeprefix("/api").startswith(TAKES_FILES)
                if not proven or (_has_body(headers) and not takes_files):
                    got = brief(headers.get("content-type", "none"))
                    fix = "Send JSON as application/json; scripts leave cookies and Origin out."
                    raise UserError("A005", "Content-Type header", "application/json from a browser", got, fix)

    def _check_token(self, headers: Headers, given: list[str]) -> bool:
        """Return whether the request carries the right token. Raises: UserError A001 when it must and does not."""
        token = self._policy.token
        knows = token is not None and (
            any(same(text, token) for text in given)
            or any(same(text, token) for text in _bearer(headers))
            or any(same(text, self._cookie) for text in _cookies(headers, self._policy.cookie))
        )
        through = next((name for name in FORWARDED if name in headers), None)
        if not knows and (self._policy.asks_everybody or through):
            got = "none, through a proxy" if through and not self._policy.asks_everybody else "none or another"
            fix = 'Send "Authorization: Bearer TOKEN", or open the address with the token that the server printed.'
            raise UserError("A001", "token", "the server's token", got, fix)
        return knows

    async def _redirect(self, scope: Scope, send: Send, knows: bool) -> None:
        """Send the browser to the same page without the token in its address; the right one becomes a cookie."""
        query = scope["query_string"]
        place = "/" + quote(scope["path"].lstrip("/\\")) + (f"?{quote(query, safe='=&%+')}" if query else "")
        headers = [(b"location", place.encode("ascii")), (b"content-length", b"0"), (b"cache-control", b"no-store")]
        if knows:
            cookie = f"{self._policy.cookie}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"
            headers.append((b"set-cookie", cookie.encode("ascii")))
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _take_token(scope: Scope) -> list[str]:
    """Return the tokens of the query and take them out of the request, in place: what logs it has the same mapping."""
    kept, taken = [], []
    for part in scope["query_string"].split(b"&"):
        name, _, value = part.partition(b"=")
        if unquote_plus(name.decode("latin-1")).lower() == "token":
            taken.append(unquote_plus(value.decode("latin-1")))
        else:
            kept.append(part)
    if taken:
        scope["query_string"] = b"&".join(kept)
    return taken


def _opens_page(scope: Scope, headers: Headers, only: str = "") -> bool:
    """Tell whether somebody opens a page as a document of its own, neither in a frame nor from a script."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or (only and scope["path"] != only):
        return False
    if "sec-fetch-mode" in headers or "sec-fetch-site" in headers:
        return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    # By plain http off loopback browsers leave the marks out.
    return not only and "text/html" in headers.get("accept", "")


def _bearer(headers: Headers) -> list[str]:
    parts = (text.partition(" ") for text in headers.getlist("authorization"))
    return [token.strip() for scheme, _, token in parts if scheme.lower() == "bearer"]


def _cookies(headers: Headers, name: str) -> list[str]:
    pairs = (part.partition("=") for text in headers.getlist("cookie") for part in text.split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name]


def _is_json(headers: Headers) -> bool:
    kinds = headers.getlist("content-type")
    return len(kinds) == 1 and kinds[0].partition(";")[0].strip().lower() == "application/json"


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0").strip("0") != ""


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            present = {name.lower() for name, _ in message.get("headers", ())}
            added = [pair for pair in _HEADERS if pair[0] not in present]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return wrapped


async def _refuse(scope: Scope, receive: Receive, send: Send, error: LatentloomError) -> None:
    """Answer with the problem. A server that cannot answer a websocket's handshake closes it with 1008."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": error.code})
        return
    await problem_response(error)(scope, receive, send)
