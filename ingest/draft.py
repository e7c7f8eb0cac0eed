"""What a format's reader finds in a page: blocks of text and what the page says about itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from ingest.markdown import Block

# Stands in a block's text behind the last word of each page but the last of a paged format (before the first word, for
# empty pages above it); extract.py takes it out and keeps the place. Other readers' text is cleaned of it.
PAGE_BREAK = "\x01"


class DraftRefused(Exception):
    """A page that cannot be read: the reason and the remedy, in one sentence each, without the page's name."""


@dataclass(frozen=True)
class Draft:
    """An article before it is checked and named; every field but `blocks` may be empty."""

    blocks: list[Block]
    title: str = ""
    author: str = ""
    published: str = ""  # ISO 8601 date
    language: str = ""
    url: str = ""  # the canonical address the page claims, not yet believed


_MONTHS = {
    name: number
    for number, names in enumerate(
        "jan january|feb february|mar march|apr april|may|jun june|jul july|aug august|sep sept september|"
        "oct october|nov november|dec december".split("|"),
        start=1,
    )
    for name in names.split()
}
_DATE_LABEL = re.compile(
    r"(?:first |last )?(?:published|posted|updated|modified|reviewed|date)(?: on)?:?\s+", re.IGNORECASE
)
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_DAY_FIRST = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.?\s+([A-Za-z]{3,9})\.?,?\s+(\d{4})")


def parse_date(value: object) -> str:
    """The ISO date that `value` begins with, in any of the forms that English pages use; "" for anything else."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value or "").strip()
    if match := _ISO_DATE.match(text):
        return _iso(match[1], match[2], match[3])
    if (match := _MONTH_FIRST.match(text)) and match[1].lower() in _MONTHS:
        return _iso(match[3], _MONTHS[match[1].lower()], match[2])
    if (match := _DAY_FIRST.match(text)) and match[2].lower() in _MONTHS:
        return _iso(match[3], _MONTHS[match[2].lower()], match[1])
    return ""


def parse_date_line(line: str) -> str:
    """The ISO date of a line that holds nothing but a date and perhaps a word such as "Published"; else ""."""
    bare = _DATE_LABEL.sub("", line.strip())
    if any(form.fullmatch(bare) for form in (_ISO_DATE, _MONTH_FIRST, _DAY_FIRST)):
        return parse_date(bare)
    return ""


def _iso(year: str | int, month: str | int, day: str | int) -> str:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return ""
