"""Small PDF files for tests, made by hand: text at places, in a font whose every letter is 0.6 of its size wide."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import cycle

WIDTH, HEIGHT = 595.0, 842.0  # A4 in points


@dataclass(frozen=True)
class Text:
    """A line of text; `top` is the distance of its baseline from the page's upper edge."""

    text: str
    left: float
    top: float
    size: float = 10.0
    bold: bool = False
    mode: int = 0  # text rendering mode; 3 is invisible
    gray: float = 0.0  # 1 is white
    turned: bool = False  # a quarter counter-clockwise
    font: str = ""  # "/Symbols": the font that `symbols` of write_pdf maps

    @property
    def operators(self) -> bytes:
        font = self.font or ("/Bold" if self.bold else "/Plain")
        y = HEIGHT - self.top
        matrix = f"0 1 -1 0 {self.left} {y}" if self.turned else f"1 0 0 1 {self.left} {y}"
        escaped = self.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252")
        head = f"{self.gray} g BT {font} {self.size} Tf {self.mode} Tr {matrix} Tm ("
        return head.encode() + escaped + b") Tj ET"


@dataclass(frozen=True)
class Shape:
    """A filled rectangle, or a picture that fills it."""

    left: float
    top: float  # of its upper edge
    width: float
    height: float
    gray: float = 0.0
    is_picture: bool = False

    @property
    def operators(self) -> bytes:
        foot = HEIGHT - self.top - self.height
        if self.is_picture:
            return f"q {self.width} 0 0 {self.height} {self.left} {foot} cm /Picture Do Q".encode()
        return f"{self.gray} g {self.left} {foot} {self.width} {self.height} re f".encode()


SCAN = Shape(0, 0, WIDTH, HEIGHT, is_picture=True)


@dataclass(frozen=True)
class Book:
    """What a PDF file says about itself."""

    fields: dict[str, str] = field(default_factory=dict)  # Title, Author, CreationDate …
    language: str = ""
    symbols: dict[int, int] = field(default_factory=dict)  # of the font "/Symbols": byte -> character
    password: str | None = None  # "" encrypts the file so that it opens without asking


def set_lines(
    lines: Iterable[str], left: float, top: float, *, size: float = 10.0, leading: float = 12.0
) -> list[Text]:
    """Lines under one another."""
    return [Text(line, left, top + index * leading, size) for index, line in enumerate(lines)]


def write_pdf(pages: Sequence[Sequence[Text | Shape]], book: Book | None = None) -> bytes:
    """A PDF file with these pages."""
    book = book or Book()
    fonts = [_write_font("Courier"), _write_font("Courier-Bold"), _write_font("Courier", "/ToUnicode 6 0 R")]
    objects: list[tuple[bytes, bytes | None]] = [  # dictionary, and stream
        (f"<< /Type /Catalog /Pages 2 0 R /Lang ({book.language}) >>".encode(), None),
        (f"<< /Type /Pages /Count {len(pages)} /Kids [{_name_pages(len(pages))}] >>".encode(), None),
        *((font, None) for font in fonts),
        (b"", _map_symbols(book.symbols)),
        (b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8", b"\x80"),
        (b"", None),  # the file's fields, below: their strings are encrypted too
    ]
    resources = "/Font << /Plain 3 0 R /Bold 4 0 R /Symbols 5 0 R >> /XObject << /Picture 7 0 R >>"
    for index, page in enumerate(pages):
        leaf = f"/Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {10 + 2 * index} 0 R"
        objects.append((f"<< {leaf} /Resources << {resources} >> >>".encode(), None))
        objects.append((b"", b"\n".join(thing.operators for thing in page)))
    return _write_file(objects, book)


def _write_font(name: str, more: str = "") -> bytes:
    return f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding {more} >>".encode()


def _name_pages(count: int) -> str:
    return " ".join(f"{9 + 2 * index} 0 R" for index in range(count))


def _map_symbols(symbols: dict[int, int]) -> bytes:
    lines = "\n".join(f"<{code:02x}> <{character:04x}>" for code, character in symbols.items())
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Symbols def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(symbols)} beginbfchar\n{lines}\nendbfchar\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end"
    ).encode()


def _write_file(objects: list[tuple[bytes, bytes | None]], book: Book) -> bytes:
    lock = _Lock(book.password) if book.password is not None else None
    file, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, (head, stream) in enumerate(objects, start=1):
        offsets.append(len(file))
        file += f"{number} 0 obj\n".encode()
        if number == 8:
            texts = {name: value.encode("cp1252") for name, value in book.fields.items()}
            texts = {name: lock.encrypt(text, number) if lock else text for name, text in texts.items()}
            file += b"<< " + b" ".join(f"/{name} <{text.hex()}>".encode() for name, text in texts.items()) + b" >>"
        elif stream is None:
            file += head
        else:
            kept = lock.encrypt(stream, number) if lock else stream
            file += b"<< " + head + f" /Length {len(kept)} >>\nstream\n".encode() + kept + b"\nendstream"
        file += b"\nendobj\n"
    start = len(file)
    file += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    file += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    trailer = f"/Size {len(objects) + 1} /Root 1 0 R /Info 8 0 R {lock.entries if lock else ''}"
    return bytes(file) + f"trailer\n<< {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()


class _Lock:
    """The standard encryption of PDF 1.4 with 40 bits (ISO 32000-1, 7.6): enough to be asked for a password."""

    _PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")

    def __init__(self, password: str) -> None:
        padded = (password.encode() + self._PADDING)[:32]
        owner = _encrypt_rc4(hashlib.md5(padded).digest()[:5], padded)
        self._key = hashlib.md5(padded + owner + b"\xff\xff\xff\xff" + b"test").digest()[:5]
        user = _encrypt_rc4(self._key, self._PADDING)
        entries = f"/Filter /Standard /V 1 /R 2 /P -1 /O <{owner.hex()}> /U <{user.hex()}>"
        self.entries = f"/Encrypt << {entries} >> /ID [<{b'test'.hex()}> <{b'test'.hex()}>]"

    def encrypt(self, content: bytes, number: int) -> bytes:
        """What object `number` holds, as the file keeps it."""
        key = hashlib.md5(self._key + number.to_bytes(3, "little") + b"\0\0").digest()[:10]
        return _encrypt_rc4(key, content)


def _encrypt_rc4(key: bytes, content: bytes) -> bytes:
    state, mixed = list(range(256)), 0
    for index, byte in zip(range(256), cycle(key), strict=False):
        mixed = (mixed + state[index] + byte) % 256
        state[index], state[mixed] = state[mixed], state[index]
    first = second = 0
    coded = bytearray()
    for byte in content:
        first = (first + 1) % 256
        second = (second + state[first]) % 256
        state[first], state[second] = state[second], state[first]
        coded.append(byte ^ state[(state[first] + state[second]) % 256])
    return bytes(coded)
