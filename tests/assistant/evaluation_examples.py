"""A small article with replies to two prompts about it, shared by the tests of the evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assistant.conversation import Citation, Reply, ScoredPassage
from assistant.errors import QuestionInvalid
from assistant.evaluation.measures import Result, measure_reply
from assistant.evaluation.prompts import TestPrompt
from assistant.evaluation.run import Evaluation, evaluate
from assistant.settings import Settings
from ingest.article import Article, Passage
from ingest.errors import ArticleUnknown

SECTIONS = ("Engineers earn $158,147. Managers earn 3.5% more.", "Engineers build bridges.", "Forty a week.")
TEXT = "{}\n\n## Work\n\n{}\n\n## Hours\n\n{}".format(*SECTIONS)
ARTICLE = Article("pay", "/pay.md", "Pay", TEXT)
QUOTE = "Engineers earn $158,147."
CITATION = Citation(1, "pay", "Pay", "", "", "Pay", 0, len(QUOTE), QUOTE)


def make_passage(words: str, score: float = 1.0) -> ScoredPassage:
    """The passage of the article that consists of these words."""
    start = TEXT.index(words)
    return ScoredPassage(Passage("pay", "Pay", (), start, start + len(words), words), score, similarity=score / 2)


def make_citation(words: str, number: int = 1) -> Citation:
    """A citation of these words of the article."""
    start = TEXT.index(words)
    return replace(CITATION, number=number, start=start, end=start + len(words), quote=words)


REPLY = Reply(
    "What do they earn?",
    "What do they earn?",
    f"{QUOTE} [1]",
    (CITATION,),
    passages=(make_passage(QUOTE), make_passage("Engineers build bridges.", 0.5)),
    seconds=0.5,
)
REFUSAL = Reply("How tall?", "How tall?", "The articles don't say.", answered=False, seconds=1.5)
ANSWERABLE = TestPrompt("What do they earn?", facts=("$158,147",), articles=("pay",), where="prompts.yaml:1")
UNANSWERABLE = TestPrompt("How tall?", answerable=False, where="prompts.yaml:5")


def find_text(article_id: str) -> str:
    return {"pay": TEXT}.get(article_id, "")


def measure(prompt: TestPrompt, reply: Reply) -> Result:
    return measure_reply(prompt, reply, find_text)


@dataclass
class FakeChain:
    """Replies to the questions it knows, and refuses the others."""

    replies: Mapping[str, Reply] = field(default_factory=lambda: {REPLY.question: REPLY})
    asked: list[Any] = field(default_factory=list)

    def invoke(self, input: Any, /) -> Reply:
        self.asked.append(input)
        if not input["question"].strip("."):
            raise QuestionInvalid("The question is empty. Write one.")
        return self.replies.get(input["question"], REFUSAL)


class FakeLibrary:
    def article(self, article_id: str, /) -> Article:
        if article_id != ARTICLE.id:
            raise ArticleUnknown(f"{article_id}: no such article.")
        return ARTICLE

    def articles(self) -> Sequence[Article]:
        return [ARTICLE]


def write_prompts(folder: Path) -> Path:
    path = folder / "prompts.yaml"
    path.write_text(
        '- question: What do they earn?\n  facts: ["$158,147"]\n  articles: [pay]\n  tags: [money]\n'
        '- question: How tall?\n  history: ["What do they earn?"]\n  answerable: false\n'
    )
    return path


def run(prompts: Path, chain: Any = None) -> Evaluation:
    settings = Settings(home=prompts.parent, passages_per_question=7)
    return evaluate([prompts], chain or FakeChain(), FakeLibrary(), settings)
