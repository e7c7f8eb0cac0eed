"""Passable stand-ins for slow collaborators; shared by all tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from ingest.article import Article, Passage, Unit
from ingest.embed import Fingerprint, PassageVectors
from ingest.settings import IngestSettings

DIMENSION = 64


class FakeEmbedder:
    """Hashed bags of words as unit vectors: texts that share words are near, and equal texts are equal, everywhere."""

    def __init__(self, name: str = "all-MiniLM-L6-v2", weights: str = "0" * 64, dimension: int = DIMENSION) -> None:
        self._fingerprint = Fingerprint(name, weights, dimension, normalised=True, method="hashed words")
        self.embedded: list[str] = []  # the text of every passage asked for, to see what was reused

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    def embed_question(self, text: str) -> NDArray[np.float32]:
        vector = np.zeros(self._fingerprint.dimension, dtype=np.float32)
        for word in re.findall(r"\w+", text.casefold()) or [""]:
            digest = sha256(f"{self._fingerprint.weights}{word}".encode("utf-8", "replace")).digest()
            vector[int.from_bytes(digest[:4], "big") % vector.size] += 1.0
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    def embed_passages(self, passages: Sequence[Passage]) -> Iterator[PassageVectors]:
        for passage in passages:
            self.embedded.append(passage.text)
            begin = passage.start
            units = [self.embed_question(passage.text[unit.start - begin : unit.end - begin]) for unit in passage.units]
            stacked = np.stack(units) if units else np.zeros((0, self._fingerprint.dimension), dtype=np.float32)
            yield PassageVectors(self.embed_question(passage.embedded_text), stacked)


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
