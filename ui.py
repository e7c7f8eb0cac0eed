"""The chat page: `python ui.py` or `career serve`.

Gradio carries the events and the layout; every word that comes from an article, a reader or a model becomes HTML in
assistant/page/, where it is escaped. A conversation lives in its visitor's browser and nowhere else.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from functools import partial
from ipaddress import ip_address

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported, so that nothing of it reports home

import gradio
from starlette.middleware import Middleware

from assistant.errors import CareerError, PortTaken, SettingsInvalid
from assistant.page.chat import ChatPage
from assistant.page.headers import SafeHeaders
from assistant.page.loader import Chain, ChainLoader
from assistant.page.panel import SourcePanel
from assistant.page.tabs import Tab, compose_page
from assistant.page.theme import find_icon, make_theme, read_static
from assistant.settings import Settings, load_settings

logger = logging.getLogger(__name__)

QUEUE_LENGTH = 64  # questions waiting; the next one is told to come back
ANSWERS_AT_ONCE = 4
UPLOAD_LIMIT = "1kb"  # the page has no upload; Gradio's route for it stays open, so nothing useful fits


def serve(settings: Settings, *, open_browser: bool = False, sources: Sequence[str] = ()) -> None:
    """Show the page at settings.host and settings.port until interrupted; the library loads meanwhile.

    `sources` are put into the library first, in this process: the model is loaded once for them and for the answers.
    Raises PortTaken.
    """
    loader = ChainLoader(partial(_load_chain, settings, sources))
    page = build_page(loader, settings)
    address = launch_page(page, settings)
    loader.start()
    print(f"Career Assistant is at {address} (Ctrl+C ends it)", flush=True)
    if open_browser:
        webbrowser.open(address)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        page.close(verbose=False)


def _load_chain(settings: Settings, sources: Sequence[str]) -> Chain:
    from assistant.answer import load_chain
    from ingest.pipeline import add_articles

    chain = load_chain(settings, read_only=not sources)
    for outcome in add_articles(sources, chain.library, settings):
        print(outcome.reason or f"{outcome.status}: {outcome.title}", flush=True)
    chain.library.heal_in_background()  # the page stays open for weeks
    chain.library.embed_question("warm up")  # the model takes seconds to load: now, not in the first answer
    return chain


def build_page(chain_or_loader: Chain | ChainLoader, settings: Settings) -> gradio.Blocks:
    """The page, not yet shown: see launch_page."""
    loader = chain_or_loader if isinstance(chain_or_loader, ChainLoader) else ChainLoader.holding(chain_or_loader)
    tabs = [Tab("talk", "Chat", ChatPage(loader, settings).compose)]
    with gradio.Blocks(title="Career Assistant", analytics_enabled=False, fill_height=True, fill_width=True) as blocks:
        compose_page(tabs, SourcePanel(loader).compose)
    return blocks.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=ANSWERS_AT_ONCE, api_open=False)


def launch_page(page: gradio.Blocks, settings: Settings) -> str:
    """Serve the page in a thread; its address.

    Raises PortTaken.
    """
    port = _claim_port(settings.host, settings.port)
    _reach_directly(settings.host)
    if not _is_loopback(settings.host):
        logger.warning("%s can be reached from other machines, and the page asks for no password", settings.host)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        footer_links=[],
        run_history=False,
        max_file_size=UPLOAD_LIMIT,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        app_kwargs={"middleware": [Middleware(SafeHeaders)]},
        theme=make_theme(),
        # Not as `css`: Gradio puts its container before every selector, so that none could match the body's state.
        head=f"<style>{read_static('page.css')}</style>",
        favicon_path=find_icon(),
    )
    return str(address)


def _claim_port(host: str, port: int) -> int:
    """`port` if nobody listens there, or any free one for 0. Gradio's own message names no remedy of ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"{host}:{port}: {error.strerror}. Choose another with --port or CAREER_PORT, "
                "or end the program that uses it."
            ) from error
        return int(probe.getsockname()[1])


def _reach_directly(host: str) -> None:
    """Gradio asks its own address whether it stands; through a company's proxy the answer would be no."""
    for name in ("NO_PROXY", "no_proxy"):  # where both are set, the second one counts
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), host, "localhost")))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def main(arguments: Sequence[str] | None = None) -> int:
    """`python ui.py [--host HOST] [--port PORT] [--open]`; the exit status."""
    parser = argparse.ArgumentParser(description="The chat page of Career Assistant; the same as `career serve`.")
    parser.add_argument("--host", help="the address to listen on (default: CAREER_HOST, or this machine only)")
    parser.add_argument("--port", type=_read_port, help="the port; 0 takes a free one (default: CAREER_PORT, or 7860)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    given = parser.parse_args(arguments)
    changed = {name: getattr(given, name) for name in ("host", "port") if getattr(given, name) is not None}
    try:
        serve(load_settings().model_copy(update=changed), open_browser=given.open)
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
