"""Uploaded files: kept under the library's home, so that an article can be read again, and as long as the article."""

from __future__ import annotations

import hashlib
import os
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Protocol

from ingest.article import Article, Outcome, Page
from ingest.errors import CareerError, EmbeddingModelUnknown, LibraryError, SourceUnreadable
from ingest.library import Library
from ingest.media_type import find_media_type
from ingest.pipeline import Steps, add_article
from ingest.settings import IngestSettings

FOLDER = "uploads"
LONGEST_NAME = 200  # bytes; file systems take 255, and some need a part of it
NOT_IN_NAMES = frozenset('/\\:*?"<>|')  # Windows takes none of them
PORTS = {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
RESERVED = frozenset({"con", "prn", "aux", "nul", *PORTS})  # by Windows, with any suffix


@dataclass(frozen=True)
class Upload:
    """A file as it came from a browser."""

    name: str  # as the browser says: anything
    path: Path  # where it was received


class Shelf(Protocol):
    """What removing needs of the library."""

    def article(self, article_id: str, /) -> Article: ...
    def sources_of(self, article_id: str, /) -> list[str]: ...
    def remove(self, article_id: str, /) -> object: ...


def find_folder(home: Path) -> Path:
    """The folder of the kept files, as their sources spell it."""
    return home.expanduser().resolve() / FOLDER


def name_upload(name: str) -> str:
    """A file name for any system, made of a name that may be anything; other names give other names.

    One that had to be changed carries a mark of what it was, so that no two files become one.
    """
    given = unicodedata.normalize("NFC", name)
    last = given.replace("\\", "/").rpartition("/")[2]
    plain = "".join("-" if each in NOT_IN_NAMES else each for each in last if unicodedata.category(each)[0] != "C")
    plain = plain.strip(". ") or "article"
    suffix = PurePosixPath(plain).suffix[:10]
    stem = plain.removesuffix(suffix)
    is_usable = plain == given and len(plain.encode()) <= LONGEST_NAME and stem.casefold() not in RESERVED
    if is_usable and stem.partition(".")[0].casefold() not in RESERVED:
        return plain
    mark = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    room = LONGEST_NAME - len(suffix.encode()) - len(mark) - 2
    return f"_{stem.encode()[:room].decode('utf-8', 'ignore').strip('. ')}-{mark}{suffix}"


def add_upload(upload: Upload, library: Library, settings: IngestSettings, steps: Steps) -> Outcome:
    """Put an uploaded file into the library and keep it there, under its name; what cannot be read is not kept.

    The same name again is the same article, updated. Raises what concerns every source, as `add_articles` does.
    """
    kept = find_folder(settings.home) / name_upload(upload.name)
    shown = upload.name[:LONGEST_NAME]
    try:
        content = _read(upload, settings.fetch_max_bytes)
        page = Page(str(kept), content, find_media_type(shown, content, kept.suffix.lower()), fetched_at=_now())
        with _put_beside(kept, content) as arrived:
            arrived_steps = replace(steps, fetch_page=lambda _source, _validators: page)
            outcome = add_article(str(kept), library, settings, arrived_steps)
            arrived.replace(kept)
        return replace(outcome, source=shown)
    except (LibraryError, EmbeddingModelUnknown):
        raise
    except CareerError as error:  # the server's folders are nobody's business
        return Outcome(shown, "failed", reason=str(error).replace(f"{kept.parent}{os.sep}", ""))
    except OSError as error:
        return Outcome(shown, "failed", reason=f"{shown}: could not be kept ({error.strerror}). Free some space.")


def _read(upload: Upload, max_bytes: int) -> bytes:
    with upload.path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise SourceUnreadable(
            f"{upload.name}: larger than {max_bytes:,} bytes. Split it or raise CAREER_FETCH_MAX_BYTES."
        )
    return content


@contextmanager
def _put_beside(kept: Path, content: bytes) -> Iterator[Path]:
    """A copy beside its later place, so that one step puts it there, whole; gone afterwards if that was not done."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    arrived = kept.with_name(f".arriving-{secrets.token_hex(8)}")
    try:
        with arrived.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield arrived
    finally:
        arrived.unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def remove_article(article_id: str, library: Shelf, home: Path) -> Outcome:
    """Remove an article, and the files that were kept for it. Raises ArticleUnknown."""
    article, sources = library.article(article_id), library.sources_of(article_id)
    library.remove(article_id)
    for kept in filter(lambda source: is_upload(source, home), sources):
        Path(kept).unlink(missing_ok=True)
    return Outcome(article.source, "removed", article.id, article.title)


def is_upload(source: str, home: Path) -> bool:
    """Whether a source is a file that was uploaded."""
    return Path(source).parent == find_folder(home)
