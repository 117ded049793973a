"""Files that are there whole or not at all."""

import os
import stat

import pytest

from latentloom.engine.durable import replace_file


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
