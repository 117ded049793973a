"""Files that are there whole or not at all."""

import os
import stat

import pytest

from latentloom.engine.durable import remove_leftovers, replace_file


def test_new_file_has_the_content_and_no_company(tmp_path):
    replace_file(tmp_path / "a.txt", lambda path: path.write_text("new"))
    assert (tmp_path / "a.txt").read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write(path):
        path.write_text("half")
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError):
        replace_file(target, write)
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits of this kind")
def test_private_partial_file_gets_the_usual_permissions(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()

    def write(path):
        path.write_text("x")
        path.chmod(0o600)

    replace_file(tmp_path / "a", write)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_only_old_leftovers_are_removed(tmp_path):
    (tmp_path / "sub").mkdir()
    names = [".a.txt.0123456789abcdef.part", "sub/.b.png.fedcba9876543210.part"]
    for name in [*names, ".young.0123456789abcdef.part", ".notes.part", "a.part", ".c.0123456789abcdeg.part"]:
        (tmp_path / name).write_text("x")
        if "young" not in name:
            os.utime(tmp_path / name, (1, 1))
    assert remove_leftovers(tmp_path) == 2
    assert not any((tmp_path / name).exists() for name in names)
    assert len(list(tmp_path.rglob("*.part"))) == 4
