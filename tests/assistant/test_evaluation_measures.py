"""Every measure against values computed by hand, ranking also against trec_eval; and the step a wrong reply blames."""

from __future__ import annotations

import math
import random
from dataclasses import fields, replace

import pytest

from assistant.conversation import Citation, Reply
from assistant.evaluation.facts import Amount
from assistant.evaluation.measures import (
    BY_NAME,
    MEASURES,
    STEPS,
    Result,
    Totals,
    is_valid,
    note_standalone,
    read_statements,
    total_results,
)
from assistant.evaluation.sections import find_relevant, rank_sections, split_sections
from tests.assistant.evaluation_examples import (
    ANSWERABLE,
    CITATION,
    QUOTE,
    REFUSAL,
    REPLY,
    TEXT,
    UNANSWERABLE,
    find_text,
    make_citation,
    make_passage,
    measure,
)


def total(name: str, *results: Result) -> float | None:
    value: float | None = getattr(total_results(results), name)
    return value


# -- facts and citations ----------------------------------------------------------------------------------------------


def test_a_fact_must_stand_in_one_quote() -> None:
    halves = tuple(replace(CITATION, quote=quote) for quote in ("Engineers earn", "$158,147"))
    prompt = replace(ANSWERABLE, facts=("Engineers earn $158,147",))
    assert measure(prompt, replace(REPLY, citations=halves)).missing_facts == prompt.facts


def test_a_fact_in_the_answer_but_in_no_quote_is_missing_from_the_quotes_alone() -> None:
    result = measure(ANSWERABLE, replace(REPLY, citations=()))
    assert result.missing_facts == ("$158,147",)
    assert result.unsaid_facts == ()


@pytest.mark.parametrize(
    "citation",
    [
        replace(CITATION, end=CITATION.end + 1),
        replace(CITATION, start=-len(TEXT), end=-len(TEXT) + len(QUOTE)),
        replace(CITATION, start=3, end=3, quote=""),
        replace(CITATION, end=10_000, quote=TEXT),
        replace(CITATION, quote=QUOTE.lower()),
    ],
)
def test_a_citation_is_valid_only_character_for_character(citation: Citation) -> None:
    assert is_valid(CITATION, TEXT)
    assert not is_valid(citation, TEXT)


def test_a_citation_of_an_article_the_library_does_not_hold_is_not_valid() -> None:
    assert measure(ANSWERABLE, replace(REPLY, citations=(replace(CITATION, article_id="gone"),))).valid_citations == 0


def test_the_right_heading_is_one_above_a_quote() -> None:
    prompt = replace(ANSWERABLE, headings=("work",))
    assert not measure(prompt, REPLY).right_heading
    below = replace(REPLY, citations=(make_citation("Engineers build bridges."),))
    assert measure(prompt, below).right_heading
    assert total("right_heading", measure(prompt, REPLY), measure(prompt, below)) == 0.5


def test_a_forbidden_fact_is_counted_when_the_answer_says_it() -> None:
    prompt = replace(ANSWERABLE, forbidden=("$158,147", "gold"))
    result = measure(prompt, REPLY)
    assert result.said_forbidden == ("$158,147",)
    assert result.failures == ("says '$158,147', which is forbidden",)
    assert total("forbidden_absent", result, measure(replace(prompt, forbidden=("gold",)), REPLY)) == 0.5


def test_a_figure_that_stands_in_no_quote_is_counted() -> None:
    result = measure(ANSWERABLE, replace(REPLY, text="Engineers earn $158,147, or 99 more. [1]"))
    assert (result.figures, result.loose_figures) == (("158147", "99"), ("99",))
    assert total("figures_quoted", result) == 0.5
    assert result.failures == ("99 in no quote",)


def test_the_numbers_of_a_list_are_no_figures() -> None:
    assert measure(ANSWERABLE, replace(REPLY, text=f"1. {QUOTE} [1]\n2. {QUOTE} [1]")).figures == ("158147",)


def test_a_statement_is_supported_by_the_quotes_it_points_to() -> None:
    text = f"{QUOTE} [1] Engineers earn $200,000. [1] Nurses sing songs. [1] Men rest. [unverified] Trailing words"
    statements = list(read_statements(replace(REPLY, text=text)))
    assert [said.supported for said in statements] == [True, False, False, False, False]
    assert statements[0].numbers == (1,)
    assert total("statements_supported", measure(ANSWERABLE, replace(REPLY, text=text))) == pytest.approx(1 / 5)


def test_a_mark_without_a_citation_supports_nothing() -> None:
    assert [said.supported for said in read_statements(replace(REPLY, citations=()))] == [False]


def test_words_are_counted_without_marks() -> None:
    assert total("words", measure(ANSWERABLE, REPLY)) == 3


def test_a_right_reply_has_no_failures() -> None:
    assert measure(ANSWERABLE, REPLY).failures == ()
    assert measure(UNANSWERABLE, REFUSAL).passed


def test_each_failure_says_what_is_wrong() -> None:
    wrong = replace(REPLY, citations=(replace(CITATION, article_id="other", quote="Nurses"),))
    assert measure(ANSWERABLE, wrong).failures == (
        "no quote holds '$158,147'",
        "cites none of pay",
        "1 of 1 citations not in the article",
        "158147 in no quote",
    )


def test_refusing_and_answering_wrongly_are_failures() -> None:
    assert measure(ANSWERABLE, REFUSAL).failures == ("refused, but the articles answer it",)
    assert measure(UNANSWERABLE, REPLY).failures == ("answered, not refused",)


# -- totals -----------------------------------------------------------------------------------------------------------


def test_totals_are_shares_of_what_could_be_measured() -> None:
    two_facts = replace(ANSWERABLE, facts=("$158,147", "$1"))
    totals = total_results(
        [
            measure(two_facts, REPLY),
            measure(ANSWERABLE, REFUSAL),
            measure(UNANSWERABLE, REFUSAL),
            measure(UNANSWERABLE, REPLY),
        ]
    )
    assert (totals.prompts, totals.passed) == (4, 1)
    assert totals.facts_in_quotes == pytest.approx(1 / 3)
    assert (totals.right_article, totals.citations_valid) == (0.5, 1.0)
    assert (totals.refusals_right, totals.answerable_refused) == (0.5, 0.5)
    assert (totals.seconds_p50, totals.seconds_p95) == (0.5, 1.5)


def test_refusal_measures_are_those_of_a_classifier() -> None:
    right, missed, wrong = measure(UNANSWERABLE, REFUSAL), measure(UNANSWERABLE, REPLY), measure(ANSWERABLE, REFUSAL)
    results = [*[right] * 3, missed, *[wrong] * 2, measure(ANSWERABLE, REPLY)]
    precision, recall = 3 / 5, 3 / 4
    assert total("refusal_precision", *results) == pytest.approx(precision)
    assert total("refusals_right", *results) == pytest.approx(recall)
    assert total("refusal_f1", *results) == pytest.approx(2 * precision * recall / (precision + recall))


def test_totals_of_nothing_measure_nothing() -> None:
    totals = total_results([])
    assert totals.facts_in_quotes is totals.citations_valid is totals.seconds_p95 is None


def test_every_measure_has_a_total_a_formula_and_a_step() -> None:
    assert {measure.name for measure in MEASURES} <= {field.name for field in fields(Totals)}
    assert all(measure.formula and measure.source and measure.step in STEPS for measure in MEASURES)


def test_a_measure_names_the_results_that_spoil_it() -> None:
    assert BY_NAME["answerable_refused"].is_flawed(measure(ANSWERABLE, REFUSAL))
    assert not BY_NAME["answerable_refused"].is_flawed(measure(UNANSWERABLE, REFUSAL))
    assert BY_NAME["refusals_right"].is_flawed(measure(UNANSWERABLE, REPLY))
    assert not BY_NAME["facts_in_quotes"].is_flawed(measure(ANSWERABLE, REPLY))


# -- ranking ----------------------------------------------------------------------------------------------------------


def test_sections_lie_between_headings() -> None:
    sections = split_sections("Intro.\n\n## A\n\nOne.\n\n### B\n\nTwo.\n\n## C\n\nThree.")
    assert [section.headings for section in sections] == [(), ("A",), ("A", "B"), ("C",)]
    assert "".join(section.text for section in sections) == "Intro.\n\n## A\n\nOne.\n\n### B\n\nTwo.\n\n## C\n\nThree."


def test_the_sections_that_answer_hold_a_fact_under_a_heading_of_the_prompt() -> None:
    assert find_relevant(ANSWERABLE, find_text) == {"pay#0"}
    assert find_relevant(replace(ANSWERABLE, facts=("Engineers",)), find_text) == {"pay#0", "pay#1"}
    assert find_relevant(replace(ANSWERABLE, facts=("Engineers",), headings=("Work",)), find_text) == {"pay#1"}
    assert find_relevant(replace(ANSWERABLE, facts=(), headings=("Hours",)), find_text) == {"pay#2"}


def test_a_prompt_that_does_not_say_where_the_answer_stands_measures_no_ranking() -> None:
    assert find_relevant(replace(ANSWERABLE, articles=()), find_text) == frozenset()
    assert total("mrr", measure(replace(ANSWERABLE, articles=()), REPLY)) is None


def test_passages_of_one_section_count_once_where_it_first_comes() -> None:
    words = ("Engineers build", "bridges.", QUOTE)
    assert rank_sections([make_passage(text) for text in words], find_text) == ("pay#1", "pay#0")


def make_ranked(ranked: list[str], relevant: set[str]) -> Result:
    return replace(measure(ANSWERABLE, REPLY), ranked=tuple(ranked), relevant=frozenset(relevant))


def test_ranking_measures_are_as_computed_by_hand() -> None:
    result = make_ranked(["a", "b", "c", "d", "e", "f"], {"b", "f", "z"})
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert total("hit_at_1", result) == 0
    assert total("hit_at_5", result) == 1
    assert total("recall_at_5", result) == pytest.approx(1 / 3)
    assert total("mrr", result) == 0.5
    assert total("ndcg_at_10", result) == pytest.approx((1 / math.log2(3) + 1 / math.log2(7)) / ideal)


def test_nothing_right_found_measures_zero() -> None:
    result = make_ranked(["a"], {"z"})
    assert [total(name, result) for name in ("hit_at_5", "recall_at_5", "mrr", "ndcg_at_10")] == [0, 0, 0, 0]


@pytest.mark.parametrize("seed", range(5))
def test_ranking_measures_equal_those_of_trec_eval(seed: int) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval", reason="pytrec-eval-terrier is not installed")
    chance = random.Random(seed)
    names = [f"pay#{number}" for number in range(30)]
    queries = {
        f"q{number}": (chance.sample(names, chance.randint(1, 14)), set(chance.sample(names, chance.randint(1, 12))))
        for number in range(20)
    }
    judged = {query: dict.fromkeys(relevant, 1) for query, (_, relevant) in queries.items()}
    scored = {query: {name: float(-rank) for rank, name in enumerate(ranked)} for query, (ranked, _) in queries.items()}
    ours = {"success_1": "hit_at_1", "success_5": "hit_at_5", "recall_5": "recall_at_5"}
    ours |= {"recip_rank": "mrr", "ndcg_cut_10": "ndcg_at_10"}
    theirs = pytrec_eval.RelevanceEvaluator(judged, {"success.1,5", "recall.5", "recip_rank", "ndcg_cut.10"})
    for query, values in theirs.evaluate(scored).items():
        result = make_ranked(*queries[query])
        assert {name: total(name, result) for name in ours.values()} == pytest.approx(
            {ours[name]: value for name, value in values.items()}
        )


def test_a_follow_up_is_held_against_its_stand_alone_form() -> None:
    alone = replace(REPLY, passages=(make_passage("Forty a week."), make_passage(QUOTE)))
    result = note_standalone(measure(ANSWERABLE, REPLY), alone, find_text)
    assert total("same_passages", result) == 0.5
    assert total("same_passages", measure(ANSWERABLE, REPLY)) is None


# -- which step to blame ----------------------------------------------------------------------------------------------

ELSEWHERE = replace(REPLY, text="Forty a week. [1]", citations=(make_citation("Forty a week."),))


@pytest.mark.parametrize(
    ("prompt", "reply", "step"),
    [
        (ANSWERABLE, REPLY, ""),
        (ANSWERABLE, replace(ELSEWHERE, passages=(make_passage("Forty a week."),)), "retriever"),
        (ANSWERABLE, replace(REFUSAL, passages=(make_passage("Forty a week."),)), "retriever"),
        (ANSWERABLE, ELSEWHERE, "writer"),
        (ANSWERABLE, replace(REFUSAL, passages=REPLY.passages), "gate"),
        (UNANSWERABLE, REPLY, "gate"),
        (ANSWERABLE, replace(REPLY, citations=(replace(CITATION, start=1),)), "citations"),
        (ANSWERABLE, replace(REPLY, text="Engineers earn $158,147 or 7. [1]"), "citations"),
        (replace(ANSWERABLE, facts=("$7",)), REPLY, "articles"),
        (replace(ANSWERABLE, facts=(Amount(158_147, "€"),)), REPLY, "articles"),
        (replace(ANSWERABLE, facts=(), articles=("other",)), REPLY, "retriever"),
        (replace(ANSWERABLE, forbidden=("Engineers",)), REPLY, "writer"),
    ],
)
def test_a_wrong_reply_blames_the_first_step_that_went_wrong(prompt: object, reply: Reply, step: str) -> None:
    assert isinstance(prompt, type(ANSWERABLE))
    assert measure(prompt, reply).step == step


def test_a_follow_up_is_blamed_when_its_stand_alone_form_finds_the_answer() -> None:
    lost = measure(ANSWERABLE, replace(REFUSAL, passages=(make_passage("Forty a week."),)))
    assert note_standalone(lost, REPLY, find_text).step == "follow-up"
