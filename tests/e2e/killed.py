"""A Chromium that can be killed, and a witness who knows what its documents held at each moment.

The browser is a process group of our own with a profile that outlives it. The witness listens in this process; the page
tells it of every change, and waits for its answer, before it does anything else with the change. So every state that
could have been kept is known here, with its time. Knows documents by their ids only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STARTS_WITHIN = 30.0
# What a document holds, in 53 bits: its text with sorted keys, and how many steps may be undone and redone.
STATE = """
const sorted = value => Array.isArray(value) ? value.map(sorted)
  : value && typeof value === "object"
    ? Object.fromEntries(Object.keys(value).sort().map(key => [key, sorted(value[key])])) : value;
const digest = text => {
  let one = 0xdeadbeef, other = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    one = Math.imul(one ^ code, 2654435761);
    other = Math.imul(other ^ code, 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909);
  other = Math.imul(other ^ (other >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return 4294967296 * (2097151 & other) + (one >>> 0);
};
const stateOf = open => ({
  id: open.id, doc: digest(JSON.stringify(sorted(open.doc))), past: open.past.length, future: open.future.length,
  edits: open.edits, readOnly: open.readOnly,
});
"""
STATES = f"() => {{ {STATE} return Object.values(window.__latentloom.docs.getState().byId).map(stateOf); }}"
WATCH = f"""address => {{ {STATE}
  const tell = open => {{
    const request = new XMLHttpRequest();
    request.open("POST", address, false);
    request.send(JSON.stringify({{ ...stateOf(open), at: Date.now() / 1000 }}));
  }};
  const {{ docs }} = window.__latentloom;
  Object.values(docs.getState().byId).forEach(tell);
  docs.subscribe((state, before) => {{
    for (const [id, open] of Object.entries(state.byId)) {{
      const old = before.byId[id];
      if (old === undefined || old.doc !== open.doc || old.past !== open.past || old.future !== open.future) tell(open);
    }}
  }});
}}"""


@dataclass(frozen=True)
class State:
    """What a document held. `doc` is a digest of its content."""

    doc: int
    past: int
    future: int


@dataclass(frozen=True)
class Seen:
    """A state, and when it came to be (epoch seconds)."""

    state: State
    at: float


def state_of(record: dict[str, Any]) -> State:
    """Return the state that a page told of."""
    return State(record["doc"], record["past"], record["future"])


class Witness:
    """All states of all documents, in their order. An address for pages, open while the `with` lasts."""

    def __init__(self) -> None:
        self.states: dict[str, list[Seen]] = {}
        witness = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                record = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                witness.states.setdefault(record["id"], []).append(Seen(state_of(record), record["at"]))
                self.send_response(204)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A browser that was killed in the middle of a word is what these tests are about."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def __enter__(self) -> Witness:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def missing(self, document: str, found: State | None, killed: float) -> float:
        """Return how long before a kill the oldest edit was made that is missing now; 0 when none is.

        `found` is what the document came back as, None if it is gone. Fails when it was never like that.
        """
        told = self.states[document]
        held = [place for place, seen in enumerate(told) if seen.state == found]
        assert held or found is None, f"{document} came back as {found}, which it never was; the last: {told[-5:]}"
        after = held[-1] + 1 if held else 0
        return max(0.0, killed - told[after].at) if after < len(told) else 0.0


class KillableBrowser:
    """One life of a Chromium on a profile. `kill` ends it at once, as a power cut would end all its processes."""

    def __init__(self, chromium: str, profile: Path, flags: list[str]) -> None:
        self.profile = profile
        self.port_file = profile / "DevToolsActivePort"
        self.port_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [chromium, *flags, "--headless=new", "--remote-debugging-port=0", "--hide-crash-restore-bubble",
             f"--user-data-dir={profile}", "--window-size=1280,800", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.killed: float | None = None

    def address(self) -> str:
        """Wait until it can be talked to; return where."""
        end = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < end:
            lines = self.port_file.read_text().splitlines() if self.port_file.exists() else []
            if len(lines) >= 2:
                return f"http://127.0.0.1:{lines[0]}"
            assert self.process.poll() is None, f"Chromium ended with {self.process.returncode}"
            time.sleep(0.02)
        raise AssertionError("Chromium did not start")

    def kill(self) -> float:
        """kill -9 to all its processes; return when."""
        if self.killed is None:
            self.killed = time.time()
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        return self.killed

    def kill_after(self, seconds: float) -> threading.Timer:
        """Kill it from another thread after a while."""
        timer = threading.Timer(seconds, self.kill)
        timer.daemon = True
        timer.start()
        return timer


@contextmanager
def started(chromium: str, profile: Path, flags: list[str]) -> Iterator[KillableBrowser]:
    """Start a browser on a profile; it is dead afterwards, whatever happened."""
    browser = KillableBrowser(chromium, profile, flags)
    try:
        yield browser
    finally:
        browser.kill()
