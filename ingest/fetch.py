"""A file or a URL -> Page: bytes, with their kind decided and nothing understood yet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from ingest.addresses import is_web_address, show
from ingest.article import Page, Unmodified, Validators
from ingest.connection import Network
from ingest.download import Answer, to_utf8
from ingest.errors import SourceMissing, SourceRefused, SourceUnreadable
from ingest.media_type import TEXTS, find_media_type
from ingest.settings import IngestSettings
from ingest.sources import Selection, ask, find_path, has_scheme, list_sources, name_source
from ingest.web import Web

__all__ = ["Fetcher", "Selection", "list_sources", "name_source"]  # the whole of this step, for the pipeline

NO_VALIDATORS = Validators()

_NOTHING_SAID = ("", "text/plain", "application/octet-stream", "binary/octet-stream")  # what servers say of any file


class Fetcher:
    """Fetches files and addresses for one ingest; hosts are asked at the pace they like."""

    def __init__(self, settings: IngestSettings, network: Network | None = None) -> None:
        self._settings = settings
        self._web = Web(settings, network or Network())

    def fetch_page(self, source: str, validators: Validators = NO_VALIDATORS) -> Page | Unmodified:
        """The bytes behind a path or an http(s) URL, never more than `settings.fetch_max_bytes`.

        Unmodified when a server says that the page is as it was when it gave `validators`. Raises a SourceError that
        names the source and the remedy.
        """
        name = name_source(source)
        if is_web_address(source):
            answer = self._web.download(name, validators)
            return Unmodified(name) if answer.status == 304 else _make_page(name, answer)
        if has_scheme(source):
            raise SourceRefused(
                f"{show(source)}: only files and http or https addresses are read. Save the page as a file."
            )
        return _fetch_file(source, self._settings.fetch_max_bytes)


def _make_page(name: str, answer: Answer) -> Page:
    address = name_source(str(answer.url))
    suffix = PurePosixPath(answer.url.path).suffix.lower()
    hint = suffix if answer.media_type in _NOTHING_SAID else answer.media_type
    media_type = find_media_type(name, answer.content, hint)
    declared = answer.headers.get("content-type", "")
    return Page(
        name,
        to_utf8(answer.content, declared) if media_type in TEXTS else answer.content,
        media_type,
        url=address,
        fetched_at=_now(),
        validators=Validators(answer.headers.get("etag", ""), answer.headers.get("last-modified", "")),
    )


def _fetch_file(source: str, max_bytes: int) -> Page:
    path = find_path(source)
    shown = show(str(path))
    if ask(path, path.is_dir):
        raise SourceUnreadable(f"{shown}: is a folder. Name a file in it.")
    if not ask(path, path.exists):
        raise SourceMissing(f"{show(source)}: no such file or folder. Check the path.")
    if not path.is_file():
        raise SourceUnreadable(f"{shown}: not a regular file. Save its content to a file.")
    content = _read_file(path, max_bytes)
    return Page(str(path), content, find_media_type(shown, content, path.suffix.lower()), fetched_at=_now())


def _read_file(path: Path, max_bytes: int) -> bytes:
    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)

    content = ask(path, read)
    if len(content) > max_bytes:
        raise SourceUnreadable(
            f"{show(str(path))}: larger than {max_bytes:,} bytes. Split it or raise CAREER_FETCH_MAX_BYTES."
        )
    return content


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
