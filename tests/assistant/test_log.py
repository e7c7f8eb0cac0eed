"""The server's log: whole lines, and no word of any question."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import Any

import pytest

from assistant.log import note, warn, write_server_log
from assistant.settings import Settings, change_settings

QUESTION = "what do marmalade makers earn?"


def write_all(settings: Settings) -> None:
    """Everything that may be written while a question fails."""
    with write_server_log(settings):
        note("answered", seconds=0.5, model="ollama:a model", question=QUESTION)
        warn("No password.")
        try:
            raise ValueError(f"cannot answer {QUESTION}\nat all")
        except ValueError:
            logging.getLogger("elsewhere").exception("a question failed")
            traceback.print_exc()


def read_errors(captured: pytest.CaptureFixture[str]) -> list[str]:
    return captured.readouterr().err.splitlines()


def write_json(captured: pytest.CaptureFixture[str], **given: Any) -> list[dict[str, Any]]:
    write_all(change_settings(Settings(), log="json", **given))
    return [json.loads(line) for line in read_errors(captured)]


def test_every_line_is_an_object_with_time_level_and_event(capsys: pytest.CaptureFixture[str]) -> None:
    answered, warned, failed, printed = write_json(capsys)
    assert answered.keys() == {"time", "level", "event", "seconds", "model"}
    assert (warned["level"], warned["event"]) == ("warning", "No password.")
    assert (failed["event"], failed["logger"], failed["error"]) == ("a question failed", "elsewhere", "ValueError")
    assert "test_log.py" in failed["at"][-1]
    assert "test_log.py" in printed["event"]


def test_no_line_quotes_a_question(capsys: pytest.CaptureFixture[str]) -> None:
    for log in ("json", "plain"):
        write_all(change_settings(Settings(), log=log))
        assert "marmalade" not in "".join(read_errors(capsys))


def test_lines_quote_questions_when_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    answered, _, failed, *printed = write_json(capsys, log_questions=True)
    assert answered["question"] == QUESTION
    assert QUESTION in failed["message"]
    assert QUESTION in "".join(line["event"] for line in printed)


def test_plain_lines_name_each_value(capsys: pytest.CaptureFixture[str]) -> None:
    write_all(Settings())
    assert read_errors(capsys)[0].endswith('INFO answered seconds=0.5 model="ollama:a model"')


def test_no_event_breaks_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    for log in ("json", "plain"):
        with write_server_log(change_settings(Settings(), log=log)):
            note("one\nfalse line", name="two\nfalse lines \x1b[31m")
        assert len(read_errors(capsys)) == 1


def test_other_logs_are_as_restrained_meanwhile_and_as_before_afterwards() -> None:
    kept: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(self.format(record))

    handler, root = Kept(), logging.getLogger()
    root.addHandler(handler)
    try:
        write_all(Settings())
        assert kept
        assert "marmalade" not in "".join(kept)
        assert handler.formatter is None
    finally:
        root.removeHandler(handler)
    assert sys.stderr.__class__.__name__ != "PrintedLines"
