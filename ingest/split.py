"""Article -> Passages: spans of whole sentences, list items and table rows, under one heading each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from ingest.article import Article, Passage, Unit
from ingest.markdown import Line, read_lines
from ingest.settings import IngestSettings
from ingest.split_sentences import LONGEST_UNIT, cut_long, split_sentences

# A list or a table may fill this many times a passage's length: half a list is half an answer, but what MiniLM reads at
# once ends after some 1,000 characters.
LIST_STRETCH = 1.4
# A list item up to this long is one thing to quote, however many full stops it holds.
LONGEST_WHOLE_ITEM = 300


def split_article(article: Article, settings: IngestSettings) -> list[Passage]:
    """Cut an article into passages of whole units, so that a citation never starts mid-thought.

    Each passage lies under one heading path and holds at most `settings.passage_characters` characters unless a single
    unit is longer. A list keeps its lead-in and a table its header row: inside the first passage, as `lead` after it.
    """
    passages: list[Passage] = []
    for section in _sections(article.text):
        for chunk in _pack(section.blocks, settings.passage_characters):
            start = min(chunk.start, chunk.units[0].start)
            end = chunk.units[-1].end
            passages.append(
                Passage(
                    article_id=article.id,
                    title=article.title,
                    headings=section.headings,
                    start=start,
                    end=end,
                    text=article.text[start:end],
                    lead=chunk.lead,
                    units=chunk.units,
                )
            )
    return passages


@dataclass(frozen=True)
class _Block:
    """Units that belong together: a paragraph, a list with its lead-in, a table."""

    units: tuple[Unit, ...]
    lead: str = ""  # what a later part of this block needs before it
    start: int = 0  # where the block's own text begins, a table's header row included


@dataclass(frozen=True)
class _Section:
    headings: tuple[str, ...]
    blocks: tuple[_Block, ...]


@dataclass(frozen=True)
class _Chunk:
    start: int
    units: tuple[Unit, ...]
    lead: str = ""


def _sections(text: str) -> Iterator[_Section]:
    path: list[tuple[int, str]] = []
    for is_heading, group in groupby(read_lines(text), key=lambda line: line.kind == "heading"):
        lines = list(group)
        if is_heading:
            for line in lines:
                path = [(level, title) for level, title in path if level < line.level]
                path.append((line.level, text[line.start : line.end]))
        else:
            yield _Section(tuple(title for _, title in path), tuple(_blocks(text, lines)))


def _blocks(text: str, lines: list[Line]) -> Iterator[_Block]:
    groups = [list(group) for _, group in groupby(lines, key=lambda line: line.block)]
    waiting: _Block | None = None  # a paragraph that may turn out to be a list's or a table's lead-in
    for group in groups:
        block = _read_block(text, group)
        introduces = waiting is not None and text.endswith(":", 0, waiting.units[-1].end)
        if group[0].kind == "paragraph" or not introduces:
            if waiting:
                yield waiting
            waiting = block if group[0].kind == "paragraph" else None
            if waiting is None and block:
                yield block
        elif waiting and block:
            lead_in = text[waiting.units[-1].start : waiting.units[-1].end]
            yield _Block(
                waiting.units + block.units, "\n".join(part for part in (lead_in, block.lead) if part), waiting.start
            )
            waiting = None
    if waiting:
        yield waiting


def _read_block(text: str, lines: list[Line]) -> _Block | None:
    units = tuple(unit for line in lines for unit in _units(text, line))
    if not units:
        # A table of a header alone: the header is all there is to quote.
        units = tuple(Unit(line.start, line.end, "row") for line in lines if line.kind == "header")
    header = next((text[line.start : line.end] for line in lines if line.kind == "header"), "")
    return _Block(units, header, lines[0].start) if units else None


def _units(text: str, line: Line) -> Iterator[Unit]:
    content = text[line.start : line.end]
    if line.kind == "header":
        return
    if line.kind in ("row", "code") or (line.kind == "item" and len(content) <= LONGEST_WHOLE_ITEM):
        kind = line.kind
        spans = [(0, len(content))] if len(content) <= LONGEST_UNIT else list(cut_long(content, 0, len(content)))
    else:
        kind = "item" if line.kind == "item" else "sentence"
        spans = split_sentences(content)
    for start, end in spans:
        yield Unit(line.start + start, line.start + end, kind)


def _pack(blocks: tuple[_Block, ...], limit: int) -> Iterator[_Chunk]:
    """Fill passages with whole blocks; a block that is too long is cut into parts of even length."""
    current: _Chunk | None = None
    for block in blocks:
        for part in _cut_block(block, limit):
            if current and not part.lead and part.units[-1].end - current.start <= limit:
                current = _Chunk(current.start, current.units + part.units, current.lead)
            else:
                if current:
                    yield current
                current = part
    if current:
        yield current


def _cut_block(block: _Block, limit: float) -> Iterator[_Chunk]:
    if any(unit.kind in ("item", "row") for unit in block.units):
        limit *= LIST_STRETCH
    length = block.units[-1].end - block.start
    parts = max(1, math.ceil(length / limit))
    # Even parts: a tail of one sentence would be a passage that says nothing by itself.
    target = length / parts
    units: list[Unit] = []
    start, lead = block.start, ""
    for unit in block.units:
        if units and (unit.end - start > limit or (unit.start + unit.end) / 2 - start > target):
            yield _Chunk(start, tuple(units), lead)
            units, start, lead = [], unit.start, block.lead
        units.append(unit)
    yield _Chunk(start, tuple(units), lead)
