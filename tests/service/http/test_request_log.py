"""Log lines are JSON and hold no text of an exception or of another library."""

from __future__ import annotations

import io
import json
import logging

from segue.service.http import request_log as logs

CANARY = "ada.lovelace@example.org"


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_exception_is_told_by_type_and_place() -> None:
    stream = io.StringIO()
    logs.set_up(stream)
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        logs.write("failed", {"route": "/v1/recommend"}, level=logging.ERROR, error=error)
    (line,) = lines_of(stream)
    assert CANARY not in stream.getvalue()
    assert line["event"] == "failed"
    assert line["error"] == "KeyError"
    assert str(line["at"]).startswith("test_request_log.py:")


def test_messages_of_other_libraries_are_left_out() -> None:
    stream = io.StringIO()
    logs.set_up(stream)
    logging.getLogger("uvicorn.error").warning("Invalid request from %s", CANARY)
    logging.getLogger("sqlalchemy.pool").error("parameters: %s", CANARY)
    assert CANARY not in stream.getvalue()
    assert len(lines_of(stream)) == 2
