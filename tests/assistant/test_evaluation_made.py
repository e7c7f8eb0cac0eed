"""Prompts made from ratings and from an article: facts stand in the article, near misses do not, all can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from assistant.evaluation.draft import choose_fact, draft_prompts
from assistant.evaluation.facts import holds_fact
from assistant.evaluation.from_feedback import make_prompts
from assistant.evaluation.prompt_writer import write_prompts
from assistant.evaluation.prompts import TestPrompt, load_prompts
from ingest.article import Article
from ingest.catalog_feedback import Feedback, Quote

UP = Feedback(
    "up",
    "And nurses?",
    ("What do engineers earn?",),
    "Nurses earn $81,220. [1]",
    True,
    (Quote("pay", "Nurses", 0, 20, "Nurses earn $81,220."),),
    "2026-03-19T10:00:00+00:00",
)

# -- from ratings -----------------------------------------------------------------------------------------------------


def test_a_good_answer_becomes_a_prompt_with_the_facts_of_its_quotes() -> None:
    (prompt,) = make_prompts([UP])
    assert (prompt.question, prompt.history[0].question) == ("And nurses?", "What do engineers earn?")
    assert (prompt.facts, prompt.articles, prompt.answerable) == (("$81,220",), ("pay",), True)
    assert prompt.note == "thumbs up on 2026-03-19; check the facts"


def test_a_good_refusal_becomes_an_unanswerable_prompt() -> None:
    (prompt,) = make_prompts([replace(UP, answered=False, quotes=())])
    assert (prompt.answerable, prompt.facts) == (False, ())


def test_a_bad_answer_becomes_a_prompt_that_tells_what_was_said() -> None:
    (prompt,) = make_prompts([replace(UP, rating="down")])
    assert prompt.facts == ()
    assert "it was answered: Nurses earn $81,220. [1]" in prompt.note
    assert "down" in prompt.tags


def test_the_last_rating_of_a_question_counts() -> None:
    (prompt,) = make_prompts([UP, replace(UP, rating="down")])
    assert "down" in prompt.tags


# -- from an article --------------------------------------------------------------------------------------------------

TEXT = """Nurses look after the sick.

## Pay

A nurse in the US earned about $81,220 in 2025. Jobs will grow by 6% until 2033, which is slow. It rose by $7.

## What nurses do

A nurse is a person who looks after the sick.

A nurse has these duties:

- Washing hands
- Giving injections, if asked
- Writing 3 reports a day

## Why become one?

Because it is needed everywhere."""
ARTICLE = Article("nurses", "/nurses.md", "Nurses", TEXT)


def draft(kind: str, article: Article = ARTICLE) -> list[TestPrompt]:
    return [prompt for prompt in draft_prompts(article) if kind in prompt.tags]


def test_a_figure_becomes_a_question_word_in_its_own_sentence() -> None:
    asked = {prompt.question: prompt.facts for prompt in draft("figure")}
    assert asked["A nurse in the US earned how much in 2025?"] == ("$81,220",)
    assert asked["Jobs will grow by what percentage until 2033?"] == ("6%",)
    assert asked["Writing how many reports a day?"] == ("3",)
    assert len(asked) == 3  # "It rose by $7." stands for nothing by itself


def test_a_definition_becomes_the_question_what_it_is() -> None:
    (prompt,) = draft("definition")
    assert (prompt.question, prompt.facts) == ("What is a nurse?", ("a person who looks after",))
    assert prompt.headings == ("What nurses do",)


def test_a_list_is_asked_for_by_what_leads_it_in() -> None:
    (prompt,) = draft("list")
    assert prompt.question == "A nurse has these duties: which ones?"
    assert prompt.facts == ("Washing hands", "Giving injections", "3")


def test_a_heading_that_asks_is_a_question_itself() -> None:
    assert [prompt.question for prompt in draft("heading")] == [
        "What should I know about pay?",
        "What should I know about what nurses do?",
        "Why become one?",
    ]


def test_near_misses_ask_for_what_the_article_does_not_name() -> None:
    misses = draft("near miss")
    assert [prompt.question for prompt in misses] == [
        "A nurse in the US earned how much in 2050?",
        "Jobs will grow by what percentage until 2058?",
        "Writing how many reports a day in Portugal?",
    ]
    assert not any(prompt.answerable for prompt in misses)


def test_every_drafted_fact_stands_in_the_article_and_can_be_read_back(tmp_path: Path) -> None:
    drafted = draft_prompts(ARTICLE)
    assert all(holds_fact(TEXT, fact) for prompt in drafted for fact in prompt.facts)
    path = tmp_path / "draft.yaml"
    path.write_text(write_prompts(drafted), encoding="utf-8")
    assert [prompt.question for prompt in load_prompts([path])] == [prompt.question for prompt in drafted]


def test_an_article_without_words_gives_no_prompts() -> None:
    assert draft_prompts(Article("empty", "", "", "")) == []


def test_what_tells_a_sentence_from_others_is_its_figure_or_its_beginning() -> None:
    assert choose_fact("They earned $5 in 2025.") == "$5"
    assert choose_fact("One two three four five six.") == "One two three four five"
