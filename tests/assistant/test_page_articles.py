"""The Articles tab without a browser: names of files, the table, the choice of articles, work that is followed."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from assistant.errors import CareerError
from assistant.page.filter import Chosen, read_choice, render_asked_of, render_offer
from assistant.page.shelf import Shelf, View, name_source, render_progress, render_shelf
from assistant.page.uploads import LONGEST_NAME, find_folder, name_upload
from assistant.page.work import Progress, Tell, Workplace
from ingest.article import Outcome
from ingest.errors import LibraryLocked
from ingest.library import ArticleSummary

HOSTILE_NAMES = [
    "../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "C:\\x.md", ".", "..", "...", "", " ", "\0", "a\0b.md",
    ".env", "CON", "con.md", "LPT1.txt", "nul.tar.gz", "a\nb.md", "a\x1b[2Jb.md", "\u202egnp.md", "a:b.md",
    'a"b<c>|?*.md', "~root", "\ud800.md", "x" * 300 + ".md", "😀" * 100 + ".md", "." * 300, "x." + "y" * 300, "a.md ",
    "a.md.",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_upload_is_kept_under_a_plain_name_in_its_folder_whatever_it_is_called(name: str, tmp_path: Path) -> None:
    kept = name_upload(name)
    assert 0 < len(kept.encode()) <= LONGEST_NAME
    assert not set(kept) & set('/\\:*?"<>|')
    assert all(unicodedata.category(each)[0] != "C" for each in kept)
    assert not kept.startswith(".")
    assert not kept.endswith((".", " "))
    assert kept.partition(".")[0].casefold() not in {"con", "nul", "lpt1"}
    (tmp_path / kept).write_text("kept")
    assert [path.name for path in tmp_path.iterdir()] == [kept]


def test_upload_with_a_usual_name_keeps_it() -> None:
    assert [name_upload(name) for name in ("Notes 2026.md", "Gehälter.docx", "a.b.pdf")] == [
        "Notes 2026.md",
        "Gehälter.docx",
        "a.b.pdf",
    ]


def test_upload_is_called_the_same_however_its_letters_are_composed() -> None:
    assert name_upload(unicodedata.normalize("NFD", "Gehälter.md")) == name_upload("Gehälter.md")


def test_other_names_give_other_names() -> None:
    names = [*HOSTILE_NAMES, "x" * 301 + ".md", "a/b.md", "b.md", "a-b.md"]
    assert len({name_upload(name) for name in names}) == len(names)


def make_summary(number: int, source: str = "", title: str = "") -> ArticleSummary:
    words = (f"a{number}", source or f"/srv/a{number}.md", title or f"Title {number}", "", "", "", "en")
    return ArticleSummary(*words, "2026-11-25T10:00:00+00:00", number)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("https://www.example.org/pay/?page=2", "example.org/pay?page=2"),
        ("http://example.org", "example.org"),
        ("https://[broken", "https://[broken"),
        ("/srv/secret/pay.md", "pay.md"),
        ("/", "/"),
    ],
)
def test_source_is_shown_without_scheme_and_folders(source: str, shown: str) -> None:
    assert name_source(source) == shown


def test_shelf_finds_every_word_in_title_or_source_and_nothing_of_the_servers_folders() -> None:
    shelf = Shelf([make_summary(1), make_summary(2, title="Pay of Nurses")], Path("/srv"), may_edit=False)
    assert [each.id for each in shelf.choose(View("nurses PAY"))] == ["a2"]
    assert [each.id for each in shelf.choose(View("a1.md"))] == ["a1"]
    assert shelf.choose(View("srv")) == []


def test_shelf_sorts_by_number_and_by_letters() -> None:
    shelf = Shelf([make_summary(number) for number in (9, 10, 2)], Path("/srv"), may_edit=False)
    assert [each.passages for each in shelf.choose(View(column="passages", is_descending=True))] == [10, 9, 2]
    assert [each.id for each in shelf.choose(View(column="source"))] == ["a10", "a2", "a9"]


def test_page_beyond_the_last_is_the_last() -> None:
    shelf = Shelf([make_summary(number) for number in range(51)], Path("/srv"), may_edit=False)
    assert "51 to 51 of 51" in render_shelf(shelf, View(page=99))


def test_table_says_which_articles_were_uploaded_and_offers_deeds_to_an_editor_only(tmp_path: Path) -> None:
    articles = [make_summary(1, str(find_folder(tmp_path) / "a.md")), make_summary(2)]
    edited = render_shelf(Shelf(articles, tmp_path, may_edit=True), View())
    assert edited.count("uploaded") == 1
    assert edited.count("data-remove=") == 2
    assert "data-remove" not in render_shelf(Shelf(articles, tmp_path, may_edit=False), View())


def test_outcomes_are_summed_up_and_told_one_by_one() -> None:
    outcomes = (Outcome("/srv/a.md", "added", "a", "A", 3), Outcome("b", "failed", reason="b: <is> empty."))
    told = render_progress(Progress("x", 2, outcomes, is_done=True))
    assert "Done: 1 added, 1 failed" in told
    assert "a.md · 3 passages" in told
    assert "b: &lt;is&gt; empty." in told
    assert "/srv" not in told


def test_choice_of_any_other_shape_is_refused_in_words() -> None:
    assert read_choice(None) == ()
    assert read_choice([{"id": "a", "title": "A"}]) == (Chosen("a", "A"),)
    for sent in ("a", [{"id": 1}], [["a"]], [{"id": "a", "title": "A"}] * 101):
        with pytest.raises(CareerError, match="Choose"):
            read_choice(sent)


def test_offer_shows_the_chosen_first_and_says_how_many_more_there_are() -> None:
    articles = [make_summary(number) for number in range(60)]
    offered = render_offer(articles, "", {"a55"})
    assert offered.index("Title 55") < offered.index("Title 0<")
    assert "10 more: type to find one" in offered
    assert "Title 55" in render_offer(articles, "title 55", ())


def test_exchange_names_three_of_the_articles_that_it_was_asked_of() -> None:
    chosen = [Chosen(name, f"<{name}>") for name in "abcde"]
    assert "“&lt;a&gt;”, “&lt;b&gt;”, “&lt;c&gt;” and 2 more" in render_asked_of(chosen)


# -- work that is followed ---------------------------------------------------------------------------------------------


def test_work_is_followed_to_its_end() -> None:
    def work(tell: Tell) -> Generator[Outcome]:
        tell.found(2)
        yield Outcome("a", "added")
        tell.waiting("process 7 is writing")
        yield Outcome("b", "failed", reason="b: is empty.")

    steps = list(Workplace().follow(work))
    assert [step.found for step in steps][-1] == 2
    assert "process 7 is writing" in [step.waiting for step in steps]
    assert ([outcome.source for outcome in steps[-1].outcomes], steps[-1].is_done) == (["a", "b"], True)


def test_work_that_fails_keeps_what_was_done_and_says_why() -> None:
    def work(_tell: Tell) -> Generator[Outcome]:
        yield Outcome("a", "added")
        raise LibraryLocked("process 7 is writing; waited 60 s.")

    *_, last = Workplace().follow(work)
    assert (last.error, len(last.outcomes), last.is_done) == ("process 7 is writing; waited 60 s.", 1, True)


def test_work_that_breaks_shows_no_secret() -> None:
    def work(_tell: Tell) -> Generator[Outcome]:
        yield Outcome("a", "added")
        raise RuntimeError("a secret of the server")

    *_, last = Workplace().follow(work)
    assert last.error == "Something went wrong; the log says why."


def test_work_that_is_stopped_ends_after_the_source_that_it_is_at() -> None:
    workplace, goes_on = Workplace(), threading.Event()

    def work(_tell: Tell) -> Generator[Outcome]:
        goes_on.wait(10)
        yield Outcome("a", "added")
        yield Outcome("b", "added")

    followed: Iterator[Progress] = workplace.follow(work)
    workplace.stop(next(followed).name)
    goes_on.set()
    *_, last = followed
    assert (last.is_stopped, len(last.outcomes)) == (True, 1)


def test_stopping_what_is_unknown_or_over_stops_nothing() -> None:
    def work(_tell: Tell) -> Generator[Outcome]:
        yield Outcome("a", "added")
        yield Outcome("b", "added")

    workplace = Workplace()
    *_, over = workplace.follow(work)
    followed = workplace.follow(work)
    next(followed)
    for name in ("unknown", over.name):
        workplace.stop(name)
    *_, last = followed
    assert (last.is_stopped, len(last.outcomes)) == (False, 2)
