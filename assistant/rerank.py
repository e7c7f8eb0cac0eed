"""Ranked passages -> the same in the order of a cross-encoder, which reads each together with the question."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from assistant.conversation import ScoredPassage
from assistant.errors import RerankerUnknown
from assistant.settings import Settings

# Log-odds between the best and the worst passage, about as far as a search's own lie apart.
SPREAD = 6.0


class Reranker(Protocol):
    """Reads a question and a text together."""

    def score(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """One number a text, in the order given: the higher, the better it answers. Any scale."""
        ...


def rerank(question: str, passages: Sequence[ScoredPassage], reranker: Reranker) -> list[ScoredPassage]:
    """The same passages, best first, scored 0 to 1 among themselves."""
    scores = reranker.score(question, [scored.passage.embedded_text for scored in passages])
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    read = [
        _set_score(scored, (score - low) / ((high - low) or 1.0))
        for scored, score in zip(passages, scores, strict=True)
    ]
    return sorted(read, key=lambda scored: -scored.score)


def _set_score(scored: ScoredPassage, score: float) -> ScoredPassage:
    relevance = SPREAD * (score - 1)
    return replace(scored, score=score, units=tuple(replace(unit, relevance=relevance) for unit in scored.units))


def load_reranker(settings: Settings) -> Reranker:
    """The cross-encoder that CAREER_RERANKER names. It is loaded by the first question, whose `score` raises
    RerankerUnknown when that fails.
    """
    return CrossEncoderReranker(settings.reranker)


class CrossEncoderReranker:
    """A sentence-transformers cross-encoder on the processor."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._model: Any = None
        self._lock = threading.Lock()

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """The model's own output before any activation: a sigmoid would press the best and the worst together."""
        import torch

        with self._lock:
            if self._model is None:
                self._model = _load_model(self._name)
            torch.set_num_threads(1)  # as for a question's vector: two beside a busy core are many times slower
            pairs = [(question, text) for text in texts]
            scores = self._model.predict(pairs, activation_fn=torch.nn.Identity(), show_progress_bar=False)
        return [float(score) for score in scores]


def _load_model(name: str) -> Any:
    """A cross-encoder with one output, from a folder or from the cache.

    Never from the network: a first question is no moment for a download, and without a network a name that is not
    cached took 46 s of retries to be refused instead of none.
    """
    from sentence_transformers import CrossEncoder
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()  # its report of what a wrong model lacks would bury our one line
    try:
        model = CrossEncoder(name, device="cpu", local_files_only=True)
    except Exception as error:
        raise RerankerUnknown(
            f"CAREER_RERANKER={name}: no model can be loaded from such a folder, nor by such a name from the cache. "
            "Correct it, get the model with `hf download NAME`, or leave it empty."
        ) from error
    network = model.transformers_model
    saved = getattr(network.config, "architectures", None) or ()
    # An embedding model is loaded without a complaint: what it lacks to give a score is made up of random numbers.
    if type(network).__name__ not in saved or model.num_labels != 1:
        raise RerankerUnknown(
            f"CAREER_RERANKER={name}: a model, but no cross-encoder that gives a text one score. "
            "Use one made for reranking, or leave it empty."
        )
    return model
