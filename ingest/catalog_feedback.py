"""What readers thought of answers: a table of its own in the catalog. No article changes with it, and no index.

Made when the first rating comes, so that a catalog without ratings is as it was; a rating outlives the articles that it
speaks of, with the words that were quoted.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

FEEDBACK_SCHEMA = """
CREATE TABLE IF NOT EXISTS feedback (
    number INTEGER PRIMARY KEY, given_at TEXT NOT NULL, rating TEXT NOT NULL CHECK (rating IN ('up', 'down')),
    question TEXT NOT NULL, history TEXT NOT NULL, answer TEXT NOT NULL, answered INTEGER NOT NULL, quotes TEXT NOT NULL
)
"""

KEPT = 10_000  # ratings; the oldest go first, so that nobody fills the disk with thumbs


@dataclass(frozen=True)
class Quote:
    """What an answer cited, as it stood then."""

    article_id: str
    heading: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Feedback:
    """A thumb up or down for one answer."""

    rating: str  # "up" or "down"
    question: str
    history: tuple[str, ...]  # the questions before it, oldest first
    answer: str
    answered: bool
    quotes: tuple[Quote, ...] = ()
    given_at: str = ""  # ISO 8601, UTC; filled in when it is kept


def keep_feedback(connection: sqlite3.Connection, feedback: Feedback, kept: int = KEPT) -> None:
    connection.execute(FEEDBACK_SCHEMA)
    connection.execute(
        "INSERT INTO feedback (given_at, rating, question, history, answer, answered, quotes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            datetime.now(UTC).isoformat(timespec="seconds"),
            feedback.rating,
            feedback.question,
            json.dumps(feedback.history),
            feedback.answer,
            int(feedback.answered),
            json.dumps([asdict(quote) for quote in feedback.quotes]),
        ),
    )
    connection.execute("DELETE FROM feedback WHERE number <= (SELECT max(number) FROM feedback) - ?", (kept,))


def list_feedback(connection: sqlite3.Connection) -> list[Feedback]:
    """Every rating, oldest first; none in a catalog that never got one."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'feedback'").fetchone():
        return []
    return [_to_feedback(row) for row in connection.execute("SELECT * FROM feedback ORDER BY number")]


def _to_feedback(row: sqlite3.Row) -> Feedback:
    return Feedback(
        row["rating"],
        row["question"],
        tuple(json.loads(row["history"])),
        row["answer"],
        bool(row["answered"]),
        tuple(Quote(**quote) for quote in json.loads(row["quotes"])),
        row["given_at"],
    )
