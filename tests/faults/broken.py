"""Defences taken out: with each of these a harness must find a fault, or it proves nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ingest.article import Article
from ingest.catalog import Catalog, Embedding, Reading, Stored, StoredPassage
from ingest.errors import ArticleUnknown
from ingest.lock import WriterLock
from ingest.vectors import IndexPlace


class CatalogOfTwoTransactions(Catalog):
    """Removes the old text before it stores the new one."""

    def store(
        self,
        article: Article,
        passages: Sequence[StoredPassage],
        embedding: Embedding,
        reading: Reading = Reading(),  # noqa: B008 - frozen
    ) -> Stored:
        with suppress(ArticleUnknown):
            self.remove(article.id)
        time.sleep(0.05)  # or it would take a hundred kills
        return super().store(article, passages, embedding, reading)


class CatalogWrittenWhole(Catalog):
    """As if it were a file that is read, changed and written back: what another process stored meanwhile is lost.

    The writer lock keeps even this one whole.
    """

    def store(
        self,
        article: Article,
        passages: Sequence[StoredPassage],
        embedding: Embedding,
        reading: Reading = Reading(),  # noqa: B008 - frozen
    ) -> Stored:
        read = {summary.id for summary in self.list_articles()}
        time.sleep(0.02)
        stored = super().store(article, passages, embedding, reading)
        for summary in self.list_articles():
            if summary.id not in {*read, stored.article.id}:
                self.remove(summary.id)
        return stored


class TrustingPlace(IndexPlace):
    """Its files always look as they were left."""

    def seal(self, number: int) -> str:
        return "as ever"


class OpenPlace(IndexPlace):
    """Lets everybody at its files at once."""

    @contextmanager
    def hold_files(self, patience: float) -> Iterator[None]:
        yield


class OpenLock(WriterLock):
    """Lets everybody in."""

    @contextmanager
    def hold(self, wait: float | None = None) -> Iterator[None]:
        yield
