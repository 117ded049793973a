"""The fixtures of this folder themselves: what a page does wrong is seen, and only what a test allows is let through."""

from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module")
def server():
    """No server is needed: the pages here are written by the tests."""
    return SimpleNamespace(url="http://127.0.0.1:9")


def misbehave(page):
    page.route("**/*", lambda route: route.fulfill(
        content_type="text/html",
        headers={"Content-Security-Policy": "default-src 'self'; script-src 'nonce-a'"},
        body="<script nonce=a>console.error('on the console'); setTimeout(() => { throw Error('an exception') })</script>"
        "<script>document.title = 'must not run'</script>",
    ))  # fmt: skip
    page.goto("http://127.0.0.1:9/")
    page.wait_for_timeout(100)


def test_every_fault_fails_the_test_unless_it_is_allowed(page, faults):
    misbehave(page)
    for sign in ("on the console", "an exception", "CSP: script-src"):
        with pytest.raises(AssertionError, match=sign):
            faults.check()
    faults.allow("on the console|an exception")
    with pytest.raises(AssertionError, match="CSP") as caught:
        faults.check()
    assert "an exception" not in str(caught.value)
    faults.allow("CSP|Content Security Policy")
    faults.check()


def test_contexts_are_apart(page, context):
    page.route("**/*", lambda route: route.fulfill(content_type="text/html", body="<title>here</title>"))
    page.goto("http://127.0.0.1:9/")
    assert page.evaluate("localStorage.length") == 0
    page.evaluate("localStorage.setItem('left', 'behind')")
    assert page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    other = context.browser.new_context()
    beside = other.new_page()
    beside.route("**/*", lambda route: route.fulfill(content_type="text/html", body="<title>here</title>"))
    beside.goto("http://127.0.0.1:9/")
    assert beside.evaluate("localStorage.length") == 0
    other.close()
