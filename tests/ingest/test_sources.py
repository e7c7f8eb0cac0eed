"""Folders become their files, as far as they are wanted, and every source has one name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import SourceMissing
from ingest.sources import Selection, list_sources, name_source


def make_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("Text.")


def list_names(folder: Path, selection: Selection) -> list[str]:
    return [Path(path).relative_to(folder).as_posix() for path in list_sources(str(folder), selection)]


def test_a_folder_becomes_the_articles_in_it_and_below_in_order(tmp_path: Path) -> None:
    make_files(tmp_path, "b.txt", "a.md", "sub/c.HTML", "d.pdf", "e.docx", "picture.png", ".hidden.md", ".git/d.md")
    assert list_names(tmp_path, Selection()) == ["a.md", "b.txt", "d.pdf", "e.docx", "sub/c.HTML"]


def test_links_that_lead_out_of_the_folder_are_left_out(tmp_path: Path) -> None:
    make_files(tmp_path, "secret.md", "folder/a.md")
    (tmp_path / "folder" / "link.md").symlink_to(tmp_path / "secret.md")
    (tmp_path / "folder" / "loop.md").symlink_to("loop.md")
    assert list_names(tmp_path / "folder", Selection()) == ["a.md"]


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(include=("*.md",)), ["a.md", "drafts/b.md", "drafts/old/c.md"]),
        (Selection(include=("drafts/*",)), ["drafts/b.md", "drafts/old/c.md", "drafts/old/d.pdf"]),
        (Selection(exclude=("*/old/*",)), ["a.md", "drafts/b.md"]),
        (Selection(include=("*.md",), exclude=("b.md",)), ["a.md", "drafts/old/c.md"]),
        (Selection(include=("?.pdf", "a.*")), ["a.md", "drafts/old/d.pdf"]),
        (Selection(limit=2), ["a.md", "drafts/b.md"]),
        (Selection(include=("drafts/*",), limit=1), ["drafts/b.md"]),
    ],
)
def test_a_selection_picks_files_by_path_or_bare_name(tmp_path: Path, selection: Selection, names: list[str]) -> None:
    make_files(tmp_path, "a.md", "drafts/b.md", "drafts/old/c.md", "drafts/old/d.pdf")
    assert list_names(tmp_path, selection) == names


@pytest.mark.parametrize("pattern", ["https://a.example/*", "/careers/*", "*nurse*", "*.html"])
def test_a_selection_picks_links_by_address_or_path(pattern: str) -> None:
    assert Selection(include=(pattern,)).admits("https://a.example/careers/nurse.html")
    assert not Selection(exclude=(pattern,)).admits("https://a.example/careers/nurse.html")
    assert not Selection(include=(pattern,)).admits("http://b.example/about?next=/careers/")


def test_a_folder_without_articles_says_so(tmp_path: Path) -> None:
    make_files(tmp_path, "picture.png")
    with pytest.raises(SourceMissing, match=r"no \.md, .* or \.docx file in this folder"):
        list_sources(str(tmp_path))


def test_a_folder_of_which_nothing_is_wanted_says_so(tmp_path: Path) -> None:
    make_files(tmp_path, "a.md", "b.md")
    with pytest.raises(SourceMissing, match="none of its 2 files is wanted"):
        list_sources(str(tmp_path), Selection(include=("*.pdf",)))


def test_a_file_and_an_address_are_themselves_whatever_is_selected() -> None:
    nothing = Selection(exclude=("*",))
    assert list_sources("https://example.com/a", nothing) == ["https://example.com/a"]
    assert list_sources("http:example", nothing) == ["http:example"]
    assert list_sources("no-such-file.md", nothing) == ["no-such-file.md"]


@pytest.mark.parametrize("source", ["", "  "])
def test_an_empty_source_is_not_the_working_folder(source: str) -> None:
    with pytest.raises(SourceMissing, match="a source is empty"):
        list_sources(source)
    assert name_source(source) == source


def test_a_file_is_named_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert name_source("sub/../a.md") == str(tmp_path.resolve() / "a.md")


def test_an_address_is_named_without_what_tracks() -> None:
    assert name_source("HTTP://A.example:80/x?utm_source=mail#top") == "http://a.example/x"


@pytest.mark.parametrize(
    "source", ["http://user@a.example/", "http://[::1", "file:///etc/passwd", "a\0b", "~nobody9/x"]
)
def test_what_cannot_be_fetched_keeps_its_name(source: str) -> None:
    assert name_source(source) == source
