"""Ask every test prompt and measure the replies."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from assistant.conversation import Reply
from assistant.errors import PromptsInvalid, QuestionInvalid
from assistant.evaluation.floors import Breach, find_breaches, load_floors
from assistant.evaluation.measures import FindText, Result, Totals, measure_reply, total_results
from assistant.evaluation.prompts import TestPrompt, load_prompts
from assistant.settings import Settings
from ingest.errors import ArticleUnknown

# Where things are kept and served is nobody's business but the machine's, and changes no answer.
PRIVATE_SETTINGS = {"home", "chroma_url", "host", "port", "debug"}
MEASURED_PACKAGES = ("career-assistant", "langchain-core", "chromadb", "sentence-transformers")


class Chain(Protocol):
    """What is evaluated: `assistant.answer.AnswerChain`, or anything that replies."""

    def invoke(self, input: Any, /) -> Reply: ...


class HasText(Protocol):
    @property
    def text(self) -> str: ...


class Articles(Protocol):
    """Where the cited articles are looked up: `ingest.library.Library`."""

    def article(self, article_id: str, /) -> HasText: ...


@dataclass(frozen=True)
class Evaluation:
    """Everything a report shows."""

    results: tuple[Result, ...]
    totals: Totals
    breaches: tuple[Breach, ...]
    settings: dict[str, Any]
    versions: dict[str, str]
    prompts_digest: str  # of the prompt files: two evaluations with the same one asked the same things

    @property
    def missing_articles(self) -> tuple[str, ...]:
        """Articles that the prompts expect and no reply cites: most often they were never ingested."""
        cited = {citation.article_id for result in self.results for citation in result.reply.citations}
        expected = {article: None for result in self.results for article in result.prompt.articles}
        return tuple(article for article in expected if article not in cited)


def evaluate(
    files: Sequence[Path],
    chain: Chain,
    library: Articles,
    settings: Settings,
    *,
    on_result: Callable[[Result], None] = lambda _result: None,
) -> Evaluation:
    """Ask the prompts of the files and hold the replies against them, the library and the floors beside them."""
    prompts, floors = load_prompts(files), load_floors(files)
    results: list[Result] = []
    for result in ask_prompts(prompts, chain, remember_texts(library)):
        on_result(result)
        results.append(result)
    return Evaluation(
        results=tuple(results),
        totals=total_results(results),
        breaches=tuple(find_breaches(results, floors)),
        settings=settings.model_dump(mode="json", exclude=PRIVATE_SETTINGS),
        versions=list_versions(),
        prompts_digest=digest_files(files),
    )


def ask_prompts(prompts: Iterable[TestPrompt], chain: Chain, find_text: FindText) -> Iterator[Result]:
    """One result a prompt, in order. Raises PromptsInvalid when a question is one that cannot be asked."""
    for prompt in prompts:
        try:
            reply = chain.invoke({"question": prompt.question, "history": list(prompt.history)})
        except QuestionInvalid as error:
            raise PromptsInvalid(f"{prompt.where}: {error}") from error
        yield measure_reply(prompt, reply, find_text)


def remember_texts(library: Articles) -> FindText:
    """A look-up that reads each article once."""
    texts: dict[str, str] = {}

    def find_text(article_id: str) -> str:
        if article_id not in texts:
            try:
                texts[article_id] = library.article(article_id).text
            except ArticleUnknown:
                texts[article_id] = ""
        return texts[article_id]

    return find_text


def digest_files(files: Iterable[Path]) -> str:
    """SHA-256 over the contents of the files, in order."""
    digests = (hashlib.sha256(path.read_bytes()).digest() for path in files)
    return hashlib.sha256(b"".join(digests)).hexdigest()


def list_versions() -> dict[str, str]:
    """Python and the packages that can change an answer; "" for one that is not installed."""
    return {"python": platform.python_version(), **{name: find_version(name) for name in MEASURED_PACKAGES}}


def find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
