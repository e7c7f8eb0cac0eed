"""Small files that grow to gigabytes when they are unpacked: refused, or read without growing, under 200 MB.

Fetching and reading run in a process of their own here, so that the memory of both sides is measured: of the process
that fetches and decides on the format, and of the child that reads.
"""

from __future__ import annotations

import gzip
import io
import re
import socket
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

import pytest
from lxml import etree

from ingest.article import LINKS, Page
from ingest.child import Child, ChildFailed, Limits
from ingest.errors import SourceError
from ingest.fetch import Fetcher
from ingest.reader import PageReader
from ingest.settings import IngestSettings

GIGABYTE = 1_000_000_000
MOST = 200_000_000  # bytes that a bomb may cost
PEACE = "Nurses earn $80,000 a year in a hospital, where they work at night and by day, on Sundays and on holidays. "
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)


@dataclass(frozen=True)
class Defused:
    """What became of a bomb, and what it cost."""

    reason: str  # "" when it was read
    text: str
    fetching: int  # bytes, at the peak
    reading: int


def fetch_and_read(header: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """In a child: what ingest does with a file before anything is stored."""
    settings = IngestSettings(_env_file=None)  # type: ignore[call-arg]
    with PageReader(settings) as reader:
        reason, text = "", ""
        try:
            page = cast("Page", Fetcher(settings).fetch_page(header["path"]))
            is_links = page.media_type == LINKS
            text = "\n".join(reader.list_links(page).addresses) if is_links else reader.extract_article(page).text
        except SourceError as error:
            reason = str(error)
        return {"reason": reason, "text": text, "reading": reader.peak_memory}


def defuse(path: Path) -> Defused:
    with Child("tests.faults.test_bombs:fetch_and_read", Limits(seconds=60)) as child:
        reply = child.ask({"path": str(path)})
        return Defused(**reply, fetching=child.peak_memory)


def check(defused: Defused) -> None:
    """What every bomb must keep to."""
    assert defused.fetching < MOST
    assert defused.reading < MOST
    assert "reading it" not in defused.reason, "the limits held it, not the reader"
    assert defused.reason.count("\n") == 0


def write_document(body: str, *, doctype: str = "") -> str:
    return f'<?xml version="1.0"?>{doctype}<w:document {WORD}><w:body>{body}</w:body></w:document>'


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def write_docx(document: str | Iterator[bytes], members: dict[str, bytes] | None = None) -> bytes:
    """A DOCX of `document`, which may come in pieces, so that a gigabyte is never held."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("_rels/.rels", RELATIONS)
        with archive.open("word/document.xml", "w", force_zip64=True) as member:
            for piece in [document.encode()] if isinstance(document, str) else document:
                member.write(piece)
        for name, content in (members or {}).items():
            archive.writestr(name, content)
    return file.getvalue()


def one_member_of_a_gigabyte() -> bytes:
    def pieces() -> Iterator[bytes]:
        start, _, end = write_document(paragraph(PEACE) * 3 + "|").partition("|")
        yield start.encode()
        block = paragraph(PEACE).encode() * 10_000
        yield from (block for _ in range(GIGABYTE // len(block) + 1))
        yield end.encode()

    return write_docx(pieces())


def one_picture_of_a_gigabyte() -> bytes:
    file = io.BytesIO(write_docx(write_document(paragraph(PEACE) * 3)))
    archive = zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("word/media/image1.png", "w", force_zip64=True) as member:
        for _ in range(GIGABYTE // 1_000_000 + 1):
            member.write(bytes(1_000_000))
    return file.getvalue()


def many_members() -> bytes:
    return write_docx(write_document(paragraph(PEACE) * 3), {f"word/{number}": b"" for number in range(60_000)})


def zips_in_a_zip() -> bytes:
    """Ten documents embedded in one, each with its gigabyte."""
    inner = one_picture_of_a_gigabyte()
    return write_docx(
        write_document(paragraph(PEACE) * 3), {f"word/embeddings/{number}.docx": inner for number in range(10)}
    )


def a_lying_size() -> bytes:
    """One member of a gigabyte that says, in both of its headers, that it has a thousand bytes."""
    content = bytearray(one_member_of_a_gigabyte())
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        true_size = archive.getinfo("word/document.xml").file_size
    return bytes(content).replace(true_size.to_bytes(4, "little"), (1_000).to_bytes(4, "little"))


def overlapping_members() -> bytes:
    """A thousand entries of the directory that all mean the same ten megabytes."""
    content = write_docx(write_document(paragraph(PEACE) * 80_000))
    end = content.rindex(b"PK\x05\x06")
    start = int.from_bytes(content[end + 16 : end + 20], "little")
    name = content.index(b"word/document.xml", start)
    first = content.rindex(b"PK\x01\x02", start, name)
    following = content.find(b"PK\x01\x02", name)
    entry = content[first : following if following != -1 else end]
    directory = content[start:end] + entry * 1_000
    count = (3 + 1_000).to_bytes(2, "little")
    tail = count * 2 + len(directory).to_bytes(4, "little") + start.to_bytes(4, "little") + b"\0\0"
    return content[:start] + directory + b"PK\x05\x06\0\0\0\0" + tail


def laugh(levels: int) -> str:
    """Entities that double tenfold at each level."""
    lines = ['<!ENTITY l0 "lol lol lol lol">']
    lines += [f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, levels)]
    return f"<!DOCTYPE w [{''.join(lines)}]>"


def billion_laughs() -> bytes:
    return write_docx(write_document(paragraph(PEACE) * 3 + paragraph("&l9;"), doctype=laugh(10)))


def quadratic_blow_up() -> bytes:
    doctype = f'<!DOCTYPE w [<!ENTITY a "{"lol " * 25_000}">]>'
    return write_docx(write_document(paragraph(PEACE) * 3 + paragraph("&a;" * 30_000), doctype=doctype))


def deep_nesting() -> bytes:
    return write_docx(write_document("<w:p>" * 500_000 + PEACE + "</w:p>" * 500_000))


def wide_attribute() -> bytes:
    return write_docx(write_document(f'<w:p w:rsid="{"a" * 100_000_000}"/>' + paragraph(PEACE) * 3))


def deflate(size: int) -> bytes:
    """So many blanks as a zlib stream: each megabyte begins anew, so that one can stand for all."""
    compressor = zlib.compressobj(9)
    start = compressor.compress(b" " * 1_000_000) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(b" " * 1_000_000) + compressor.flush(zlib.Z_FULL_FLUSH)
    return start + block * (size // 1_000_000)


def pdf_stream() -> bytes:
    """A page's content, deflated twice: 5 GB of blanks before a few words."""
    twice = zlib.compress(deflate(5 * GIGABYTE), 9)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n%s\nendstream" % (len(twice), twice),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    content, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(content)
    return content + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


SITEMAP = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'


def gzipped_sitemap() -> bytes:
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as stream:
        stream.write(f'<?xml version="1.0"?>{SITEMAP}'.encode())
        for _ in range(GIGABYTE // 1_000_000):
            stream.write(b" " * 1_000_000)
        stream.write(b"<url><loc>https://example.com/</loc></url></urlset>")
    return file.getvalue()


def laughing_sitemap() -> bytes:
    doctype = laugh(10).replace("DOCTYPE w", "DOCTYPE urlset")
    return f'<?xml version="1.0"?>{doctype}{SITEMAP}<url><loc>https://example.com/&l9;</loc></url></urlset>'.encode()


def deep_sitemap() -> bytes:
    return f'<?xml version="1.0"?>{SITEMAP}{"<url>" * 500_000}{"</url>" * 500_000}</urlset>'.encode()


def deep_html() -> bytes:
    return f"<html><body>{'<div>' * 100_000}<p>{PEACE * 3}</p>{'</div>' * 100_000}</body></html>".encode()


def deep_markdown() -> bytes:
    return f"# Pay\n\n{PEACE * 3}\n\n{'> ' * 100_000}deep\n".encode()


def laughing_front_matter() -> bytes:
    levels = ["a0: &a0 [lol, lol]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))]
    return "\n".join(["---", *levels, "title: *a9", "---", "", PEACE * 3, ""]).encode()


BOMBS: dict[str, Callable[[], bytes]] = {
    "member.docx": one_member_of_a_gigabyte,
    "picture.docx": one_picture_of_a_gigabyte,
    "members.docx": many_members,
    "nested.docx": zips_in_a_zip,
    "size.docx": a_lying_size,
    "overlap.docx": overlapping_members,
    "laughs.docx": billion_laughs,
    "quadratic.docx": quadratic_blow_up,
    "deep.docx": deep_nesting,
    "attribute.docx": wide_attribute,
    "sitemap.xml.gz": gzipped_sitemap,
    "laughs.xml": laughing_sitemap,
    "deep.xml": deep_sitemap,
    "deep.html": deep_html,
    "deep.md": deep_markdown,
    "laughs.md": laughing_front_matter,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_defused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(BOMBS[name]())
    assert path.stat().st_size < 10_000_000  # or it would be refused for its size alone
    defused = defuse(path)
    print(f"{name}: fetching {defused.fetching / 1e6:.0f} MB, reading {defused.reading / 1e6:.0f} MB, {defused.reason}")
    check(defused)


def test_a_pdf_that_its_library_inflates_costs_one_child(tmp_path: Path) -> None:
    """A page's content is inflated by pdfium before anybody can ask how long it is: here the limits hold."""
    path = tmp_path / "stream.pdf"
    path.write_bytes(pdf_stream())
    defused = defuse(path)
    assert re.search(r"reading it (needed more than 1 GB of memory|was ended by signal SIG\w+)\. ", defused.reason)
    assert defused.fetching < MOST


def test_a_reader_that_unpacks_a_bomb_fails_the_check() -> None:
    """The control of the check: each of its rules."""
    for spoilt in (
        Defused("", "", fetching=MOST, reading=0),
        Defused("", "", fetching=0, reading=MOST),
        Defused("x: could not be read: reading it needed more than 1 GB of memory.", "", 0, 0),
        Defused("two\nlines", "", 0, 0),
    ):
        with pytest.raises(AssertionError):
            check(spoilt)


def unpack_plainly(header: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """In a child: what a reader does that trusts its file."""
    if zipfile.is_zipfile(io.BytesIO(payload)):
        payload = zipfile.ZipFile(io.BytesIO(payload)).read(header["member"])
    if payload.startswith(b"\x1f\x8b"):
        payload = gzip.decompress(payload)
    if payload.startswith(b"%PDF"):
        stream = payload.partition(b"stream\n")[2]
        return {"length": len(zlib.decompressobj().decompress(zlib.decompressobj().decompress(stream)))}
    return {"length": len(expand(payload.decode()))}


def expand(document: str) -> str:
    """As XML tells a parser to; libxml2 no longer does, not even with `huge_tree`."""
    entities = dict(re.findall(r'<!ENTITY (\w+) "([^"]*)">', document))
    body = document.partition("]>")[2]
    for name, meaning in reversed(entities.items()):
        body = body.replace(f"&{name};", meaning)
    return body


def read_trustingly(header: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """In a child: what lxml does when it is told to."""
    parser = etree.XMLParser(resolve_entities=True, load_dtd=True, no_network=False)
    return {"text": "".join(etree.fromstring(payload, parser).itertext())}


@pytest.mark.parametrize(
    ("make", "member"),
    [
        (one_member_of_a_gigabyte, "word/document.xml"),
        (one_picture_of_a_gigabyte, "word/media/image1.png"),
        (a_lying_size, "word/document.xml"),
        (billion_laughs, "word/document.xml"),
        (quadratic_blow_up, "word/document.xml"),
        (pdf_stream, ""),
        (gzipped_sitemap, ""),
        (laughing_sitemap, ""),
    ],
)
def test_a_reader_that_trusts_a_bomb_is_blown_up(make: Callable[[], bytes], member: str) -> None:
    """The control of the bombs: they do grow."""
    with Child("tests.faults.test_bombs:unpack_plainly", Limits(seconds=60, memory=GIGABYTE)) as child:
        reason = ""
        try:
            child.ask({"member": member}, make())
        except ChildFailed as failure:
            reason = str(failure)
        assert reason == "needed more than 1 GB of memory" or child.peak_memory > MOST


@dataclass(frozen=True)
class Canary:
    """A file and an address that no page may make us read."""

    file: Path
    address: str
    calls: list[bytes]


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    file = tmp_path / "canary"
    file.write_text("SecretsOfTheCanary", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        calls: list[bytes] = []
        threading.Thread(target=listen, args=(server, calls), daemon=True).start()
        yield Canary(file, f"http://127.0.0.1:{server.getsockname()[1]}/canary", calls)


def listen(server: socket.socket, calls: list[bytes]) -> None:
    with suppress(OSError):  # closed at the end of the test
        while True:
            connection, _ = server.accept()
            with connection:
                calls.append(connection.recv(1_000))
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nSecretsOfTheCanary")


def point_at(target: str) -> str:
    entities = f'<!ENTITY canary SYSTEM "{target}"><!ENTITY % more SYSTEM "{target}"> %more;'
    return f'<!DOCTYPE any SYSTEM "{target}" [{entities}]>'


def write_sitemap(target: str) -> bytes:
    links = "<url><loc>https://example.com/&canary;</loc></url><url><loc>https://example.com/2</loc></url>"
    return f'<?xml version="1.0"?>{point_at(target)}{SITEMAP}{links}</urlset>'.encode()


def write_including_sitemap(target: str) -> bytes:
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{target}" parse="text"/>'
    sheet = f'<?xml-stylesheet type="text/xsl" href="{target}"?>'
    return f'<?xml version="1.0"?>{sheet}{SITEMAP}<url><loc>https://example.com/{include}</loc></url></urlset>'.encode()


def write_pointing_docx(target: str) -> bytes:
    document = write_document(paragraph(PEACE) * 3 + paragraph("&canary;"), doctype=point_at(target))
    link = f'<Relationship Id="r2" Type="x" Target="{target}" TargetMode="External"/>'
    relations = RELATIONS.replace("</Relationships>", f"{link}</Relationships>")
    return write_docx(document, {"word/_rels/document.xml.rels": relations.encode()})


def write_pointing_page(target: str) -> bytes:
    return (
        f'{point_at(target)}<html><head><link rel="stylesheet" href="{target}"></head><body><p>{PEACE * 3}</p>'
        f'<img src="{target}"><iframe src="{target}"></iframe><p>&canary;</p></body></html>'
    ).encode()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("sitemap.xml", write_sitemap),
        ("including.xml", write_including_sitemap),
        ("pointing.docx", write_pointing_docx),
        ("pointing.html", write_pointing_page),
    ],
)
@pytest.mark.parametrize("kind", ["file", "address"])
def test_what_a_page_points_at_stays_unread(
    name: str, write: Callable[[str], bytes], kind: str, canary: Canary, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(write(canary.file.as_uri() if kind == "file" else canary.address))
    defused = defuse(path)
    check(defused)
    assert "SecretsOfTheCanary" not in defused.text + defused.reason
    assert canary.calls == []


def test_a_reader_that_trusts_a_page_reads_the_canary(canary: Canary) -> None:
    """The control of the canaries, for the file; libxml2 has no HTTP any more, so the address is asked directly."""
    with Child("tests.faults.test_bombs:read_trustingly", Limits(seconds=60)) as child:
        reply = child.ask({}, f'<?xml version="1.0"?>{entity_of(canary.file.as_uri())}<a>&canary;</a>'.encode())
    assert "SecretsOfTheCanary" in reply["text"]
    urlopen(canary.address).read()
    assert len(canary.calls) == 1


def entity_of(target: str) -> str:
    return f'<!DOCTYPE a [<!ENTITY canary SYSTEM "{target}">]>'
