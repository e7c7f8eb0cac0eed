"""A BERT that pools by the mean, read by onnxruntime in int8, without torch. The only file that names onnxruntime."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ingest.bert import WORDS, Bert, map_tensors
from ingest.pooling import Tokens

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

log = logging.getLogger(__name__)

METHOD = "late, words, int8"  # of the fingerprint; kept while vectors are as near to the last form's as to torch's
VERSION = 6  # of the form that ingest/embed_graph.py makes; rises with any change to it


class OnnxReader:
    """Reads one text at a time, without padding, so that a text has the same states whatever is read beside it."""

    def __init__(self, bert: Bert, form: bytes) -> None:
        from tokenizers import Tokenizer

        self._session = _open(form)
        one_token = np.zeros((1, 1, bert.width), np.float32)
        _, exact = self._session.run(None, {"words": one_token})
        if not exact.all():
            self._session = _open(form, slowly=True)
        self._words = map_tensors(bert.weights)[WORDS]
        self._tokenizer = Tokenizer.from_file(str(bert.folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(bert.longest)

    def read_tokens(self, texts: Sequence[str], *, threads: int) -> list[Tokens]:
        if threads == 1 or len(texts) == 1:
            return [self._read(text) for text in texts]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self._read, texts))

    def knows_word(self, word: str) -> bool:
        return len(self._tokenizer.encode(word, add_special_tokens=False).ids) == 1

    def _read(self, text: str) -> Tokens:
        encoded = self._tokenizer.encode(text)
        states, _ = self._session.run(None, {"words": self._words[np.newaxis, encoded.ids]})
        return Tokens(states[0], np.array(encoded.offsets, dtype=np.int64))


def _open(form: bytes, *, slowly: bool = False) -> InferenceSession:
    """`slowly`: with weights made unsigned, for processors without VNNI, which come to the sums of the others then.

    Asked for everywhere, it would make reading 1.6 times as slow where there is VNNI.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # texts are read side by side instead
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", str(int(slowly)))
    return onnxruntime.InferenceSession(form, options, providers=["CPUExecutionProvider"])


def load_form(bert: Bert, weights: str, home: Path, tell: Callable[[str], object]) -> bytes:
    """The model's ONNX form with int8 weights; made on the first use and kept under `home` by the weights' hash."""
    kept = f"{weights[:16]}-int8-{VERSION}"
    with suppress(OSError):
        for file in (home / "models").glob(f"{kept}-*.onnx"):
            form = file.read_bytes()
            if file.name == _name_form(kept, form):  # else damaged
                return form
    tell("preparing the embedding model for this machine, once: about a second")
    from ingest.embed_graph import make_graph

    form = make_graph(map_tensors(bert.weights), layers=bert.layers, heads=bert.heads, epsilon=bert.epsilon)
    try:
        _keep(home / "models" / _name_form(kept, form), form)
    except OSError:
        log.info("the embedding model's form cannot be kept, and is made again next time", exc_info=True)
    return form


def _name_form(kept: str, form: bytes) -> str:
    return f"{kept}-{hashlib.sha256(form).hexdigest()[:16]}.onnx"


def _keep(file: Path, form: bytes) -> None:
    """Whole or not at all, whoever else is making the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(form)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
