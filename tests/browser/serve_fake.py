"""Serve the page with the fake chain, for a look by hand: `python -m tests.browser.serve_fake PORT [--empty]`."""

from __future__ import annotations

import sys
import threading

import ui
from assistant.settings import Settings
from tests.browser.fake_chain import FakeChain, FakeLibrary

if __name__ == "__main__":
    chain = FakeChain(FakeLibrary(()) if "--empty" in sys.argv else FakeLibrary(), pause=0.1)
    settings = Settings(port=int(sys.argv[1]), max_question_characters=300)
    print(ui.launch_page(ui.build_page(chain, settings), settings), flush=True)
    threading.Event().wait()
