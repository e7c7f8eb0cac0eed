"""Serve the page with the fake chain, for a look by hand: `python -m tests.browser.serve_fake PORT [--empty]`.

CAREER_* variables count as they do for `career serve`. What is closed says so on standard output.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

import ui
from assistant.errors import CareerError
from assistant.settings import change_settings, load_settings
from tests.browser.fake_chain import FakeChain, FakeLibrary


def load(opened: ExitStack) -> FakeChain:
    opened.callback(print, "library closed", flush=True)
    return FakeChain(FakeLibrary(()) if "--empty" in sys.argv else FakeLibrary(), pause=0.1)


if __name__ == "__main__":
    try:
        ui.serve(change_settings(load_settings(), port=int(sys.argv[1]), max_question_characters=300), load=load)
    except CareerError as error:
        sys.exit(f"error: {error}")
