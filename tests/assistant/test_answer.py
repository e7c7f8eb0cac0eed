"""From a question to a proved reply, on a real library; and the same through every door of a LangChain Runnable."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableLambda

from assistant.answer import AnswerChain, Asked, Question, load_chain
from assistant.conversation import Claim, Reply, ScoredPassage, Turn
from assistant.errors import LibraryEmpty, QuestionInvalid
from assistant.question import Query
from assistant.settings import Settings, find_corpus
from assistant.write import ModelWriter, Writer
from ingest.article import Article
from ingest.embed import QuestionVectors, load_embedder
from ingest.errors import ArticleUnknown, CareerError, LibraryDamaged
from ingest.library import Library
from ingest.pipeline import add_article
from ingest.split import split_article
from tests.fakes import FakeEmbedder

TEXT = """\
## What nurses earn

Nurses earn $80,000 a year in a hospital.

## What dentists earn

Dentists earn $170,000 a year in a practice.

## What pilots do

Pilots fly planes over the ocean."""
ARTICLE = Article("pay", "/articles/pay.md", "Pay", TEXT)
ASKED = "How much do nurses earn a year in a hospital?"
UNANSWERABLE = "Zebra quantum umbrella?"
TRUE = "Nurses earn $80,000 a year in a hospital [1]."


def make_settings(home: Path = Path("unused"), **options: Any) -> Settings:
    return Settings(home=home, _env_file=None, **options)  # type: ignore[call-arg]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(make_settings(tmp_path), FakeEmbedder()) as library:
        library.replace(ARTICLE, split_article(ARTICLE, make_settings()))
        yield library


@pytest.fixture
def chain(library: Library) -> AnswerChain:
    return AnswerChain(library, make_settings())


class ForgetfulEmbedder(FakeEmbedder):
    """To its mind no question resembles any passage; the words alone tell."""

    def embed_question(self, text: str) -> QuestionVectors:
        return FakeEmbedder(weights="1" * 64).embed_question(text)


class FailingModel(GenericFakeChatModel):
    """Breaks off in the middle of its answer."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield from list(super()._stream(*args, **kwargs))[:4]
        raise ConnectionError("the provider\nhung up: key sk-secret")


class RecordingWriter:
    """Keeps the questions that it was called for."""

    name = "recording"

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[str] = []
        self._error = error

    def write(self, query: Query, passages: Sequence[ScoredPassage]) -> Iterator[Claim]:
        self.asked.append(query.text)
        if self._error:
            raise self._error
        yield Claim("Nurses earn $80,000 a year in a hospital.", (1,))


def model_chain(library: Library, *texts: str) -> AnswerChain:
    model = GenericFakeChatModel(messages=iter([AIMessage(text) for text in texts]))
    return AnswerChain(library, make_settings(), ModelWriter("test:model", model))


def failing_chain(library: Library) -> AnswerChain:
    model = FailingModel(messages=iter([AIMessage("Dentists earn nothing at all.")]))
    return AnswerChain(library, make_settings(), ModelWriter("test:model", model))


def timeless(reply: Reply) -> Reply:
    return replace(reply, seconds=0.0)


# -- without a model --------------------------------------------------------------------------------------------------


def test_a_question_is_answered_in_the_articles_own_words(chain: AnswerChain) -> None:
    reply = chain.invoke(ASKED)
    assert reply.answered
    assert reply.text.startswith("Nurses earn $80,000 a year in a hospital. [1]")


def test_every_citation_is_a_span_of_its_article(chain: AnswerChain) -> None:
    citations = chain.invoke(ASKED).citations
    assert [TEXT[citation.start : citation.end] for citation in citations] == [citation.quote for citation in citations]
    assert citations


def test_a_reply_names_what_was_asked_and_what_answered(chain: AnswerChain) -> None:
    reply = chain.invoke(ASKED)
    assert (reply.question, reply.standalone_question, reply.model) == (ASKED, ASKED, "extractive")


def test_a_reply_holds_the_passages_that_were_considered_best_first(chain: AnswerChain) -> None:
    passages = chain.invoke(ASKED).passages
    assert passages[0].passage.heading == "What nurses earn"
    assert [scored.score for scored in passages] == sorted((scored.score for scored in passages), reverse=True)


def test_a_reply_tells_how_long_it_took(chain: AnswerChain) -> None:
    assert chain.invoke(ASKED).seconds > 0


def test_a_reply_without_trouble_has_no_notice(chain: AnswerChain) -> None:
    assert chain.invoke(ASKED).notice == ""


# -- an honest no -----------------------------------------------------------------------------------------------------


def test_a_question_that_the_articles_do_not_answer_is_refused(chain: AnswerChain) -> None:
    reply = chain.invoke(UNANSWERABLE)
    assert (reply.answered, reply.citations) == (False, ())


def test_a_refusal_says_so_in_words(chain: AnswerChain) -> None:
    assert "don't say" in chain.invoke(UNANSWERABLE).text


def test_a_refusal_offers_the_nearest_headings(chain: AnswerChain) -> None:
    suggestions = chain.invoke(UNANSWERABLE).suggestions
    assert suggestions
    assert {"What nurses earn", "What dentists earn", "What pilots do"}.issuperset(suggestions)


def test_a_refusal_is_made_before_any_writer_is_called(library: Library) -> None:
    writer = RecordingWriter()
    AnswerChain(library, make_settings(), writer).invoke(UNANSWERABLE)
    assert writer.asked == []


def test_a_refusal_names_the_words_that_are_missing_and_the_heading_that_comes_nearest(chain: AnswerChain) -> None:
    assert chain.invoke("How much do nurses earn in Germany, in 2034?").text == (
        "The articles don't say. "
        "The passage that comes nearest, under “What nurses earn”, does not mention “Germany” or “2034”."
    )


def test_a_refusal_names_no_heading_where_nothing_comes_near(chain: AnswerChain) -> None:
    assert chain.invoke("Zebra quantum?").text == (
        "The articles don't say. Nothing near this question mentions “Zebra” or “quantum”."
    )


def test_a_refusal_names_a_missing_phrase_whole(chain: AnswerChain) -> None:
    assert chain.invoke("What is machine learning?").text.endswith("mentions “machine learning”.")


def test_a_refusal_names_three_missing_words_at_most(chain: AnswerChain) -> None:
    text = chain.invoke("Zebra, quantum, umbrella, giraffe?").text
    assert "“Zebra” or “quantum” or “umbrella”." in text
    assert "giraffe" not in text


def test_a_refusal_names_a_missing_word_once(chain: AnswerChain) -> None:
    assert chain.invoke("A “zebra”, a zebra or quantum?").text.endswith("mentions “zebra” or “quantum”.")


@pytest.mark.parametrize(
    ("question", "lack"),
    [
        ("How much are pilots?", "gives no amount of money"),
        ("How many pilots are there?", "gives no number"),
        ("When are they pilots?", "gives no date"),
        ("Why are they pilots?", "gives no reason"),
    ],
)
def test_a_refusal_without_a_missing_word_names_what_was_asked_for(tmp_path: Path, question: str, lack: str) -> None:
    article = Article("fly", "/articles/fly.md", "Planes", "## What pilots do\n\nPilots fly planes over the ocean.")
    with Library.open(make_settings(tmp_path), ForgetfulEmbedder()) as library:
        library.replace(article, split_article(article, make_settings()))
        reply = AnswerChain(library, make_settings()).invoke(question)
    assert reply.text == f"The articles don't say. The passage that comes nearest, under “What pilots do”, {lack}."


def test_a_refusal_says_no_more_where_there_is_nothing_to_name(chain: AnswerChain) -> None:
    assert chain.invoke("?").text == "The articles don't say."


def test_an_answer_suggests_nothing_else(chain: AnswerChain) -> None:
    assert chain.invoke(ASKED).suggestions == ()


@pytest.mark.parametrize("question", ["?", "…", "the of and", "\0", "\ud800", "'; DROP TABLE articles; --"], ids=ascii)
def test_a_question_that_asks_nothing_is_refused(chain: AnswerChain, question: str) -> None:
    assert not chain.invoke(question).answered


# -- with a model -----------------------------------------------------------------------------------------------------


def test_a_models_true_sentence_is_cited(library: Library) -> None:
    reply = model_chain(library, TRUE).invoke(ASKED)
    assert reply.text == "Nurses earn $80,000 a year in a hospital. [1]"
    assert [citation.quote for citation in reply.citations] == ["Nurses earn $80,000 a year in a hospital."]


def test_a_reply_names_the_model_that_wrote_it(library: Library) -> None:
    assert model_chain(library, TRUE).invoke(ASKED).model == "test:model"


@pytest.mark.parametrize(
    "untrue", ["Nurses earn $90,000 a year [1].", "Nurses earn $80,000 a year [42].", "Nurses earn $80,000 a year."]
)
def test_what_a_model_cannot_prove_is_marked_and_explained(library: Library, untrue: str) -> None:
    reply = model_chain(library, untrue).invoke(ASKED)
    assert reply.text.endswith("[unverified]")
    assert "[unverified]" in reply.notice
    assert reply.citations == ()


def test_a_model_that_fails_is_stood_in_for_by_the_articles_own_sentences(library: Library) -> None:
    reply = failing_chain(library).invoke(ASKED)
    assert reply.text == AnswerChain(library, make_settings()).invoke(ASKED).text
    assert reply.citations


def test_the_reader_is_told_that_the_model_failed(library: Library) -> None:
    reply = failing_chain(library).invoke(ASKED)
    assert reply.model == "extractive"
    assert "test:model" in reply.notice


def test_the_notice_of_a_failure_is_one_line_without_the_providers_words(library: Library) -> None:
    notice = failing_chain(library).invoke(ASKED).notice
    assert "secret" not in notice
    assert "\n" not in notice


def test_nothing_of_a_model_that_failed_is_left_in_the_answer(library: Library) -> None:
    assert "nothing at all" not in failing_chain(library).invoke(ASKED).text


def test_a_model_that_says_nothing_is_stood_in_for(library: Library) -> None:
    assert model_chain(library, " ").invoke(ASKED).text


def test_an_error_of_our_own_is_not_taken_for_a_failing_model(library: Library) -> None:
    writer = RecordingWriter(LibraryDamaged("catalog.sqlite3: damaged."))
    with pytest.raises(LibraryDamaged):
        AnswerChain(library, make_settings(), writer).invoke(ASKED)


def test_the_writer_is_asked_the_question_that_stands_alone(library: Library) -> None:
    writer = RecordingWriter()
    AnswerChain(library, make_settings(), writer).invoke({"question": "And nurses?", "history": [PREVIOUS]})
    assert writer.asked == ["How much do nurses earn a year?"]


# -- history ----------------------------------------------------------------------------------------------------------

PREVIOUS = "How much do dentists earn a year?"


@pytest.mark.parametrize(
    "asked",
    [
        {"question": "And nurses?", "history": [PREVIOUS]},
        {"question": "And nurses?", "history": (PREVIOUS,)},
        {"question": "And nurses?", "history": [Turn(PREVIOUS)]},
        {"question": "And nurses?", "history": [{"question": PREVIOUS}]},
        {"question": "And nurses?", "history": [{"question": PREVIOUS, "answer": "$170,000 a year."}]},
        {"question": "And nurses?", "history": [{"question": "And they?", "standalone": PREVIOUS}]},
        {"question": "And nurses?", "history": ["How much do pilots earn a year?", "And dentists?"]},
        Question("And nurses?", (Turn(PREVIOUS),)),
    ],
    ids=lambda asked: str(asked)[:60],
)
def test_a_follow_up_is_completed_from_a_history_of_any_shape(chain: AnswerChain, asked: Asked) -> None:
    reply = chain.invoke(asked)
    assert (reply.question, reply.standalone_question) == ("And nurses?", "How much do nurses earn a year?")
    assert "$80,000" in reply.text


@pytest.mark.parametrize(
    "asked", [{"question": ASKED}, {"question": ASKED, "history": []}, {"question": ASKED, "history": None}]
)
def test_a_question_may_come_without_a_history(chain: AnswerChain, asked: Asked) -> None:
    assert chain.invoke(asked).standalone_question == ASKED


@pytest.mark.parametrize(
    "asked",
    [
        None,
        5,
        [ASKED],
        {},
        {"question": None},
        {"question": ASKED, "history": "earlier"},
        {"question": ASKED, "history": 5},
        {"question": ASKED, "history": [5]},
        {"question": ASKED, "history": [{"answer": "only"}]},
    ],
    ids=str,
)
def test_any_other_shape_is_refused_with_the_right_one(chain: AnswerChain, asked: Any) -> None:
    with pytest.raises(QuestionInvalid, match="question"):
        chain.invoke(asked)


def test_what_a_conversation_was_about_long_ago_is_forgotten(chain: AnswerChain) -> None:
    asked = {"question": "And nurses?", "history": [PREVIOUS] + ["Thanks!"] * 40}
    assert chain.invoke(asked).standalone_question == "How much do nurses earn a year?"
    asked["history"] = [PREVIOUS] + ["Thanks!"] * 50
    assert chain.invoke(asked).standalone_question == "And nurses?"


@pytest.mark.timeout(60)  # without a limit it takes ten minutes
def test_a_hostile_history_costs_no_more_than_a_long_conversation(chain: AnswerChain) -> None:
    for history in (
        ["And they?"] * 20_000,
        ["but if they " * 20_000],
        [{"question": "x", "answer": "Abc def " * 30_000}],
    ):
        assert chain.invoke({"question": "why", "history": history}).question == "why"


# -- what cannot be answered ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["", "   ", "\n\t"])
def test_an_empty_question_is_refused_with_the_remedy(chain: AnswerChain, question: str) -> None:
    with pytest.raises(QuestionInvalid, match="Type a question"):
        chain.invoke(question)


def test_a_question_that_is_too_long_is_refused_with_the_setting(chain: AnswerChain) -> None:
    with pytest.raises(QuestionInvalid, match="CAREER_MAX_QUESTION_CHARACTERS"):
        chain.invoke("x" * 100_000)


def test_a_question_of_the_longest_length_is_read(library: Library) -> None:
    chain = AnswerChain(library, make_settings(max_question_characters=len(ASKED)))
    assert chain.invoke(ASKED).answered


def test_an_empty_library_is_named_with_the_command_that_fills_it(tmp_path: Path) -> None:
    with (
        Library.open(make_settings(tmp_path / "empty"), FakeEmbedder()) as library,
        pytest.raises(LibraryEmpty, match="career ingest"),
    ):
        AnswerChain(library, make_settings()).invoke(ASKED)


def test_an_article_added_later_is_found_without_a_new_chain(library: Library, chain: AnswerChain) -> None:
    added = Article("zebras", "/zebras.md", "Zebras", "Zebra keepers earn $50,000 a year in a zoo.")
    library.replace(added, split_article(added, make_settings()))
    assert "$50,000" in chain.invoke("How much do zebra keepers earn a year in a zoo?").text


# -- of some articles only --------------------------------------------------------------------------------------------

ZEBRAS = Article(
    "zebras", "/zebras.md", "Zebras", "## Keepers\n\nKeepers earn $50,000 a year in a hospital for zebras."
)


@pytest.fixture
def two(library: Library) -> AnswerChain:
    library.replace(ZEBRAS, split_article(ZEBRAS, make_settings()))
    return AnswerChain(library, make_settings())


@pytest.mark.parametrize(
    "asked",
    [
        {"question": "Who earns $50,000 a year in a hospital?", "articles": ["zebras"]},
        {"question": "Who earns $50,000 a year in a hospital?", "articles": ("zebras", "zebras")},
        Question("Who earns $50,000 a year in a hospital?", articles=("zebras",)),
    ],
    ids=str,
)
def test_an_answer_quotes_the_chosen_article_alone(two: AnswerChain, asked: Asked) -> None:
    reply = two.invoke(asked)
    assert reply.answered
    assert {citation.article_id for citation in reply.citations} == {"zebras"}
    assert {scored.passage.article_id for scored in reply.passages} == {"zebras"}


def test_what_only_another_article_says_is_refused(two: AnswerChain) -> None:
    asked = "Who flies planes over the ocean?"
    assert two.invoke(asked).answered
    reply = two.invoke({"question": asked, "articles": ["zebras"]})
    assert not reply.answered
    assert reply.text.startswith("The chosen article doesn't say.")
    assert reply.suggestions == ("Keepers",)


def test_a_refusal_of_several_chosen_articles_speaks_of_them(two: AnswerChain) -> None:
    reply = two.invoke({"question": UNANSWERABLE, "articles": ["zebras", "pay"]})
    assert reply.text.startswith("The chosen articles don't say.")


@pytest.mark.parametrize("articles", [None, [], ()])
def test_no_article_chosen_means_all(two: AnswerChain, articles: Any) -> None:
    assert timeless(two.invoke({"question": ASKED, "articles": articles})) == timeless(two.invoke(ASKED))


def test_a_follow_up_stays_with_the_chosen_articles(two: AnswerChain) -> None:
    reply = two.invoke({"question": "And nurses?", "history": [PREVIOUS], "articles": ["pay"]})
    assert reply.standalone_question == "How much do nurses earn a year?"
    assert {citation.article_id for citation in reply.citations} == {"pay"}


@pytest.mark.parametrize("wrong", ["zebra", "zebr\udcff", "zebra\n" + "s" * 100_000])
def test_an_unknown_article_is_named_with_the_nearest_in_a_short_message(two: AnswerChain, wrong: str) -> None:
    with pytest.raises(ArticleUnknown, match="no article with this id") as caught:
        two.invoke({"question": ASKED, "articles": ["pay", wrong]})
    assert len(str(caught.value)) < 300
    assert "Did you mean zebras?" in str(caught.value) or len(wrong) > 100


@pytest.mark.parametrize("articles", ["zebras", "", 5, 0, {"zebras": 1}, [5], [None], [["zebras"]]], ids=str)
def test_articles_in_any_other_shape_are_refused_with_the_right_one(chain: AnswerChain, articles: Any) -> None:
    with pytest.raises(QuestionInvalid, match=r"articles.*list of ids"):
        chain.invoke({"question": ASKED, "articles": articles})


def test_a_slip_of_the_pen_is_set_right_from_the_whole_library(two: AnswerChain) -> None:
    reply = two.invoke({"question": "How much do dentits earn?", "articles": ["zebras"]})
    assert reply.standalone_question == "How much do dentist earn?"


def test_a_model_is_given_the_chosen_article_alone(two: AnswerChain) -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage(TRUE)]))
    chain = AnswerChain(two.library, make_settings(), ModelWriter("test:model", model))
    reply = chain.invoke({"question": "Who earns $50,000 a year in a hospital?", "articles": ["zebras"]})
    assert "[unverified]" in reply.text  # what "pay" says cannot be proved from "zebras"


# -- a LangChain Runnable ---------------------------------------------------------------------------------------------


def test_stream_ends_with_what_invoke_returns(chain: AnswerChain) -> None:
    assert timeless(list(chain.stream(ASKED))[-1]) == timeless(chain.invoke(ASKED))


def test_the_text_grows_while_it_streams(library: Library) -> None:
    texts = [reply.text for reply in model_chain(library, TRUE).stream(ASKED)]
    assert len(texts) > 3
    assert [len(text) for text in texts] == sorted(len(text) for text in texts)


def test_no_streamed_reply_has_a_mark_without_its_citation(library: Library) -> None:
    replies = list(model_chain(library, f"{TRUE} Pilots fly [9].").stream(ASKED))
    assert all(("[1]" in reply.text) == bool(reply.citations) for reply in replies)
    assert not any("[9" in reply.text for reply in replies)


def test_a_refusal_streams_as_one_reply(chain: AnswerChain) -> None:
    assert [reply.answered for reply in chain.stream(UNANSWERABLE)] == [False]


def test_a_stream_that_is_given_up_leaves_the_chain_usable(library: Library) -> None:
    chain = model_chain(library, TRUE, TRUE)
    stream = chain.stream(ASKED)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert chain.invoke(ASKED).citations


def test_batch_answers_in_the_order_asked(chain: AnswerChain) -> None:
    replies = chain.batch([ASKED, UNANSWERABLE, {"question": "And nurses?", "history": [PREVIOUS]}])
    assert [(reply.question, reply.answered) for reply in replies] == [
        (ASKED, True),
        (UNANSWERABLE, False),
        ("And nurses?", True),
    ]


def test_one_bad_question_of_a_batch_leaves_the_others_alone(chain: AnswerChain) -> None:
    good, bad = chain.batch([ASKED, ""], return_exceptions=True)
    assert good.answered
    assert isinstance(bad, QuestionInvalid)


def test_ainvoke_returns_what_invoke_returns(chain: AnswerChain) -> None:
    assert timeless(asyncio.run(chain.ainvoke(ASKED))) == timeless(chain.invoke(ASKED))


def test_abatch_answers_in_the_order_asked(chain: AnswerChain) -> None:
    replies = asyncio.run(chain.abatch([ASKED, UNANSWERABLE]))
    assert [reply.question for reply in replies] == [ASKED, UNANSWERABLE]


def test_astream_ends_with_what_invoke_returns(chain: AnswerChain) -> None:
    async def collect() -> list[Reply]:
        return [reply async for reply in chain.astream(ASKED)]

    assert timeless(asyncio.run(collect())[-1]) == timeless(chain.invoke(ASKED))


def test_a_chain_can_be_piped(chain: AnswerChain) -> None:
    piped = RunnableLambda(str.strip) | chain | RunnableLambda(lambda reply: reply.answered)
    assert piped.invoke(f"  {ASKED}  ") is True


def test_callbacks_see_the_question_and_the_reply(chain: AnswerChain) -> None:
    seen: list[Any] = []

    class Listener(BaseCallbackHandler):
        def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
            seen.append(inputs)

        def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
            seen.append(outputs)

    reply = chain.invoke(ASKED, {"callbacks": [Listener()]})
    assert (len(seen), seen[-1]) == (2, reply)
    assert ASKED in str(seen[0])


def test_a_chain_without_a_model_writes_extractively(library: Library) -> None:
    assert AnswerChain(library, make_settings()).writer.name == "extractive"


def test_a_writer_that_is_passed_in_is_the_one_that_writes(library: Library) -> None:
    writer: Writer = RecordingWriter()
    assert AnswerChain(library, make_settings(), writer).invoke(ASKED).model == "recording"


def test_a_chain_is_not_loaded_with_a_model_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CareerError, match="no-such-provider:model"):
        load_chain(make_settings(tmp_path, model="no-such-provider:model"))


# -- the packaged model on the corpus article -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    settings = make_settings(tmp_path_factory.mktemp("corpus"))
    source = find_corpus() / "articles" / "ml-engineer-vs-software-engineer.md"
    with Library.open(settings, load_embedder(settings)) as library:
        add_article(str(source), library, settings)
    chain = load_chain(settings)
    yield chain
    chain.library.close()


def test_the_pay_of_ml_engineers_is_cited_from_the_corpus(corpus_chain: AnswerChain) -> None:
    reply = corpus_chain.invoke("How much does a machine learning engineer earn in the US?")
    assert any("$158,147" in citation.quote for citation in reply.citations)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    """The packaged article and an article of ours on the same subject."""
    settings = make_settings(tmp_path_factory.mktemp("shelf"))
    nursing = Article("nursing", "/nursing.md", "Nursing", "## Pay\n\nA nurse earns $93,600 a year in the US.")
    with Library.open(settings, load_embedder(settings)) as library:
        add_article(str(find_corpus() / "articles" / "ml-engineer-vs-software-engineer.md"), library, settings)
        library.replace(nursing, split_article(nursing, settings))
        yield AnswerChain(library, settings)


def test_pay_of_the_corpus_is_not_read_out_of_another_article(shelf: AnswerChain) -> None:
    asked = "How much does a machine learning engineer earn in the US?"
    chosen = shelf.invoke({"question": asked, "articles": ["ml-engineer-vs-software-engineer"]})
    assert timeless(chosen).citations == shelf.invoke(asked).citations
    other = shelf.invoke({"question": asked, "articles": ["nursing"]})
    assert (other.answered, other.citations) == (False, ())
    assert "machine learning" in other.text


def test_pay_of_a_nurse_is_not_read_out_of_the_corpus(shelf: AnswerChain) -> None:
    asked = "How much does a nurse earn in the US?"
    assert "$93,600" in shelf.invoke(asked).text
    assert "$93,600" in shelf.invoke({"question": asked, "articles": ["nursing"]}).text
    refused = shelf.invoke({"question": asked, "articles": ["ml-engineer-vs-software-engineer"]})
    assert not refused.answered
    assert refused.suggestions
    headings = {path.headings for path in shelf.library.headings() if path.article_id != "nursing"}
    assert {suggestion.split(" › ")[-1] for suggestion in refused.suggestions} <= {
        path[-1] for path in headings if path
    }


def test_the_corpus_is_quoted_by_the_letter(corpus_chain: AnswerChain) -> None:
    citations = corpus_chain.invoke("How much does a machine learning engineer earn in the US?").citations
    spans = [corpus_chain.library.article(one.article_id).text[one.start : one.end] for one in citations]
    assert spans == [citation.quote for citation in citations]


def test_the_corpus_does_not_know_the_capital_of_australia(corpus_chain: AnswerChain) -> None:
    assert not corpus_chain.invoke("What is the capital of Australia?").answered


def test_a_follow_up_is_answered_from_the_corpus(corpus_chain: AnswerChain) -> None:
    history = ["How much does a machine learning engineer earn in the US?"]
    reply = corpus_chain.invoke({"question": "And a software engineer?", "history": history})
    assert any("$112,165" in citation.quote for citation in reply.citations)


@pytest.mark.parametrize("question", ["\0", "🙂", "\ufffd", "\u202e"], ids=ascii)
def test_a_question_in_strange_letters_is_refused_and_breaks_nothing(corpus_chain: AnswerChain, question: str) -> None:
    assert not corpus_chain.invoke(question).answered


@pytest.mark.parametrize("question", ["\ud800", "What is \udcff?"], ids=ascii)
def test_a_question_in_broken_letters_is_refused_and_breaks_nothing(corpus_chain: AnswerChain, question: str) -> None:
    assert not corpus_chain.invoke(question).answered


def test_the_corpus_can_be_asked_from_several_threads(corpus_chain: AnswerChain) -> None:
    question = "How much does a machine learning engineer earn in the US?"
    assert len({reply.text for reply in corpus_chain.batch([question] * 8)}) == 1
