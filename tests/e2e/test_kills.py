"""kill -9 to the whole browser at random moments, over and over on one profile, while somebody edits in haste.

After each start every document must be as it was at some moment, with no edit missing that was older than 200 ms at the
kill; undo then leads to a state that was there before, and redo back. `make soak` kills a hundred times.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
from browser_flags import FLAGS
from killed import STATES, WATCH, KillableBrowser, State, Witness, started, state_of
from playwright.sync_api import Error

PATIENCE = 0.2
MOST_NODES = 40
MOST_UNDO = 1000
LONGEST_LIFE = 2.5  # seconds of work
KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Control+m", "Control+b", "Alt+c", "p", "Control+g", "Control+z", "Control+z", "Control+y", "Control+y", "Alt+d", "Alt+d", "Delete", "Control+Shift+e", "Control+Shift+f"]
# Selects some nodes of the layer without an edit, and gives the canvas the keys.
SELECT = """count => {
  const { docs, ui } = window.__latentloom;
  const id = docs.getState().active;
  const ids = Object.keys(docs.getState().byId[id].doc.root.nodes).sort(() => Math.random() - 0.5).slice(0, count);
  ui.setState({ path: { [id]: [] }, selection: { [id]: ids.map(node => ({ kind: "node", id: node })) } });
  document.querySelector("[data-canvas]").focus();
  return Object.keys(docs.getState().byId[id].doc.root.nodes).length;
}"""
# The page is drawn once the documents are back.
READY = "window.__latentloom?.types.getState().state === 'ready' && document.querySelector('main') !== null"
HAS_CANVAS = "document.querySelector('[data-canvas]') !== null"


class Hasty:
    """Somebody who edits without a pause: keys, the mouse, typing; as the seed wills."""

    def __init__(self, page: Any, chance: random.Random) -> None:
        self.page = page
        self.chance = chance

    def work(self) -> None:
        """Go on until the browser is gone."""
        while True:
            self.chance.choices([self.keys, self.all, self.type, self.drag], [10, 1, 2, 2])[0]()

    def keys(self) -> None:
        count = self.page.evaluate(SELECT, self.chance.choice([1, 1, 2, 4]))
        for _ in range(self.chance.randrange(1, 6)):
            key = self.chance.choice(KEYS)
            self.page.keyboard.press("Delete" if key == "Alt+d" and count > MOST_NODES else key)

    def all(self) -> None:
        """Edit everything at once: an entry that is long."""
        count = self.page.evaluate(SELECT, 1000)
        self.page.keyboard.press(self.chance.choice(["ArrowDown", "Alt+c", "Alt+d" if count * 2 < MOST_NODES else "Control+m"]))

    def type(self) -> None:
        fields = self.page.locator("[data-canvas] [data-widget] textarea:visible")
        if fields.count():
            fields.first.focus()
            self.page.keyboard.type("".join(self.chance.choices("abc de", k=self.chance.randrange(1, 20))))

    def drag(self) -> None:
        x, y = self.chance.randrange(200, 1000), self.chance.randrange(150, 600)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + self.chance.randrange(-200, 200), y + self.chance.randrange(-100, 100), steps=4)
        self.page.mouse.up()


class Lives:
    """One profile's browsers, one after the other, each killed while it is worked with."""

    def __init__(self, playwright: Any, server: Any, faults: Any, witness: Witness, chance: random.Random) -> None:
        self.playwright, self.server, self.faults = playwright, server, faults
        self.witness = witness
        self.chance = chance
        self.killed: float | None = None  # when the last browser died in which something could be edited
        self.missing: list[float] = []

    def run(self, times: int, chromium: str, profile: Path) -> None:
        """Kill so many browsers; look at the end at what the last one left."""
        for life in range(times + 1):
            with started(chromium, profile, FLAGS) as browser:
                self.live(browser, is_last=life == times)
            states = sum(len(told) for told in self.witness.states.values())
            print(f"life {life}: {states} states; missing at most {max(self.missing, default=0) * 1000:.0f} ms", flush=True)

    def live(self, browser: KillableBrowser, is_last: bool) -> None:
        """Look at what the browser before this one left, and work until this one is killed; the last is not."""
        address = browser.address()
        is_early = not is_last and self.killed is not None and self.chance.random() < 0.15
        if is_early:  # while it starts: nothing was edited, and nothing may be lost by it
            browser.kill_after(self.chance.uniform(0, 1.5))
        is_watched = False
        try:
            page = self.open(address)
            if self.killed is not None:
                self.check(page)
            page.evaluate(WATCH, self.witness.address)
            is_watched = True
            if self.killed is None:
                page.keyboard.press("Control+d")
                page.wait_for_function(HAS_CANVAS)
            self.check_undo(page)
            if is_last:
                self.check_start(page)
                return
            if not is_early:
                browser.kill_after(self.chance.uniform(0.05, LONGEST_LIFE))
            Hasty(page, self.chance).work()
        except Error:
            if browser.killed is None:
                raise
        if is_watched:
            self.killed = browser.kill()

    def open(self, address: str) -> Any:
        """Open the editor in the one tab of a browser; its content policy lets it talk to the witness."""
        context = self.playwright.chromium.connect_over_cdp(address).contexts[0]
        context.set_default_timeout(20_000)
        page = context.pages[0]
        self.faults.watch(page)
        context.new_cdp_session(page).send("Page.setBypassCSP", {"enabled": True})
        page.goto(f"{self.server.url}/?test")
        page.wait_for_function(READY)
        return page

    def check(self, page: Any) -> None:
        """Compare what the page brought back with what the witness saw."""
        assert self.killed is not None
        found = {record["id"]: record for record in page.evaluate(STATES)}
        assert not any(record["readOnly"] for record in found.values()), "a dead browser still owns a document"
        for name in self.witness.states:
            state = state_of(found[name]) if name in found else None
            self.missing.append(self.witness.missing(name, state, self.killed))
            assert self.missing[-1] <= PATIENCE, f"an edit is missing that was made {self.missing[-1]:.3f} s before the kill"

    def check_undo(self, page: Any) -> None:
        """Undo leads to a state that was there before, and redo back to this one."""
        before = active(page)
        if before.past == 0:
            return
        undo(page, 1)
        undone = active(page)
        known = {seen.state.doc for states in self.witness.states.values() for seen in states[:-1]}
        assert undone.past == before.past - 1 and undone.doc in known, (before, undone)
        page.keyboard.press("Control+y")
        page.wait_for_function("past => Object.values(window.__latentloom.docs.getState().byId)[0].past.length === past", arg=before.past)
        assert active(page) == before

    def check_start(self, page: Any) -> None:
        """Undo to the end leads to the document as it was opened; unless more was done than undo keeps."""
        (states,) = self.witness.states.values()
        undo(page, 2000)
        assert active(page).past == 0
        if max(seen.state.past for seen in states) < MOST_UNDO:
            assert active(page).doc == states[0].state.doc
        print(f"{len(states)} states, {len(self.missing)} lives; missing at most {max(self.missing) * 1000:.0f} ms")


def active(page: Any) -> State:
    """Return the state of the document that is open."""
    (record,) = page.evaluate(STATES)
    return state_of(record)


def undo(page: Any, times: int) -> None:
    """Undo as often as can be, at most so often."""
    page.evaluate(
        """times => {
          const canvas = document.querySelector("[data-canvas]");
          const [open] = Object.values(window.__latentloom.docs.getState().byId);
          const key = { key: "z", code: "KeyZ", ctrlKey: true, bubbles: true, cancelable: true };
          canvas.focus();
          for (let left = Math.min(times, open.past.length); left > 0; left--) {
            canvas.dispatchEvent(new KeyboardEvent("keydown", key));
            canvas.dispatchEvent(new KeyboardEvent("keyup", key));
          }
        }""",
        times,
    )


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "times", [pytest.param(5, marks=pytest.mark.timeout(240)), pytest.param(100, marks=pytest.mark.soak)]
)
def test_no_edit_older_than_200_ms_is_lost(times, playwright, server, faults, chromium, tmp_path):
    seed = int(os.environ.get("KILL_SEED", "0")) or random.randrange(1, 2**31)
    print(f"KILL_SEED={seed}")
    with Witness() as witness:
        Lives(playwright, server, faults, witness, random.Random(seed)).run(times, chromium, tmp_path / "profile")
