"""The `career` command with a fake embedder, so that a start takes no seconds: `python -m tests.faults.career`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from assistant.answer import AnswerChain
from assistant.cli import Application, main
from assistant.settings import Settings
from ingest.library import Library
from tests.faults.library import Defences, open_library


@dataclass(frozen=True)
class Ended:
    """A command that came to its end."""

    code: int
    output: str
    errors: str

    def find_faults(self) -> list[str]:
        """What no one may see: a traceback, an error that nobody foresaw, more than one line about one error."""
        lines = [line for line in self.errors.splitlines() if line.startswith("error:")]
        faults = []
        if "Traceback" in self.errors or "unexpected" in self.errors:
            faults.append(f"shows {self.errors.strip()[:300]!r}")
        if len(lines) > 1 or (self.code == 1 and not self.errors and not self.output):
            faults.append(f"ends with {self.code} and {len(lines)} lines")
        return faults


def make_application(defences: Defences) -> Application:
    def open_it(settings: Settings, *, read_only: bool) -> Library:
        return open_library(settings.home, defences, read_only=read_only)

    def load_it(settings: Settings) -> AnswerChain:
        return AnswerChain(open_library(settings.home, defences, read_only=True), settings)

    return Application(open_library=open_it, load_chain=load_it)


def run_career(home: Path, defences: Defences, arguments: Sequence[str], reply: Connection) -> None:
    """In a process of its own: one command, and what it showed."""
    os.environ["CAREER_HOME"] = str(home)
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        code = main(arguments, make_application(defences))
    reply.send(Ended(code, output.getvalue(), errors.getvalue()))


if __name__ == "__main__":
    sys.exit(main(application=make_application(Defences())))
