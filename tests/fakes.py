"""Passable stand-ins for slow collaborators; shared by all tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256, shake_256

import numpy as np
from numpy.typing import NDArray

from ingest.article import Article, Passage, Unit
from ingest.embed import Fingerprint, PassageVectors, QuestionVectors, unpack_words
from ingest.settings import IngestSettings
from ingest.terms import find_words

DIMENSION = 64


class FakeEmbedder:
    """Hashed bags of words as unit vectors: texts that share words are near, and equal texts are equal, everywhere.

    A word's own vector is of random signs: equal words are equal, others nearly at right angles.
    """

    def __init__(
        self,
        name: str = "all-MiniLM-L6-v2",
        weights: str = "0" * 64,
        dimension: int = DIMENSION,
        method: str = "hashed words",
    ) -> None:
        self._fingerprint = Fingerprint(name, weights, dimension, normalised=True, method=method)
        self.known_words: set[str] = set()
        self.embedded: list[str] = []  # the text of every passage asked for, to see what was reused

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    def embed_question(self, text: str) -> QuestionVectors:
        return QuestionVectors(self._embed(text), unpack_words(self._sign(text), self._fingerprint.dimension))

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        digests = [
            shake_256(f"{self._fingerprint.weights}{word}".encode("utf-8", "replace")).digest(64) for word in words
        ]
        return unpack_words(np.frombuffer(b"".join(digests), np.uint8).reshape(len(words), 64), 512)

    def knows_word(self, word: str) -> bool:
        return word in self.known_words

    def embed_passages(self, passages: Sequence[Passage]) -> Iterator[PassageVectors]:
        for passage in passages:
            self.embedded.append(passage.text)
            begin = passage.start
            units = [self._embed(passage.text[unit.start - begin : unit.end - begin]) for unit in passage.units]
            stacked = np.stack(units) if units else np.zeros((0, self._fingerprint.dimension), dtype=np.float32)
            text = passage.embedded_text
            yield PassageVectors(self._embed(text), stacked, self._sign(text))

    def _embed(self, text: str) -> NDArray[np.float32]:
        vector = np.zeros(self._fingerprint.dimension, dtype=np.float32)
        for word in re.findall(r"\w+", text.casefold()) or [""]:
            digest = sha256(f"{self._fingerprint.weights}{word}".encode("utf-8", "replace")).digest()
            vector[int.from_bytes(digest[:4], "big") % vector.size] += 1.0
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    def _sign(self, text: str) -> NDArray[np.uint8]:
        width = -(-self._fingerprint.dimension // 8)
        words = [f"{self._fingerprint.weights}{text[start:end].lower()}" for start, end in find_words(text)]
        digests = [shake_256(word.encode("utf-8", "replace")).digest(width) for word in words]
        return np.frombuffer(b"".join(digests), np.uint8).reshape(len(words), width)


def load_fake_embedder(settings: IngestSettings, method: str) -> FakeEmbedder:
    return FakeEmbedder()


def make_article(text: str, *, title: str = "Pay", source: str = "/articles/pay.md", slug: str = "pay") -> Article:
    return Article(id=slug, source=source, title=title, text=text)


def split_paragraphs(article: Article, settings: IngestSettings | None = None) -> list[Passage]:
    """A passage for each paragraph, a unit for each sentence that ends in a full stop."""
    passages: list[Passage] = []
    for paragraph in re.finditer(r"[^\n]+", article.text):
        start, end = paragraph.span()
        sentences = re.finditer(r"[^\s.][^.]*\.?", article.text[start:end])
        units = tuple(Unit(start + found.start(), start + found.end(), "sentence") for found in sentences)
        passages.append(Passage(article.id, article.title, (), start, end, article.text[start:end], "", units))
    return passages
