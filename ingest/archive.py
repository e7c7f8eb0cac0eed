"""A whole library <-> one portable file: a zip of JSON and plain arrays, for backups and for another machine.

    manifest.json                    format, embedding model, counts
    articles/000001/article.json     an article: text, sources, passages as spans of the text
    articles/000001/vectors.f4       (passages, dimension), little-endian; of all passages' units and words likewise
    articles/000001/units.f2
    articles/000001/words.u1

It holds data alone, so that any version can read it, and nothing in it is trusted: sizes are checked before anything is
unpacked, spans against the text, vectors for their number and length, the article against its hash. One article is in
memory at a time, beside the vectors of the portion that the index learns.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from ingest.article import Article, Outcome, Passage, Unit, Validators
from ingest.errors import ArchiveInvalid, ArticleUnknown, LibraryDamaged
from ingest.library import PASSAGE_TYPE, UNIT_TYPE, ArticleCopy, Embedding, Library, Reading, StoredPassage

NAME = "career-assistant library"
FORMAT = 1
MOST_LISTED = 64_000_000  # bytes of a zip's list of contents: some 200,000 articles
MOST_JSON = 50_000_000  # bytes: the longest page that is fetched, five times over
MOST_RATIO = 200  # unpacked to packed, of the whole; text packs to a third, vectors not at all
MOST_NUMBERS = 65_536  # in a vector
ARTICLE = re.compile(r"articles/(\d{6,})/article\.json")
TEXTS = ("id", "source", "title", "text", "author", "published", "language", "url", "fetched_at")
KINDS = ("sentence", "item", "row", "code")


# -- out of the library ------------------------------------------------------------------------------------------------


def export_library(library: Library, path: Path, *, overwrite: bool = False) -> Iterator[Outcome]:
    """Write every article to a file, which is there when all of it is on the disk and not before.

    Raises ArchiveInvalid when it cannot be written, or is there already.
    """
    if path.exists() and not overwrite:
        raise ArchiveInvalid(f"{path}: is there already. Name another file, or remove this one.")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            with ZipFile(file, "w") as archive:
                yield from _write_library(archive, library)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or error
        raise ArchiveInvalid(f"{path}: cannot be written ({reason}). Free some space or name another file.") from error
    finally:
        partial.unlink(missing_ok=True)


def _write_library(archive: ZipFile, library: Library) -> Iterator[Outcome]:
    embedding = library.embedding
    articles = passages = 0
    for article in library.articles():
        try:
            copy = library.copy_article(article.id)
        except ArticleUnknown:  # removed meanwhile
            continue
        except LibraryDamaged as error:
            yield Outcome(article.source, "failed", article.id, article.title, reason=str(error))
            continue
        articles, passages = articles + 1, passages + len(copy.passages)
        _write_article(archive, f"articles/{articles:06}", copy)
        yield Outcome(article.source, "exported", article.id, article.title, len(copy.passages))
    if library.embedding != embedding:
        raise ArchiveInvalid(
            "The library was embedded anew meanwhile, so the archive is not complete. Export it again."
        )
    manifest = {
        "archive": NAME,
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "embedding": embedding and {"model": embedding.model, "fingerprint": dict(embedding.fingerprint)},
        "articles": articles,
        "passages": passages,
    }
    _write(archive, "manifest.json", _dump(manifest), ZIP_DEFLATED)


def _write_article(archive: ZipFile, folder: str, copy: ArticleCopy) -> None:
    article = {
        **asdict(copy.article),
        "content_hash": copy.article.content_hash,
        "added_at": copy.added_at,
        "sources": [_describe_source(source, reading) for source, reading in copy.sources.items()],
        "passages": [_describe_passage(stored) for stored in copy.passages],
    }
    _write(archive, f"{folder}/article.json", _dump(article), ZIP_DEFLATED)
    vectors = [stored.vector.astype(PASSAGE_TYPE).tobytes() for stored in copy.passages]
    units = [stored.unit_vectors.astype(UNIT_TYPE).tobytes() for stored in copy.passages]
    words = [stored.words.tobytes() for stored in copy.passages]
    for name, arrays in (("vectors.f4", vectors), ("units.f2", units), ("words.u1", words)):
        _write(archive, f"{folder}/{name}", b"".join(arrays), ZIP_STORED)


def _describe_source(source: str, reading: Reading) -> dict[str, Any]:
    return {"source": source, "page_hash": reading.page_hash, "reader": reading.reader, **asdict(reading.validators)}


def _describe_passage(stored: StoredPassage) -> dict[str, Any]:
    passage = stored.passage
    return {
        "start": passage.start,
        "end": passage.end,
        "headings": passage.headings,
        "lead": passage.lead,
        "units": [[unit.start, unit.end, unit.kind] for unit in passage.units],
        "words": len(stored.words),
    }


def _dump(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=1).encode()


def _write(archive: ZipFile, name: str, content: bytes, packed: int) -> None:
    info = ZipInfo(name)  # with no time and no owner: the same article gives the same bytes
    info.compress_type = packed
    archive.writestr(info, content)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- into a library ----------------------------------------------------------------------------------------------------


class MemberDamaged(Exception):
    """Something in an article's part of the archive is not as it must be; the reason follows its name."""


def import_archive(path: Path, library: Library) -> Iterator[Outcome]:
    """Store every article of an archive, one after the other, as an ingest would; what is damaged fails alone.

    Vectors of the library's own model are taken over, those of another are made again. The index learns in portions, as
    it does in an ingest. Raises ArchiveInvalid when the file is no archive, and what `Library.store_copy` raises.
    """
    with _open_archive(path) as archive, library.index_in_portions():
        embedding, expected = _read_manifest(archive, path)
        folders = sorted(name.removesuffix("/article.json") for name in archive.namelist() if ARTICLE.fullmatch(name))
        for folder in folders:
            yield _import_article(archive, f"{path.name}, {folder}", folder, embedding, library)
        if len(folders) < expected:
            reason = (
                f"{path.name}: {expected - len(folders)} of {expected} articles are missing. Use another copy of it."
            )
            yield Outcome(str(path), "failed", reason=reason)


def _import_article(archive: ZipFile, name: str, folder: str, embedding: Embedding | None, library: Library) -> Outcome:
    try:
        copy = _read_copy(archive, folder, embedding)
        with _finding_faults():  # the catalog refuses words and units that do not fit their text
            stored = library.store_copy(copy, embedding)
    except MemberDamaged as error:
        return Outcome(name, "failed", reason=f"{name}: {error}. Use another copy of the archive.")
    article = stored.article
    return Outcome(copy.article.source, stored.status, article.id, article.title, stored.passages)


@contextmanager
def _open_archive(path: Path) -> Iterator[ZipFile]:
    try:
        with path.open("rb") as file:
            _refuse_long_list(file.seek(0, os.SEEK_END), file, path)
            with ZipFile(file) as archive:
                members = archive.infolist()
                unpacked = sum(member.file_size for member in members)
                if unpacked > MOST_RATIO * (path.stat().st_size + 1_000_000):
                    raise ArchiveInvalid(
                        f"{path}: would unpack to {unpacked:,} bytes, too much to be an archive of ours."
                    )
                yield archive
    except (BadZipFile, NotImplementedError, ValueError) as error:
        raise ArchiveInvalid(
            f"{path}: no archive of a library, or a damaged one ({error}). Use another copy."
        ) from error
    except OSError as error:
        raise ArchiveInvalid(f"{path}: cannot be read ({error.strerror or error}). Check the name.") from error


def _refuse_long_list(size: int, file: Any, path: Path) -> None:
    """Zipfile makes an object of each entry in a zip's list of contents, as long as the list says that it is."""
    file.seek(max(0, size - 70_000))  # its last record and a comment, which takes 65,535 bytes at most
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    length = int.from_bytes(tail[end + 12 : end + 16], "little")
    if tail[max(0, end - 20) : end].startswith(b"PK\x06\x07"):  # a longer record stands before it
        length = max(length, int.from_bytes(tail[end - 36 : end - 28], "little"))
    if end >= 0 and length > MOST_LISTED:
        raise ArchiveInvalid(f"{path}: lists more files than an archive of ours can hold.")
    file.seek(0)


def _read_manifest(archive: ZipFile, path: Path) -> tuple[Embedding | None, int]:
    """The model that made the vectors, and how many articles there must be."""
    try:
        manifest = _read_json(archive, "manifest.json")
        if manifest.get("archive") != NAME:
            raise MemberDamaged("is not one of a library")
        if manifest.get("format") != FORMAT:
            raise ArchiveInvalid(
                f"{path}: made by another version of career (format {manifest.get('format')!r}, this one reads "
                f"{FORMAT}). Upgrade career."
            )
        with _finding_faults():
            given, expected = manifest["embedding"], _take(manifest, "articles", int)
            return (None if given is None else _read_embedding(given)), expected
    except MemberDamaged as error:
        raise ArchiveInvalid(f"{path}: no archive of a library, or a damaged one (its manifest {error}).") from error


def _read_embedding(given: Mapping[str, Any]) -> Embedding:
    fingerprint = _take(given, "fingerprint", dict)
    if not 1 <= _take(fingerprint, "dimension", int) <= MOST_NUMBERS:
        raise ValueError("the dimension is out of range")
    return Embedding(_take(given, "model", str), fingerprint)


def _read_copy(archive: ZipFile, folder: str, embedding: Embedding | None) -> ArticleCopy:
    """An article of the archive, when all of it is as it must be. Raises MemberDamaged."""
    data = _read_json(archive, f"{folder}/article.json")
    with _finding_faults():
        article = _read_article(data)
        passages = [_read_passage(article, given) for given in _take(data, "passages", list)]
        sources = {_take(given, "source", str): _read_reading(given) for given in _take(data, "sources", list)}
        counts = [_take(given, "words", int) for given in data["passages"]]
        added_at = _take(data, "added_at", str)
    stored = _read_vectors(archive, folder, passages, counts, embedding)
    return ArticleCopy(article, added_at, sources, stored)


def _read_article(data: Mapping[str, Any]) -> Article:
    pages = tuple(_take({"page": page}, "page", int) for page in _take(data, "pages", list))
    article = Article(**{name: _take(data, name, str) for name in TEXTS}, pages=pages)
    if article.content_hash != data["content_hash"]:
        raise ValueError("its text does not have the hash noted for it")
    if not re.fullmatch(r"[^\s/\\]{1,200}", article.id) or not article.id.isprintable():
        raise ValueError("its id is none")
    if article.url and not re.match(r"https?://", article.url):
        raise ValueError("its address is no web address")
    return article


def _read_passage(article: Article, given: Mapping[str, Any]) -> Passage:
    start, end = _take(given, "start", int), _take(given, "end", int)
    units = tuple(Unit(*unit) for unit in _take(given, "units", list))
    headings = tuple(_take({"heading": heading}, "heading", str) for heading in _take(given, "headings", list))
    for unit in units:
        if type(unit.start) is not int or type(unit.end) is not int or unit.kind not in KINDS:
            raise ValueError("a unit of it is none")
    if not 0 <= start < end <= len(article.text) or not all(start <= unit.start < unit.end <= end for unit in units):
        raise ValueError(f"its passage {start}-{end} is no span of its text")
    text = article.text[start:end]
    return Passage(article.id, article.title, headings, start, end, text, _take(given, "lead", str), units)


def _read_reading(given: Mapping[str, Any]) -> Reading:
    validators = Validators(_take(given, "etag", str), _take(given, "last_modified", str))
    return Reading(_take(given, "page_hash", str), _take(given, "reader", int), validators)


def _read_vectors(
    archive: ZipFile, folder: str, passages: list[Passage], words: list[int], embedding: Embedding | None
) -> list[StoredPassage]:
    if passages and embedding is None:
        raise MemberDamaged("has passages, and the manifest names no model for their vectors")
    dimension = embedding.fingerprint["dimension"] if embedding else 0
    units = [len(passage.units) for passage in passages]
    of_passages = _read_array(archive, f"{folder}/vectors.f4", PASSAGE_TYPE, len(passages), dimension)
    of_units = _read_array(archive, f"{folder}/units.f2", UNIT_TYPE, sum(units), dimension)
    of_words = _read_array(archive, f"{folder}/words.u1", np.dtype("u1"), sum(words), -(-dimension // 8))
    for vectors in (of_passages, of_units):
        if not np.allclose(np.linalg.norm(vectors.astype(np.float32), axis=1), 1, atol=0.01):
            raise MemberDamaged("holds a vector that has not the length one")
    unit_ends, word_ends = np.cumsum(units, dtype=int), np.cumsum(words, dtype=int)
    split = zip(
        passages,
        of_passages,
        np.split(of_units.astype(np.float32), unit_ends[:-1]),
        np.split(of_words, word_ends[:-1]),
        strict=False,  # without passages `split` gives one empty part
    )
    return [StoredPassage(*parts) for parts in split]


def _read_array(archive: ZipFile, name: str, kind: np.dtype[Any], rows: int, columns: int) -> np.ndarray[Any, Any]:
    size = rows * columns * kind.itemsize
    content = _read_member(archive, name, size)
    if len(content) != size or min(rows, columns) < 0:
        raise MemberDamaged(f"has {len(content):,} bytes in {name.rpartition('/')[2]} instead of {size:,}")
    return np.frombuffer(content, kind).reshape(rows, columns)


def _read_json(archive: ZipFile, name: str) -> dict[str, Any]:
    content = _read_member(archive, name, MOST_JSON)
    with _finding_faults():
        data = json.loads(content)
        if not isinstance(data, dict):
            raise TypeError("no object")
        return data


def _read_member(archive: ZipFile, name: str, most: int) -> bytes:
    short = name.rpartition("/")[2]
    try:
        member = archive.getinfo(name)
        if member.file_size > most:
            raise MemberDamaged(f"has {member.file_size:,} bytes in {short} instead of at most {most:,}")
        return archive.read(member)  # never more than the size declared
    except KeyError as error:
        raise MemberDamaged(f"lacks {short}") from error
    except (BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError, zlib.error) as error:
        raise MemberDamaged(f"is damaged in {short}") from error


@contextmanager
def _finding_faults() -> Iterator[None]:
    """What JSON lacks, or holds of another kind than it must, is damage."""
    try:
        yield
    except KeyError as error:
        raise MemberDamaged(f"lacks {error}") from error
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        raise MemberDamaged(f"cannot be read ({' '.join(str(error).split())[:100]})") from error


def _take(data: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    """A value of the one kind that it must be. Raises KeyError, TypeError, ValueError."""
    value = data[name]
    if type(value) is not kind:
        raise TypeError(f"{name} is no {kind.__name__}")
    if kind is str:
        value.encode()  # half a surrogate pair is no text
    if kind is int and not 0 <= value < 2**53:
        raise ValueError(f"{name} is out of range")
    return value
