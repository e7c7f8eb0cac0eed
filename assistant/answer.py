"""The whole path from a question to a cited reply, top to bottom, and the LangChain Runnable around it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from langchain_core.runnables import Runnable, RunnableConfig

from assistant.cite import Proof, cite
from assistant.conversation import Claim, Reply, ScoredPassage, Turn, legible
from assistant.errors import LibraryEmpty, QuestionInvalid
from assistant.focus import focus_passages
from assistant.gate import Judgement, judge
from assistant.question import Query, read_question
from assistant.quote import ExtractiveWriter
from assistant.rephrase import rephrase
from assistant.rerank import Reranker, load_reranker, rerank
from assistant.retrieve import find_passages, weigh_terms
from assistant.score import score_units
from assistant.settings import Settings
from assistant.spell import correct_spelling
from assistant.write import Writer, load_model_writer
from ingest.embed import load_embedder
from ingest.errors import CareerError
from ingest.library import Library
from ingest.terms import split_terms

log = logging.getLogger(__name__)

SUGGESTIONS = 3  # headings offered with a refusal
MISSING_NAMED = 3  # words named as missing
# By how many articles were chosen: none, one or more.
NOT_SAID = ("The articles don't say.", "The chosen article doesn't say.", "The chosen articles don't say.")
TURNS_READ = 50  # of a conversation, the last ones
LONGEST_ANSWER = 8_000  # characters read of an earlier answer
KIND_NAMES = {
    "amount": "amount of money",
    "count": "number",
    "date": "date",
    "reason": "reason",
    "person": "name",
    "place": "place",
}
PUNCTUATION = "?!.,;:()'\"“”‘’"


class NothingWritten(Exception):
    """A writer ended without a word."""


@dataclass(frozen=True)
class Question:
    """What is asked, after what, of which articles."""

    text: str
    history: tuple[Turn, ...] = ()
    articles: tuple[str, ...] = ()  # ids of those to answer from; () means all


Asked: TypeAlias = "str | Mapping[str, Any] | Question"


def answer(
    question: Question, library: Library, settings: Settings, writer: Writer, reranker: Reranker | None = None
) -> Iterator[Reply]:
    """Replies that grow while the writer writes; the last one is whole and proved.

    Raises QuestionInvalid, LibraryEmpty, ArticleUnknown, and what the library and the reranker raise.
    """
    started = time.perf_counter()
    _check(question, library, settings)
    standalone = rephrase(legible(question.text), _shorten(question.history, settings))  # 1. stands alone
    standalone = correct_spelling(standalone, library)
    query = read_question(standalone, lambda terms: weigh_terms(terms, library))
    found = _choose_passages(query, library, settings, reranker, question.articles)  # 2. ranked
    scored = score_units(query, found)
    judgement = judge(query, scored, library.embed_words)  # 3. the gate
    passages = focus_passages(scored)
    draft = Reply(question.text, standalone, "", passages=tuple(passages), model=writer.name)
    if not judgement.answerable:
        refusal = _refuse(draft, judgement, query, question.articles)
        yield replace(refusal, seconds=time.perf_counter() - started)
        return
    for reply in _write(draft, query, passages, writer, library):  # 4. claims, 5. proved
        yield replace(reply, seconds=time.perf_counter() - started)


def _check(question: Question, library: Library, settings: Settings) -> None:
    if not question.text.strip():
        raise QuestionInvalid("The question is empty. Type a question.")
    longest = settings.max_question_characters
    if len(question.text) > longest:
        raise QuestionInvalid(
            f"The question has {len(question.text):,} characters; at most {longest:,} are read. "
            "Shorten it or raise CAREER_MAX_QUESTION_CHARACTERS."
        )
    if not library.count_passages():
        raise LibraryEmpty("The library holds no articles yet. Run: career ingest FILE_OR_URL")
    library.refuse_unknown(question.articles)


def _shorten(history: Sequence[Turn], settings: Settings) -> list[Turn]:
    """What a follow-up may lean on: a history of 20,000 times "And they?" kept a processor busy for ten minutes."""
    longest = settings.max_question_characters
    return [
        Turn(turn.question[:longest], turn.standalone[:longest], turn.answer[:LONGEST_ANSWER])
        for turn in history[-TURNS_READ:]
    ]


def _choose_passages(
    query: Query, library: Library, settings: Settings, reranker: Reranker | None, articles: Sequence[str]
) -> list[ScoredPassage]:
    """The passages that the answer is made from, best first; a reranker chooses them from more than are kept."""
    if reranker is None:
        return find_passages(query, library, settings, articles)
    if query.sides:  # found for each side: a reranker puts them in order, but may not give all the places to one side
        return rerank(query.text, find_passages(query, library, settings, articles), reranker)
    kept = settings.passages_per_question
    wider = settings.model_copy(update={"passages_per_question": max(kept, settings.reranked_passages)})
    return rerank(query.text, find_passages(query, library, wider, articles), reranker)[:kept]


def _write(
    draft: Reply, query: Query, passages: Sequence[ScoredPassage], writer: Writer, library: Library
) -> Iterator[Reply]:
    try:
        reply = draft
        for reply in _prove_as_written(draft, writer.write(query, passages), passages, library):
            yield reply
        if not reply.text.strip():
            raise NothingWritten
    except CareerError:
        raise
    except Exception as error:
        if isinstance(writer, ExtractiveWriter):
            raise
        log.warning("the model %s failed", writer.name, exc_info=True)
        stand_in = ExtractiveWriter()
        notice = f"The model {writer.name} failed ({type(error).__name__}), so these are the articles' own sentences."
        told = replace(draft, model=stand_in.name, notice=notice)
        yield from _prove_as_written(told, stand_in.write(query, passages), passages, library)


def _prove_as_written(
    draft: Reply, claims: Iterator[Claim], passages: Sequence[ScoredPassage], library: Library
) -> Iterator[Reply]:
    done: list[Claim] = []
    proof = Proof("", ())
    for claim in claims:
        proof = cite([*done, claim], passages, library.article)
        if claim.complete:
            done.append(claim)
        yield replace(draft, text=proof.text, citations=proof.citations)
    proof = cite(done, passages, library.article)
    notice = draft.notice
    if proof.unverified:
        notice = f"{notice} Statements marked [unverified] stand in none of the passages.".strip()
    yield replace(draft, text=proof.text, citations=proof.citations, notice=notice)


def _refuse(draft: Reply, judgement: Judgement, query: Query, articles: Sequence[str]) -> Reply:
    nearest = sorted(draft.passages, key=lambda found: -found.similarity)
    headings = dict.fromkeys(scored.passage.heading for scored in nearest if scored.passage.headings)
    told = NOT_SAID[min(len(articles), 2)]
    text = f"{told} {_tell_missing(judgement, query)}".rstrip()
    return replace(draft, text=text, answered=False, suggestions=tuple(headings)[:SUGGESTIONS])


def _tell_missing(judgement: Judgement, query: Query) -> str:
    """What a near miss lacks: the words of the question, or the kind of thing that it asks for."""
    named = " or ".join(f"“{words}”" for words in _name_missing(query.text, judgement.missing)[:MISSING_NAMED])
    kind = KIND_NAMES.get(judgement.lacks_kind, "")
    if judgement.nearest is None:
        return f"Nothing near this question mentions {named}." if named else ""
    nearest = f"The passage that comes nearest, under “{judgement.nearest.heading}”,"
    if named:
        return f"{nearest} does not mention {named}."
    return f"{nearest} gives no {kind}." if kind else ""


def _name_missing(question: str, missing: Sequence[str]) -> list[str]:
    """The words of the question, or phrases of up to three, that the missing terms stand for, each once."""
    words = [word.strip(PUNCTUATION) for word in question.split()]
    left, named = set(missing), []
    for length in (1, 2, 3):
        for start in range(len(words) - length + 1):
            phrase = " ".join(words[start : start + length])
            if terms := left.intersection(split_terms(phrase)):
                left -= terms
                named.append(phrase)
    return named


class AnswerChain(Runnable[Asked, Reply]):
    """Question -> Reply as a LangChain Runnable: `invoke`, `stream`, `batch` and their async twins.

    Input: a question, or {"question": …, "history": […], "articles": […]} with earlier questions or {"question",
    "answer"} pairs, oldest first, and the ids of the articles to answer from, none for all. `stream` yields replies
    whose text grows; the last one is what `invoke` returns.
    """

    def __init__(
        self, library: Library, settings: Settings, writer: Writer | None = None, reranker: Reranker | None = None
    ) -> None:
        self.library = library
        self.settings = settings
        self.writer = writer or (load_model_writer(settings) if settings.model else ExtractiveWriter())
        self.reranker = reranker or (load_reranker(settings) if settings.reranker else None)

    def invoke(self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any) -> Reply:
        def last(asked: Asked) -> Reply:
            *_, reply = self._answer(asked)
            return reply

        return self._call_with_config(last, input, config, **kwargs)

    def stream(self, input: Asked, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Reply]:
        def replies(inputs: Iterator[Asked]) -> Iterator[Reply]:
            for asked in inputs:
                yield from self._answer(asked)

        yield from self._transform_stream_with_config(iter([input]), replies, config, **kwargs)

    def _answer(self, asked: Asked) -> Iterator[Reply]:
        return answer(read_asked(asked), self.library, self.settings, self.writer, self.reranker)


def read_asked(asked: Asked) -> Question:
    """A question in any of the shapes that callers use. Raises QuestionInvalid for any other."""
    if isinstance(asked, Question):
        return asked
    if isinstance(asked, str):
        return Question(asked)
    if isinstance(asked, Mapping) and isinstance(asked.get("question"), str):
        history = asked.get("history")
        history = () if history is None else history
        if isinstance(history, Sequence) and not isinstance(history, str):
            turns = tuple(_read_turn(turn) for turn in history)
            return Question(asked["question"], turns, _read_ids(asked.get("articles")))
    raise QuestionInvalid('Ask with a text or {"question": "…", "history": ["an earlier question", …]}.')


def _read_ids(articles: Any) -> tuple[str, ...]:
    """Ids of articles, each once; None counts as none."""
    if articles is None:
        return ()
    listed = isinstance(articles, Sequence) and not isinstance(articles, str)
    if not listed or not all(isinstance(article_id, str) for article_id in articles):
        raise QuestionInvalid('"articles" is a list of ids, as `career articles` shows them: {"articles": ["an-id"]}.')
    return tuple(dict.fromkeys(map(legible, articles)))


def _read_turn(turn: Any) -> Turn:
    if isinstance(turn, Turn):
        return turn
    if isinstance(turn, str):
        return Turn(turn)
    if isinstance(turn, Mapping) and isinstance(turn.get("question"), str):
        standalone, answer = turn.get("standalone") or "", turn.get("answer") or ""
        if isinstance(standalone, str) and isinstance(answer, str):
            return Turn(turn["question"], standalone, answer)
    raise QuestionInvalid('Each turn of the history is a question or {"question": "…", "answer": "…"}.')


def load_chain(
    settings: Settings | None = None, *, read_only: bool = True, tell: Callable[[str], None] = log.warning
) -> AnswerChain:
    """The chain over the library in CAREER_HOME, with the models that CAREER_MODEL and CAREER_RERANKER name.

    `tell` gets a line when the library has something to say, of a Chroma server that is out of reach say.
    """
    settings = settings or Settings()
    writer = load_model_writer(settings) if settings.model else None
    library = Library.open(settings, partial(load_embedder, settings), read_only=read_only, tell=tell)
    return AnswerChain(library, settings, writer)
