"""The store and a plain dict are given the same changes and must agree after each."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from latentloom.engine.errors import EngineBug, UserError
from latentloom.engine.server.jobs import ENDED

from .stores import ids, opened, submission


class Against(RuleBasedStateMachine):
    """The store and a plain dict do the same."""

    names = st.integers(0, 7).map("j{}".format)

    def __init__(self):
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.folder = Path(self.place.name)
        self.loop = asyncio.Runner()
        self.store = opened(self.folder, pending_cap=6)
        self.model: dict[str, dict] = {}
        self.sequence = 0

    def teardown(self):
        self.store.close()
        self.loop.close()
        self.place.cleanup()

    def do(self, coroutine):
        try:
            return self.loop.run(coroutine)
        except (UserError, EngineBug) as error:
            return error.code

    def waiting(self):
        jobs = [(job["priority"], job["sequence"], name) for name, job in self.model.items() if job["state"] == "pending"]
        return [name for _, _, name in sorted(jobs)]

    def state(self, name):
        return self.model[name]["state"] if name in self.model else None

    def front(self):
        return min([0.0, *(self.model[name]["priority"] for name in self.waiting())]) - 1

    @rule(name=names, priority=st.integers(-3, 3), front=st.booleans(), held=st.booleans())
    def submit(self, name, priority, front, held):
        got = self.do(self.store.submit(submission(name, priority=priority, front=front, held=held)))
        if name in self.model:
            assert got == "J002"
        elif len(self.waiting()) >= 6:
            assert got == "J003"
        else:
            self.sequence += 1
            priority = self.front() if front else priority
            self.model[name] = dict(
                state="pending", priority=priority, held=held, attempts=0, sequence=self.sequence, title=""
            )

    @rule()
    def claim(self):
        got = self.do(self.store.claim("cpu"))
        free = [name for name in self.waiting() if not self.model[name]["held"]]
        assert (got.id if got else None) == (free[0] if free else None)
        if free:
            self.model[free[0]]["state"] = "running"

    @rule(name=names, state=st.sampled_from(sorted(ENDED)))
    def finish(self, name, state):
        got = self.do(self.store.finish(name, state))
        match self.state(name):
            case None:
                assert got == "J007"
            case "pending":
                assert got == "J009"
            case "running":
                self.model[name]["state"] = state
                assert got.state is state
            case _:
                assert got == "J004"

    @rule(name=names, attempt=st.booleans())
    def back(self, name, attempt):
        got = self.do(self.store.back_to_pending(name, attempt=attempt, reason="died"))
        if self.state(name) == "running":
            job = self.model[name]
            job["attempts"] += attempt
            job["state"] = "failed" if attempt and job["attempts"] == 2 else "pending"
            assert got.state == job["state"]
        else:
            assert got == {None: "J007", "pending": "J009"}.get(self.state(name), "J004")

    @rule(some=st.lists(names, max_size=4))
    def cancel(self, some):
        got = self.do(self.store.cancel_pending(some))
        wanted = [name for name in dict.fromkeys(some) if self.state(name) == "pending"]
        assert ids(got) == wanted
        for name in wanted:
            self.model[name].update(state="cancelled", held=False)

    @rule(name=names, priority=st.none() | st.integers(-5, 5), front=st.booleans())
    def reorder(self, name, priority, front):
        got = self.do(self.store.reorder(name, priority=priority, front=front))
        if self.state(name) == "pending":
            new = self.front() if front else priority
            if new is not None:
                self.model[name]["priority"] = new
        else:
            assert got == ("J007" if self.state(name) is None else "J005")

    @rule(name=names, title=st.none() | st.text(st.characters(exclude_categories=["Cs"])), held=st.none() | st.booleans())
    def edit(self, name, title, held):
        got = self.do(self.store.edit(name, title=title, held=held))
        if self.state(name) == "pending":
            self.model[name].update({} if title is None else {"title": title}, **({} if held is None else {"held": held}))
        else:
            assert got == ("J007" if self.state(name) is None else "J005")

    @rule(some=st.lists(names, max_size=4))
    def delete(self, some):
        got = self.do(self.store.delete(some))
        wanted = [name for name in dict.fromkeys(some) if self.state(name) in ENDED]
        assert got == wanted
        for name in wanted:
            del self.model[name]

    @precondition(lambda self: any(job["state"] == "running" for job in self.model.values()))
    @rule()
    def restart(self):
        self.store.close()
        self.store = opened(self.folder, pending_cap=6)
        back = {name for name, job in self.model.items() if job["state"] == "running"}
        assert {job.id for job in self.store.recover()} == back
        for name in back:
            self.model[name]["state"] = "pending"

    @invariant()
    def same(self):
        assert ids(self.store.pending()) == self.waiting()
        found = {job.id: job for job in self.store.find()}
        assert found.keys() == self.model.keys()
        for name, job in self.model.items():
            assert {key: getattr(found[name], key) for key in job} == job
            assert (found[name].ended is not None) == (job["state"] in ENDED)
        assert sum(self.store.counts().values()) == len(self.model)
        assert {job.id for job in self.store.ended()} == {name for name, job in self.model.items() if job["state"] in ENDED}


TestAgainst = Against.TestCase
TestAgainst.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
