"""The chat page: `python ui.py` or `career serve`.

Gradio carries the events and the layout; every word that comes from an article, a reader or a model becomes HTML in
assistant/page/, where it is escaped. A conversation lives in its visitor's browser and nowhere else. What a request
passes before it reaches the page is in assistant/server/.
"""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported, so that nothing of it reports home
# Gradio's own statistics, which nobody can see here, are made anew with pandas at the end of each event.
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**12)

import gradio
from starlette.routing import Route

from assistant.errors import CareerError, SettingsInvalid
from assistant.log import note, warn, write_server_log
from assistant.page.articles import ArticlesTab
from assistant.page.chat import ChatPage
from assistant.page.evaluation_tab import EvaluationTab
from assistant.page.line import ANSWERS_AT_ONCE, Line
from assistant.page.loader import Chain, ChainLoader
from assistant.page.mount import mount_page
from assistant.page.panel import SourcePanel
from assistant.page.tabs import Tab, compose_page
from assistant.server.app import make_app
from assistant.server.listen import Server, StopSignals, claim_port, leave_at_once
from assistant.server.memory import give_memory_back
from assistant.server.passwords import refuse_open_door
from assistant.server.programs import list_routes
from assistant.settings import Settings, change_settings, load_settings

MOST_EVENTS = 500  # of all visitors, at work or waiting in Gradio; who asks waits in our own Line, and knows the place
EVENTS_AT_ONCE = 4  # of each kind but questions
# For so many who wait for something Gradio keeps a copy of the page's parts; for any other it makes one anew, in 10 ms,
# with each message. More than can be in the line.
SESSIONS = 100
KEPT = (3_600, 21_600)  # seconds: every hour, what was uploaded six hours ago and added or not is deleted
Load = Callable[[ExitStack], Chain]  # what it opens is closed when the server has stopped
STOP_SECONDS = 10.0  # that answers under way may take when the server is asked to stop


def serve(
    settings: Settings, *, open_browser: bool = False, sources: Sequence[str] = (), load: Load | None = None
) -> None:
    """Show the page at settings.host and settings.port until asked to stop; the library loads meanwhile.

    `sources` are put into the library first, in this process: the model is loaded once for them and for the answers.
    Raises PortTaken, PasswordMissing.
    """
    load = load or partial(_load_chain, settings, sources)
    refuse_open_door(settings)
    with give_memory_back(), write_server_log(settings), StopSignals() as signals, ExitStack() as opened:
        loader, line = ChainLoader(partial(load, opened)), Line(ANSWERS_AT_ONCE)
        page = build_page(loader, settings, line)
        address = launch_page(page, settings, list_routes(loader, line.take_turn), loader=loader, line=line)
        loader.start()
        note("started", address=address)
        print(f"Career Assistant is at {address} (Ctrl+C ends it)", flush=True)
        if settings.no_password and not settings.is_local:
            warn("No password: everybody who can reach this machine can use the page.")
        if open_browser:
            webbrowser.open(address)
        signals.wait()
        is_done = page.server.call(line.close(STOP_SECONDS))
        page.close(verbose=False)
        note("stopped", answers_cut_off=not is_done)
        if not is_done or loader.is_loading:
            leave_at_once(0)  # the library is in use: it ends as with kill -9, which it survives
    if page.server.is_at_work:
        leave_at_once(0)  # an ingest or an evaluation; Python would wait for it


def _load_chain(settings: Settings, sources: Sequence[str], opened: ExitStack) -> Chain:
    from assistant.answer import load_chain
    from ingest.pipeline import add_articles

    chain = load_chain(settings, read_only=not sources)
    opened.callback(chain.library.close)
    for outcome in add_articles(sources, chain.library, settings):
        print(outcome.reason or f"{outcome.status}: {outcome.title}", flush=True)
    chain.library.heal_in_background()  # the page stays open for weeks
    chain.library.embed_question("warm up")  # the model takes seconds to load: now, not in the first answer
    return chain


def build_page(chain_or_loader: Chain | ChainLoader, settings: Settings, line: Line | None = None) -> gradio.Blocks:
    """The page, not yet shown: see launch_page."""
    loader = chain_or_loader if isinstance(chain_or_loader, ChainLoader) else ChainLoader.holding(chain_or_loader)
    tabs = [
        Tab("talk", "Chat", ChatPage(loader, settings, line).compose),
        Tab("articles", "Articles", ArticlesTab(loader, settings).compose),
        Tab("evaluate", "Evaluate", EvaluationTab(loader, settings).compose),
    ]
    with gradio.Blocks(
        title="Career Assistant", analytics_enabled=False, fill_height=True, fill_width=True, delete_cache=KEPT
    ) as blocks:
        compose_page(tabs, SourcePanel(loader).compose, can_leave=settings.asks_for_password)
    blocks.state_session_capacity = SESSIONS
    blocks.max_threads = MOST_EVENTS  # of which questions, that wait, need none
    return blocks.queue(max_size=MOST_EVENTS, default_concurrency_limit=EVENTS_AT_ONCE, api_open=False)


def launch_page(
    page: gradio.Blocks,
    settings: Settings,
    routes: Sequence[Route] = (),
    *,
    loader: ChainLoader | None = None,
    line: Line | None = None,
) -> str:
    """Serve the page in a thread until page.close(), and what else `routes` lead to; its address.

    `loader` and `line` are what the page was built with.

    Raises PortTaken.
    """
    listening = claim_port(settings.host, settings.port)
    mount = partial(mount_page, page=page, settings=settings)
    app, mounted = make_app(mount, loader, line or Line(), settings, routes)
    page.server = server = Server(app, listening, mounted.end_streams)
    server.start()
    host = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  not bound here
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{server.port}{settings.root_path}/"


def main(arguments: Sequence[str] | None = None) -> int:
    """`python ui.py [--host HOST] [--port PORT] [--root-path PATH] [--no-password] [--open]`; the exit status."""
    parser = argparse.ArgumentParser(description="The chat page of Career Assistant; the same as `career serve`.")
    parser.add_argument("--host", help="the address to listen on (default: CAREER_HOST, or this machine only)")
    parser.add_argument("--port", type=_read_port, help="the port; 0 takes a free one (default: CAREER_PORT, or 7860)")
    parser.add_argument("--root-path", help="its path at a reverse proxy, such as /career (CAREER_ROOT_PATH)")
    parser.add_argument("--no-password", action="store_true", default=None, help="let other machines in without one")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    given = parser.parse_args(arguments)
    changed = {name: value for name, value in vars(given).items() if name != "open"}
    try:
        serve(change_settings(load_settings(), **changed), open_browser=given.open)
    except CareerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsInvalid) else 1
    return 0


def _read_port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text}: not a port. Choose a number from 0 to 65535.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
