"""A citation is the article's own words or there is none, whatever the writer claims."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from assistant.cite import UNVERIFIED, Proof, cite
from assistant.conversation import Claim, ScoredPassage
from ingest.article import Article, Unit
from ingest.errors import ArticleUnknown
from ingest.settings import IngestSettings
from ingest.split import split_article

TEXT = """\
## What nurses earn

Nurses earn $80,000 a year in a hospital. Night work brings them 15% more.

## What dentists earn

Dentists earn $170,000 a year in a practice of their own."""
ARTICLE = Article("pay", "/articles/pay.md", "Pay", TEXT, published="2026-03-19", url="https://www.example.org/pay")
PASSAGES = [
    ScoredPassage(passage, 1.0)
    for passage in split_article(ARTICLE, IngestSettings(_env_file=None))  # type: ignore[call-arg]
]
NURSES, NIGHT = PASSAGES[0].passage.units
(DENTISTS,) = PASSAGES[1].passage.units


def find_article(article_id: str) -> Article:
    if article_id != "pay":
        raise ArticleUnknown(f"{article_id}: no such article.")
    return ARTICLE


def prove(*claims: Claim) -> Proof:
    return cite(claims, PASSAGES, find_article)


def say(text: str, *numbers: int, **options: Any) -> Claim:
    return Claim(text, numbers, **options)


def quotes(proof: Proof) -> list[str]:
    return [citation.quote for citation in proof.citations]


# -- what is proved ---------------------------------------------------------------------------------------------------


def test_cite_quotes_the_sentence_that_supports_a_claim() -> None:
    proof = prove(say("A nurse earns $80,000 a year.", 1))
    assert quotes(proof) == ["Nurses earn $80,000 a year in a hospital."]


def test_cite_puts_the_mark_behind_the_claim() -> None:
    assert prove(say("A nurse earns $80,000 a year.", 1)).text == "A nurse earns $80,000 a year. [1]"


def test_every_quote_is_the_articles_own_words_at_its_span() -> None:
    proof = prove(say("Nurses earn $80,000 a year.", 1), say("Dentists earn $170,000.", 2), Claim("x", (1,), NIGHT))
    assert [ARTICLE.text[citation.start : citation.end] for citation in proof.citations] == quotes(proof)
    assert len(proof.citations) == 3


def test_a_citation_names_the_article_and_the_heading() -> None:
    (citation,) = prove(say("Dentists earn $170,000 a year.", 2)).citations
    assert (citation.article_id, citation.title, citation.url, citation.published, citation.heading) == (
        "pay",
        "Pay",
        "https://www.example.org/pay",
        "2026-03-19",
        "What dentists earn",
    )


def test_a_claim_that_needs_two_neighbouring_sentences_quotes_both() -> None:
    (quote,) = quotes(prove(say("Nurses earn $80,000 a year, and night work brings 15% more.", 1)))
    assert quote == "Nurses earn $80,000 a year in a hospital. Night work brings them 15% more."


def test_a_claim_about_two_passages_cites_both() -> None:
    proof = prove(say("Nurses earn $80,000 a year and dentists $170,000 a year.", 1, 2))
    assert proof.text.endswith("[1][2]")
    assert len(quotes(proof)) == 2


def test_a_writer_that_quotes_is_cited_with_its_very_words() -> None:
    assert quotes(prove(Claim("Night work brings them 15% more.", (1,), NIGHT))) == ["Night work brings them 15% more."]


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_start_at_one_in_the_order_of_appearance() -> None:
    proof = prove(say("Dentists earn $170,000 a year.", 2), say("Nurses earn $80,000 a year.", 1, prefix=" "))
    assert proof.text == "Dentists earn $170,000 a year. [1] Nurses earn $80,000 a year. [2]"
    assert [(citation.number, citation.heading) for citation in proof.citations] == [
        (1, "What dentists earn"),
        (2, "What nurses earn"),
    ]


def test_the_same_words_cited_twice_share_a_number() -> None:
    proof = prove(Claim("First.", (1,), NURSES), Claim("Again.", (1,), NURSES, prefix=" "))
    assert proof.text == "First. [1] Again. [1]"
    assert len(proof.citations) == 1


def test_a_passage_named_twice_by_one_claim_is_marked_once() -> None:
    assert prove(say("Nurses earn $80,000 a year.", 1, 1)).text == "Nurses earn $80,000 a year. [1]"


def test_every_mark_in_the_text_has_its_citation() -> None:
    proof = prove(
        Claim("One.", (1,), NURSES), say("Two [5].", 9, prefix=" "), Claim("Three.", (2,), DENTISTS, prefix=" ")
    )
    marks = [int(mark) for mark in re.findall(r"\[(\d+)\]", proof.text)]
    assert marks == [citation.number for citation in proof.citations] == [1, 2]


# -- what is dropped or marked ----------------------------------------------------------------------------------------


def test_cite_drops_marks_beyond_the_last_passage() -> None:
    proof = prove(say("Nurses earn $80,000 a year.", 1, 3, 99))
    assert proof.text == "Nurses earn $80,000 a year. [1]"


@pytest.mark.parametrize("number", [0, -1, 3, 10**30])
def test_a_claim_with_nothing_but_an_invented_mark_is_unverified(number: int) -> None:
    proof = prove(say("Nurses earn $80,000 a year.", number))
    assert proof.text == f"Nurses earn $80,000 a year. {UNVERIFIED}"
    assert proof.citations == ()


def test_a_claim_with_a_figure_that_no_quote_holds_is_unverified() -> None:
    assert prove(say("Nurses earn $90,000 a year in a hospital.", 1)).text.endswith(UNVERIFIED)


def test_a_figure_from_another_passage_than_the_one_named_is_unverified() -> None:
    assert prove(say("Nurses earn $170,000 a year in a hospital.", 1)).text.endswith(UNVERIFIED)


def test_a_figure_that_only_begins_like_the_quoted_one_is_unverified() -> None:
    assert prove(say("Nurses earn $80 a year in a hospital.", 1)).text.endswith(UNVERIFIED)


def test_a_figure_may_be_written_without_its_comma() -> None:
    assert prove(say("Nurses earn $80000 a year.", 1)).unverified == 0


def test_a_claim_that_its_passage_does_not_speak_of_is_unverified() -> None:
    assert prove(say("Pilots sleep in hotels abroad.", 1)).text.endswith(UNVERIFIED)


def test_a_claim_without_a_mark_is_unverified() -> None:
    assert prove(say("Nurses earn $80,000 a year.")).text == f"Nurses earn $80,000 a year. {UNVERIFIED}"


def test_unverified_claims_are_counted() -> None:
    assert prove(say("Pilots sleep."), say("Pilots fly.", 9), say("Nurses earn $80,000 a year.", 1)).unverified == 2


def test_words_that_state_nothing_need_no_mark() -> None:
    assert prove(say("Yes, it is.")).text == "Yes, it is."


def test_a_claim_that_is_still_being_written_is_not_judged_yet() -> None:
    proof = prove(say("Nurses earn $9", 1, complete=False))
    assert (proof.text, proof.citations, proof.unverified) == ("Nurses earn $9", (), 0)


def test_words_outside_the_named_passage_are_not_quoted() -> None:
    assert prove(Claim("Dentists earn most.", (1,), DENTISTS)).citations == ()


def test_an_empty_span_is_not_quoted() -> None:
    assert prove(Claim("Nurses earn well.", (1,), Unit(NURSES.start, NURSES.start, "sentence"))).citations == ()


def test_an_article_that_has_changed_since_is_not_cited() -> None:
    changed = replace(ARTICLE, text="New. " + ARTICLE.text)
    proof = cite([Claim("Nurses earn well.", (1,), NURSES)], PASSAGES, lambda _: changed)
    assert proof.citations == ()
    assert proof.text.endswith(UNVERIFIED)


def test_an_article_that_has_been_cut_short_since_is_not_cited() -> None:
    cut = replace(ARTICLE, text=ARTICLE.text[:30])
    assert cite([say("Dentists earn $170,000 a year.", 2)], PASSAGES, lambda _: cut).citations == ()


def test_an_article_that_has_been_removed_since_is_not_cited() -> None:
    def find_nothing(article_id: str) -> Article:
        raise ArticleUnknown(f"{article_id}: no such article.")

    proof = cite([Claim("Nurses earn well.", (1,), NURSES)], PASSAGES, find_nothing)
    assert proof.citations == ()


@pytest.mark.parametrize(
    "text",
    ["Nurses earn $80,000 a year [7].", "Nurses [7] earn $80,000 a year.", "[1] [2,3] Nurses earn $80,000 a year."],
)
def test_a_mark_in_the_claims_own_words_is_taken_out(text: str) -> None:
    assert prove(say(text, 1)).text.count("[") == 1


@pytest.mark.parametrize("text", ["Nurses earn $80,000 a year [[1]7].", "Nurses earn $80,000 a year [[[1]2]7]."])
def test_a_mark_inside_a_mark_does_not_become_one(text: str) -> None:
    assert re.findall(r"\[\d+\]", prove(say(text, 1)).text) in (["[1]"], [])


def test_no_claims_prove_nothing() -> None:
    assert prove() == Proof("", ())


def test_a_citation_names_the_page_on_which_its_quote_begins() -> None:
    paged = replace(ARTICLE, pages=(TEXT.index("Night"), TEXT.index("## What dentists")))
    claims = [say("", 1, unit=NURSES), say("", 1, unit=NIGHT), say("", 2, unit=DENTISTS)]
    assert [citation.page for citation in cite(claims, PASSAGES, lambda _: paged).citations] == [1, 2, 3]
    assert [citation.page for citation in prove(*claims).citations] == [0, 0, 0]


def test_claims_without_passages_are_unverified() -> None:
    assert cite([say("Nurses earn well.", 1)], [], find_article).text == f"Nurses earn well. {UNVERIFIED}"


def test_the_writers_layout_is_kept() -> None:
    proof = prove(Claim("One.", (1,), NURSES, prefix="- "), Claim("Two.", (1,), NIGHT, prefix="\n- "))
    assert proof.text == "- One. [1]\n- Two. [2]"
