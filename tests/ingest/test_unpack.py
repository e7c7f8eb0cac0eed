"""Archives and XML are opened within bounds; what lies about its size or expands is refused before it does harm."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib

import pytest

from ingest.draft import DraftRefused
from ingest.unpack import MAX_MARKS, MAX_MEMBERS, MAX_PART, open_package, parse_xml, unpack_gzip
from tests.ingest.docx_files import pack

ZEROS = bytes(2_000_000)


def change_directory(package: bytes, *, offset: int, value: int, form: str) -> bytes:
    """The archive with a field of its first directory entry overwritten."""
    changed = bytearray(package)
    struct.pack_into(form, changed, package.index(b"PK\x01\x02") + offset, value)
    return bytes(changed)


def test_a_member_is_read_whatever_the_case_of_its_name() -> None:
    assert open_package(pack({"Word/Document.xml": "text"})).read("/word/document.xml") == b"text"


def test_a_missing_member_reads_as_nothing() -> None:
    assert open_package(pack({"a": "text"})).read("b") == b""


def test_a_member_that_unpacks_to_too_much_is_refused() -> None:
    package = open_package(pack({"a": bytes(MAX_PART + 1)}))
    with pytest.raises(DraftRefused, match="is too big"):
        package.read("a")


def test_a_member_packed_like_a_bomb_is_refused() -> None:
    with pytest.raises(DraftRefused, match="200 to 1"):
        open_package(pack({"a": ZEROS})).read("a")


def test_a_well_packed_member_that_nobody_reads_does_no_harm() -> None:
    assert open_package(pack({"word/media/white.bmp": ZEROS, "a": "text"})).read("a") == b"text"


def test_more_bytes_in_all_than_a_document_has_are_refused() -> None:
    member = bytes(40_000_000)
    with pytest.raises(DraftRefused, match="100,000,000 bytes"):
        open_package(pack({"a": member, "b": member, "c": member}))


def test_more_members_than_a_document_has_are_refused() -> None:
    with pytest.raises(DraftRefused, match="2,000 files"):
        open_package(pack({str(number): "" for number in range(MAX_MEMBERS + 1)}))


def test_a_member_larger_than_it_says_is_refused() -> None:
    lying = change_directory(pack({"a": ZEROS}), offset=24, value=1_000, form="<I")
    with pytest.raises(DraftRefused, match="is damaged"):
        open_package(lying).read("a")


def test_two_members_of_one_name_are_refused() -> None:
    with pytest.raises(DraftRefused, match="one name"):
        open_package(pack({"a.xml": "one", "A.XML": "two"}))


def test_members_that_share_their_bytes_are_refused() -> None:
    package = pack({"a": "x" * 500, "b": "y" * 500})
    second = package.index(b"PK\x01\x02", package.index(b"PK\x01\x02") + 1)
    overlapping = bytearray(package)
    struct.pack_into("<I", overlapping, second + 42, 5)
    with pytest.raises(DraftRefused, match="overlap"):
        open_package(bytes(overlapping))


def test_an_encrypted_member_asks_for_a_password() -> None:
    with pytest.raises(DraftRefused, match="needs a password"):
        open_package(change_directory(pack({"a": "text"}), offset=8, value=1, form="<H"))


def test_an_odd_method_of_packing_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", "text")
    with pytest.raises(DraftRefused, match="method"):
        open_package(file.getvalue())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", pack({"a": "text"})[:-30]])
def test_half_an_archive_is_refused(content: bytes) -> None:
    with pytest.raises(DraftRefused, match="is damaged"):
        open_package(content)


def test_gzip_is_unpacked() -> None:
    assert unpack_gzip(gzip.compress(b"text", mtime=0)) == b"text"


@pytest.mark.parametrize("content", [gzip.compress(ZEROS, mtime=0), gzip.compress(bytes(MAX_PART + 1))])
def test_gzip_that_unpacks_to_too_much_is_refused(content: bytes) -> None:
    with pytest.raises(DraftRefused, match="is too big"):
        unpack_gzip(content)


@pytest.mark.parametrize(
    "content", [gzip.compress(b"text" * 99, mtime=0)[:-9], b"\x1f\x8bnot gzip", b"\x1f\x8b" + zlib.compress(b"a")]
)
def test_damaged_gzip_is_refused(content: bytes) -> None:
    with pytest.raises(DraftRefused, match="is damaged"):
        unpack_gzip(content)


LAUGHS = b'<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><d>&b;</d>'


@pytest.mark.parametrize(
    "content",
    [
        LAUGHS,
        LAUGHS.decode().encode("utf-16"),
        LAUGHS.decode().encode("utf-16-be"),
        b'<!DOCTYPE d SYSTEM "a>b" [<!ENTITY % a SYSTEM "file:///etc/hostname">%a;]><d/>',
        b'<?xml version="1.0" encoding="utf-7"?>+ADw-!DOCTYPE d [+ADw-!ENTITY a "ha">]><d>+ACY-a;</d>',
        b'<!DOCTYPE d [<!ATTLIST e a CDATA "long">]><d><e/></d>',
    ],
)
@pytest.mark.parametrize("recover", [False, True])
def test_xml_that_declares_entities_or_defaults_is_refused(content: bytes, recover: bool) -> None:
    with pytest.raises(DraftRefused, match="declares XML entities"):
        parse_xml(content, recover=recover)


def test_a_document_type_that_is_only_named_is_not_fetched() -> None:
    assert parse_xml(b'<!DOCTYPE d SYSTEM "file:///no/such/file.dtd"><d>text</d>').text == "text"


def test_xml_of_too_many_marks_is_refused_before_it_is_read() -> None:
    with pytest.raises(DraftRefused, match="marks"):
        parse_xml(b"<a>" + b"<b/>" * MAX_MARKS)


@pytest.mark.parametrize("content", [b"", b"text", b"<a><b></a>", b"<a>" * 5_000])
def test_broken_xml_is_refused(content: bytes) -> None:
    with pytest.raises(DraftRefused, match="is damaged"):
        parse_xml(content)


def test_broken_xml_is_recovered_when_asked_for() -> None:
    root = parse_xml(b"<a><b>one</b><b>two & three</a>", recover=True)
    assert [child.tag for child in root] == ["b", "b"]
