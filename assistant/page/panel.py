"""The source panel beside the tabs: an article, with the quotes of the answer that it was opened from."""

from __future__ import annotations

import logging
import time
from typing import Any

import gradio

from assistant.conversation import Citation
from assistant.errors import CareerError
from assistant.page.component import UNEXPECTED, html, read_event
from assistant.page.exchange import read_exchanges
from assistant.page.loader import ChainLoader
from assistant.page.source import render_missing, render_panel, render_source
from ingest.errors import ArticleUnknown

logger = logging.getLogger(__name__)

# `${value}` and never Handlebars' `{{value}}`: Gradio evaluates what Handlebars wrote as a JavaScript template, so an
# article that holds "${...}" would run (seen in gradio 6.31, HTML-*.js: `return \`${r}\``).
SOURCE_TEMPLATE = '<section class="panel" aria-label="Source">${value}</section>'


class SourcePanel:
    """One panel for the whole page. Holds nothing of any visitor."""

    def __init__(self, loader: ChainLoader) -> None:
        self._loader = loader

    def compose(self) -> None:
        panel = html(render_panel(""), "source.js", "card.js", html_template=SOURCE_TEMPLATE)
        panel.select(self.open_source, None, [panel], show_progress="hidden", api_visibility="private")

    def open_source(self, event: gradio.EventData) -> str:
        """The article of the chosen citation with the reply's quotes marked, or the article that is named."""
        try:
            shown = self._render(event)
        except ArticleUnknown:
            shown = render_missing("This article is no longer in the library.")
        except CareerError as error:
            shown = render_missing(str(error))
        except Exception:
            logger.exception("a source could not be shown")
            shown = render_missing(UNEXPECTED)
        return f'<div class="opened" data-opened="{time.monotonic_ns()}">{shown}</div>'

    def _render(self, event: gradio.EventData) -> str:
        library = self._loader.start().result().library
        article_id, turn = read_event(event, "article"), read_event(event, "turn")
        if isinstance(article_id, str):
            return render_source(library.article(article_id), (), 0)
        citation, citations = _find_citation(read_event(event, "exchange"), read_event(event, "number"))
        article = library.article(citation.article_id)
        return render_source(article, citations, citation.number, turn if isinstance(turn, int) else 0)


def _find_citation(exchange: Any, number: Any) -> tuple[Citation, tuple[Citation, ...]]:
    """The chosen citation and all of its reply. What the browser sends may be anything."""
    for reply in (kept.reply for kept in read_exchanges([exchange]) if kept.reply):
        for citation in reply.citations:
            if citation.number == number:
                return citation, reply.citations
    raise CareerError("This quote is not part of the conversation any more. Ask again.")
