"""Ask every test prompt and measure the replies."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from assistant.conversation import Reply, Turn
from assistant.errors import PromptsInvalid, QuestionInvalid
from assistant.evaluation.floors import Breach, find_breaches, load_floors, load_floors_digest
from assistant.evaluation.measures import (
    MEASURES,
    STEPS,
    Counts,
    Result,
    Tokens,
    Totals,
    measure_reply,
    note_standalone,
    total_results,
)
from assistant.evaluation.prompts import TestPrompt, load_prompts
from assistant.evaluation.sections import FindText
from assistant.evaluation.statistics import Interval, bootstrap
from assistant.settings import ANSWER_SETTINGS, Settings, find_corpus
from ingest.errors import ArticleUnknown
from ingest.settings import IngestSettings

# Where things are kept is nobody's business but the machine's, and changes no answer.
RECORDED_SETTINGS = set(ANSWER_SETTINGS.union(IngestSettings.model_fields) - {"home", "chroma_url"})
MEASURED_PACKAGES = ("career-assistant", "langchain-core", "chromadb", "sentence-transformers")
GIT_SECONDS = 10


class Chain(Protocol):
    """What is evaluated: `assistant.answer.AnswerChain`, or anything that replies."""

    def invoke(self, input: Any, /) -> Reply: ...


class KnownArticle(Protocol):
    @property
    def text(self) -> str: ...
    @property
    def content_hash(self) -> str: ...


class Summary(Protocol):
    @property
    def id(self) -> str: ...


class Articles(Protocol):
    """Where the articles are looked up: `ingest.library.Library`."""

    def article(self, article_id: str, /) -> KnownArticle: ...
    def articles(self) -> Sequence[Summary]: ...


@dataclass(frozen=True)
class PromptSet:
    """What is asked, and what is held against it."""

    prompts: tuple[TestPrompt, ...]
    digest: str  # of the prompt files: two evaluations with the same one asked the same things
    floors: Mapping[str, float] = field(default_factory=dict)
    floors_digest: str = ""  # of the articles on which the floors were set, "" when the floors do not say


@dataclass(frozen=True)
class Evaluation:
    """Everything a report shows."""

    results: tuple[Result, ...]
    totals: Totals
    intervals: dict[str, Interval | None]  # 95%, by the names of MEASURES
    floors: dict[str, float]
    breaches: tuple[Breach, ...]
    settings: dict[str, Any]
    versions: dict[str, str]
    prompts_digest: str
    corpus_digest: str  # of the library's articles
    floors_digest: str
    commit: str  # of the checkout, with "+" when files have changed since; "" for an installed package
    date: str  # ISO 8601, UTC

    @property
    def missing_articles(self) -> tuple[str, ...]:
        """Articles that the prompts expect and no reply cites: most often they were never ingested."""
        cited = {citation.article_id for result in self.results for citation in result.reply.citations}
        expected = {article: None for result in self.results for article in result.prompt.articles}
        return tuple(article for article in expected if article not in cited)

    @property
    def blamed_steps(self) -> dict[str, int]:
        """How many prompts went wrong at each step, in the order of the steps; only those where any did."""
        steps = Counter(result.step for result in self.results if not result.passed)
        return {step: steps[step] for step in STEPS if steps[step]}

    @property
    def has_other_floors(self) -> bool:
        """True when the floors were set on other articles than those of the library."""
        return bool(self.floors and self.floors_digest) and self.floors_digest != self.corpus_digest


def evaluate(
    files: Sequence[Path],
    chain: Chain,
    library: Articles,
    settings: Settings,
    *,
    on_result: Callable[[Result], None] = lambda _result: None,
) -> Evaluation:
    """Ask the prompts of the files and hold the replies against them, the library and the floors beside them."""
    asked = load_prompt_set(files)
    date = tell_time()
    results: list[Result] = []
    for result in ask_prompts(asked.prompts, chain, remember_texts(library)):
        on_result(result)
        results.append(result)
    return sum_up(asked, results, library, settings, date)


def load_prompt_set(files: Sequence[Path]) -> PromptSet:
    """The prompts of the files, with the floors beside them. Raises PromptsInvalid and EvaluationInvalid."""
    prompts, floors = load_prompts(files), load_floors(files)
    return PromptSet(tuple(prompts), digest_files(files), floors, load_floors_digest(files))


def tell_time() -> str:
    """Now, as an evaluation's date."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def sum_up(asked: PromptSet, results: Sequence[Result], library: Articles, settings: Settings, date: str) -> Evaluation:
    """The evaluation that these results make."""
    return Evaluation(
        results=tuple(results),
        totals=total_results(results),
        intervals=bootstrap(count_all(results)),
        floors=dict(asked.floors),
        breaches=tuple(find_breaches(results, asked.floors)),
        settings=settings.model_dump(mode="json", include=RECORDED_SETTINGS),
        versions=list_versions(),
        prompts_digest=asked.digest,
        corpus_digest=digest_articles(library),
        floors_digest=asked.floors_digest,
        commit=find_commit(),
        date=date,
    )


def count_all(results: Sequence[Result]) -> dict[str, list[Counts]]:
    """Every measure's counts of every result, in their order."""
    return {measure.name: [measure.count(result) for result in results] for measure in MEASURES}


def ask_prompts(prompts: Iterable[TestPrompt], chain: Chain, find_text: FindText) -> Iterator[Result]:
    """One result a prompt, in order. Raises PromptsInvalid when a question is one that cannot be asked."""
    for prompt in prompts:
        reply, tokens = _ask(chain, prompt, prompt.question, prompt.history)
        result = replace(measure_reply(prompt, reply, find_text), tokens=tokens)
        if prompt.standalone:
            alone, _ = _ask(chain, prompt, prompt.standalone, ())
            result = note_standalone(result, alone, find_text)
        yield result


def _ask(chain: Chain, prompt: TestPrompt, question: str, history: tuple[Turn, ...]) -> tuple[Reply, Tokens]:
    """The reply, and the tokens that chat models reported meanwhile."""
    from langchain_core.callbacks import get_usage_metadata_callback

    try:
        with get_usage_metadata_callback() as usage:
            reply = chain.invoke({"question": question, "history": list(history)})
    except QuestionInvalid as error:
        raise PromptsInvalid(f"{prompt.where}: question: {error}") from error
    reported = list(usage.usage_metadata.values())
    read, written = (sum(one[name] for one in reported) for name in ("input_tokens", "output_tokens"))
    return reply, Tokens(read, written)


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
    return digest_contents(path.read_bytes() for path in files)


def digest_contents(contents: Iterable[bytes]) -> str:
    digests = (hashlib.sha256(content).digest() for content in contents)
    return hashlib.sha256(b"".join(digests)).hexdigest()


def digest_articles(library: Articles) -> str:
    """SHA-256 over the ids and contents of all articles, wherever they were read from."""
    ids = sorted(summary.id for summary in library.articles())
    lines = (f"{name} {library.article(name).content_hash}\n" for name in ids)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def list_versions() -> dict[str, str]:
    """Python and the packages that can change an answer; "" for one that is not installed."""
    return {"python": platform.python_version(), **{name: find_version(name) for name in MEASURED_PACKAGES}}


def find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def find_commit(checkout: Path | None = None) -> str:
    """The commit of the checkout that this code runs from, with "+" when files have changed since; else ""."""
    git, checkout = shutil.which("git"), checkout or find_corpus().parent
    if git is None or not (checkout / ".git").exists():  # a package that is installed may lie in somebody's checkout
        return ""

    def run(*arguments: str) -> str:
        command = [git, "-C", str(checkout), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_SECONDS)
        return done.stdout.strip()

    try:
        return run("rev-parse", "HEAD") + ("+" if run("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return ""
