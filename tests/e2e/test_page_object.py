"""The page object that journeys use: nodes found and wired, values given, a run followed to its end, all as a user does."""


def test_a_graph_of_two_nodes_runs(editor, server):
    number = editor.add_node("ProbeNumber")
    show = editor.add_node("ProbeShow")
    assert editor.nodes() == [number, show] and editor.nodes("ProbeShow") == [show]
    editor.connect(number, 0, show, "value")
    editor.set_value(number, "value", 7)
    assert editor.value(number, "value") == 7
    job = editor.run()
    editor.wait_done(job)
    editor.until(lambda: editor.run_state(show) == "done")
    status, told = server.ask(f"/api/loom/jobs/{job}")
    assert status == 200 and "7" in str(told)


def test_nodes_are_added_by_keys_and_selected_by_mouse(editor):
    first = editor.add_node("ProbeNumber", keys=True)
    second = editor.add_node("ProbeAdd")
    editor.select(first, second)
    editor.press("Delete")
    assert editor.nodes() == []


def test_what_was_done_is_there_after_a_reload(editor):
    number = editor.add_node("ProbeNumber")
    editor.set_value(number, "value", 12)
    editor.wait_saved()
    editor.reload()
    assert editor.nodes() == [number] and editor.value(number, "value") == 12
    editor.canvas.focus()
    editor.press("Control+z")
    assert editor.value(number, "value") != 12


def test_panels_open(editor):
    assert editor.panel("queue").is_visible()
    assert editor.panel("settings").is_visible()
