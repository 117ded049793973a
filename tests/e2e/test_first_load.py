"""What the browser really fetches before the editor can be used: how many requests, and how many bytes as gzip."""

import gzip

import pytest
from editor_page import Editor

FIRST_LOAD = 250_000
REQUESTS = 8
# The graph is painted, its sockets can be clicked, and the server's events come.
USABLE = """() => {
  const socket = document.querySelector("[data-node] [data-socket]");
  if (socket === null || window.__latentloom?.runs.getState().connection !== "open") return false;
  const { x, y, width, height } = socket.getBoundingClientRect();
  const hit = document.elementFromPoint(x + width / 2, y + height / 2);
  return hit !== null && socket.contains(hit) && performance.now();
}"""
BEGUN = """() => window.__latentloom?.runs.getState().connection === "open"
  && document.querySelector("[data-first-run] [data-template]") !== null && performance.now()"""
FETCHED = """until => performance.getEntriesByType("resource").filter(({ startTime }) => startTime < until).map(({ name }) => name)"""


def small(body):
    """Return how many bytes gzip sends."""
    return min(len(body), len(gzip.compress(body, 6))) if len(body) >= 1024 else len(body)


# The page itself, its script and style, what follows the runs, node types, the events, the queue; then what is shown.
@pytest.mark.parametrize(("address", "usable"), [("/?template=txt2img&test", USABLE), ("/?test", BEGUN)])
def test_the_first_load(page, server, address, usable):
    answers, sockets = {}, []
    page.on("response", lambda answer: answers.setdefault(answer.url, answer))
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(server.url + address)
    ready = page.wait_for_function(usable).json_value()
    fetched = [url for url in page.evaluate(FETCHED, ready) if not url.endswith("/picture")]
    sizes = {url.removeprefix(server.url): small(answers[url].body()) for url in fetched if url in answers}
    sizes["/"] = small(next(iter(answers.values())).body())
    print(f"{address}: {len(sizes) + len(sockets)} requests, {sum(sizes.values())} bytes, {ready:.0f} ms: {sizes}")
    assert len([name for name in sizes if name.endswith(".js")]) == 2 and "/api/loom/types" in sizes
    assert len(sockets) == 1 and len(sizes) + len(sockets) <= REQUESTS, sizes
    assert sum(sizes.values()) <= FIRST_LOAD, sizes


def test_a_second_load_fetches_no_file_again(page, server):
    page.goto(server.url + "/?test")
    page.wait_for_function("() => window.__latentloom?.types.getState().state === 'ready'")
    page.wait_for_load_state("networkidle")
    fetched = []
    page.on("requestfinished", lambda request: fetched.append((request.url, request.sizes()["responseBodySize"])))
    page.reload()
    page.wait_for_function("() => window.__latentloom?.types.getState().state === 'ready'")
    page.wait_for_load_state("networkidle")
    assert [(url, size) for url, size in fetched if "/assets/" in url and size > 0] == []  # less: cached


def test_a_template_in_the_address_is_opened_once(server, page):
    editor = Editor(page, server).open("/?template=txt2img&test")
    page.locator("[data-node]").first.wait_for()
    assert "template" not in page.url and len(editor.state("docs")["order"]) == 1
    editor.reload()
    page.locator("[data-node]").first.wait_for()
    assert len(editor.state("docs")["order"]) == 1


def test_a_template_that_is_not_there_is_told(server, page, faults):
    faults.allow("404")
    Editor(page, server).open("/?template=none&test", empty=False)
    page.locator("[data-toast]").wait_for()
    assert page.locator("[data-first-run]").is_visible()
