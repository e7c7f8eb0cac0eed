"""A cross-encoder puts passages in its own order: a tiny real one, made here, and fakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assistant.answer import AnswerChain
from assistant.conversation import ScoredPassage
from assistant.errors import RerankerUnknown
from assistant.rerank import Reranker, load_reranker, rerank
from assistant.settings import Settings
from ingest.article import Article, Passage
from ingest.embed import PACKAGED_MODEL, locate_model
from ingest.library import Library
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
COMPARED = "Do nurses or dentists earn more?"
TEXTS = ["Nurses earn $80,000 a year in a hospital.", "Dentists earn $170,000.", "Pilots fly planes over the ocean."]
LONG = "Nurses earn a year in a hospital. " * 50


def make_settings(home: Path = Path("unused"), **options: Any) -> Settings:
    return Settings(home=home, _env_file=None, **options)  # type: ignore[call-arg]


def make_passages(*texts: str) -> list[ScoredPassage]:
    passages = (Passage("pay", "Pay", ("What they earn",), 0, len(text), text) for text in texts)
    return [ScoredPassage(passage, 0.5) for passage in passages]


def read_texts(passages: Sequence[ScoredPassage]) -> list[str]:
    return [scored.passage.text for scored in passages]


class WordReranker:
    """Finds best what holds its word, and remembers what it read."""

    def __init__(self, word: str) -> None:
        self._word = word
        self.read: list[str] = []

    def score(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        self.read.extend(texts)
        return [7.5 if self._word in text else -2.5 for text in texts]


class FixedReranker:
    """Gives the scores that it was made with."""

    def __init__(self, *scores: float) -> None:
        self._scores = scores

    def score(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        return self._scores


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(make_settings(tmp_path), FakeEmbedder()) as library:
        library.replace(ARTICLE, split_article(ARTICLE, make_settings()))
        yield library


def save_model(folder: Path, labels: int) -> str:
    """A network of one layer that reads a question and a text together, its weights random: untrained, but real."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    words = sorted({word.strip(".,?").lower() for text in (*TEXTS, ASKED) for word in text.split()})
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, "$", ".", ",", "?"]) + "\n")
    tokenizer = BertTokenizerFast.from_pretrained(str(folder))
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.5,  # far from the usual 0.02, so that the scores are far from each other
        num_labels=labels,
    )
    torch.manual_seed(7)
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    saved = folder / "saved"
    CrossEncoder(str(folder), device="cpu").save_pretrained(str(saved))
    return str(saved)


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("cross-encoder"), labels=1)


@pytest.fixture(scope="module")
def reranker(cross_encoder: str) -> Reranker:
    return load_reranker(make_settings(reranker=cross_encoder))


def compute_scores(folder: str, question: str, texts: Sequence[str]) -> list[float]:
    """What the saved network says of each text, one by one, without sentence-transformers."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return [network(**tokenizer(question, text, return_tensors="pt")).logits.item() for text in texts]


# -- the order ---------------------------------------------------------------------------------------------------------


def test_the_best_passage_stands_first() -> None:
    assert read_texts(rerank("?", make_passages(*TEXTS), FixedReranker(1, -3, 2))) == [TEXTS[2], TEXTS[0], TEXTS[1]]


def test_the_best_passage_scores_one_and_the_worst_nothing() -> None:
    ranked = rerank("?", make_passages(*TEXTS), FixedReranker(6, -4, 1))
    assert [scored.score for scored in ranked] == [1.0, 0.5, 0.0]


def test_passages_of_equal_score_keep_their_order() -> None:
    assert read_texts(rerank("?", make_passages(*TEXTS), FixedReranker(2, 2, 2))) == TEXTS


def test_no_passages_stay_none() -> None:
    assert rerank("?", [], FixedReranker()) == []


def test_a_passage_is_read_below_its_headings() -> None:
    reranker = WordReranker("nurses")
    rerank("?", make_passages("Nurses earn well."), reranker)
    assert reranker.read == ["Pay > What they earn\nNurses earn well."]


# -- a cross-encoder on disk -------------------------------------------------------------------------------------------


def test_a_cross_encoder_scores_as_its_network_does(reranker: Reranker, cross_encoder: str) -> None:
    assert list(reranker.score(ASKED, TEXTS)) == pytest.approx(compute_scores(cross_encoder, ASKED, TEXTS), abs=1e-4)


def test_a_cross_encoder_orders_passages_by_its_scores(reranker: Reranker, cross_encoder: str) -> None:
    passages = make_passages(*TEXTS)
    scores = compute_scores(cross_encoder, ASKED, [scored.passage.embedded_text for scored in passages])
    expected = [text for _, text in sorted(zip(scores, TEXTS, strict=True), reverse=True)]
    assert read_texts(rerank(ASKED, passages, reranker)) == expected


def test_a_text_beyond_the_longest_input_has_a_score(reranker: Reranker) -> None:
    assert len(reranker.score(ASKED, [LONG])) == 1


def test_no_texts_have_no_scores(reranker: Reranker) -> None:
    assert list(reranker.score(ASKED, [])) == []


def test_a_cross_encoder_can_be_asked_from_several_threads(cross_encoder: str) -> None:
    fresh = load_reranker(make_settings(reranker=cross_encoder))
    with ThreadPoolExecutor(4) as threads:
        first, *others = threads.map(lambda _: fresh.score(ASKED, TEXTS), range(16))
    assert all(other == first for other in others)


# -- in the chain ------------------------------------------------------------------------------------------------------


def test_a_chain_with_a_cross_encoder_answers_with_proof(library: Library, cross_encoder: str) -> None:
    reply = AnswerChain(library, make_settings(reranker=cross_encoder)).invoke(ASKED)
    assert reply.citations
    assert all(TEXT[citation.start : citation.end] == citation.quote for citation in reply.citations)


def test_the_passages_of_a_reply_stand_as_the_cross_encoder_ranks_them(library: Library, cross_encoder: str) -> None:
    passages = AnswerChain(library, make_settings(reranker=cross_encoder)).invoke(ASKED).passages
    scores = compute_scores(cross_encoder, ASKED, [scored.passage.embedded_text for scored in passages])
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_an_answer_keeps_the_best_of_what_the_reranker_read(library: Library) -> None:
    settings = make_settings(passages_per_question=1, reranked_passages=3)
    reply = AnswerChain(library, settings, reranker=WordReranker("Pilots")).invoke(ASKED)
    assert read_texts(reply.passages) == ["Pilots fly planes over the ocean."]


def test_a_reranker_reads_as_many_passages_as_the_setting_says(library: Library) -> None:
    reranker = WordReranker("Pilots")
    AnswerChain(library, make_settings(passages_per_question=1, reranked_passages=2), reranker=reranker).invoke(ASKED)
    assert len(reranker.read) == 2


def test_a_reranker_reads_no_fewer_passages_than_the_answer_keeps(library: Library) -> None:
    settings = make_settings(passages_per_question=3, reranked_passages=1)
    assert len(AnswerChain(library, settings, reranker=WordReranker("Pilots")).invoke(ASKED).passages) == 3


def test_a_comparison_keeps_the_passages_of_both_sides(library: Library) -> None:
    settings = make_settings(passages_per_question=1, reranked_passages=1)
    reply = AnswerChain(library, settings, reranker=WordReranker("Dentists")).invoke(COMPARED)
    assert {text.split()[0] for text in read_texts(reply.passages)} >= {"Nurses", "Dentists"}


def test_a_chain_without_the_setting_has_no_reranker(library: Library) -> None:
    assert AnswerChain(library, make_settings()).reranker is None


# -- models that cannot be used ----------------------------------------------------------------------------------------


def refuse(name: str) -> str:
    with pytest.raises(RerankerUnknown) as refusal:
        load_reranker(make_settings(reranker=name)).score(ASKED, TEXTS)
    return str(refusal.value)


def test_a_name_that_is_not_in_the_cache_is_named_with_its_setting() -> None:
    assert refuse("no-such/cross-encoder").startswith("CAREER_RERANKER=no-such/cross-encoder: ")


def test_a_folder_that_holds_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}\n")
    assert "\n" not in refuse(str(tmp_path))


def test_an_embedding_model_is_no_cross_encoder() -> None:
    assert "no cross-encoder" in refuse(locate_model(PACKAGED_MODEL))


def test_a_model_with_several_scores_a_text_is_no_cross_encoder_for_us(tmp_path: Path) -> None:
    assert "one score" in refuse(save_model(tmp_path, labels=3))


def test_nothing_of_a_model_that_is_refused_reaches_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    refuse(locate_model(PACKAGED_MODEL))
    assert capfd.readouterr() == ("", "")


def test_a_chain_meets_a_wrong_name_with_its_first_question(library: Library) -> None:
    chain = AnswerChain(library, make_settings(reranker="no-such/cross-encoder"))
    with pytest.raises(RerankerUnknown):
        chain.invoke(ASKED)
