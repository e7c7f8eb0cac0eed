"""A file or a URL -> Page: bytes that hold text, with their kind decided and nothing understood yet."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from ingest.article import Page, Unmodified, Validators
from ingest.download import Download, Network, download, is_web_address
from ingest.errors import SourceMissing, SourceRefused, SourceUnreadable
from ingest.settings import IngestSettings

Answer = TypeVar("Answer")

MEDIA_TYPES = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
}
LISTED_SUFFIXES = (".md", ".txt", ".html")  # of a folder; the others must be named one by one

_ANY_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*://")
_TEXT_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # byte order marks; a UTF-16 text is full of NUL bytes
_BINARY_STARTS = (b"%PDF-", b"PK\x03\x04", b"\x7fELF", b"\x89PNG", b"GIF8", b"\xd0\xcf\x11\xe0", b"{\\rtf")
_CONTROLS = bytes(code for code in range(32) if chr(code) not in "\t\n\v\f\r\x1b")
_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_HTML_BLOCK = re.compile(rb"<(?:html|head|body|title)\b[^>]*>", re.IGNORECASE)
_MARKDOWN_LINE = re.compile(rb"^(?:#{1,6} \S|```|\|(?: *:?-{3,}:? *\|)+ *\r?$)", re.MULTILINE)


class Fetcher:
    """Fetches files and addresses for one ingest."""

    def __init__(self, settings: IngestSettings, network: Network | None = None) -> None:
        self._settings = settings
        self._network = network or Network()

    def fetch_page(self, source: str, validators: Validators | None = None) -> Page | Unmodified:  # noqa: ARG002
        return fetch_page(source, self._settings, network=self._network)


def fetch_page(source: str, settings: IngestSettings, *, network: Network | None = None) -> Page:
    """The bytes behind a path or an http(s) URL, never more than `settings.fetch_max_bytes`.

    Raises a SourceError that names the source and the remedy.
    """
    if is_web_address(source):
        return _fetch_url(source, settings, network or Network())
    if _ANY_SCHEME.match(source):
        raise SourceRefused(f"{_shown(source)}: only files and http or https addresses are read.")
    return _fetch_file(source, settings)


def list_sources(source: str) -> list[str]:
    """A folder becomes its .md, .txt and .html files, sorted, with subfolders; a file or a URL is itself.

    Hidden files and links that lead out of the folder are left out.
    """
    if _ANY_SCHEME.match(source):
        return [source]
    folder = _path_of(source)
    if not _ask(folder, folder.is_dir):
        return [source]
    found = [str(path) for path in sorted(_ask(folder, lambda: list(folder.rglob("*")))) if _is_listed(path, folder)]
    if not found:
        raise SourceMissing(f"{folder}: no .md, .txt or .html file in this folder. Name the files one by one.")
    return found


def _is_listed(path: Path, folder: Path) -> bool:
    if path.suffix.lower() not in LISTED_SUFFIXES:
        return False
    if any(part.startswith(".") for part in path.relative_to(folder).parts):
        return False
    try:
        return path.is_file() and path.resolve().is_relative_to(folder)
    except (OSError, RuntimeError):  # a link to itself
        return False


def _fetch_url(source: str, settings: IngestSettings, network: Network) -> Page:
    got = download(source, network, timeout=settings.fetch_timeout, max_bytes=settings.fetch_max_bytes)
    _check_text(source, got.content)
    return Page(source, got.content, _media_type_of_download(got), url=got.url, fetched_at=_now())


def _media_type_of_download(got: Download) -> str:
    if got.media_type in ("text/html", "application/xhtml+xml"):
        return "text/html"
    if got.media_type == "text/markdown":
        return "text/markdown"
    return detect_media_type(got.content, Path(got.url.partition("?")[0]).suffix)


def _fetch_file(source: str, settings: IngestSettings) -> Page:
    path = _path_of(source)
    if _ask(path, path.is_dir):
        raise SourceUnreadable(f"{path}: is a folder. Name a file in it.")
    if not _ask(path, path.exists):
        raise SourceMissing(f"{_shown(source)}: no such file or folder. Check the path.")
    if not path.is_file():
        raise SourceUnreadable(f"{path}: not a regular file. Save its content to a .md, .txt or .html file.")
    content = _read_file(path, settings.fetch_max_bytes)
    _check_text(str(path), content)
    if path.suffix and path.suffix.lower() not in MEDIA_TYPES and not _HTML_START.match(content):
        raise SourceUnreadable(f"{path}: {path.suffix} files are not supported. Save it as .md, .txt or .html.")
    return Page(str(path), content, detect_media_type(content, path.suffix), fetched_at=_now())


def _path_of(source: str) -> Path:
    if not source.strip():  # Path("") is the working folder: a variable left empty in a script would ingest all of it
        raise SourceMissing("a source is empty. Name a file, a folder or an address.")
    try:
        return Path(source).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a name with NUL, a loop of links, an unknown ~user
        raise SourceMissing(f"{_shown(source)}: not a usable path ({error}). Check the path.") from error


def _read_file(path: Path, max_bytes: int) -> bytes:
    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)

    content = _ask(path, read)
    if len(content) > max_bytes:
        raise SourceUnreadable(f"{path}: larger than {max_bytes:,} bytes. Split it or raise CAREER_FETCH_MAX_BYTES.")
    return content


def _ask(path: Path, question: Callable[[], Answer]) -> Answer:
    """What the file system answers; its refusals become one-line messages."""
    try:
        return question()
    except PermissionError as error:
        raise SourceUnreadable(f"{path}: no permission to read it. Change its permissions.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceUnreadable(f"{_shown(str(path))}: cannot be read ({reason}). Check the path.") from error


def _check_text(name: str, content: bytes) -> None:
    if not content.strip():
        raise SourceUnreadable(f"{name}: is empty. Name a file or an address that holds an article.")
    if not is_text(content):
        raise SourceUnreadable(f"{name}: is binary, not text. Save it as .md, .txt or .html.")


def is_text(content: bytes) -> bool:
    """False for bytes that no person would call text: NUL bytes, a known binary start, many control characters."""
    if content.startswith(_BINARY_STARTS):
        return False
    if content.startswith(_TEXT_MARKS):
        return True
    sample = content[:65_536]
    # One NUL in a long page is dirt, which extraction removes; a binary has many.
    return sample.count(0) * 1000 <= len(sample) and len(sample.translate(None, _CONTROLS)) > 0.95 * len(sample)


def detect_media_type(content: bytes, suffix: str) -> str:
    """HTML, Markdown or plain text: by content where it is plain to see, else by the file's suffix."""
    start = content.removeprefix(_TEXT_MARKS[0])[:65_536]
    if start.startswith(_TEXT_MARKS[1:]):
        start = start.replace(b"\0", b"")[2:]
    if _HTML_START.match(start):
        return "text/html"
    declared = MEDIA_TYPES.get(suffix.lower(), "")
    if declared == "text/html" and not re.search(rb"<[a-zA-Z!/]", start):
        return "text/plain"  # text saved under the wrong name
    if declared in ("text/html", "text/markdown"):
        return declared
    if len(_HTML_BLOCK.findall(start[:2_000])) >= 2:
        return "text/html"
    return "text/markdown" if len(_MARKDOWN_LINE.findall(start)) >= 2 else "text/plain"


def _shown(source: str) -> str:
    """A source as a message may show it: one short printable line."""
    line = "".join(character if character.isprintable() else "?" for character in source)
    return line if len(line) <= 200 else f"{line[:200]}…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
