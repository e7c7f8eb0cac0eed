"""Any sentence-transformers model, by torch: the reference. The only file but assistant/rerank.py that names them."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.article import Passage
from ingest.pooling import (
    Embedder,
    Fingerprint,
    LateEmbedder,
    PassageVectors,
    QuestionVectors,
    Tokens,
    list_unit_texts,
)
from ingest.settings import IngestSettings

METHOD = "late, words"  # of the fingerprint
METHOD_OF_OTHERS = "each"


def load_torch_embedder(path: str, settings: IngestSettings) -> Embedder:
    """Raises what sentence-transformers raises, which is anything."""
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # it would draw over ours, and into piped output
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries would bury our one line
    model = SentenceTransformer(path, device="cpu")
    late = _pools_by_mean(model)
    fingerprint = Fingerprint(
        name=settings.embedding_model,
        weights=_hash_weights(path, model),
        dimension=int(model.get_embedding_dimension()),
        normalised=True,
        method=METHOD if late else METHOD_OF_OTHERS,
    )
    if late:
        return LateEmbedder(TorchReader(model), settings, fingerprint)
    return EachEmbedder(model, settings, fingerprint)


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


class TorchReader:
    """Reads texts in one forward pass, padded to the longest."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._lock = threading.Lock()

    def read_tokens(self, texts: Sequence[str], *, threads: int) -> list[Tokens]:
        import torch

        # The tokenizer as well is for one thread at a time: it keeps how to pad and where to cut in itself.
        with self._lock, torch.inference_mode():
            torch.set_num_threads(threads)
            encoded = self._model.tokenizer(
                list(texts),
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

    def knows_word(self, word: str) -> bool:
        with self._lock:
            return len(self._model.tokenizer.tokenize(word)) == 1


class EachEmbedder:
    """Vectors of a model that does not pool by the mean: passages and units are embedded one by one, without words."""

    def __init__(self, model: Any, settings: IngestSettings, fingerprint: Fingerprint) -> None:
        self._model = model
        self._batch = settings.embedding_batch
        self._threads = settings.embedding_threads
        self._fingerprint = fingerprint
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    def embed_question(self, text: str) -> QuestionVectors:
        (vector,) = self._encode([text], threads=1)
        return QuestionVectors(vector, np.empty((0, vector.size), dtype=np.float32))

    def embed_passages(self, passages: Sequence[Passage]) -> Iterator[PassageVectors]:
        no_words = np.empty((0, -(-self._fingerprint.dimension // 8)), dtype=np.uint8)
        texts = [passage.embedded_text for passage in passages]
        for passage, vector in zip(passages, self._encode(texts, threads=self._threads), strict=True):
            units = self._encode(list_unit_texts(passage, range(len(passage.units))), threads=self._threads)
            yield PassageVectors(vector, units, no_words)

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        return self._encode(words, threads=1)

    def knows_word(self, word: str) -> bool:
        with self._lock:
            return len(self._model.tokenizer.tokenize(word)) == 1

    def _encode(self, texts: Sequence[str], *, threads: int) -> NDArray[np.float32]:
        import torch

        with self._lock:
            torch.set_num_threads(threads)
            vectors = self._model.encode(
                list(texts), batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self._fingerprint.dimension)


def _pools_by_mean(model: Any) -> bool:
    """Whether `encode` takes the mean of the token states and no more: a prompt or a dense layer would be left out."""
    transformer, *others = model
    mode = getattr(others[0], "pooling_mode", None) if others else None
    plain = not model.default_prompt_name and all(type(other).__name__ == "Normalize" for other in others[1:])
    return plain and hasattr(transformer, "auto_model") and mode in ("mean", ("mean",), ["mean"])
