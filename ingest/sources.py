"""What an editor names -> the single sources in it, and the one name under which each is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from ingest.addresses import is_web_address, name_address, show
from ingest.errors import SourceError, SourceMissing, SourceUnreadable

Answer = TypeVar("Answer")

# Of a folder; a file of another name is read when it is named itself. No feeds: a folder leads nowhere but into itself.
LISTED_SUFFIXES = (".md", ".markdown", ".txt", ".text", ".html", ".htm", ".xhtml", ".pdf", ".docx")

_ANY_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*://")


@dataclass(frozen=True)
class Selection:
    """Which sources of a folder or of a list of links are wanted. In a pattern `*` also stands for `/`."""

    include: tuple[str, ...] = ()  # () admits all
    exclude: tuple[str, ...] = ()
    limit: int = 0  # sources at most; 0 for no limit

    def admits(self, name: str) -> bool:
        """Whether a file, by its path in the folder or its bare name, or a URL, whole or by its path, is wanted."""
        short = _read_path(name) if is_web_address(name) else name.rpartition("/")[2]

        def fits(patterns: tuple[str, ...]) -> bool:
            return any(fnmatchcase(form, pattern) for form in (name, short) for pattern in patterns)

        return (not self.include or fits(self.include)) and not fits(self.exclude)


EVERYTHING = Selection()


def _read_path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:  # brackets that are no IPv6 address
        return address


def name_source(source: str) -> str:
    """The name under which a source is known before it is fetched: an absolute path, or an address without what tracks.

    What cannot be fetched keeps the name it has.
    """
    if is_web_address(source):
        try:
            return name_address(source)
        except SourceError:
            return source
    try:
        return source if has_scheme(source) else str(find_path(source))
    except SourceError:
        return source


def has_scheme(source: str) -> bool:
    return _ANY_SCHEME.match(source) is not None


def list_sources(source: str, selection: Selection = EVERYTHING) -> list[str]:
    """A folder becomes its articles, sorted, with subfolders, as far as they are wanted; any other source is itself.

    Hidden files and links that lead out of the folder are left out. Raises SourceMissing when nothing is left.
    """
    if has_scheme(source) or is_web_address(source):
        return [source]
    folder = find_path(source)
    if not ask(folder, folder.is_dir):
        return [source]
    found = [path for path in sorted(ask(folder, lambda: list(folder.rglob("*")))) if _is_listed(path, folder)]
    if not found:
        kinds = f"{', '.join(LISTED_SUFFIXES[:-1])} or {LISTED_SUFFIXES[-1]}"
        raise SourceMissing(f"{show(str(folder))}: no {kinds} file in this folder. Name the files one by one.")
    wanted = [str(path) for path in found if selection.admits(path.relative_to(folder).as_posix())]
    if not wanted:
        raise SourceMissing(
            f"{show(str(folder))}: none of its {len(found)} files is wanted by --include and --exclude. "
            "Change the patterns."
        )
    return wanted[: selection.limit or None]


def _is_listed(path: Path, folder: Path) -> bool:
    if path.suffix.lower() not in LISTED_SUFFIXES:
        return False
    if any(part.startswith(".") for part in path.relative_to(folder).parts):
        return False
    try:
        return path.is_file() and path.resolve().is_relative_to(folder)
    except (OSError, RuntimeError):  # a link to itself
        return False


def find_path(source: str) -> Path:
    """The absolute path that a source names. Raises SourceMissing for what can be none."""
    if not source.strip():  # Path("") is the working folder: a variable left empty in a script would ingest all of it
        raise SourceMissing("a source is empty. Name a file, a folder or an address.")
    try:
        return Path(source).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a name with NUL, a loop of links, an unknown ~user
        raise SourceMissing(f"{show(source)}: not a usable path ({show(str(error))}). Check the path.") from error


def ask(path: Path, question: Callable[[], Answer]) -> Answer:
    """What the file system answers; its refusals become one-line messages."""
    try:
        return question()
    except PermissionError as error:
        raise SourceUnreadable(f"{show(str(path))}: no permission to read it. Change its permissions.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceUnreadable(f"{show(str(path))}: cannot be read ({reason}). Check the path.") from error
