"""Token states -> unit vectors, down to the word; what every embedder gives. Knows no runtime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.article import Passage
from ingest.settings import IngestSettings
from ingest.terms import find_words

BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1)  # of each byte

WORDS_KEPT = 20_000  # 30 MB


@dataclass(frozen=True)
class Fingerprint:
    """What makes vectors comparable: two libraries with equal fingerprints may share vectors."""

    name: str
    weights: str  # SHA-256 of the weight files
    dimension: int
    normalised: bool
    method: str  # how, and by which runtime: METHOD of embed_onnx.py and embed_torch.py


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


class LateEmbedder:
    """Vectors from the token states of a model that pools by the mean.

    A passage's vector is the model's own. A unit's vector is the mean of the passage's token states inside the unit
    ("late chunking", Günther et al. 2024, arXiv:2409.04701): one forward pass serves the passage and every sentence of
    it, and a sentence keeps what the sentences and headings around it say. The mean inside a word is the word's vector,
    for late interaction with a question's words (ColBERT, Khattab & Zaharia 2020, arXiv:2004.12832); of a passage's
    words only the signs are kept: 48 bytes a word, and the question's side stays whole. Units beyond the model's
    longest input are embedded one by one, without words.
    """

    def __init__(self, reader: TokenReader, settings: IngestSettings, fingerprint: Fingerprint) -> None:
        self._reader = reader
        self._batch = settings.embedding_batch
        self._threads = settings.embedding_threads
        self._fingerprint = fingerprint
        self._words: dict[str, NDArray[np.float32]] = {}  # of embed_words

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    def embed_question(self, text: str) -> QuestionVectors:
        # One thread: with two, a busy core beside us turned 21 ms into 480 ms.
        (tokens,) = self._reader.read_tokens([text], threads=1)
        return QuestionVectors(tokens.pool(), to_unit_length(tokens.average(find_words(text))))

    def embed_passages(self, passages: Sequence[Passage]) -> Iterator[PassageVectors]:
        # Neighbours in length share a batch, so that little of it is padding.
        order = sorted(range(len(passages)), key=lambda index: len(passages[index].embedded_text))
        done: dict[int, PassageVectors] = {}
        for begin in range(0, len(order), self._batch):
            batch = order[begin : begin + self._batch]
            read = self._reader.read_tokens([passages[index].embedded_text for index in batch], threads=self._threads)
            for index, tokens in zip(batch, read, strict=True):
                done[index] = self._pool(passages[index], tokens)
        return (done[index] for index in range(len(passages)))

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        # A word takes 1 ms, and the words of a library come again and again.
        kept = self._words
        vectors = {word: kept[word] for word in words if word in kept}
        new = [word for word in dict.fromkeys(words) if word not in vectors]
        if new:
            read = self._reader.read_tokens(new, threads=1)
            vectors.update({word: tokens.pool() for word, tokens in zip(new, read, strict=True)})
            # Exchanged, never emptied: another thread may be reading.
            self._words = {**kept, **vectors} if len(kept) < WORDS_KEPT else vectors
        stacked = [vectors[word] for word in words]
        return np.array(stacked, dtype=np.float32).reshape(len(words), self._fingerprint.dimension)

    def knows_word(self, word: str) -> bool:
        return self._reader.knows_word(word)

    def _pool(self, passage: Passage, tokens: Tokens) -> PassageVectors:
        text = passage.embedded_text
        shift = len(text) - len(passage.text) - passage.start
        units = tokens.average([(unit.start + shift, unit.end + shift) for unit in passage.units])
        beyond = np.flatnonzero(~units.any(axis=1)).tolist()
        if beyond:
            alone = list_unit_texts(passage, beyond)
            units[beyond] = [read.pool() for read in self._reader.read_tokens(alone, threads=self._threads)]
        words = tokens.average(find_words(text))
        return PassageVectors(tokens.pool(), to_unit_length(units), np.packbits(words > 0, axis=1))


def list_unit_texts(passage: Passage, indices: Sequence[int]) -> list[str]:
    """What is embedded of units that are embedded by themselves."""
    units = [passage.units[index] for index in indices]
    begin = passage.start
    return [f"{passage.context}\n{passage.text[unit.start - begin : unit.end - begin]}" for unit in units]


@dataclass(frozen=True)
class Tokens:
    """What the model read of one text: padding left out, cut at its longest input."""

    states: NDArray[np.float32]  # (tokens, dimension)
    spans: NDArray[np.int64]  # (tokens, 2): start and end in the text; (0, 0) for marks of the model's own

    def pool(self) -> NDArray[np.float32]:
        """The text's own unit vector."""
        return to_unit_length(self.states.mean(axis=0))

    def average(self, spans: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
        """For each span the mean state of the tokens that overlap it; zeros where none was read."""
        starts, ends = np.array(spans, dtype=np.int64).reshape(-1, 2, 1).swapaxes(0, 1)
        inside = (self.spans[:, 0] < ends) & (self.spans[:, 1] > starts)
        first, counts = inside.argmax(axis=1), inside.sum(axis=1)
        # One by one 0.1 ms for 40 words; a matrix product took 16 ms while its threads waited for a busy core.
        sums = [np.add.reduce(self.states[begin : begin + count]) for begin, count in zip(first, counts, strict=True)]
        means = np.reshape(sums, (len(spans), self.states.shape[1])) / np.maximum(counts, 1)[:, np.newaxis]
        return np.asarray(means, dtype=np.float32)


class TokenReader(Protocol):
    """A model that pools by the mean, run by one runtime. Safe to share between threads."""

    def read_tokens(self, texts: Sequence[str], *, threads: int) -> list[Tokens]:
        """One result a text, in the order given."""
        ...

    def knows_word(self, word: str) -> bool:
        """Whether the model holds the word whole."""
        ...


def to_unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
