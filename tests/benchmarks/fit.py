"""`python -m tests.benchmarks.fit passages|units|gate FOLDER`: the weights that the assistant carries, fitted again.

Prints the `WEIGHTS` of assistant/relevance.py, assistant/score.py or assistant/gate.py. Each depends on those before:
write what is printed there, then fit the next. FOLDER keeps what was embedded.

Tuned on: SQuAD 2.0's tuning titles, FeedbackQA's valid queries, questions made from the Occupational Outlook Handbook's
pages (MADE), 80 prompts of somebody who knew neither code nor prompts (prompts/outside-*.yaml), 113 of our own in words
that the pages do not use (prompts/everyday-pages.yaml), and the shipped ones.
None of them is a question that a result is reported on, but for the shipped prompts, which RESULTS.md says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, softmax

from assistant.evaluation.facts import Fact, holds_fact
from assistant.evaluation.prompts import load_prompts
from assistant.gate import Evidence, read_evidence
from assistant.question import Query, read_question
from assistant.relevance import Relevance, read_relevance
from assistant.rephrase import rephrase
from assistant.retrieve import find_candidates, find_passages, weigh_terms
from assistant.score import Signals, read_signals, score_units
from assistant.settings import Settings, find_corpus
from assistant.spell import correct_spelling
from ingest.article import Passage
from ingest.library import Library
from ingest.pipeline import add_articles
from tests.benchmarks import feedbackqa, squad2
from tests.benchmarks.library import digest_code, load_shared_embedder, make_settings, open_library
from tests.benchmarks.result import list_bls_pages
from tests.benchmarks.statistics import area_under_curve

Rows = NDArray[np.float64]

# Each set with its weight. The made questions are few and alike, the prompts fewer.
PASSAGE_SETS = {"squad2": 1.0, "feedbackqa": 1.0}
UNIT_SETS = {"squad2": 4.0, "made": 1.0, "prompts": 1.0}
GATE_SETS = ("prompts", "made", "squad2", "outside", "everyday-pages")
PROMPTS = Path(__file__).parent / "prompts"
# What the outsider's second file asks about.
OUTSIDE_PAGES = (
    "carpenters",
    "elevator-installers-and-repairers",
    "floral-designers",
    "geographers",
    "massage-therapists",
    "paralegals-and-legal-assistants",
    "registered-nurses",
    "veterinary-technologists-and-technicians",
)
# What everyday-pages.yaml asks about.
EVERYDAY_PAGES = (
    "athletes-and-sports-competitors",
    "delivery-truck-drivers-and-driver-sales-workers",
    "heating-air-conditioning-and-refrigeration-mechanics-and-installers",
    "marriage-and-family-therapists",
    "meeting-convention-and-event-planners",
    "real-estate-brokers-and-sales-agents",
    "veterinary-assistants-and-laboratory-animal-caretakers",
)
PAGES = {"outside-pages": OUTSIDE_PAGES, "everyday-pages": EVERYDAY_PAGES}
RIDGE, GATE_RIDGE = 1e-3, 1e-3  # for each unit of weight


@dataclass(frozen=True)
class Example:
    """A question of a library, and what tells the right passages and units."""

    text: str
    answerable: bool
    holds: Callable[[Passage, str], bool]  # whether this text of that passage answers


# Asked of each page: the question, what the sentence that answers it holds.
MADE = (
    ("How much do {} earn?", "median annual wage for"),
    ("What is the salary of {}?", "median annual wage for"),
    ("How fast is employment of {} expected to grow?", "is projected to"),
    ("What is the job outlook for {}?", "is projected to"),
    ("How many openings for {} are projected each year?", "openings for"),
)
# Not on these pages.
MADE_UNANSWERABLE = (
    "How many vacation days do {} get?",
    "How much do {} earn in Germany?",
    "What was the median wage of {} in 1995?",
    "Which company is the best employer for {}?",
    "What do {} eat for lunch?",
    "How many {} are there in Japan?",
)


def list_squad() -> Iterator[Example]:
    for asked in squad2.read_questions("tune"):
        answers = [squad2.normalize(answer) for answer in asked.answers]

        def holds(
            passage: Passage, text: str, title: str = asked.title.lower(), answers: Sequence[str] = answers
        ) -> bool:
            return passage.article_id == title and any(answer in squad2.normalize(text) for answer in answers)

        yield Example(asked.text, bool(answers), holds)


def list_feedbackqa(pages: feedbackqa.Pages) -> Iterator[Example]:
    for query in feedbackqa.read_queries("valid"):

        def holds(passage: Passage, _: str, ids: Mapping[str, float] = query["relevant"]) -> bool:
            return pages.section_at(passage.article_id, passage.start) in ids

        yield Example(query["text"], True, holds)


def list_made(library: Library) -> Iterator[Example]:
    for article in library.articles():
        name = article.title.lower()
        for form, sign in MADE:

            def holds(passage: Passage, text: str, page: str = article.id, sign: str = sign) -> bool:
                return passage.article_id == page and sign in text

            yield Example(form.format(name), True, holds)
        for form in MADE_UNANSWERABLE:
            yield Example(form.format(name), False, lambda *_: False)


def list_prompts(files: Sequence[Path]) -> Iterator[Example]:
    for prompt in load_prompts(files):

        def holds(_: Passage, text: str, facts: Sequence[Fact] = prompt.facts) -> bool:
            return any(holds_fact(text, fact) for fact in facts)

        yield Example(rephrase(prompt.question, prompt.history), prompt.answerable, holds)


@contextmanager
def open_files(files: Sequence[Path], home: Path) -> Iterator[tuple[Library, Settings]]:
    settings = make_settings(home=home / digest_code())
    with Library.open(settings, load_shared_embedder()) as library:
        list(add_articles([str(file) for file in files], library, settings))
        yield library, settings


Reader = Callable[[Query, Library, Settings, Example], "tuple[list[Any], list[bool]]"]


def read_sets(
    names: Sequence[str], home: Path, read: Reader, *, answerable_only: bool = True
) -> Iterator[list[tuple[Rows, NDArray[np.bool_]]]]:
    """For each set, for each of its questions, the signals of what could be chosen, and what of it is right."""
    for name in names:
        parts = ("outside-article", "outside-pages") if name == "outside" else (name,)
        yield [row for part in parts for row in _read_set(part, home, read, answerable_only=answerable_only)]


def _read_set(name: str, home: Path, read: Reader, *, answerable_only: bool) -> list[tuple[Rows, NDArray[np.bool_]]]:
    with open_set(name, home / name) as (library, settings, examples):
        asked = [example for example in examples if example.answerable or not answerable_only]
        return [_read(example, library, settings, read) for example in asked]


@contextmanager
def open_set(name: str, home: Path) -> Iterator[tuple[Library, Settings, list[Example]]]:
    if name == "squad2":
        with open_library(squad2.read_articles(), home) as (library, settings):
            yield library, settings, list(list_squad())
    elif name == "feedbackqa":
        pages = feedbackqa.read_pages()
        with open_library(pages.articles, home) as (library, settings):
            yield library, settings, list(list_feedbackqa(pages))
    elif name == "made":
        with open_files(list_bls_pages(), home) as (library, settings):
            yield library, settings, list(list_made(library))
    elif name in PAGES:
        files = [page for page in list_bls_pages() if page.stem in PAGES[name]]
        with open_files(files, home) as (library, settings):
            yield library, settings, list(list_prompts([PROMPTS / f"{name}.yaml"]))
    else:
        shipped = sorted((find_corpus() / "prompts").glob("*.yaml"))
        with open_files(sorted((find_corpus() / "articles").glob("*.md")), home) as (library, settings):
            asked = [PROMPTS / "outside-article.yaml"] if name == "outside-article" else shipped
            yield library, settings, list(list_prompts(asked))


def _read(example: Example, library: Library, settings: Settings, read: Reader) -> tuple[Rows, NDArray[np.bool_]]:
    query = read_question(correct_spelling(example.text, library), lambda terms: weigh_terms(terms, library))
    rows, right = read(query, library, settings, example)
    return np.array([astuple(row) for row in rows]), np.array(right)


def read_candidates(
    query: Query, library: Library, _: Settings, example: Example
) -> tuple[list[Relevance], list[bool]]:
    vectors = library.embed_question(query.text)
    stored, bm25 = find_candidates(query, vectors, library)
    signals = read_relevance(query, vectors, stored, bm25)
    return list(signals.values()), [example.holds(entry.passage, entry.passage.text) for entry in stored.values()]


def read_units(
    query: Query, library: Library, settings: Settings, example: Example
) -> tuple[list[Signals], list[bool]]:
    found = find_passages(query, library, settings)
    signals = [signal for scored in found for signal in read_signals(query, scored)]
    return signals, [example.holds(scored.passage, unit.text) for scored in found for unit in scored.units]


def read_gate(
    query: Query, library: Library, settings: Settings, example: Example
) -> tuple[list[Evidence], list[bool]]:
    passages = score_units(query, find_passages(query, library, settings))
    return [read_evidence(query, passages, library.embed_words)[0]], [example.answerable]


def fit_choice(sets: Sequence[Sequence[tuple[Rows, NDArray[np.bool_]]]], shares: Sequence[float]) -> Rows:
    """Conditional logit (McFadden 1974): the chance that what is chosen by odds is right, as great as it gets."""
    known = [[(rows, right) for rows, right in examples if right.any()] for examples in sets]

    def lose(weights: Rows) -> tuple[float, Rows]:
        ridge = RIDGE * sum(shares)
        total, slope = ridge * float(weights @ weights), 2 * ridge * weights
        for share, examples in zip(shares, known, strict=True):
            for rows, right in examples:
                chances = softmax(rows @ weights)
                among = chances * right / (chances @ right)
                total -= share * float(np.log(chances @ right)) / len(examples)
                slope = slope + share * rows.T @ (chances - among) / len(examples)
        return total, slope

    start = np.zeros(known[0][0][0].shape[1])
    fitted: Rows = minimize(lose, start, jac=True, method="L-BFGS-B").x
    return fitted


def fit_gate(sets: Sequence[Sequence[tuple[Rows, NDArray[np.bool_]]]]) -> tuple[Rows, float]:
    """Logistic regression, each set with the same weight and in it both answers; the weights and the bias."""
    rows = np.array([rows[0] for examples in sets for rows, _ in examples])
    answers = [np.array([right[0] for _, right in examples]) for examples in sets]
    right = np.concatenate(answers)
    shares = np.concatenate([np.where(known, 1 / known.sum(), 1 / (~known).sum()) for known in answers])

    def lose(weights: Rows) -> tuple[float, Rows]:
        chances = expit(rows @ weights[1:] + weights[0])
        losses = np.where(right, np.log(chances + 1e-12), np.log(1 - chances + 1e-12))
        gap = shares * (chances - right)
        slope = np.concatenate([[gap.sum()], rows.T @ gap + 2 * GATE_RIDGE * weights[1:]])
        return float(-(shares @ losses) + GATE_RIDGE * weights[1:] @ weights[1:]), slope

    fitted: Rows = minimize(lose, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return fitted[1:], float(fitted[0])


def show(kind: type, weights: Rows) -> None:
    named = ", ".join(f"{field.name}={value:.2f}" for field, value in zip(fields(kind), weights, strict=True))
    print(f"WEIGHTS = {kind.__name__}({named})")


def show_choice(name: str, examples: Sequence[tuple[Rows, NDArray[np.bool_]]], weights: Rows) -> None:
    places = []
    for rows, right in examples:
        ranked = right[np.argsort(-(rows @ weights))] if right.size else right
        places.append(int(np.argmax(ranked)) if ranked.any() else 1_000)
    found = np.array(places)
    print(f"{name}: first {np.mean(found < 1):.3f}, among three {np.mean(found < 3):.3f}, of {len(found)}")


def fit_step(kind: type, shares: Mapping[str, float], read: Reader, home: Path) -> None:
    """Print the weights that choose best, and how often the right one comes first with them, set by set."""
    sets = list(read_sets(list(shares), home, read))
    weights = fit_choice(sets, list(shares.values()))
    show(kind, weights)
    for name, examples in zip(shares, sets, strict=True):
        show_choice(name, examples, weights)


def fit_gate_step(home: Path) -> None:
    """Print the gate's weights, and for some thresholds how it decides with them, set by set."""
    sets = list(read_sets(GATE_SETS, home, read_gate, answerable_only=False))
    weights, bias = fit_gate(sets)
    show(Evidence, weights)
    print(f"BIAS = {bias:.2f}")
    for name, examples in zip(GATE_SETS, sets, strict=True):
        odds = np.array([rows[0] @ weights + bias for rows, _ in examples])
        right = np.array([right[0] for _, right in examples])
        for threshold in (0.2, 0.3, 0.4, 0.5):
            passed = expit(odds) >= threshold
            print(
                f"{name} at {threshold}: wrong refusals {np.mean(~passed[right]):.3f},"
                f" right ones {np.mean(~passed[~right]):.3f}; AUC {area_under_curve(odds[right], odds[~right]):.3f}"
            )


def main() -> None:
    step, home = sys.argv[1], Path(sys.argv[2])
    if step == "passages":
        fit_step(Relevance, PASSAGE_SETS, read_candidates, home)
    elif step == "units":
        fit_step(Signals, UNIT_SETS, read_units, home)
    else:
        fit_gate_step(home)


if __name__ == "__main__":
    main()
