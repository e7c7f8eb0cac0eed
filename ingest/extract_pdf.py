"""PDF -> Draft: opens the file, reads its pages, and says in plain words why when it holds nothing to read.

pdf_glyphs.py reads what a page shows, pdf_layout.py finds the order, pdf_tables.py and pdf_blocks.py make blocks of it.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any

from ingest.draft import Draft, DraftRefused, parse_date
from ingest.markdown import one_line
from ingest.pdf_blocks import make_blocks
from ingest.pdf_glyphs import PageText, read_page
from ingest.pdf_layout import Sheet, order_rows

MAX_PAGES = 2_000
MAX_CHARACTERS = 4_000_000
MIN_WORDS = 20  # as in extract.py: a scan that holds fewer has a stamp or a page number, and no text layer
MAX_UNKNOWN = 0.3  # share of the glyphs without a known letter
FIRST_PDF = "1993"  # when the format appeared: files dated before come from a clock that was not set

_JUNK_TITLE = re.compile(
    r"(?:untitled|title|document|layout|slide|(?:powerpoint )?presentation|print|microsoft word|about:blank)\W*\d*"
    r"|microsoft (?:word|powerpoint|excel)\s*-.*|\S+\.[a-z]{2,5}|(?:file|https?):\S*|[\d\W_]*",
    re.IGNORECASE,
)
_PDF_DATE = re.compile(r"\s*(?:D:)?(\d{4})(\d{2})?(\d{2})?")


def read_pdf(content: bytes) -> Draft:
    """The article of a PDF file, in reading order, with a PAGE_BREAK behind each page but the last.

    Raises DraftRefused for a file that is damaged, locked or too long, or that holds no text that can be read.
    """
    document = _open(content)
    try:
        pages = _read_pages(document)
        _check_text(pages)
        about = document.get_metadata_dict()
        title, blocks = make_blocks(order_rows([page.sheet for page in pages]), _read_title(about))
        return Draft(
            blocks,
            title=title,
            author=_clean_field(about.get("Author", "")),
            published=_read_date(about),
            language=_read_language(document),
        )
    finally:
        document.close()


def _open(content: bytes) -> Any:
    from pypdfium2 import PdfDocument, PdfiumError, raw

    try:
        document = PdfDocument(content)  # tries the empty password by itself
    except PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise DraftRefused("The PDF needs a password. Save a copy without one and ingest that.") from error
        raise DraftRefused(
            "The PDF is damaged beyond reading, or has no pages. "
            "Get the file again, or print it to PDF from a program that opens it."
        ) from error
    if len(document) > MAX_PAGES:
        raise DraftRefused(
            f"The PDF has {len(document):,} pages, more than {MAX_PAGES:,}. Split it into several files."
        )
    if document.get_formtype() == raw.FORMTYPE_XFA_FULL:
        raise DraftRefused(
            "The PDF is an XFA form, which only Adobe Reader shows. Print it to PDF there and ingest that."
        )
    return document


def _read_pages(document: Any) -> list[PageText]:
    from pypdfium2 import PdfiumError

    pages: list[PageText] = []
    characters = 0
    for number in range(len(document)):
        try:
            page = document[number]
            pages.append(read_page(page))
            page.close()  # else the memory of all pages adds up
        except PdfiumError:  # a damaged page is an empty one: the others keep their numbers
            pages.append(PageText(Sheet((), 0, 0)))
        characters += pages[-1].characters
        if characters > MAX_CHARACTERS:
            raise DraftRefused(f"The PDF holds more than {MAX_CHARACTERS:,} characters. Split it into several files.")
    return pages


def _check_text(pages: list[PageText]) -> None:
    words = sum(len(page.sheet.words) for page in pages)
    if words < MIN_WORDS and any(page.is_scan for page in pages):
        raise DraftRefused(
            "The PDF holds pictures of pages and no text. "
            "Run it through OCR, for example with ocrmypdf, and ingest the result."
        )
    if sum(page.unknown for page in pages) > MAX_UNKNOWN * sum(page.characters for page in pages):
        raise DraftRefused(
            "The PDF does not say which letters its shapes are. "
            "Run it through OCR, for example with ocrmypdf --force-ocr, and ingest the result."
        )
    if not words:
        raise DraftRefused("The PDF holds no text. If its pages show any, run it through OCR and ingest the result.")


def _read_title(about: dict[str, str]) -> str:
    """The title that the file names, unless a program put it there."""
    title = _clean_field(about.get("Title", ""))
    return "" if _JUNK_TITLE.fullmatch(title) else title


def _clean_field(text: str) -> str:
    return one_line("".join(character for character in text if character.isprintable() or character.isspace()))


def _read_date(about: dict[str, str]) -> str:
    """The day of the file's making, or of its last change."""
    for field in ("CreationDate", "ModDate"):
        if match := _PDF_DATE.match(about.get(field, "")):
            day = parse_date(f"{match[1]}-{match[2] or '01'}-{match[3] or '01'}")
            if day > FIRST_PDF:
                return day
    return ""


def _read_language(document: Any) -> str:
    from pypdfium2 import raw

    units = (ctypes.c_ushort * 64)()
    raw.FPDFCatalog_GetLanguage(document, units, ctypes.sizeof(units))
    declared = bytes(units).decode("utf-16-le", "replace").split("\0")[0]
    found = re.match(r"([A-Za-z]{2,3})(?:[-_]|$)", declared.strip())
    return found[1].lower() if found else ""
