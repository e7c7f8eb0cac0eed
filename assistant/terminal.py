"""How replies, articles and evaluations look on a terminal. Every text from outside passes `printable`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from assistant.conversation import Citation, Reply

if TYPE_CHECKING:
    from ingest.article import Article, Outcome
    from ingest.library import ArticleSummary

REPLACED = "\ufffd"
STATUSES = ("exported", "added", "updated", "unchanged", "removed", "kept", "failed")  # as summaries count them


def printable(text: str) -> str:
    """`text` without anything a terminal would obey: escape sequences, other controls, reversed writing."""
    return "".join(REPLACED if _is_command(character) else character for character in text)


def _is_command(character: str) -> bool:
    if character in "\n\t":
        return False
    return (
        unicodedata.category(character) in ("Cc", "Cs")
        or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


def one_line(text: str) -> str:
    """`text`, printable, on a single line."""
    return " ".join(printable(text).split())


def draw_reply(reply: Reply) -> Text:
    """The answer with its marks, then the sources they point to; what was searched for and offered where it helps."""
    parts = [Text(printable(reply.text))]
    if reply.standalone_question and reply.standalone_question.strip() != reply.question.strip():
        parts.insert(0, Text(f"Searched for: {one_line(reply.standalone_question)}", style="italic"))
    parts.extend(_draw_citation(citation) for citation in reply.citations)
    if reply.suggestions and not reply.answered:
        offered = "\n".join(f"- {one_line(suggestion)}" for suggestion in reply.suggestions)
        parts.append(Text(f"The articles do have something on:\n{offered}"))
    if reply.notice:
        parts.append(Text(f"Note: {one_line(reply.notice)}", style="yellow"))
    return Text("\n\n").join(parts)


def _draw_citation(citation: Citation) -> Text:
    heading = citation.heading if citation.heading != citation.title else ""
    found_at = citation.url or f"career show {citation.article_id}"
    page = f"page {citation.page}" if citation.page else ""
    parts = (citation.title, heading, page, citation.published, found_at)
    source = " | ".join(one_line(part) for part in parts if part)
    quote = "\n".join(f"    {line}" for line in printable(citation.quote).splitlines())
    return Text.assemble((f"[{citation.number}] ", "bold"), (source, "bold"), "\n", quote)


def describe_reply(reply: Reply) -> str:
    """The answer alone on one line, for one reply a line."""
    return one_line(reply.text)


def describe_outcome(outcome: Outcome) -> str:
    """What became of one source, in one line."""
    if outcome.status == "failed":
        return one_line(f"failed  {_name_source(outcome)}{outcome.reason}")
    about = outcome.reason or count_things(outcome.passages, "passage")
    return f"{outcome.status:<9}  {one_line(outcome.title)}  ({one_line(about)})  {one_line(outcome.source)}"


def count_things(count: int, name: str) -> str:
    """A count with its noun: 1 passage, 2,000 passages."""
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def _name_source(outcome: Outcome) -> str:
    """The source, unless the reason begins with it."""
    return "" if outcome.reason.startswith(outcome.source) else f"{outcome.source}: "


def describe_outcomes(outcomes: Iterable[Outcome]) -> str:
    """How many sources became what: "3 added, 1 failed"."""
    statuses = [outcome.status for outcome in outcomes]
    counts = ((status, statuses.count(status)) for status in STATUSES)
    return ", ".join(f"{count:,} {status}" for status, count in counts if count) or "no articles"


def list_articles(articles: Iterable[ArticleSummary]) -> list[str]:
    """One line an article: id, date, passages, title."""
    rows = [
        (one_line(found.id), found.published or "-", str(found.passages), one_line(found.title)) for found in articles
    ]
    width = max((len(row[0]) for row in rows), default=0)
    return [
        f"{name:<{width}}  {published:<10}  {passages:>4} passages  {title}"
        for name, published, passages, title in rows
    ]


def draw_article(article: Article) -> Text:
    """The article's title, origin and whole text."""
    origin = " | ".join(
        one_line(part) for part in (article.author, article.published, article.url or article.source) if part
    )
    return Text.assemble((one_line(article.title), "bold"), "\n", (origin, "dim"), "\n\n", printable(article.text))
