"""A chain and a library that the page cannot tell from the real ones, with canned replies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assistant.conversation import Citation, Reply, ScoredPassage
from assistant.errors import ModelError
from ingest.article import Article, Passage
from ingest.catalog_feedback import Feedback
from ingest.errors import ArticleUnknown, LibraryUnwritable
from ingest.library import ArticleSummary, Library

PAY = Article(
    id="engineers-pay",
    source="pay.md",
    title="What engineers earn, and why",
    author="The editors",
    published="2026-03-19",
    language="en",
    url="https://www.example.org/pay",
    text="""Pay differs between two neighbouring jobs. This article sets the figures side by side.

## What a software engineer does

A software engineer plans, writes, tests and looks after software applications. The work is deliberately wide: one \
week may go into backend APIs, the next into reviewing a database schema.

A software engineer in the US earned an average base salary of about $112,165 in 2025. Senior software engineers often \
earn more than $200K.

### Core responsibilities

A software engineer has these duties:

- Planning and writing code that is clean and scalable
- Building microservices and APIs
  - and keeping them small
- Taking part in code reviews

## What a machine learning engineer does

A machine learning engineer combines software engineering with data science. An ML engineer builds systems that learn \
from data.

An ML engineer in the US earned an average base salary of about $158,147 in 2025, and an average total compensation of \
$202,427. At top-tier companies the package is regularly above $261,000.

## The comparison at a glance

| Aspect | Software engineer | ML engineer |
| --- | --- | --- |
| Core skills | Java, SQL | Python \\| PyTorch |
| Average salary in the US, 2025 | $112K base | $158K base |
| Degree requirement | Typically a bachelor's degree | Often Master's or PhD |

## Tools and habits

1. Learn Python well.
2. Learn statistics.

```
def earn(role):
    return PAY[role]
```

"""
    + "\n\n".join(f"Paragraph {number} makes the article long enough to scroll. " * 4 for number in range(1, 13))
    + "\n\n## Outlook\n\nThe number of software jobs is expected to rise by 17% until 2033.",
)

HOSTILE_WORDS = (
    "<img src=x onerror=alert(1)><script>alert(2)</script> ${alert(3)} {{constructor}} \"onmouseover='alert(4)'"
)
HOSTILE = Article(
    id="hostile",
    source="hostile.html",
    title=f"Title {HOSTILE_WORDS}",
    author=f"Author {HOSTILE_WORDS}",
    published=f"2026 {HOSTILE_WORDS}",
    language='en" onload="alert(5)',
    url="javascript:alert(6)",
    text=f"## Heading {HOSTILE_WORDS}\n\nBefore {HOSTILE_WORDS} after.\n\n"
    f"- Item {HOSTILE_WORDS}\n\n| a | {HOSTILE_WORDS} |\n| --- | --- |\n| b | c |",
)


def cite(number: int, article: Article, quote: str, heading: str) -> Citation:
    start = article.text.index(quote)
    return Citation(
        number, article.id, article.title, article.url, article.published, heading, start, start + len(quote), quote
    )


def find(heading: str) -> ScoredPassage:
    """The passage of PAY under a heading, as it was found for a question."""
    start = PAY.text.index(f" {heading}\n\n") + len(heading) + 3
    end = PAY.text.index("\n\n", start)
    return ScoredPassage(Passage(PAY.id, PAY.title, (heading,), start, end, PAY.text[start:end]), score=0.5)


SOFTWARE_PAY = "A software engineer in the US earned an average base salary of about $112,165 in 2025."
ML_PAY = (
    "An ML engineer in the US earned an average base salary of about $158,147 in 2025, and an average total "
    "compensation of $202,427."
)
SALARY_ROW = "| Average salary in the US, 2025 | $112K base | $158K base |"
OUTLOOK = "The number of software jobs is expected to rise by 17% until 2033."
HOSTILE_QUOTE = f"Before {HOSTILE_WORDS} after."

PAY_REPLY = Reply(
    question="How much does an ML engineer earn?",
    standalone_question="How much does an ML engineer earn?",
    text=f"{ML_PAY} [1]\n\nSide by side with the neighbouring job, the base salaries are $112K and $158K. [2]",
    citations=(
        cite(1, PAY, ML_PAY, "What a machine learning engineer does"),
        cite(2, PAY, SALARY_ROW, "The comparison at a glance"),
    ),
    passages=tuple(
        map(find, ("What a machine learning engineer does", "What a software engineer does", "Core responsibilities"))
    ),
)
FOLLOW_UP_REPLY = Reply(
    question="And a software engineer?",
    standalone_question="How much does a software engineer earn?",
    text=f"{SOFTWARE_PAY} [1] {OUTLOOK} [2]",
    citations=(
        cite(1, PAY, SOFTWARE_PAY, "What a software engineer does"),
        cite(2, PAY, OUTLOOK, "Outlook"),
    ),
    notice="The model did not answer in time, so these are the article's own sentences.",
)
REFUSAL = Reply(
    question="How many vacation days do they get?",
    standalone_question="How many vacation days do they get?",
    text="The articles don't say.",
    answered=False,
    suggestions=("How much does an ML engineer earn?", "The comparison at a glance"),
)
HOSTILE_REPLY = Reply(
    question=HOSTILE_WORDS,
    standalone_question=f"Rephrased {HOSTILE_WORDS}",
    text=f"{HOSTILE_QUOTE} [1] [9]",
    citations=(cite(1, HOSTILE, HOSTILE_QUOTE, f"Heading {HOSTILE_WORDS}"),),
    notice=HOSTILE_WORDS,
    suggestions=(HOSTILE_WORDS,),
)


def summarize(article: Article) -> ArticleSummary:
    """As the library lists it."""
    words = (article.id, article.source, article.title, article.author, article.published, article.url)
    return ArticleSummary(*words, article.language, "2026-11-25T10:00:00+00:00", article.text.count("\n\n") + 1)


@dataclass(frozen=True)
class FakeLibrary:
    held: Sequence[Article] = (PAY, HOSTILE)
    rated: list[Feedback] = field(default_factory=list)
    is_full: bool = False

    def article(self, article_id: str) -> Article:
        for article in self.held:
            if article.id == article_id:
                return article
        raise ArticleUnknown(f"no article {article_id}")

    def refuse_unknown(self, article_ids: Sequence[str]) -> None:
        for article_id in article_ids:
            self.article(article_id)

    def articles(self) -> Sequence[ArticleSummary]:
        return [summarize(article) for article in self.held]

    def open_writer(self, tell: Callable[[str], None]) -> Library:
        raise LibraryUnwritable("/library: this library was opened for reading only.")

    def keep_feedback(self, feedback: Feedback) -> None:
        if self.is_full:
            raise LibraryUnwritable("catalog.sqlite3: cannot be written (disk full). Free some space.")
        self.rated.append(feedback)

    def feedback(self) -> Sequence[Feedback]:
        return self.rated

    def headings(self) -> Sequence[tuple[str, str, tuple[str, ...]]]:
        headings = [line.lstrip("# ") for line in PAY.text.splitlines() if line.startswith("##")]
        return [(PAY.id, PAY.title, (heading,)) for heading in headings] if self.held else []


@dataclass(frozen=True)
class FakeChain:
    """Answers by a word of the question; each reply arrives in pieces, `pause` seconds apart."""

    library: FakeLibrary = field(default_factory=FakeLibrary)
    pause: float = 0.0

    def stream(self, asked: dict[str, Any]) -> Iterator[Reply]:
        reply = self._find_reply(asked["question"], asked["history"])
        words = reply.text.split(" ")
        for count in range(1, len(words), 4):
            yield replace(reply, text=" ".join(words[:count]), citations=())
            time.sleep(1.5 if "slow" in asked["question"] else self.pause)
        yield reply

    def _find_reply(self, question: str, history: Sequence[Any]) -> Reply:
        if "onerror" in question:
            return replace(HOSTILE_REPLY, question=question)
        if "crash" in question:
            raise RuntimeError("a secret of the server")
        if "key" in question:
            raise ModelError("openai: the key is missing. Set OPENAI_API_KEY.")
        if "vacation" in question:
            return replace(REFUSAL, question=question)
        if "software" in question and history:
            return replace(FOLLOW_UP_REPLY, question=question)
        return replace(PAY_REPLY, question=question, standalone_question=question)
