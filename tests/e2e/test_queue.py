"""The queue in the browser: order, cancelling, holding, editing, comparing, pausing, clearing, history, and errors.

Jobs that wait do so behind a long one, so that nothing here hangs on speed.
"""

import json

import pytest
from serving import chain

DONE = ("done", "failed", "cancelled")


def jobs(server):
    """Return the server's open jobs in the order in which they will run, and the ended ones."""
    _, queue = server.ask("/api/loom/queue")
    return queue


def order(panel, state="pending"):
    """Return the ids of the rows of jobs in one state, from the top."""
    return panel.locator(f'[data-job][data-state="{state}"]').evaluate_all(
        """rows => rows.map(row => [row.getBoundingClientRect().top, row.dataset.job])
          .sort((one, other) => one[0] - other[0]).map(([, id]) => id)"""
    )


def until_order(editor, panel, wanted, state="pending"):
    """Wait until the rows of jobs in a state are these, in this order."""
    editor.page.wait_for_function(
        """([panel, state, wanted]) => {
          const rows = [...panel.querySelectorAll(`[data-job][data-state="${state}"]`)];
          rows.sort((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top);
          return JSON.stringify(rows.map(row => row.dataset.job)) === JSON.stringify(wanted);
        }""",
        arg=[panel.element_handle(), state, wanted],
    )


def until_state(editor, job, *states):
    editor.page.wait_for_function(
        "([id, states]) => states.includes(window.__latentloom.runs.getState().jobs[id]?.state)",
        arg=[job, list(states)],
    )


def row(panel, job):
    return panel.locator(f'[data-job="{job}"]')


def act(editor, panel, job, label):
    """Choose from the menu of a job's row."""
    row(panel, job).locator("[aria-haspopup=menu]").click()
    editor.page.locator("[data-menu]").get_by_role("menuitem", name=label, exact=True).click()


def server_state(server, job):
    return server.ask(f"/api/loom/jobs/{job}")[1]["job"]["state"]


def cancel_all(server):
    """End all that waits or runs."""
    _, told = server.ask("/api/loom/jobs?state=pending,running")
    if told["jobs"]:
        server.ask("/api/loom/queue", {"pause": "no", "cancel": {"ids": [job["id"] for job in told["jobs"]]}}, "POST")
    server.ask("/api/loom/queue", {"pause": "no"}, "POST")


@pytest.fixture(autouse=True)
def empty_queue(server):
    """No job of another test waits, runs or is remembered."""
    cancel_all(server)
    server.ask("/api/loom/jobs?state=done,failed,cancelled", method="DELETE")
    yield
    cancel_all(server)


def queue(editor):
    """Send the workflow; return the job's id. Its nodes go on showing the job that runs."""
    before = set(editor.state("runs")["jobs"])
    editor.canvas.focus()
    editor.press("Control+Enter")
    editor.page.wait_for_function(
        "before => Object.keys(window.__latentloom.runs.getState().jobs).some(id => !before.includes(id))",
        arg=list(before),
    )
    (job,) = set(editor.state("runs")["jobs"]) - before
    return job


@pytest.fixture
def graph(editor):
    """A number that is shown after a while."""
    number = editor.add_node("ProbeNumber", at=(380, 200))
    sleep = editor.add_node("ProbeSleep", at=(660, 200))
    show = editor.add_node("ProbeShow", at=(940, 200))
    editor.connect(number, 0, sleep, "value")
    editor.connect(sleep, 0, show, "value")
    editor.set_value(sleep, "milliseconds", 10)
    return number, sleep, show


@pytest.fixture
def waiting(editor, graph, server):
    """Four jobs that wait, with the numbers 1 to 4, behind one that takes its time; and the panel."""
    number, sleep, _ = graph
    editor.set_value(sleep, "milliseconds", 600000)
    blocker = queue(editor)
    until_state(editor, blocker, "running")
    editor.set_value(sleep, "milliseconds", 10)
    ids = []
    for value in (1, 2, 3, 4):
        editor.set_value(number, "value", value)
        ids.append(queue(editor))
    panel = editor.panel("queue")
    until_order(editor, panel, ids)
    assert order(panel, "running") == [blocker]
    return panel, blocker, ids


def test_the_order_is_changed_by_mouse_and_by_keys(editor, server, waiting):
    panel, blocker, (one, two, three, four) = waiting
    handle = editor.center(panel.locator(".job-draggable", has=row(editor.page, four)).locator(".job-handle"))
    height = row(panel, two).bounding_box()["y"] - row(panel, one).bounding_box()["y"]
    editor.drag(handle, (handle[0], handle[1] - 2 * height))
    until_order(editor, panel, [one, four, two, three])
    panel.locator("li.virtual-row", has=row(editor.page, three)).focus()
    editor.press("Alt+ArrowUp")
    until_order(editor, panel, [one, four, three, two])
    act(editor, panel, two, "Run first")
    until_order(editor, panel, [two, one, four, three])
    server.ask("/api/loom/queue", {"cancel": {"ids": [blocker]}}, "POST")
    for job in (one, two, three, four):
        editor.wait_done(job)
    ended = {job: editor.state("runs")["jobs"][job]["ended"] for job in (one, two, three, four)}
    assert sorted(ended, key=ended.get) == [two, one, four, three]


def test_one_a_range_and_all_are_cancelled(editor, server, waiting):
    panel, blocker, (one, two, three, four) = waiting
    act(editor, panel, two, "Cancel")
    until_order(editor, panel, [one, three, four])
    editor.wait_done(two, expected="cancelled")

    row(panel, three).get_by_role("checkbox").click()
    row(panel, four).get_by_role("checkbox").click(modifiers=["Shift"])
    panel.locator("[data-action=cancel]").click()
    until_order(editor, panel, [one])
    assert [server_state(server, job) for job in (one, two, three, four)] == [
        "pending", "cancelled", "cancelled", "cancelled",
    ]  # fmt: skip

    # All that wait: can be taken back; what runs goes on.
    panel.locator("[data-action=cancel-all]").click()
    until_order(editor, panel, [])
    editor.until(lambda: server_state(server, one) == "cancelled" and server_state(server, blocker) == "running")
    editor.page.locator("[data-toast]").get_by_role("button", name="Undo").click()
    editor.page.wait_for_function("() => document.querySelectorAll('[data-job][data-state=pending]').length === 1")
    (again,) = order(panel)
    _, told = server.ask(f"/api/loom/jobs/{again}")
    assert [
        node["inputs"]["value"] for node in told["job"]["graph"].values() if node["class_type"] == "ProbeNumber"
    ] == [1]

    panel.locator('[data-command="run.interrupt"]').click()
    editor.wait_done(blocker, expected="cancelled")
    editor.wait_done(again)


def test_a_job_is_held_back_and_let_go(editor, server, waiting):
    panel, blocker, (one, two, *rest) = waiting
    act(editor, panel, one, "Hold back")
    panel.locator(f'[data-job="{one}"][data-held]').wait_for()
    server.ask("/api/loom/queue", {"cancel": {"ids": [blocker]}}, "POST")
    for job in (two, *rest):
        editor.wait_done(job)
    editor.until(lambda: server_state(server, one) == "pending" and order(panel) == [one])
    act(editor, panel, one, "Let it run")
    editor.wait_done(one)


def test_a_job_is_opened_edited_and_queued_again(editor, server, graph):
    number, _, show = graph
    editor.set_value(number, "value", 11)
    first = editor.run()
    editor.wait_done(first)
    before = editor.opened()["id"]
    editor.set_value(number, "value", 12)
    panel = editor.panel("queue")
    row(panel, first).locator(".job-main").click()
    editor.page.locator("[data-tab]").nth(1).wait_for()
    assert editor.opened()["id"] != before and editor.value(number, "value") == 11
    # It shows what that run made, and the other tab keeps its change.
    editor.node(show).get_by_text("11", exact=True).wait_for()
    editor.until(lambda: editor.run_state(show) == "done")
    editor.set_value(number, "value", 13)
    editor.canvas.focus()
    second = editor.run()
    editor.wait_done(second)
    editor.node(show).get_by_text("13", exact=True).wait_for()
    editor.page.locator(f'[data-tab="{before}"] .tab-title').click()
    assert editor.value(number, "value") == 12

    # What differs between the two runs.
    for job in (second, first):
        row(panel, job).get_by_role("checkbox").click()
    panel.locator("[data-action=diff]").click()
    dialog = editor.page.locator("[data-dialog=diff]")
    dialog.locator("td.now").wait_for()
    editor.until(lambda: dialog.locator("tbody tr").count() == 1)
    editor.until(lambda: [dialog.locator(f"td.{side}").inner_text() for side in ("was", "now")] == ["11", "13"])


def test_the_queue_pauses_and_goes_on(editor, server, graph):
    panel = editor.panel("queue")
    panel.locator('[data-command="queue.pause"]').click()
    panel.locator('[data-command="queue.pause"][aria-pressed=true]').wait_for()
    job = queue(editor)
    until_order(editor, panel, [job])
    editor.until(lambda: jobs(server)["paused"] != "no" and server_state(server, job) == "pending")
    # A page that is opened meanwhile knows of it.
    editor.wait_saved()
    editor.reload()
    editor.panel("queue").locator('[data-command="queue.pause"][aria-pressed=true]').click()
    editor.wait_done(job)


def test_the_history_survives_a_reload_and_clearing_can_be_taken_back(editor, server, graph):
    number, *_ = graph
    done = []
    for value in (1, 2, 3):
        editor.set_value(number, "value", value)
        done.append(queue(editor))
        editor.wait_done(done[-1])
    editor.wait_saved()
    editor.reload()
    panel = editor.panel("queue")
    until_order(editor, panel, done[::-1], "done")
    editor.node(graph[2]).get_by_text("3", exact=True).wait_for()  # and what the last run made is on its node again

    panel.locator("[data-action=clear]").click()
    until_order(editor, panel, [], "done")
    editor.page.locator("[data-toast]").get_by_role("button", name="Undo").click()
    until_order(editor, panel, done[::-1], "done")
    editor.until(lambda: [server_state(server, job) for job in done] == ["done"] * 3)

    # One alone, then all; when the panel closes there is no way back, and the server has forgotten them.
    act(editor, panel, done[1], "Remove from history")
    until_order(editor, panel, [done[2], done[0]], "done")
    panel.locator("[data-action=clear]").click()
    until_order(editor, panel, [], "done")
    editor.command("panel.queue")
    for job in done:
        for _ in range(50):
            status, _told = server.ask(f"/api/loom/jobs/{job}")
            if status == 404:
                break
            editor.page.wait_for_timeout(100)
        assert status == 404, job


def open_graph(editor, graph):
    """Open an API graph as a file that is dropped would be."""
    from test_documents import drop

    drop(editor, "graph.json", "application/json", json.dumps(graph).encode())
    editor.page.wait_for_function(f"() => document.querySelectorAll('[data-node]').length === {len(graph)}")
    editor.canvas.focus()


def test_what_is_wrong_is_shown_at_the_input_before_the_run_and_mended_with_one_press(editor, server):
    graph = chain(3)
    graph["1"] = {"class_type": "ProbeSleep", "inputs": {"value": ["0", 0], "milliseconds": 700000}}
    open_graph(editor, graph)
    before = jobs(server)
    editor.press("Control+Enter")
    toast = editor.page.locator("[data-toast=error]")
    toast.wait_for()
    assert "600000" in toast.inner_text() and editor.selected() == ["1"]
    assert jobs(server) == before  # nothing was sent
    field = editor.widget("1", "milliseconds").locator("[aria-invalid=true]")
    field.wait_for()
    editor.page.wait_for_function("() => document.activeElement?.closest('[data-node]')?.dataset.node === '1'")
    editor.panel("inspector").locator("[data-fix=G003]").click()
    editor.until(lambda: editor.value("1", "milliseconds") == 600000)
    editor.page.locator("[data-problems]").wait_for(state="detached")
    editor.until(lambda: field.count() == 0)
    editor.set_value("1", "milliseconds", 10)
    editor.canvas.focus()
    editor.wait_done(editor.run())


def test_what_only_the_server_knows_is_shown_at_the_input_too(editor, server, faults):
    """A picture that was there when the page asked for the choices is gone when it is to be loaded."""
    faults.allow("400|404")
    name = "gone.png"
    folder = server.data / "input"
    pixel = "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(bytes.fromhex(pixel))
    (folder / "here.png").write_bytes(bytes.fromhex(pixel))
    editor.canvas.focus()
    editor.press("r")
    load = editor.add_node("LoadImage", at=(300, 200))
    preview = editor.add_node("PreviewImage", at=(700, 200))
    editor.connect(load, 0, preview, "images")
    editor.set_value(load, "image", name)
    (folder / name).unlink()
    editor.canvas.focus()
    editor.press("Control+Enter")
    editor.page.locator("[data-toast=error]").wait_for()
    (problem,) = editor.state("runs")["problems"][editor.opened()["id"]]
    assert (problem["node_id"], problem["input"]) == (load, "image")
    editor.widget(load, "image").locator("[aria-invalid=true]").wait_for()


def test_an_error_of_a_run_is_shown_at_the_input_that_it_names(editor, server):
    graph = chain(3, first=5)
    graph["1"] = {"class_type": "ProbeRefuse", "inputs": {"value": ["0", 0], "limit": 3}}
    open_graph(editor, graph)
    editor.wait_done(queue(editor), expected="failed")
    editor.widget("1", "limit").locator("[aria-invalid=true]").wait_for()
    editor.until(lambda: editor.node("1").locator("[aria-invalid=true]").count() == 1)
    trouble = editor.node("1").locator(".node-trouble")
    editor.until(lambda: "Set limit to 5 or more." in trouble.inner_text())
    trouble.click()
    assert "Set limit to 5 or more." in editor.panel("inspector").locator("[data-run=failed]").inner_text()
    editor.set_value("1", "limit", 5)
    editor.wait_done(queue(editor))
    editor.node("1").locator("[aria-invalid=true]").wait_for(state="detached")


def test_a_run_that_fails_says_at_which_node_and_why(editor, server):
    graph = chain(3)
    graph["1"] = {"class_type": "ProbeFail", "inputs": {"value": ["0", 0]}}
    open_graph(editor, graph)
    job = editor.run()
    ended = editor.wait_done(job, expected="failed")
    assert ended["error"]["node_id"] == "1"
    editor.until(lambda: editor.run_state("1") == "failed" and "no luck with 0" in editor.node("1").inner_text())
    editor.until(lambda: editor.run_state("2") in ("blocked", None))
    panel = editor.panel("queue")
    editor.until(lambda: "no luck with 0" in row(panel, job).inner_text())
    # Mended and tried again, the error is gone.
    editor.select("1")
    editor.canvas.focus()
    editor.press("Control+b")
    again = editor.run()
    editor.wait_done(again)
    editor.until(lambda: "no luck" not in editor.node("1").inner_text())
