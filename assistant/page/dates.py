"""When an article was published, as readers write it, and whether that is long ago."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html import escape

OLD_YEARS = 2  # pay and hiring are told anew every year; older figures are still quoted, and said to be old
OLD = "more than two years old"


def write_date(published: str) -> str:
    """An ISO 8601 date as HTML, "12 March 2026", with its age when it is old; anything else as it came, escaped."""
    day = _read(published)
    if day is None:
        return escape(published)
    age = f' <span class="old">{OLD}</span>' if is_old(day, _today()) else ""
    return f'<time datetime="{day.isoformat()}">{_write(day)}</time>{age}'


def write_day(moment: str) -> str:
    """The day of an ISO 8601 moment as HTML, "12 March 2026", without a word on its age."""
    day = _read(moment)
    return escape(moment) if day is None else f'<time datetime="{day.isoformat()}">{_write(day)}</time>'


def tell_date(published: str) -> str:
    """The same as plain text."""
    day = _read(published)
    if day is None:
        return published
    return f"{_write(day)}, {OLD}" if is_old(day, _today()) else _write(day)


def is_old(day: date, today: date) -> bool:
    return (day.year + OLD_YEARS, day.month, day.day) < (today.year, today.month, today.day)


def _read(published: str) -> date | None:
    try:
        return date.fromisoformat(published[:10])
    except ValueError:
        return None


def _write(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _today() -> date:
    return datetime.now(UTC).date()
