"""The token: random, private, checked, compared, and never in a log."""

import logging
import os
import stat

import pytest

from latentloom.engine.errors import UserError
from latentloom.engine.server.token import Redact, cookie_value, load_or_make_token, redacted, same

TOKEN = "s3cret-" + "x" * 40


def test_a_token_is_made_once_and_kept(tmp_path):
    first = load_or_make_token(tmp_path / "server")
    assert load_or_make_token(tmp_path / "server") == first
    assert len(first) >= 43  # 256 bits in base64
    assert load_or_make_token(tmp_path / "other") != first


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_only_its_owner_reads_the_file(tmp_path):
    old = os.umask(0)
    try:
        token = load_or_make_token(tmp_path)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    (tmp_path / "token").chmod(0o644)
    assert load_or_make_token(tmp_path) == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "short", "x" * 15, "with space in the middle of it", "x" * 20 + "\r\nSet-Cookie: a=b"])
def test_an_unfit_token_in_the_file_is_refused(tmp_path, text):
    (tmp_path / "token").write_text(text)
    with pytest.raises(UserError) as refused:
        load_or_make_token(tmp_path)
    assert refused.value.code == "A010"
    assert text.strip() == "" or text.strip() not in str(refused.value)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as refused:
        load_or_make_token(tmp_path / "file" / "below")
    assert refused.value.code == "A011"


def test_comparison():
    assert same(TOKEN, TOKEN)
    assert not same(TOKEN[:-1], TOKEN)
    assert not same("", TOKEN)
    assert not same("ü\udcff", TOKEN)


def test_the_cookie_does_not_tell_the_token():
    assert TOKEN not in cookie_value(TOKEN)
    assert cookie_value(TOKEN) != cookie_value(TOKEN + "x")


@pytest.mark.parametrize(
    "text",
    [
        f"GET /?token={TOKEN}&a=1 HTTP/1.1",
        f"Referer: http://127.0.0.1:8188/?a=1&token={TOKEN}#x",
        f"authorization: Bearer {TOKEN}",
        f"token%3D{TOKEN}",
        f"something about {TOKEN} itself",
        f"cookie latentloom-8188={cookie_value(TOKEN)}",
    ],
)
def test_redaction(text):
    shown = redacted(text, TOKEN)
    assert TOKEN not in shown
    assert cookie_value(TOKEN) not in shown
    assert "[token]" in shown
    if "ookie" not in text and "itself" not in text:
        assert TOKEN not in redacted(text)  # another server's token, which nobody here knows


def test_the_log_filter_covers_arguments_extras_and_tracebacks(caplog):
    logger = logging.getLogger("test.redaction")
    caplog.handler.addFilter(Redact(TOKEN))
    try:
        try:
            raise RuntimeError(f"no such page ?token={TOKEN}")
        except RuntimeError:
            logger.exception("failed at %s", f"/?token={TOKEN}", extra={"address": f"/?token={TOKEN}"})
    finally:
        caplog.handler.filters.clear()
    record = caplog.records[-1]
    assert "failed at /?token=[token]" in caplog.text
    assert "no such page" in caplog.text
    assert TOKEN not in caplog.text + record.address + record.getMessage()
