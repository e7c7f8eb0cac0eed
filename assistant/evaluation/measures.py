"""What is measured, each measure in one place with its formula and source.

A measure counts something in every reply as a part of a whole: facts found of facts asked for. Its total is the sum of
the parts over the sum of the wholes, so that every total, interval and comparison is made of the same counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from assistant.conversation import Citation, Reply
from assistant.evaluation.facts import Fact, holds_fact
from assistant.evaluation.prompts import TestPrompt
from assistant.evaluation.sections import (
    FindText,
    find_headings,
    find_relevant,
    is_under,
    rank_sections,
)
from ingest.terms import split_terms

FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
ORDINAL = re.compile(r"^\s*\d+[.)]\s", re.M)  # "1. " before an item says nothing of the article
# What `cite` writes after each claim: the numbers of its quotes, or that no quote holds it.
MARKS = re.compile(r"(?P<words>.*?)(?:\s*(?P<marks>(?:\[\d+\])+|\[unverified\])|\Z)", re.S)
SUPPORT = 0.5  # of a statement's terms; models rephrase, and ALCE's entailment model would have to be downloaded


@dataclass(frozen=True)
class Tokens:
    """What a chat model read and wrote for one reply, as it reported them."""

    read: int = 0
    written: int = 0


@dataclass(frozen=True)
class Statement:
    """What stands before one run of marks in an answer."""

    text: str
    numbers: tuple[int, ...]  # of the citations it points to
    supported: bool


@dataclass(frozen=True)
class Result:
    """One test prompt, its reply and what was found in it."""

    prompt: TestPrompt
    reply: Reply
    missing_facts: tuple[Fact, ...]  # facts that stand in no cited quote
    valid_citations: int  # citations with article.text[start:end] == quote
    right_article: bool  # one of prompt.articles is cited; True when the prompt names none
    right_heading: bool = True  # something under one of prompt.headings is cited; True when the prompt names none
    unsaid_facts: tuple[Fact, ...] = ()  # facts that do not stand in the answer's own words
    said_forbidden: tuple[Fact, ...] = ()
    statements: tuple[Statement, ...] = ()
    figures: tuple[str, ...] = ()  # numbers of the answer
    loose_figures: tuple[str, ...] = ()  # of these, those that stand in no quote
    ranked: tuple[str, ...] = ()  # sections of the passages, best first
    relevant: frozenset[str] = frozenset()  # sections that answer; empty when the prompt does not tell
    standalone_ranked: tuple[str, ...] | None = None  # what prompt.standalone finds; None when it was not asked
    tokens: Tokens = Tokens()

    @property
    def right_decision(self) -> bool:
        """Answered what can be answered, refused what cannot."""
        return self.reply.answered == self.prompt.answerable

    @cached_property
    def failures(self) -> tuple[str, ...]:
        """Why the reply is not right, each in a few words; empty when it is."""
        return tuple(_find_failures(self))

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def step(self) -> str:
        """The first step of the answer at which the reply went wrong; "" when it is right."""
        return "" if self.passed else _find_step(self)

    @property
    def rank(self) -> int:
        """Where the first right section stands among those found, from 1; 0 when none of them is right."""
        return next((place for place, name in enumerate(self.ranked, start=1) if name in self.relevant), 0)


# -- one reply ---------------------------------------------------------------------------------------------------------


def measure_reply(prompt: TestPrompt, reply: Reply, find_text: FindText) -> Result:
    """Compare a reply with what its prompt asks for, and its citations with the library."""
    quotes = [citation.quote for citation in reply.citations]
    said = "" if not reply.answered else "".join(_read_words(reply.text))
    figures = tuple(dict.fromkeys(_find_figures(said)))
    quoted = {figure for quote in quotes for figure in _find_figures(quote)}
    paths = [find_headings(found.article_id, found.start, find_text) for found in reply.citations]
    return Result(
        prompt,
        reply,
        missing_facts=tuple(fact for fact in prompt.facts if not any(holds_fact(quote, fact) for quote in quotes)),
        valid_citations=sum(is_valid(citation, find_text(citation.article_id)) for citation in reply.citations),
        right_article=not prompt.articles or any(found.article_id in prompt.articles for found in reply.citations),
        right_heading=not prompt.headings or any(is_under(prompt.headings, path) for path in paths),
        unsaid_facts=tuple(fact for fact in prompt.facts if not holds_fact(said, fact)),
        said_forbidden=tuple(fact for fact in prompt.forbidden if holds_fact(said, fact)),
        statements=tuple(read_statements(reply)) if reply.answered else (),
        figures=figures,
        loose_figures=tuple(figure for figure in figures if figure not in quoted),
        ranked=rank_sections(reply.passages, find_text),
        relevant=find_relevant(prompt, find_text),
    )


def note_standalone(result: Result, reply: Reply, find_text: FindText) -> Result:
    """The result with what its prompt's stand-alone form finds."""
    return replace(result, standalone_ranked=rank_sections(reply.passages, find_text))


def is_valid(citation: Citation, text: str) -> bool:
    """True when the quote is, character for character, what stands in the article at the offsets."""
    inside = 0 <= citation.start < citation.end <= len(text)
    return inside and text[citation.start : citation.end] == citation.quote


def read_statements(reply: Reply) -> Iterator[Statement]:
    """The answer's statements, each with whether the quotes it points to bear it out.

    They do when its figures all stand in them, and SUPPORT of its terms in them or in the title and heading above.
    """
    cited = {citation.number: citation for citation in reply.citations}
    for found in MARKS.finditer(reply.text):
        text = found["words"].strip()
        if not split_terms(text):
            continue
        numbers = tuple(dict.fromkeys(int(number) for number in re.findall(r"\d+", found["marks"] or "")))
        quotes = [cited[number] for number in numbers if number in cited]
        yield Statement(text, numbers, _bear_out(quotes, text))


def _bear_out(quotes: Sequence[Citation], text: str) -> bool:
    words = " ".join(quote.quote for quote in quotes)
    around = " ".join(f"{quote.title} {quote.heading} {quote.quote}" for quote in quotes)
    terms = set(split_terms(text))
    held = terms.intersection(split_terms(around))
    figures = set(_find_figures(ORDINAL.sub("", text)))
    return bool(quotes) and figures.issubset(_find_figures(words)) and len(held) >= SUPPORT * len(terms)


def _read_words(text: str) -> Iterator[str]:
    """The answer without its marks and the numbers of its list."""
    yield from (ORDINAL.sub("", found["words"]) for found in MARKS.finditer(text))


def _find_figures(text: str) -> list[str]:
    return [figure.replace(",", "") for figure in FIGURE.findall(text)]


def _find_failures(result: Result) -> Iterator[str]:
    prompt, cited = result.prompt, len(result.reply.citations)
    if not result.right_decision:
        yield "refused, but the articles answer it" if prompt.answerable else "answered, not refused"
    elif prompt.answerable:
        yield from (f"no quote holds {_name(fact)}" for fact in result.missing_facts)
        if not result.right_article:
            yield f"cites none of {', '.join(prompt.articles)}"
        if not result.right_heading:
            yield f"cites nothing under {', '.join(prompt.headings)}"
    if result.valid_citations < cited:
        yield f"{cited - result.valid_citations} of {cited} citations not in the article"
    yield from (f"says {_name(fact)}, which is forbidden" for fact in result.said_forbidden)
    if result.loose_figures:
        yield f"{', '.join(result.loose_figures)} in no quote"


def _name(fact: Fact) -> str:
    return repr(fact) if isinstance(fact, str) else str(fact)


# -- the steps of an answer, and which of them to blame ----------------------------------------------------------------

STEPS = {
    "follow-up": "the question found other passages than its stand-alone form",
    "articles": "what the prompt asks for stands nowhere in the articles it names",
    "retriever": "no passage that answers was found",
    "gate": "the decision to answer was wrong",
    "writer": "the passages answer, what was written from them does not",
    "citations": "what was cited does not prove what was said",
}


def _find_step(result: Result) -> str:
    prompt = result.prompt
    if result.valid_citations < len(result.reply.citations) or result.loose_figures:
        return "citations"
    if not prompt.answerable:
        return "writer" if result.right_decision else "gate"
    if not _has_found(result):
        lost = result.standalone_ranked is not None and not result.relevant.isdisjoint(result.standalone_ranked)
        unknown = bool(prompt.articles and prompt.facts) and not result.relevant
        return "follow-up" if lost else "articles" if unknown else "retriever"
    return "writer" if result.reply.answered else "gate"


def _has_found(result: Result) -> bool:
    """True when a passage lies where the answer is; by the article alone when the prompt tells no more."""
    articles = {name.rpartition("#")[0] for name in result.ranked}
    if result.relevant or (result.prompt.articles and result.prompt.facts):
        return result.rank > 0
    return not result.prompt.articles or not articles.isdisjoint(result.prompt.articles)


# -- the measures ------------------------------------------------------------------------------------------------------

Counts = tuple[float, float]  # a part, and the whole that it is of; (0, 0) where there is nothing to measure
NOTHING: Counts = (0.0, 0.0)
DEPTH = 5  # passages that a reader of the source panel would look through
NDCG_DEPTH = 10


@dataclass(frozen=True)
class Measure:
    """One thing that is measured: its total is the sum of the parts over the sum of the wholes."""

    name: str
    label: str
    group: str
    count: Callable[[Result], Counts]
    formula: str
    source: str
    step: str  # of STEPS: where to look when it falls
    lower_is_better: bool = False
    is_share: bool = True  # from 0 to 1; only such can have a floor

    def is_flawed(self, result: Result) -> bool:
        """True for a result that keeps the total from being perfect."""
        part, whole = self.count(result)
        return part > 0 if self.lower_is_better else part < whole


def _when(condition: bool, part: float, whole: float = 1.0) -> Counts:
    return (float(part), float(whole)) if condition else NOTHING


def _count_hit(depth: int) -> Callable[[Result], Counts]:
    return lambda result: _when(bool(result.relevant), 0 < result.rank <= depth)


def _count_recall(result: Result) -> Counts:
    found = len(result.relevant.intersection(result.ranked[:DEPTH]))
    return _when(bool(result.relevant), found / max(1, len(result.relevant)))


def _count_reciprocal_rank(result: Result) -> Counts:
    return _when(bool(result.relevant), 1 / result.rank if result.rank else 0)


def _count_ndcg(result: Result) -> Counts:
    gains = [float(name in result.relevant) for name in result.ranked[:NDCG_DEPTH]]
    ideal = [1.0] * min(len(result.relevant), NDCG_DEPTH)
    return _when(bool(ideal), _discount(gains) / (_discount(ideal) or 1))


def _discount(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def _count_same_passages(result: Result) -> Counts:
    alone = (result.standalone_ranked or ())[:DEPTH]
    return float(len(set(alone).intersection(result.ranked[:DEPTH]))), float(len(alone))


def _count_refusal_f1(result: Result) -> Counts:
    """2 TP / (2 TP + FP + FN), where a refusal that is right is a true positive."""
    refused, right = not result.reply.answered, not result.prompt.answerable
    return 2.0 * (refused and right), float(refused) + float(right)


def _count_facts(missing: Callable[[Result], Sequence[Fact]]) -> Callable[[Result], Counts]:
    def count(result: Result) -> Counts:
        facts = len(result.prompt.facts)
        return float(facts - len(missing(result))), float(facts)

    return count


MEASURES = (
    Measure(
        "hit_at_1",
        "right section first",
        "Passages",
        _count_hit(1),
        "prompts whose first section answers / prompts that name where the answer stands",
        "Success@1; Voorhees 1999, The TREC-8 question answering track",
        "retriever",
    ),
    Measure(
        "hit_at_5",
        "right section among 5",
        "Passages",
        _count_hit(DEPTH),
        "prompts with a section that answers among the first 5 / prompts that name where the answer stands",
        "Success@5; Voorhees 1999, The TREC-8 question answering track",
        "retriever",
    ),
    Measure(
        "recall_at_5",
        "recall at 5",
        "Passages",
        _count_recall,
        "mean of: answering sections among the first 5 / answering sections of the named articles",
        "recall@k; Manning, Raghavan, Schütze 2008, Introduction to Information Retrieval, 8.3",
        "retriever",
    ),
    Measure(
        "mrr",
        "mean reciprocal rank",
        "Passages",
        _count_reciprocal_rank,
        "mean of: 1 / rank of the first section that answers, 0 when none was found",
        "Voorhees 1999, The TREC-8 question answering track",
        "retriever",
    ),
    Measure(
        "ndcg_at_10",
        "nDCG at 10",
        "Passages",
        _count_ndcg,
        "mean of: Σ relevance / log2(rank + 1) over the first 10 sections / the same of the best order",
        "Järvelin, Kekäläinen 2002, Cumulated gain-based evaluation of IR techniques",
        "retriever",
    ),
    Measure(
        "same_passages",
        "follow-ups find same",
        "Follow-ups",
        _count_same_passages,
        "sections among the first 5 of both / sections among the first 5 of the stand-alone form",
        "overlap at 5; Webber, Moffat, Zobel 2010, A similarity measure for indefinite rankings, 2",
        "follow-up",
    ),
    Measure(
        "refusals_right",
        "refusals right",
        "Refusals",
        lambda result: _when(not result.prompt.answerable, not result.reply.answered),
        "unanswerable prompts refused / unanswerable prompts",
        "recall of the class “unanswerable”; Rajpurkar, Jia, Liang 2018, Know what you don't know (SQuAD 2.0)",
        "gate",
    ),
    Measure(
        "refusal_precision",
        "refusal precision",
        "Refusals",
        lambda result: _when(not result.reply.answered, not result.prompt.answerable),
        "refused prompts that are unanswerable / refused prompts",
        "precision of the class “unanswerable”; van Rijsbergen 1979, Information Retrieval, 7",
        "gate",
    ),
    Measure(
        "refusal_f1",
        "refusal F1",
        "Refusals",
        _count_refusal_f1,
        "2 × precision × recall / (precision + recall) of refusals",
        "van Rijsbergen 1979, Information Retrieval, 7",
        "gate",
    ),
    Measure(
        "answerable_refused",
        "answerable refused",
        "Refusals",
        lambda result: _when(result.prompt.answerable, not result.reply.answered),
        "answerable prompts refused / answerable prompts",
        "false positive rate of refusals",
        "gate",
        lower_is_better=True,
    ),
    Measure(
        "facts_in_quotes",
        "facts in cited quotes",
        "Answers",
        _count_facts(lambda result: result.missing_facts),
        "facts that stand in a cited quote / facts of the answerable prompts",
        "nugget recall; Voorhees 2003, Overview of the TREC 2003 question answering track, of quotes",
        "writer",
    ),
    Measure(
        "facts_in_answer",
        "facts in the answer",
        "Answers",
        _count_facts(lambda result: result.unsaid_facts),
        "facts that stand in the answer's own text / facts of the answerable prompts",
        "nugget recall; Voorhees 2003, Overview of the TREC 2003 question answering track",
        "writer",
    ),
    Measure(
        "forbidden_absent",
        "nothing forbidden",
        "Answers",
        lambda result: _when(bool(result.prompt.forbidden), not result.said_forbidden),
        "prompts with forbidden facts whose answer holds none of them / prompts with forbidden facts",
        "ours",
        "writer",
    ),
    Measure(
        "figures_quoted",
        "figures in a quote",
        "Answers",
        lambda result: (float(len(result.figures) - len(result.loose_figures)), float(len(result.figures))),
        "figures of the answers that stand in one of the reply's quotes / figures of the answers",
        "ours: a figure in an answer stands in a cited quote (plan of record, 4)",
        "citations",
    ),
    Measure(
        "citations_valid",
        "citations valid",
        "Citations",
        lambda result: (float(result.valid_citations), float(len(result.reply.citations))),
        "citations with article.text[start:end] == quote / citations",
        "ours: the contract of a citation",
        "citations",
    ),
    Measure(
        "right_article",
        "right article cited",
        "Citations",
        lambda result: _when(bool(result.prompt.answerable and result.prompt.articles), result.right_article),
        "answerable prompts with a citation of an article they name / those that name one",
        "ours",
        "writer",
    ),
    Measure(
        "right_heading",
        "right heading cited",
        "Citations",
        lambda result: _when(bool(result.prompt.headings), result.right_heading),
        "prompts with a citation under a heading they name / prompts that name one",
        "ours",
        "writer",
    ),
    Measure(
        "statements_supported",
        "statements supported",
        "Citations",
        lambda result: (float(sum(said.supported for said in result.statements)), float(len(result.statements))),
        "statements whose own quotes hold all their figures and half of their terms / statements of the answers",
        "citation recall of ALCE (Gao, Yen, Yu, Chen 2023), by shared terms instead of an entailment model",
        "citations",
    ),
    Measure(
        "words",
        "words an answer",
        "Answers",
        lambda result: _when(result.reply.answered, len("".join(_read_words(result.reply.text)).split())),
        "words of the answers / answers",
        "ours",
        "writer",
        lower_is_better=True,
        is_share=False,
    ),
)
BY_NAME = {measure.name: measure for measure in MEASURES}
GROUPS = tuple(dict.fromkeys(measure.group for measure in MEASURES))


@dataclass(frozen=True)
class Totals:
    """Every measure over all results, by the names of MEASURES; None where there was nothing to measure."""

    prompts: int
    passed: int
    hit_at_1: float | None
    hit_at_5: float | None
    recall_at_5: float | None
    mrr: float | None
    ndcg_at_10: float | None
    same_passages: float | None
    refusals_right: float | None
    refusal_precision: float | None
    refusal_f1: float | None
    answerable_refused: float | None
    facts_in_quotes: float | None
    facts_in_answer: float | None
    forbidden_absent: float | None
    figures_quoted: float | None
    citations_valid: float | None
    right_article: float | None
    right_heading: float | None
    statements_supported: float | None
    words: float | None
    tokens_read: int | None  # by a chat model, when it reports them
    tokens_written: int | None
    seconds_p50: float | None  # nearest rank over all prompts
    seconds_p95: float | None


def total_results(results: Sequence[Result]) -> Totals:
    """Every measure of MEASURES over all results, and their times and tokens."""
    read = sum(result.tokens.read for result in results)
    written = sum(result.tokens.written for result in results)
    seconds = sorted(result.reply.seconds for result in results)
    return Totals(
        prompts=len(results),
        passed=sum(result.passed for result in results),
        tokens_read=read or None,
        tokens_written=written or None,
        seconds_p50=find_percentile(seconds, 0.5),
        seconds_p95=find_percentile(seconds, 0.95),
        **{measure.name: total([measure.count(result) for result in results]) for measure in MEASURES},
    )


def total(counts: Sequence[Counts]) -> float | None:
    """The sum of the parts over the sum of the wholes."""
    whole = math.fsum(count[1] for count in counts)
    return math.fsum(count[0] for count in counts) / whole if whole else None


def find_percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value at nearest rank."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
