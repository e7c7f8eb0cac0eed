"""Plain text -> Draft: headings and lists recognised by how they stand, since nothing marks them.

Blank lines part the text into groups of lines. A group is a list, prose (perhaps hard-wrapped), a heading, or lines
that belong together but are no sentence, such as a flattened table; those are kept apart, to be quoted alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingest.draft import Draft, parse_date_line
from ingest.html_furniture import is_label
from ingest.markdown import Block, Heading, Item, Paragraph, one_line

MAX_HEADING_WORDS = 16
MIN_WRAP = 45  # characters: a line broken before this was broken on purpose, not by the margin

_BULLET = re.compile(r"(\s*)(?:[•·‣▪◦●○*–—-]|(\d{1,3})[.)])\s+(?=\S)")
_SETEXT = re.compile(r"\s*(?:=+|-+|~+|\*+)\s*")
_SMALL_WORDS = frozenset(
    "a an and are as at but by do does for from in into is it nor of on or per so the than to "
    "vs vs. via with you your".split()
)


def read_plain_text(text: str) -> Draft:
    """The article of a text file; the best heading-like line before the first paragraph is its title."""
    groups = [group for group in (_lines_of(part) for part in re.split(r"\n(?:[ \t]*\n)+", text)) if group]
    title, published, groups = _read_head(groups)
    author, groups = _cut_author_box(groups)
    return Draft(list(_read_groups(groups)), title=title, author=author, published=published)


def _lines_of(part: str) -> list[str]:
    """The lines of a group, without rules that underline a heading."""
    return [line.rstrip() for line in part.split("\n") if line.strip() and not _SETEXT.fullmatch(line)]


def _read_head(groups: list[list[str]]) -> tuple[str, str, list[list[str]]]:
    """Title and date out of the short lines before the first paragraph, and the groups that remain.

    A site's name often stands first: the title is the longest of the heading-like lines; what stands before it goes.
    """
    lines: list[tuple[int, str]] = []
    published = ""
    for index, group in enumerate(groups[:6]):
        if len(group) > 3 or _is_prose(group) or _BULLET.match(group[0]):
            break
        lines += [(index, one_line(line)) for line in group]
    for _, line in lines:
        published = published or parse_date_line(line)
    candidates = [
        entry for entry in lines if not parse_date_line(entry[1]) and not is_label(entry[1]) and len(entry[1]) <= 200
    ]
    candidates = candidates[:3] if published else candidates[:2]
    if not candidates:
        return "", published, groups
    at, title = max(candidates, key=lambda entry: (_looks_like_heading(entry[1]), min(len(entry[1].split()), 12)))
    if not _looks_like_heading(title) and len(groups) > 1 and len(groups[at]) > 1:
        return "", published, groups
    rest = [
        group
        for index, group in enumerate(groups)
        if index > at and not (len(group) == 1 and parse_date_line(group[0]) and index < 6)
    ]
    same = groups[at][[one_line(line) for line in groups[at]].index(title) + 1 :]
    same = [line for line in same if not parse_date_line(line)]
    return title, published, [same, *rest] if same else rest


def _cut_author_box(groups: list[list[str]]) -> tuple[str, list[list[str]]]:
    """The author's name out of a box at the text's end, and the groups before that box.

    A box is a name on a line of its own, then a paragraph that begins with that very name; what follows it must be
    short, since only advertising stands after an author box.
    """
    for index in range(max(1, len(groups) * 2 // 3), len(groups) - 1):
        name, biography = one_line(groups[index][0]), one_line(" ".join(groups[index + 1]))
        tail = sum(len(line.split()) for group in groups[index + 2 :] for line in group)
        if len(groups[index]) <= 2 and _is_name(name) and biography.startswith(f"{name} ") and tail <= 80:
            return name, groups[:index]
    return "", groups


def _is_name(line: str) -> bool:
    words = line.split()
    return 2 <= len(words) <= 4 and all(
        re.fullmatch(r"[^\W\d_][\w.'’-]*", word) and word[0].isupper() for word in words
    )


def _is_prose(group: list[str]) -> bool:
    text = " ".join(group)
    return len(text.split()) > MAX_HEADING_WORDS or bool(re.search(r"[.!][\"”’')]?$", text) and len(text.split()) > 8)


def _read_groups(groups: list[list[str]]) -> Iterator[Block]:
    level = 1
    for index, group in enumerate(groups):
        following = groups[index + 1] if index + 1 < len(groups) else []
        if len(group) == 1 and _is_heading(one_line(group[0]), following):
            # A heading right under a heading opens a part of it; else every heading stands on the same level.
            after_heading = (
                index > 0
                and level == 2
                and len(groups[index - 1]) == 1
                and _is_heading(one_line(groups[index - 1][0]), group)
            )
            level = 3 if after_heading or (level == 3 and _is_sibling(groups, index)) else 2
            yield Heading(level, one_line(group[0]).rstrip(":"))
        else:
            yield from _read_group(group)


def _is_sibling(groups: list[list[str]], index: int) -> bool:
    """True when a heading ends with the same word as the heading before it ("Coach Skills", "Mentor Skills")."""
    for group in reversed(groups[:index]):
        if len(group) == 1 and _looks_like_heading(one_line(group[0])):
            return one_line(group[0]).split()[-1].casefold() == one_line(groups[index][0]).split()[-1].casefold()
    return False


def _is_heading(line: str, following: list[str]) -> bool:
    if not following or is_label(line):
        return False
    if line.endswith(":"):
        # "Choose Software Engineering If:" is set like a heading; "Some cases where it makes sense:" leads a list in.
        return _is_title_case(line)
    return _looks_like_heading(line)


def _looks_like_heading(line: str) -> bool:
    """True for a short line that ends like no sentence and is set like a title, a question or a numbered part."""
    words = line.split()
    if not words or len(words) > MAX_HEADING_WORDS or (_BULLET.match(line) and not re.match(r"\d", line)):
        return False
    if line[-1] in ".,;!" or not re.search(r"[^\W\d_]", line):
        return False
    if line.endswith("?"):
        return len(re.findall(r"[.!?](?:\s|$)", line)) == 1
    if "," in line and not _is_title_case(line):
        return False
    return _is_title_case(line) or (len(words) <= 8 and line[0].isupper() and not re.search(r"[.;]\s", line))


def _is_title_case(line: str) -> bool:
    words = [word.strip("\"“”‘’'()[]:;,?!") for word in line.split()]
    counted = [word for word in words if word and word.casefold() not in _SMALL_WORDS and word[0].isalpha()]
    return bool(counted) and sum(word[0].isupper() for word in counted) >= 0.75 * len(counted)


def _read_group(group: list[str]) -> Iterator[Block]:
    if any(_BULLET.match(line) for line in group):
        yield from _read_list(group)
    elif len(group) == 1 or _is_wrapped(group):
        yield Paragraph(one_line(" ".join(group)))
    elif all(_ends_sentence(line) or len(line) > 200 for line in group):
        yield from (Paragraph(line) for line in group)
    else:
        yield from (
            Paragraph(line) if _ends_sentence(line) and len(line) > 120 else Item(line.strip()) for line in group
        )


def _read_list(group: list[str]) -> Iterator[Block]:
    """Bulleted lines as items; a line without a bullet goes on with the item above it."""
    lead: list[str] = []
    items: list[tuple[int, str, list[str]]] = []
    for line in group:
        if match := _BULLET.match(line):
            marker = f"{match[2]}." if match[2] else "-"
            items.append((len(match[1].expandtabs(4)), marker, [line[match.end() :]]))
        elif items:
            items[-1][2].append(line)
        else:
            lead.append(line)
    if lead:
        yield from _read_group(lead)
    indents = sorted({indent for indent, _, _ in items})
    for indent, marker, lines in items:
        yield Item(" ".join(lines), min(indents.index(indent), 5), marker)


def _is_wrapped(group: list[str]) -> bool:
    """True for prose broken by a right margin: every line but the last reaches near it, and the lines read on."""
    longest = max(map(len, group))
    if longest < MIN_WRAP or longest > 200:
        return False
    near = [line for line in group[:-1] if len(line) >= 0.6 * longest]
    runs_on = sum(not _ends_sentence(line) for line in group[:-1])
    goes_on_small = any(line.lstrip()[:1].islower() for line in group[1:])
    return len(near) >= 0.8 * (len(group) - 1) and runs_on > 0 and (goes_on_small or _ends_sentence(group[-1]))


def _ends_sentence(line: str) -> bool:
    return bool(re.search(r"[.!?:][\"”’')\]]*$", line.rstrip()))
