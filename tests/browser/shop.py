"""A library that the page writes to, for tests of the page: the real one, with a fake embedder."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.settings import Settings
from ingest.library import Library
from ingest.pipeline import add_article

NURSES = """# What nurses earn

Nurses earn $80,000 a year in a hospital. At night they earn more, and in a small practice they earn a little less.
"""
ZEBRAS = """# Zebra keepers

Zebra keepers earn $50,000 a year in a zoo. They rise early, carry hay for an hour and count the stripes of every foal.
"""


@dataclass(frozen=True)
class Shop:
    """One library with its page."""

    address: str
    settings: Settings
    library: Library

    @property
    def kept(self) -> list[str]:
        """Names of the files that are kept of uploads."""
        folder = self.settings.home / "uploads"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    @property
    def titles(self) -> list[str]:
        return [article.title for article in self.library.articles()]

    def ask(self, words: str) -> bool:
        """Whether some passage has these words."""
        return bool(self.library.search_text(words, 3))

    def add(self, name: str, text: str) -> None:
        path = self.settings.home / name
        path.write_text(text, encoding="utf-8")
        with self.library.open_writer() as writer:
            add_article(str(path), writer, self.settings)
