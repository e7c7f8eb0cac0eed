"""The server's log: lines of JSON or of text, without a word of any question unless CAREER_LOG_QUESTIONS is set."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime
from io import TextIOBase
from typing import Any

from assistant.settings import Settings

FIELDS = "career_fields"  # attribute of a record: what note() was given
LOGGER = logging.getLogger("assistant.server")


def note(event: str, **fields: Any) -> None:
    """Log that something happened, with what is known of it. What people wrote belongs under `question` alone."""
    LOGGER.info(event, extra={FIELDS: fields})


def warn(event: str) -> None:
    LOGGER.warning(event, extra={FIELDS: {}})


@contextmanager
def write_server_log(settings: Settings) -> Iterator[None]:
    """Log to stderr meanwhile; what other handlers keep (career.log) is told with the same restraint."""
    handler, root = logging.StreamHandler(sys.stderr), logging.getLogger()
    formatter = LineFormatter(as_json=settings.log == "json", with_questions=settings.log_questions)
    handler.setFormatter(formatter)
    changed = {other: other.formatter for other in root.handlers}
    for other in changed:
        other.setFormatter(formatter)
    root.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        with redirect_stderr(PrintedLines(with_questions=settings.log_questions)):
            yield
    finally:
        LOGGER.setLevel(logging.NOTSET)
        root.removeHandler(handler)
        for other, before in changed.items():
            other.setFormatter(before)


class PrintedLines(TextIOBase):
    """What Gradio prints when an event fails: a traceback that ends with what was sent. Its places are logged."""

    def __init__(self, *, with_questions: bool) -> None:
        super().__init__()
        self._with_questions = with_questions
        self._pending = ""

    def write(self, text: str) -> int:
        *lines, self._pending = (self._pending + text).split("\n")
        for line in map(str.strip, lines):
            if line.startswith('File "') or (line and self._with_questions):
                warn(line)
        return len(text)


class LineFormatter(logging.Formatter):
    """One line a record. Of an error its type and its place are told: its message may quote what was asked."""

    def __init__(self, *, as_json: bool, with_questions: bool) -> None:
        super().__init__()
        self._as_json = as_json
        self._with_questions = with_questions

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        told |= getattr(record, FIELDS, {"logger": record.name})
        if not self._with_questions:
            told.pop("question", None)
        if record.exc_info and record.exc_info[1]:
            told |= self._describe_error(record.exc_info[1])
        return json.dumps(told, default=str) if self._as_json else _write_plain(told)

    def _describe_error(self, error: BaseException) -> dict[str, Any]:
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        told: dict[str, Any] = {"error": type(error).__name__}
        if self._with_questions:
            told["message"] = str(error)
        return told | {"at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}


def _write_plain(told: dict[str, Any]) -> str:
    """Time, level and event, then name=value; values with blanks or control characters as JSON writes them."""
    time, level, event, *others = told.items()
    named = (f"{name}={value if _is_plain(value) else json.dumps(value, default=str)}" for name, value in others)
    return " ".join((time[1], level[1].upper(), json.dumps(event[1])[1:-1], *named))


def _is_plain(value: Any) -> bool:
    return not isinstance(value, list | dict) and str(value).isprintable() and " " not in str(value) and value != ""
