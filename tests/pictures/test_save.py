"""New files: names, counters, never overwriting, never half-written, and what a kill leaves behind."""

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.pictures import save
from latentloom.engine.pictures.save import Place, place, publish

NOW = time.struct_time((2026, 3, 4, 5, 6, 7, 0, 63, 0))


def writes(text: str):
    return lambda path: path.write_text(text, encoding="utf-8")


def test_tokens(tmp_path):
    goal = place(tmp_path, "%year%/%month%-%day%/a_%width%x%height%_%hour%%minute%%second%", 64, 32, NOW)
    assert (goal.subfolder, goal.stem) == ("2026/03-04", "a_64x32_050607")
    assert goal.folder == (tmp_path / "2026" / "03-04").resolve()
    assert goal.folder.is_dir()


def test_a_plain_prefix_lies_in_the_root(tmp_path):
    goal = place(tmp_path, "ComfyUI")
    assert (goal.folder, goal.subfolder, goal.stem) == (tmp_path.resolve(), "", "ComfyUI")


@pytest.mark.parametrize("prefix", ["../x", "a/../../x", "/etc/x", "C:/x", "a/..", "", "a\x00b", "..\\x", "~/../../x"])
def test_a_prefix_that_leaves_the_folder_is_refused(tmp_path, prefix):
    root = tmp_path / "output"
    root.mkdir()
    with pytest.raises(UserError) as caught:
        place(root, prefix)
    assert caught.value.code == "F002"
    assert list(tmp_path.iterdir()) == [root]
    assert not list(root.iterdir())


def test_a_link_that_leads_out_is_refused(tmp_path):
    root, outside = tmp_path / "output", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    try:
        (root / "door").symlink_to(outside, target_is_directory=True)
    except OSError:
        pytest.skip("no links on this system")
    with pytest.raises(UserError):
        place(root, "door/x")
    assert not list(outside.iterdir())


def test_the_counter_goes_on_from_the_highest(tmp_path):
    goal = place(tmp_path, "cat")
    for name in ("cat_00007_.png", "cat_00003_.jpg", "cat_x_.png", "catalog_00099_.png", "cat_12_.png"):
        (tmp_path / name).write_text("old", encoding="utf-8")
    assert publish(goal, ".png", writes("new")) == "cat_00013_.png"
    assert publish(goal, ".png", writes("new")) == "cat_00014_.png"
    assert (tmp_path / "cat_12_.png").read_text(encoding="utf-8") == "old"


def test_the_batch_number_stands_in_the_name(tmp_path):
    goal = place(tmp_path, "a%batch_num%b")
    names = [publish(goal, ".png", writes("x"), number) for number in (0, 1, 2)]
    assert names == ["a0b_00001_.png", "a1b_00002_.png", "a2b_00003_.png"]


def test_a_failure_while_writing_leaves_nothing(tmp_path):
    def fails(path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        raise OSError(errno.ENOSPC, "disk full")

    with pytest.raises(OSError, match="disk full"):
        publish(place(tmp_path, "x"), ".png", fails)
    assert not list(tmp_path.iterdir())


def test_a_name_taken_in_the_last_moment_is_not_overwritten(tmp_path, monkeypatch):
    goal = place(tmp_path, "x")
    (tmp_path / "x_00001_.png").write_text("old", encoding="utf-8")
    monkeypatch.setattr(save, "_highest", lambda *_: 0)  # as seen just before the other one appeared
    assert publish(goal, ".png", writes("new")) == "x_00002_.png"
    assert (tmp_path / "x_00001_.png").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("links", [True, False])
def test_many_savers_at_once_get_a_name_each(tmp_path, monkeypatch, links):
    if not links:

        def refuses(*_: object) -> None:
            raise OSError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(os, "link", refuses)
    goal = place(tmp_path, "x")
    names: list[str] = []

    def work(number: int) -> None:
        names.extend(publish(goal, ".png", writes(f"{number}.{turn}")) for turn in range(5))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 20
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names), "no temporary file stays"
    assert len({path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}) == 20


CHILD = """
import sys
from pathlib import Path
import torch
from latentloom.engine.node.context import SilentContext
from latentloom.nodes.save_image import save_image

class Files:
    def directory(self, kind):
        return Path(sys.argv[1])

image = torch.rand(1, 3000, 3000, 3)
for _ in range(100):
    save_image(images=image, filename_prefix="x", context=SilentContext(Files()))
"""


def test_kill_in_the_middle_of_a_save_leaves_no_partial_picture(tmp_path):
    process = subprocess.Popen([sys.executable, "-P", "-c", CHILD, str(tmp_path)])
    deadline = time.monotonic() + 60
    caught = False
    while not caught and time.monotonic() < deadline and process.poll() is None:
        caught = any(_size(path) > 0 for path in tmp_path.glob("*.part"))
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert caught, "the save was never seen half-way"
    assert not list(tmp_path.glob("*.png"))
    assert publish(Place(tmp_path, "", "x"), ".png", writes("whole")) == "x_00001_.png"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
