"""What the browser really fetches before the editor can be used: how many requests, how many bytes, how long."""

import time

FIRST_LOAD = 250_000
REQUESTS = 8


def test_the_first_load(page, server):
    answers = []
    page.on("response", lambda answer: answers.append(answer))
    begun = time.perf_counter()
    page.goto(server.url + "/?test")
    page.wait_for_function("() => window.__latentloom?.types.getState().state === 'ready'")
    seconds = time.perf_counter() - begun
    page.wait_for_load_state("networkidle")
    sizes = {answer.url.removeprefix(server.url): answer.request.sizes()["responseBodySize"] for answer in answers}
    own = {name: size for name, size in sizes.items() if name.startswith(("/?", "/assets/"))}
    print(f"{len(sizes)} requests, {sum(own.values())} bytes of the editor, ready after {seconds:.2f} s: {sizes}")
    assert len(own) <= REQUESTS, own
    assert sum(own.values()) <= FIRST_LOAD, sizes
    assert not [name for name in sizes if name.endswith(".map")]


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
