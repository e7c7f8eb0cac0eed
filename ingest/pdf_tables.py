"""Rows of one column -> the tables among them, where cells plainly stand under one another.

A wrong table is worse than a paragraph: without at least three rows of two cells, and half of all cells filled, there
is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ingest.markdown import Table
from ingest.pdf_layout import Line, Row

MIN_ROWS = 3
MAX_RUN = 100  # rows: more than a page holds of a table that can be read
MAX_CELL = 80  # characters on average: what is longer is prose side by side
MIN_FILLED = 0.5  # share of the cells
APART = 1.25  # times the usual distance of lines: white between two rows of a table, or between two paragraphs
MAX_GAP = 4.0  # sizes between the baselines of two rows of one table
OVERLAP = 0.8  # sizes between the baselines of two lines that stand beside each other, not under each other

_Columns = list[tuple[float, float]]


def part_tables(rows: Sequence[Row], leading: float) -> Iterator[tuple[Table | None, Sequence[Row]]]:
    """The rows of a column in order: each table with its rows, and None with the rows between tables."""
    start = index = 0
    while index < len(rows):
        end = _find_end(rows, index)
        table = _read_table(rows[index:end], leading) if end - index >= MIN_ROWS else None
        if table is None:
            # Not one by one: thousands of scattered labels must not each be tried as the head of a table.
            index += max(1, (end - index) // 4)
            continue
        if start < index:
            yield None, rows[start:index]
        yield table, rows[index:end]
        start = index = end
    if start < len(rows):
        yield None, rows[start:]


def _find_end(rows: Sequence[Row], start: int) -> int:
    """Behind the last row whose cells keep to the columns of the rows above it."""
    if len(rows[start].lines) < 2:
        return start
    columns = _add_columns([], rows[start])
    end = start + 1
    for index in range(start + 1, min(len(rows), start + MAX_RUN)):
        row, above = rows[index], rows[index - 1]
        size = row.whole.size
        if row.lines[0].base - above.lines[0].base > MAX_GAP * size or not 0.8 < size / above.whole.size < 1.25:
            break
        columns = _add_columns(columns, row)
        if any(_has_shared_column(other, columns) for other in rows[start : index + 1]):
            break
        # A line under the first column alone may be the paragraph below the table: only a row of cells takes it in.
        if len(row.lines) > 1 or _find_column(columns, row.lines[0]) > 0:
            end = index + 1
    return end


def _has_shared_column(row: Row, columns: _Columns) -> bool:
    return len({_find_column(columns, line) for line in row.lines}) < len(row.lines)


def _find_column(columns: _Columns, line: Line) -> int:
    return next(number for number, (left, right) in enumerate(columns) if left <= line.left and line.right <= right)


def _add_columns(columns: _Columns, row: Row) -> _Columns:
    """The columns, widened and more of them where `row` needs it."""
    widened: _Columns = []
    for left, right in sorted([*columns, *((line.left, line.right) for line in row.lines)]):
        if widened and left < widened[-1][1]:
            widened[-1] = (widened[-1][0], max(right, widened[-1][1]))
        else:
            widened.append((left, right))
    return widened


def _read_table(rows: Sequence[Row], leading: float) -> Table | None:
    columns: _Columns = []
    for row in rows:
        columns = _add_columns(columns, row)
    grid = [_read_cells(group, columns) for group in _join_wrapped(rows, leading)]
    filled = [cell for cells in grid for cell in cells if cell]
    if sum(sum(map(bool, cells)) >= 2 for cells in grid) < MIN_ROWS or len(columns) < 2:
        return None
    if len(filled) < MIN_FILLED * len(grid) * len(columns) or sum(map(len, filled)) > MAX_CELL * len(filled):
        return None
    if _is_header(rows[0], rows[1], grid):
        return Table(grid[0], grid[1:])
    return Table([""] * len(columns), grid)


def _join_wrapped(rows: Sequence[Row], leading: float) -> list[list[Row]]:
    """Rows of lines as rows of the table: where white parts some rows, lines without white between them are one.

    Lines nearer than their own height are one row in any case: a cell set at the middle of a taller one.
    """
    gaps = [(below.lines[0].base - above.lines[0].base) / below.whole.size for above, below in pairwise(rows)]
    apart = sum(gap > APART * leading for gap in gaps)
    least = APART * leading if apart >= max(2, len(gaps) / 4) else OVERLAP
    groups = [[rows[0]]]
    for row, gap in zip(rows[1:], gaps, strict=True):
        if gap > least:
            groups.append([row])
        else:
            groups[-1].append(row)
    return groups


def _read_cells(group: Sequence[Row], columns: _Columns) -> list[str]:
    cells: list[list[str]] = [[] for _ in columns]
    for row in group:
        for line in row.lines:
            cells[_find_column(columns, line)].append(line.text)
    return [" ".join(cell) for cell in cells]


def _is_header(first: Row, second: Row, grid: list[list[str]]) -> bool:
    """True for a first row in bold over one that is not, or one without a figure over columns of figures."""
    if first.whole.bold and not second.whole.bold:
        return True
    figures = [any(map(str.isdigit, cell)) for cells in grid[1:] for cell in cells[1:] if cell]
    return not any(map(str.isdigit, "".join(grid[0]))) and bool(figures) and sum(figures) * 2 > len(figures)
