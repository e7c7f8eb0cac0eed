"""What flows through the assistant: a question with its history becomes a reply with citations."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ingest.article import Passage, Unit


@dataclass(frozen=True)
class Turn:
    """One earlier exchange. `standalone` is the question as it was searched for."""

    question: str
    standalone: str = ""
    answer: str = ""


@dataclass(frozen=True)
class ScoredUnit:
    """A sentence, list item or table row of a passage, with how well it answers one question."""

    unit: Unit
    text: str  # as the article has it
    similarity: float  # cosine of its vector to the question's
    matches: tuple[float, ...] = ()  # for each word of the question, the cosine of the word nearest to it in the unit
    relevance: float = 0.0  # of its passage: log-odds beside the best passage, 0 or less
    score: float = 0.0  # log-odds, up to a constant, that this is the answer among all units of the ranked passages
    coverage: float = 0.0  # share of the question's terms, by weight, in it, its headings and the unit before it


@dataclass(frozen=True)
class ScoredPassage:
    """A passage, or neighbours as one, with its relevance to one question."""

    passage: Passage
    score: float  # its odds to answer beside the best passage's, 0 to 1
    similarity: float = 0.0  # cosine of its vector to the question's
    units: tuple[ScoredUnit, ...] = ()  # parallel to passage.units


@dataclass(frozen=True)
class Claim:
    """One statement of a writer and the passages it points to, before anything is proved."""

    text: str  # without marks
    passages: tuple[int, ...] = ()  # numbers of ranked passages, from 1, as the writer gave them
    unit: Unit | None = None  # the very words, when the writer quotes
    prefix: str = ""  # what stands between the claim before and this one: a space, a line break, "- "
    complete: bool = True  # False while a model is still writing it


@dataclass(frozen=True)
class Citation:
    """Proof: `article.text[start:end] == quote`, checked when the citation was made."""

    number: int  # the n of the [n] marks in the reply's text, from 1
    article_id: str
    title: str
    url: str
    published: str
    heading: str
    start: int
    end: int
    quote: str
    page: int = 0  # on which the quote begins, from 1; 0 for an article without pages


@dataclass(frozen=True)
class Reply:
    """What the reader gets. While it streams, each reply stands for what is known so far; the last one is proved."""

    question: str
    standalone_question: str
    text: str
    citations: tuple[Citation, ...] = ()
    answered: bool = True
    passages: tuple[ScoredPassage, ...] = ()
    model: str = "extractive"
    seconds: float = 0.0
    notice: str = ""  # one line for the reader, e.g. that the model failed and the extractive writer stood in
    suggestions: tuple[str, ...] = field(default=())  # nearest headings, offered when nothing was answered

    def as_dict(self) -> dict[str, Any]:
        """The JSON contract of `career ask --json`."""
        return {
            "question": self.question,
            "standalone_question": self.standalone_question,
            "answered": self.answered,
            "text": self.text,
            "citations": [asdict(citation) for citation in self.citations],
            "passages": [
                {
                    "article_id": found.passage.article_id,
                    "heading": found.passage.heading,
                    "start": found.passage.start,
                    "end": found.passage.end,
                    "text": found.passage.text,
                    "score": round(found.score, 4),
                }
                for found in self.passages
            ],
            "model": self.model,
            "seconds": round(self.seconds, 4),
            "notice": self.notice,
            "suggestions": list(self.suggestions),
        }


def legible(text: str) -> str:
    """`text` without lone surrogates, which no tokenizer and no database takes, and which cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")
