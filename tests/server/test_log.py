"""Log lines are JSON, one a record, whatever a request put into them; secrets and noise stay out."""

import io
import json
import logging

import pytest

from latentloom.engine.server.log import set_up_log
from latentloom.engine.server.token import Redact

TOKEN = "a-token-of-more-than-sixteen-letters"


@pytest.fixture
def logged(tmp_path):
    """Set up the log in a folder; give it back with what went to the stream; take all handlers off again."""
    stream = io.StringIO()
    loggers = [logging.getLogger(name) for name in ("latentloom", "uvicorn", "uvicorn.error")]
    before = [(logger, list(logger.handlers), list(logger.filters), logger.level, logger.propagate) for logger in loggers]
    set_up_log(tmp_path / "logs", stream, Redact(TOKEN))
    yield tmp_path / "logs" / "server.log", stream
    for logger, handlers, filters, level, propagate in before:
        for handler in logger.handlers:
            if handler not in handlers:
                handler.close()
        logger.handlers[:], logger.filters[:], logger.propagate = handlers, filters, propagate
        logger.setLevel(level)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_record_is_one_line_of_json_with_its_fields(logged):
    path, stream = logged
    logging.getLogger("latentloom.server").info("job %s\nERROR forged", "7", extra={"job": "7", "node": "3"})
    logging.getLogger("latentloom.worker").warning("slow")
    first, second = lines(path)
    assert first["text"] == "job 7\nERROR forged" and first["job"] == "7" and first["node"] == "3"
    assert (first["level"], first["from"], second["level"]) == ("info", "latentloom.server", "warning")
    assert stream.getvalue() == "WARNING slow\n"


def test_a_traceback_is_kept_and_a_token_is_not(logged):
    path, stream = logged
    try:
        raise RuntimeError(f"refused ?token={TOKEN}")
    except RuntimeError as error:
        logging.getLogger("latentloom.server").error("bad %s", TOKEN, exc_info=error)
    (record,) = lines(path)
    assert "RuntimeError" in record["traceback"]
    assert TOKEN not in path.read_text(encoding="utf-8") and TOKEN not in stream.getvalue()


def test_what_any_page_can_cause_is_no_error(logged):
    path, stream = logged
    logging.getLogger("uvicorn.error").error("ASGI callable returned without completing handshake.")
    logging.getLogger("uvicorn.error").error("something else")
    assert [record["text"] for record in lines(path)] == ["something else"]
    assert "handshake" not in stream.getvalue()
