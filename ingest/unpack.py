"""What arrives packed or marked up is opened within bounds, so that no file can claim more memory than it is worth.

A zip's declared sizes, counts and places are checked before anything is inflated; XML may declare nothing of its own.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from gzip import GzipFile
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from ingest.draft import DraftRefused

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_MEMBERS = 2_000
MAX_PACKAGE = 100_000_000  # bytes of all members together, as declared
MAX_PART = 50_000_000  # bytes of one member that is read
MAX_RATIO = 200  # Word's XML packs to a tenth or a twentieth, a table of digits to a sixtieth, bombs to a thousandth
FREE_OF_RATIO = 1_000_000  # bytes: below, no ratio does harm
MAX_MARKS = 1_000_000  # signs "<" and "=" in one XML document: each costs up to 200 bytes of memory

_TOO_BIG = "is too big to be read ({}). Save its text as a .md or .txt file and ingest that."
_DAMAGED = "is damaged ({}). Open it in the program that made it, save it again and ingest that."
_DECLARES = "declares XML entities, which are never read. Save it without a document type."
# Each can make a short document expand without end, or name something outside of it.
_DECLARATION = re.compile(rb"<!(?:ENTITY|ATTLIST)", re.IGNORECASE)


@dataclass(frozen=True)
class Package:
    """The members of a zip archive that has passed the checks; nothing is inflated before it is read."""

    archive: ZipFile
    members: dict[str, ZipInfo]  # by name in lower case, as the Open Packaging Conventions compare them

    def read(self, name: str) -> bytes:
        """One member's bytes; b"" when there is none of that name. Raises DraftRefused."""
        member = self.members.get(name.lower().lstrip("/"))
        if member is None:
            return b""
        if member.file_size > MAX_PART:
            raise DraftRefused(_TOO_BIG.format(f"a part of {member.file_size:,} bytes"))
        if member.file_size > max(FREE_OF_RATIO, MAX_RATIO * member.compress_size):
            raise DraftRefused(_TOO_BIG.format(f"a part packed more than {MAX_RATIO} to 1"))
        try:
            with self.archive.open(member) as stream:
                return stream.read(member.file_size)  # without a number all is inflated before it is cut to that size
        except (BadZipFile, EOFError, OSError, RuntimeError, ValueError, zlib.error) as error:
            raise DraftRefused(_DAMAGED.format("a part of it cannot be unpacked")) from error


def open_package(content: bytes) -> Package:
    """A zip archive whose declared sizes, counts and places are sound. Raises DraftRefused."""
    # Counted before zipfile makes an object of each: a directory of millions would fill the memory by itself.
    if content.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise DraftRefused(_TOO_BIG.format(f"more than {MAX_MEMBERS:,} files"))
    try:
        archive = ZipFile(BytesIO(content))
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DraftRefused(_DAMAGED.format("its list of contents is missing or broken")) from error
    members = archive.infolist()
    _check_members(members)
    return Package(archive, {member.filename.lower(): member for member in members})


def _check_members(members: list[ZipInfo]) -> None:
    if any(member.flag_bits & 0x1 for member in members):
        raise DraftRefused("needs a password. Open it, save it without one and ingest that.")
    if sum(member.file_size for member in members) > MAX_PACKAGE:
        raise DraftRefused(_TOO_BIG.format(f"more than {MAX_PACKAGE:,} bytes"))
    if any(member.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for member in members):
        raise DraftRefused(_DAMAGED.format("packed by a method that documents do not use"))
    if len({member.filename.lower() for member in members}) < len(members):
        raise DraftRefused(_DAMAGED.format("two of its parts have one name"))
    places = sorted((member.header_offset, member.header_offset + member.compress_size) for member in members)
    if any(end > following for (_, end), (following, _) in pairwise(places)):
        raise DraftRefused(_DAMAGED.format("its parts overlap"))


def unpack_gzip(content: bytes) -> bytes:
    """What a gzip file holds. Raises DraftRefused when it is damaged or too big."""
    try:
        with GzipFile(fileobj=BytesIO(content)) as stream:
            unpacked = stream.read(MAX_PART + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DraftRefused(_DAMAGED.format("it cannot be unpacked")) from error
    if len(unpacked) > max(FREE_OF_RATIO, min(MAX_PART, MAX_RATIO * len(content))):
        raise DraftRefused(_TOO_BIG.format(f"packed more than {MAX_RATIO} to 1, or over {MAX_PART:,} bytes"))
    return unpacked


def parse_xml(content: bytes, *, recover: bool = False) -> _Element:
    """The root of an XML document that names nothing outside of itself and expands to nothing.

    With `recover`, what can be understood of a broken one. Raises DraftRefused.
    """
    from lxml.etree import LxmlError, XMLParser, fromstring

    if content.count(b"<") + content.count(b"=") > MAX_MARKS:
        raise DraftRefused(_TOO_BIG.format(f"more than {MAX_MARKS:,} marks"))
    if _DECLARATION.search(content.replace(b"\0", b"")):  # without them, UTF-16 and UTF-32 read as ASCII
        raise DraftRefused(_DECLARES)
    parser = XMLParser(
        recover=recover,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = fromstring(content, parser)
    except (LxmlError, ValueError) as error:
        raise DraftRefused(_DAMAGED.format("its XML is broken")) from error
    if root is None:
        raise DraftRefused(_DAMAGED.format("its XML is broken"))
    document_type = root.getroottree().docinfo.internalDTD
    if document_type is not None and any(True for _ in document_type.iterentities()):  # written in UTF-7, for one
        raise DraftRefused(_DECLARES)
    return root
