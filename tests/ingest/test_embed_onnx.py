"""The packaged model by onnxruntime in int8: what it reads, which models it takes, and how its form is kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import embed_onnx
from ingest.article import Passage
from ingest.bert import find_bert
from ingest.embed import PACKAGED_MODEL, Embedder, load_embedder, locate_model
from ingest.embed_onnx import METHOD, OnnxReader, load_form
from ingest.embed_torch import METHOD as TORCH_METHOD
from ingest.embed_torch import TorchReader
from ingest.errors import EmbeddingModelUnknown
from ingest.settings import IngestSettings

PACKAGED = Path(locate_model(PACKAGED_MODEL))
TEXTS = [
    "Nurses earn $80,000 a year.",
    "",
    " ",
    "\0",
    "Zookeepers' naïveté, 東京 🙂 ﬁnance",
    "[CLS] [MASK] the",
    "x" * 5_000,
    "nurse " * 400,
    "A\nB\tC\r\n\u200b\u00a0D",
]


def settings(home: Path, **changed: Any) -> IngestSettings:
    return IngestSettings(home=home, _env_file=None, **changed)  # type: ignore[call-arg]


def make_passages(count: int) -> list[Passage]:
    texts = [f"Nurse {number} earns well{' and works at night' * number}." for number in range(count)]
    return [Passage("a", "Pay", (), 0, len(text), text) for text in texts]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return load_embedder(settings(tmp_path_factory.mktemp("home")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The packaged model in a folder whose files may be changed."""
    copied = tmp_path / "model"
    shutil.copytree(PACKAGED, copied, copy_function=os.link)  # 90 MB of weights that nobody changes
    for file in [*copied.glob("*.json"), *copied.glob("*/*.json")]:
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    return copied


def rewrite(file: Path, **changed: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


# -- what is read -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> tuple[OnnxReader, TorchReader]:
    from sentence_transformers import SentenceTransformer

    bert = find_bert(PACKAGED)
    assert bert is not None
    form = load_form(bert, "0" * 64, tmp_path_factory.mktemp("home"), print)
    return OnnxReader(bert, form), TorchReader(SentenceTransformer(str(PACKAGED), device="cpu"))


def test_the_same_tokens_are_read_as_by_torch(readers: tuple[OnnxReader, TorchReader]) -> None:
    ours, reference = (reader.read_tokens(TEXTS, threads=1) for reader in readers)
    for one, other in zip(ours, reference, strict=True):
        np.testing.assert_array_equal(one.spans, other.spans)


def test_each_state_is_near_to_that_of_torch(readers: tuple[OnnxReader, TorchReader]) -> None:
    ours, reference = (reader.read_tokens(TEXTS, threads=1) for reader in readers)
    for one, other in zip(ours, reference, strict=True):
        norms = np.linalg.norm(one.states, axis=1) * np.linalg.norm(other.states, axis=1)
        assert (np.einsum("ij,ij->i", one.states, other.states) / norms).min() > 0.99


def test_a_text_has_nearly_the_vector_that_torch_gives_it(readers: tuple[OnnxReader, TorchReader]) -> None:
    text = "Nurses earn $80,000 a year, and dentists, who study longer, earn twice as much. " * 8
    (ours,), (reference,) = (reader.read_tokens([text], threads=1) for reader in readers)
    # .9987 with the first token's values rounded, .9970 with one scale for all tokens.
    assert ours.pool() @ reference.pool() > 0.999


def test_a_processor_whose_sums_overflow_reads_the_same(
    readers: tuple[OnnxReader, TorchReader], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bert = find_bert(PACKAGED)
    assert bert is not None
    form, asked = load_form(bert, "0" * 64, tmp_path, print), []

    class Overflowing:
        def run(self, *_: Any) -> list[Any]:
            return [None, np.array([False])]

    def open_form(form: bytes, *, slowly: bool = False) -> Any:
        asked.append(slowly)
        return open_as_before(form, slowly=True) if slowly else Overflowing()

    open_as_before = embed_onnx._open
    monkeypatch.setattr(embed_onnx, "_open", open_form)
    slow, usual = (reader.read_tokens(TEXTS, threads=1) for reader in (OnnxReader(bert, form), readers[0]))
    assert asked == [False, True]
    for one, other in zip(slow, usual, strict=True):
        np.testing.assert_allclose(one.states, other.states, atol=1e-4)


def test_layers_of_an_odd_width_are_read_as_by_torch(folder: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel

    shape = BertConfig(hidden_size=100, num_hidden_layers=2, num_attention_heads=4, intermediate_size=150)
    for file in ("model.safetensors", "config.json"):
        (folder / file).unlink()
    BertModel(shape).save_pretrained(folder)
    bert = find_bert(folder)
    assert bert is not None
    ours = OnnxReader(bert, load_form(bert, "odd", tmp_path, print))
    (one,), (other,) = (
        reader.read_tokens(["Nurses earn well."], threads=1)
        for reader in (ours, TorchReader(SentenceTransformer(str(folder), device="cpu")))
    )
    np.testing.assert_allclose(one.states, other.states, atol=0.05)


@pytest.mark.parametrize("word", ["vacation", "aprenticeship", "Vacation", "two words", ""])
def test_the_same_words_are_known_as_by_torch(readers: tuple[OnnxReader, TorchReader], word: str) -> None:
    ours, reference = readers
    assert ours.knows_word(word) == reference.knows_word(word)


def test_a_passage_has_the_same_vectors_to_the_bit_whatever_is_embedded_beside_it(embedder: Embedder) -> None:
    passages = make_passages(12)
    together = list(embedder.embed_passages(passages))
    for passage, beside in zip(passages, together, strict=True):
        (alone,) = embedder.embed_passages([passage])
        np.testing.assert_array_equal(alone.passage, beside.passage)


# -- which runtime is taken -------------------------------------------------------------------------------------------


def test_a_new_library_is_made_by_onnxruntime(embedder: Embedder) -> None:
    assert embedder.fingerprint.method == METHOD


def test_vectors_that_torch_made_are_compared_with_those_of_torch(tmp_path: Path) -> None:
    assert load_embedder(settings(tmp_path), TORCH_METHOD).fingerprint.method == TORCH_METHOD


def test_the_setting_comes_before_what_a_library_was_made_by(tmp_path: Path) -> None:
    chosen = settings(tmp_path, embedding_runtime="torch")
    assert load_embedder(chosen, METHOD).fingerprint.method == TORCH_METHOD


def test_a_model_that_onnxruntime_does_not_take_is_run_by_torch(tmp_path: Path, folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    chosen = settings(tmp_path, embedding_model=str(folder))
    assert load_embedder(chosen).fingerprint.method == TORCH_METHOD


def test_onnxruntime_asked_for_a_model_that_it_does_not_take_names_the_remedy(tmp_path: Path, folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(EmbeddingModelUnknown, match="CAREER_EMBEDDING_RUNTIME=auto"):
        load_embedder(settings(tmp_path, embedding_model=str(folder), embedding_runtime="onnx"))


def test_a_model_saved_by_todays_sentence_transformers_is_taken(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(PACKAGED), device="cpu").save(str(tmp_path / "saved"))
    bert, packaged = find_bert(tmp_path / "saved"), find_bert(PACKAGED)
    assert bert is not None
    assert packaged is not None
    assert (bert.longest, bert.layers, bert.epsilon) == (packaged.longest, packaged.layers, packaged.epsilon)


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("1_Pooling/config.json", {"pooling_mode": "cls"}),
        ("config.json", {"model_type": "roberta"}),
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"num_hidden_layers": 7}),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
    ],
    ids=str,
)
def test_a_model_that_is_not_plain_is_left_to_torch(folder: Path, file: str, changed: dict[str, Any]) -> None:
    assert find_bert(folder) is not None
    rewrite(folder / file, **changed)
    assert find_bert(folder) is None


@pytest.mark.parametrize("content", ["", "[]", "{", '[{"type": 1}, {}]', "null"])
def test_a_folder_that_cannot_be_understood_is_left_to_torch(folder: Path, content: str) -> None:
    (folder / "modules.json").write_text(content)
    assert find_bert(folder) is None


def test_weights_that_are_cut_short_are_left_to_torch(folder: Path) -> None:
    weights = folder / "model.safetensors"
    beginning = weights.read_bytes()[:1_000_000]
    weights.unlink()
    weights.write_bytes(beginning)
    assert find_bert(folder) is None


# -- the form that is kept --------------------------------------------------------------------------------------------


def list_forms(home: Path) -> list[Path]:
    return sorted((home / "models").iterdir())


def test_the_model_is_prepared_once_and_says_so(tmp_path: Path) -> None:
    told: list[str] = []
    for _ in range(2):
        load_embedder(settings(tmp_path), tell=told.append)
    assert len(told) == 1
    assert len(list_forms(tmp_path)) == 1


def test_a_damaged_form_is_made_anew(tmp_path: Path) -> None:
    question = load_embedder(settings(tmp_path)).embed_question("Who earns well?")
    (form,) = list_forms(tmp_path)
    content = bytearray(form.read_bytes())
    content[len(content) // 2] ^= 1
    form.write_bytes(content)
    again = load_embedder(settings(tmp_path)).embed_question("Who earns well?")
    np.testing.assert_array_equal(question.text, again.text)
    assert bytes(content) != form.read_bytes()


def test_a_home_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder would be")
    assert load_embedder(settings(tmp_path)).embed_question("Who?").text.any()


def test_two_that_prepare_the_model_at_once_leave_one_whole_form(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: load_embedder(settings(tmp_path)).embed_question("Who?").text, range(2)))
    np.testing.assert_array_equal(made[0], made[1])
    assert [file.suffix for file in list_forms(tmp_path)] == [".onnx"]


def embed_elsewhere(home: Path, model: str = PACKAGED_MODEL, **environment: str) -> list[str]:
    """The method by which a process of its own embeds a question, and what it imports for that."""
    program = (
        "import sys; from pathlib import Path; from ingest.embed import load_embedder\n"
        "from ingest.settings import IngestSettings\n"
        "made = load_embedder(IngestSettings(home=Path(sys.argv[1]), embedding_model=sys.argv[2], _env_file=None))\n"
        "made.embed_question('Who earns well?')\n"
        "print(made.fingerprint.method, *sorted({'torch', 'transformers', 'onnx'} & sys.modules.keys()), sep='; ')"
    )
    command = [sys.executable, "-c", program, str(home), model]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=120, env=os.environ | environment
    )
    return done.stdout.strip().split("; ")


def test_neither_torch_nor_onnx_is_imported_to_embed_a_question(tmp_path: Path) -> None:
    load_embedder(settings(tmp_path))  # prepared
    assert embed_elsewhere(tmp_path) == [METHOD]


@pytest.mark.parametrize("name", ["some-model", "sentence-transformers/some-model"])
def test_a_model_in_the_cache_of_downloads_is_read_from_there(tmp_path: Path, folder: Path, name: str) -> None:
    cached = tmp_path / "hub" / "models--sentence-transformers--some-model"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc")
    (cached / "snapshots").mkdir()
    folder.rename(cached / "snapshots" / "abc")
    assert embed_elsewhere(tmp_path / "home", name, HF_HOME=str(tmp_path)) == [METHOD, "onnx"]
