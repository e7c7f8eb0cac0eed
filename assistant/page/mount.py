"""The page, made a part of our server: everything that Gradio is told about how to serve it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount

from assistant.page.headers import SafeHeaders
from assistant.page.theme import find_icon, make_theme, read_styles
from assistant.settings import Settings

NO_UPLOAD = "1kb"  # the page of a library that is read-only has no upload; so nothing useful fits, even if it had


@dataclass(frozen=True)
class Mounted:
    """What the server must know of the page that it holds."""

    find_owner: Callable[[str], str | None]  # event -> the session that it belongs to, None for one that has ended
    accepts: Callable[[Any, Any], bool]  # whether a function with this index takes these values
    has_session: Callable[[str], bool]  # whether anything was asked in it; Gradio fails halfway when nothing was
    forget: Callable[[str], None]  # the values of all parts of the page in a session that waits for nothing
    end_streams: Callable[[], None]  # those that stay open as long as a browser does; called in the event loop


def mount_page(site: Starlette, page: gradio.Blocks, settings: Settings) -> Mounted:
    """Put the page at the root of the site, after the routes that are there."""
    site.add_middleware(CORSMiddleware)  # allows no other site anything, and with it Gradio adds no permits of its own
    gradio.mount_gradio_app(
        site,
        page,
        path="/",
        root_path=settings.root_path,
        footer_links=[],
        run_history=False,
        max_file_size=NO_UPLOAD if settings.read_only else settings.fetch_max_bytes,
        show_error=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        app_kwargs={"middleware": [Middleware(SafeHeaders)]},  # inside, where the page is not yet compressed
        theme=make_theme(),
        # Not as `css`: Gradio puts its container before every selector, so that none could match the body's state.
        head=f'<link rel="icon" href="favicon.ico"><style>{read_styles()}</style>',
        favicon_path=find_icon(),
    )
    inner: Any = [route.app for route in site.routes if isinstance(route, Mount)][-1]
    page.app = inner  # page.close() looks for it, and without it ends before it has closed anything
    queue = page._queue

    def find_owner(event: str) -> str | None:
        found = queue.event_ids_to_events.get(event)
        return found.session_hash if found else None

    def accepts(function: Any, values: Any) -> bool:
        found = page.fns.get(function) if type(function) is int else None
        return found is not None and isinstance(values, list) and len(values) == len(found.inputs)

    def forget(session: str) -> None:
        if not queue.pending_event_ids_session.get(session):  # else it has asked again meanwhile
            inner.state_holder.session_data.pop(session, None)
            inner.state_holder.time_last_used.pop(session, None)

    has_session = queue.pending_messages_per_session.__contains__
    return Mounted(find_owner, accepts, has_session, forget, inner.stop_event.set)
