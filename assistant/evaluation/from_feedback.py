"""What readers rated in the chat page -> test prompts, with facts filled in, for a person to review."""

from __future__ import annotations

from collections.abc import Iterable

from assistant.conversation import Turn
from assistant.evaluation.draft import choose_fact
from assistant.evaluation.prompts import TestPrompt
from ingest.catalog_feedback import Feedback

FACTS = 3


def make_prompts(feedback: Iterable[Feedback]) -> list[TestPrompt]:
    """One prompt for each question that was rated, as it was last rated: what was right to keep, or wrong to mend."""
    newest = {(*given.history, given.question): given for given in feedback}
    return [_make_prompt(given) for given in newest.values()]


def _make_prompt(given: Feedback) -> TestPrompt:
    history = tuple(Turn(question) for question in given.history)
    said = " ".join(given.answer.split())
    rating = f"thumbs {given.rating} on {given.given_at[:10]}"
    if given.rating == "down":
        note = f"{rating}; it was answered: {said} Write what a right answer holds, or answerable: false."
        return TestPrompt(given.question, history, tags=("feedback", "down"), note=note)
    if not given.answered:
        return TestPrompt(given.question, history, answerable=False, tags=("feedback", "up"), note=rating)
    facts = tuple(dict.fromkeys(choose_fact(quote.text) for quote in given.quotes))[:FACTS]
    articles = tuple(dict.fromkeys(quote.article_id for quote in given.quotes))
    return TestPrompt(
        given.question, history, facts, articles, tags=("feedback", "up"), note=f"{rating}; check the facts"
    )
