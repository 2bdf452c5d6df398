"""One JSON line a request on standard error: route, status and time, never what was sent."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

LOG = logging.getLogger("segue.service")
Field = str | int | float | bool


class JsonLines(logging.Formatter):
    """Writes a record as JSON. An exception is told by its type and places only: its text may hold data."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line: dict[str, Field] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields = getattr(record, "fields", None)
        if record.name.startswith("segue"):
            line["event"] = record.getMessage()
            line.update(fields or {})
        else:  # of other libraries only where it happened: their messages may quote a request
            line["event"] = f"{record.module}:{record.lineno}"
        if record.exc_info and record.exc_info[1]:
            line["error"], line["at"] = told(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True)


def told(error: BaseException) -> tuple[str, str]:
    """Return type and places of an exception, without its text."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = (f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames)
    return type(error).__name__, " > ".join(places)


def write(
    event: str, fields: Mapping[str, Field], *, level: int = logging.INFO, error: BaseException | None = None
) -> None:
    """Log one event with its fields.

    The record is made here: the logger would first look for the line that logs, which no line tells.
    """
    if LOG.isEnabledFor(level):
        told = None if error is None else (type(error), error, error.__traceback__)
        LOG.handle(
            LOG.makeRecord(LOG.name, level, __file__, 0, event, (), told, extra={"fields": dict(fields)})
        )


def set_up(stream: TextIO | None = None) -> None:
    """Send the lines of the service, and warnings of the libraries below it, to `stream` (standard error).

    Records do not look up thread and process, which no line tells: it would be a third of their time.
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (
        ("segue", logging.INFO),
        ("uvicorn.error", logging.WARNING),
        ("sqlalchemy", logging.ERROR),
    ):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True  # its lines hold paths, and paths hold learners' ids
