"""The `career` command, with everything behind it replaced: what is printed where, and which exit code follows."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import Application, Chain, Library, Spread, main
from assistant.conversation import Citation, Reply
from assistant.errors import LibraryEmpty, QuestionInvalid, SettingsInvalid
from assistant.settings import Settings
from ingest.article import Article, Outcome
from ingest.catalog import ArticleSummary
from ingest.errors import ArticleUnknown, LibraryLocked
from ingest.fetch import Selection

ARTICLE = Article(
    id="pay", source="/pay.md", title="Pay", text="## Pay\n\nEngineers earn $100.", published="2026-01-02"
)
SUMMARY = ArticleSummary("pay", "/pay.md", "Pay", "", "2026-01-02", "", "", "2026-02-03T04:05:06Z", 3)
CITATION = Citation(1, "pay", "Pay", "https://example.org/pay", "2026-01-02", "Salaries", 8, 28, "Engineers earn $100.")
REPLY = Reply("What do they earn?", "What do they earn?", "Engineers earn $100. [1]", (CITATION,))


@dataclass
class FakeLibrary:
    """A library of one article that notes what was done to it."""

    summaries: Sequence[ArticleSummary] = (SUMMARY,)
    sources: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    embedded: list[str] = field(default_factory=list)
    closed: bool = False
    curable: bool = True

    def articles(self) -> Sequence[ArticleSummary]:
        return self.summaries

    def article(self, article_id: str, /) -> Article:
        if article_id != ARTICLE.id:
            raise ArticleUnknown(f"{article_id}: no such article. Nearest: pay.")
        return ARTICLE

    def sources_of(self, article_id: str, /) -> list[str]:
        return self.sources or [self.article(article_id).source]

    def remove(self, article_id: str, /) -> None:
        self.removed.append(self.article(article_id).id)

    def count_passages(self) -> int:
        return sum(summary.passages for summary in self.summaries)

    def reembed(self, progress: Callable[[int, int], None], /) -> None:
        progress(1, 3)
        progress(3, 3)

    def embed_question(self, text: str, /) -> None:
        self.embedded.append(text)

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeChain:
    """Answers every question with one reply, or raises what it was given."""

    reply: Reply = REPLY
    error: BaseException | None = None
    unknown: str = ""  # id of an article that it does not know
    library: Library = field(default_factory=FakeLibrary)
    asked: list[Any] = field(default_factory=list)

    def invoke(self, input: Any, /) -> Reply:
        self.asked.append(input)
        question = input["question"] if isinstance(input, dict) else input
        if isinstance(input, dict) and self.unknown in input.get("articles", ()):
            raise ArticleUnknown(f"{self.unknown}: no such article. Nearest: pay.")
        if self.error:
            raise self.error
        if question == "too long":
            raise QuestionInvalid("The question is too long. Shorten it.")
        return replace(self.reply, question=question, standalone_question=self.reply.standalone_question or question)

    def stream(self, input: Any, /) -> Iterator[Reply]:
        yield self.invoke(input)


class Career:
    """Runs the command with fakes and keeps what it did."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.settings = Settings(home=home)
        self.library = FakeLibrary()
        self.chain = FakeChain(library=self.library)
        self.outcomes: Iterable[Outcome] = ()
        self.ingested: list[str] = []
        self.selection = Selection()
        self.pruned: list[str] = []
        self.copied: list[Outcome] = []
        self.exported: list[tuple[Path, bool]] = []
        self.opened_read_only: list[bool] = []
        self.spreads: list[Spread] = []
        self.served: list[tuple[Settings, bool, Sequence[str]]] = []
        self._capsys = capsys

    def __call__(self, *arguments: str) -> int:
        code = main(arguments, self.application)
        self.out, self.err = self._capsys.readouterr()
        return code

    @property
    def application(self) -> Application:
        return Application(
            load_settings=lambda: self.settings,
            open_library=self._open,
            load_chain=self._load_chain,
            add_articles=self._add,
            prune_folder=self._prune,
            check_library=lambda settings: list(self.library.problems),
            repair_library=self._repair,
            export_library=self._export,
            import_archive=lambda path, library: self.copied,
            serve_page=self._serve,
            serve_agents=lambda load: load(),
        )

    def _load_chain(self, settings: Settings) -> Chain:
        return self.chain

    def _open(self, settings: Settings, *, read_only: bool) -> Library:
        self.opened_read_only.append(read_only)
        return self.library

    def _add(
        self,
        sources: Sequence[str],
        library: Library,
        settings: Settings,
        *,
        selection: Selection,
        on_found: Callable[[int], None],
        spread: Spread,
    ) -> Iterable[Outcome]:
        self.spreads.append(spread)
        self.ingested.extend(sources)
        self.selection = selection
        on_found(len(sources))
        return self.outcomes

    def _repair(self, settings: Settings) -> Sequence[str]:
        if self.library.curable:
            self.library.problems.clear()
        return self.library.lost

    def _export(self, library: Library, path: Path, *, overwrite: bool) -> Iterable[Outcome]:
        self.exported.append((path, overwrite))
        return self.copied

    def _prune(self, folder: str, library: Library) -> Iterable[Outcome]:
        self.pruned.append(folder)
        return [REMOVED]

    def _serve(self, settings: Settings, *, open_browser: bool, sources: Sequence[str]) -> None:
        self.served.append((settings, open_browser, sources))


@pytest.fixture
def career(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Career:
    return Career(tmp_path / "home", capsys)


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python of its own, from the checkout."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# -- ask --------------------------------------------------------------------------------------------------------------


def test_ask_prints_the_answer_then_its_numbered_source(career: Career) -> None:
    assert career("ask", "What do they earn?") == 0
    assert career.out.splitlines() == [
        "Engineers earn $100. [1]",
        "",
        "[1] Pay | Salaries | 2026-01-02 | https://example.org/pay",
        "    Engineers earn $100.",
    ]


def test_ask_names_the_command_that_shows_an_article_without_an_address(career: Career) -> None:
    career.chain.reply = replace(REPLY, citations=(replace(CITATION, url=""),))
    career("ask", "What do they earn?")
    assert "| career show pay\n" in career.out


def test_ask_shows_a_rephrased_question(career: Career) -> None:
    career.chain.reply = replace(REPLY, standalone_question="What do engineers earn?")
    career("ask", "And they?")
    assert career.out.startswith("Searched for: What do engineers earn?\n")


def test_ask_that_is_refused_offers_suggestions_and_ends_well(career: Career) -> None:
    refusal = "The articles don't say."
    career.chain.reply = Reply("", "", refusal, answered=False, suggestions=("Salaries", "Degrees"))
    assert career("ask", "How tall are they?") == 0
    assert career.out.startswith(refusal)
    assert "- Salaries\n- Degrees" in career.out


def test_ask_shows_a_notice(career: Career) -> None:
    career.chain.reply = replace(REPLY, notice="The model did not answer; the articles are quoted.")
    career("ask", "What do they earn?")
    assert "Note: The model did not answer; the articles are quoted." in career.out


def test_ask_json_is_the_reply_on_one_line(career: Career) -> None:
    assert career("ask", "What do they earn?", "--json") == 0
    assert career.out.count("\n") == 1
    assert json.loads(career.out) == REPLY.as_dict()


def test_ask_writes_no_escape_sequence_of_an_article_to_the_terminal(career: Career) -> None:
    career.chain.reply = replace(REPLY, text="\x1b[2Jgone\u202e", citations=(replace(CITATION, quote="\x9b31mred"),))
    career("ask", "What do they earn?")
    assert not {"\x1b", "\x9b", "\u202e"} & set(career.out)


def test_ask_shows_markup_of_rich_as_plain_text(career: Career) -> None:
    career.chain.reply = replace(REPLY, text="[bold]loud[/bold] :smile: [1]")
    career("ask", "What do they earn?")
    assert career.out.startswith("[bold]loud[/bold] :smile: [1]")


def test_ask_replaces_bytes_that_are_no_text(career: Career) -> None:
    assert career("ask", "caf\udce9?") == 0
    assert career.chain.asked == ["caf??"]


def test_ask_with_an_empty_library_is_one_line_and_exit_code_1(career: Career) -> None:
    career.chain.error = LibraryEmpty("The library is empty.\nRun `career ingest`.")
    assert career("ask", "What do they earn?") == 1
    assert (career.out, career.err) == ("", "error: The library is empty. Run `career ingest`.\n")


def test_ask_closes_the_library_even_after_an_error(career: Career) -> None:
    career.chain.error = QuestionInvalid("The question is empty. Write one.")
    career("ask", "")
    assert career.library.closed


def test_ask_hands_over_the_articles_chosen(career: Career) -> None:
    assert career("ask", "What do they earn?", "--article", "pay", "--article", "rest") == 0
    assert career.chain.asked == [{"question": "What do they earn?", "articles": ["pay", "rest"]}]


def test_ask_of_an_unknown_article_is_one_line_and_exit_code_1(career: Career) -> None:
    career.chain.unknown = "ghost"
    assert career("ask", "What do they earn?", "--article", "ghost") == 1
    assert (career.out, career.err) == ("", "error: ghost: no such article. Nearest: pay.\n")


# -- ask - ------------------------------------------------------------------------------------------------------------


def test_ask_lines_answers_plain_and_json_questions_a_line_each(career: Career, stdin: Callable[[str], None]) -> None:
    stdin('What do they earn?\n\n{"question": "And there?", "history": ["What do they earn?"]}\n')
    assert career("ask", "-", "--json") == 0
    assert [json.loads(line)["question"] for line in career.out.splitlines()] == ["What do they earn?", "And there?"]
    assert career.chain.asked[1] == {"question": "And there?", "history": ["What do they earn?"]}


def test_ask_lines_prints_each_answer_on_one_line(career: Career, stdin: Callable[[str], None]) -> None:
    career.chain.reply = replace(REPLY, text="- one [1]\n- two [1]")
    stdin("one?\ntwo?\n")
    career("ask", "-")
    assert career.out == "- one [1] - two [1]\n" * 2


def test_ask_lines_goes_on_after_a_question_that_cannot_be_asked(career: Career, stdin: Callable[[str], None]) -> None:
    stdin('too long\n{"question": 5}\n{"question": \nWhat do they earn?\n')
    assert career("ask", "-", "--json") == 3
    lines = [json.loads(line) for line in career.out.splitlines()]
    assert [line.get("line") for line in lines] == [1, 2, 3, None]
    assert lines[3]["answered"]


def test_ask_lines_ends_with_1_when_no_question_could_be_asked(career: Career, stdin: Callable[[str], None]) -> None:
    stdin("too long\n")
    assert career("ask", "-") == 1
    assert career.err == "error: line 1: The question is too long. Shorten it.\n"


def test_ask_lines_may_name_their_own_articles(career: Career, stdin: Callable[[str], None]) -> None:
    stdin('One?\n{"question": "Two?", "articles": ["rest"]}\n{"question": "Three?", "articles": []}\n')
    assert career("ask", "-", "--article", "pay") == 0
    assert [asked["articles"] for asked in career.chain.asked] == [["pay"], ["rest"], ["pay"]]


def test_ask_lines_goes_on_after_an_unknown_article(career: Career, stdin: Callable[[str], None]) -> None:
    career.chain.unknown = "ghost"
    stdin('{"question": "One?", "articles": ["ghost"]}\nTwo?\n')
    assert career("ask", "-", "--json") == 3
    first, second = (json.loads(line) for line in career.out.splitlines())
    assert first["line"] == 1
    assert second["answered"]


@pytest.fixture
def stdin() -> Iterator[Callable[[str], None]]:
    """Gives the command something to read."""
    kept = sys.stdin

    def give(text: str) -> None:
        sys.stdin = io.StringIO(text)

    yield give
    sys.stdin = kept


# -- mcp --------------------------------------------------------------------------------------------------------------


def test_mcp_loads_the_library_and_the_model_when_told_and_closes_them(career: Career) -> None:
    assert career("mcp") == 0
    assert (career.out, career.err) == ("", "")
    assert career.library.embedded
    assert career.library.closed


def test_mcp_without_its_extra_names_it_in_one_line() -> None:
    without = "import sys; sys.modules['mcp'] = None; from assistant.cli import main; sys.exit(main(['mcp']))"
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: career mcp needs the extra mcp. Run: pip install 'career-assistant[mcp]'\n"


# -- ingest -----------------------------------------------------------------------------------------------------------

ADDED = Outcome("/pay.md", "added", "pay", "Pay", 3)
REMOVED = Outcome("/old.md", "removed", "old", "Old", 2)
FAILED = Outcome("/none.md", "failed", reason="/none.md: no such file. Check the path.")


def test_ingest_prints_a_line_a_source_and_a_summary(career: Career) -> None:
    career.outcomes = [ADDED, replace(ADDED, status="unchanged", passages=1)]
    assert career("ingest", "/pay.md") == 0
    assert career.out.splitlines() == [
        "added      Pay  (3 passages)  /pay.md",
        "unchanged  Pay  (1 passage)  /pay.md",
        "1 added, 1 unchanged; the library holds 1 article, 3 passages",
    ]


def test_ingest_without_a_source_takes_the_packaged_articles(career: Career) -> None:
    career.outcomes = [ADDED]
    career("ingest")
    assert [Path(source).parts[-2:] for source in career.ingested] == [("corpus", "articles")]


def test_ingest_opens_the_library_for_writing(career: Career) -> None:
    career.outcomes = [ADDED]
    career("ingest", "/pay.md")
    assert career.opened_read_only == [False]


def test_ingest_ends_with_3_when_some_sources_failed_and_names_each(career: Career) -> None:
    career.outcomes = [ADDED, FAILED]
    assert career("ingest", "/pay.md", "/none.md") == 3
    assert career.err == "failed /none.md: no such file. Check the path.\n"


def test_ingest_ends_with_1_when_every_source_failed(career: Career) -> None:
    career.outcomes = [FAILED]
    assert career("ingest", "/none.md") == 1


def test_ingest_ends_with_1_when_there_was_nothing_to_read(career: Career) -> None:
    assert career("ingest", "/empty") == 1
    assert career.err == "error: /empty: no articles there. Name files, folders of them, or URLs.\n"


def test_ingest_takes_what_is_wanted_of_a_source(career: Career) -> None:
    career.outcomes = [ADDED]
    career("ingest", "/folder", "--include", "*/2026/*", "--include", "*.md", "--exclude", "draft*", "--limit", "5")
    assert career.selection == Selection(("*/2026/*", "*.md"), ("draft*",), 5)


def test_ingest_is_spread_as_asked(career: Career) -> None:
    for options in ((), ("--workers", "2"), ("--ray", "10.0.0.1:6379", "--workers", "8")):
        career("ingest", "pay.md", *options)
    assert career.spreads == [Spread(), Spread(2), Spread(8, "10.0.0.1:6379")]


def test_ingest_prunes_the_folders_named_after_it_has_read_them(career: Career, tmp_path: Path) -> None:
    career.outcomes = [ADDED]
    assert career("ingest", str(tmp_path), "--prune") == 0
    assert career.pruned == [str(tmp_path)]
    assert career.out.splitlines()[1:] == [
        "removed    Old  (2 passages)  /old.md",
        "1 added, 1 removed; the library holds 1 article, 3 passages",
    ]


def test_ingest_prunes_only_when_asked(career: Career, tmp_path: Path) -> None:
    career.outcomes = [ADDED]
    career("ingest", str(tmp_path))
    assert career.pruned == []


def test_what_is_no_folder_is_not_pruned(career: Career) -> None:
    assert career("ingest", "https://example.org/feed", "--prune") == 2
    assert career.ingested == []
    assert career.err == (
        "error: Invalid value: https://example.org/feed is no folder, and --prune removes what has left a folder. "
        "See `career ingest --help`.\n"
    )


def test_ingest_json_is_the_list_of_outcomes(career: Career) -> None:
    career.outcomes = [ADDED, FAILED]
    assert career("ingest", "/pay.md", "/none.md", "--json") == 3
    assert [outcome["status"] for outcome in json.loads(career.out)] == ["added", "failed"]


def test_ingest_stopped_by_the_library_says_why(career: Career) -> None:
    def outcomes() -> Iterator[Outcome]:
        yield ADDED
        raise LibraryLocked("Another process is writing. Wait for it.")

    career.outcomes = outcomes()
    assert career("ingest", "/pay.md") == 1
    assert career.err == "error: Another process is writing. Wait for it.\n"


# -- the library ------------------------------------------------------------------------------------------------------


def test_articles_lists_id_date_passages_and_title(career: Career) -> None:
    assert career("articles") == 0
    assert career.out.split() == ["pay", "2026-01-02", "3", "passages", "Pay"]


def test_articles_of_an_empty_library_names_the_remedy(career: Career) -> None:
    career.library.summaries = ()
    assert career("articles") == 0
    assert "career ingest" in career.out


def test_articles_json_lists_every_field(career: Career) -> None:
    career("articles", "--json")
    (article,) = json.loads(career.out)
    assert (article["id"], article["passages"]) == ("pay", 3)


def test_show_prints_the_whole_text(career: Career) -> None:
    assert career("show", "pay") == 0
    assert career.out.endswith("## Pay\n\nEngineers earn $100.\n")


def test_show_json_gives_the_text_that_offsets_refer_to(career: Career) -> None:
    career("show", "pay", "--json")
    assert json.loads(career.out)["text"][CITATION.start : CITATION.end] == CITATION.quote


def test_show_of_an_unknown_article_names_the_nearest(career: Career) -> None:
    assert career("show", "pai") == 1
    assert career.err == "error: pai: no such article. Nearest: pay.\n"


def test_remove_says_what_was_removed(career: Career) -> None:
    assert career("remove", "pay") == 0
    assert (career.library.removed, career.out) == (["pay"], "removed  pay\n")


def test_remove_takes_the_uploaded_file_along(career: Career) -> None:
    kept = career.settings.home / "uploads" / "pay.md"
    kept.parent.mkdir(parents=True)
    kept.write_text("# Pay", encoding="utf-8")
    career.library.sources = [str(kept.resolve())]
    assert career("remove", "pay") == 0
    assert not kept.exists()


def test_doctor_ends_with_1_and_a_line_a_problem(career: Career) -> None:
    career.library.problems = ["the index is behind", "a passage has no vector"]
    assert career("doctor") == 1
    assert career.out.splitlines() == ["problem   the index is behind", "problem   a passage has no vector"]


def test_doctor_repairs_when_told_and_says_what_was_lost(career: Career) -> None:
    career.library.problems, career.library.lost = (
        ["the index is behind"],
        ["pay: 2 passages are lost. Ingest it again"],
    )
    assert career("doctor", "--repair") == 0
    assert career.out.splitlines() == [
        "found     the index is behind",
        "repaired  pay: 2 passages are lost. Ingest it again",
        "the library is whole: 1 article, 3 passages",
    ]


def test_doctor_repairs_nothing_unasked(career: Career) -> None:
    career.library.problems = ["the index is behind"]
    career("doctor")
    assert career.library.problems == ["the index is behind"]


def test_doctor_ends_with_1_when_a_problem_outlives_the_repair(career: Career) -> None:
    career.library.problems, career.library.curable = ["the disk is full"], False
    assert career("doctor", "--repair") == 1


COPIED = Outcome("/pay.md", "exported", "pay", "Pay", 3)
TORN = Outcome("library.zip, articles/000002", "failed", reason="library.zip, articles/000002: lacks units.f2.")


def test_export_says_what_was_written_and_where(career: Career) -> None:
    career.copied = [COPIED]
    assert career("export", "library.zip") == 0
    assert career.out == "1 exported; written to library.zip\n"
    assert career.exported == [(Path("library.zip"), False)]


def test_export_overwrites_only_when_told(career: Career) -> None:
    career("export", "library.zip", "--overwrite")
    assert career.exported == [(Path("library.zip"), True)]


def test_import_says_what_came_in_and_names_what_did_not(career: Career) -> None:
    career.copied = [replace(COPIED, status="added"), TORN]
    assert career("import", "library.zip") == 3
    assert career.out == "1 added, 1 failed; the library holds 1 article, 3 passages\n"
    assert career.err == "failed library.zip, articles/000002: lacks units.f2.\n"


def test_import_of_which_nothing_came_in_ends_with_1(career: Career) -> None:
    career.copied = [TORN]
    assert career("import", "library.zip") == 1


def test_reembed_says_how_many_passages_and_which_model(career: Career) -> None:
    assert career("reembed") == 0
    assert career.out == "embedded 3 passages with all-MiniLM-L6-v2\n"


def test_serve_takes_host_and_port_before_the_settings(career: Career) -> None:
    assert career("serve", "--port", "0", "--open") == 0
    ((settings, opened, sources),) = career.served
    assert (settings.host, settings.port, opened, sources) == ("127.0.0.1", 0, True, [])


def test_serve_may_put_the_packaged_articles_in_first(career: Career) -> None:
    assert career("serve", "--ingest") == 0
    assert [Path(source).name for source in career.served[0][2]] == ["articles"]


# -- when things go wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["ask"], ["nope"], ["serve", "--port", "99999"], ["articles", "--jsn"]])
def test_wrong_usage_is_one_line_and_exit_code_2(career: Career, arguments: list[str]) -> None:
    assert career(*arguments) == 2
    assert career.err.startswith("error: ")
    assert career.err.count("\n") == 1


def test_an_unusable_setting_ends_with_2(career: Career, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> Settings:
        raise SettingsInvalid("CAREER_PORT=abc: not a number.")

    assert main(["articles"], replace(career.application, load_settings=refuse)) == 2
    assert capsys.readouterr().err == "error: CAREER_PORT=abc: not a number.\n"


def test_an_unusable_variable_is_named_with_its_value() -> None:
    done = run_python("from assistant.settings import load_settings; load_settings()", CAREER_PORT="abc")
    assert "SettingsInvalid: CAREER_PORT=abc: " in done.stderr


@pytest.mark.parametrize("arguments", [["articles"], ["evaluate", "--compare", "none.json"]])
def test_an_error_before_there_is_a_log_is_one_line(arguments: list[str]) -> None:
    # In a Python of its own: under pytest the log has handlers, and without any it goes to the terminal.
    done = run_python(f"import assistant.cli as cli; raise SystemExit(cli.main({arguments}))", CAREER_PORT="abc")
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_an_unexpected_error_is_one_line_and_its_traceback_is_in_the_log(career: Career) -> None:
    career.chain.error = ZeroDivisionError("division\nby zero")
    assert career("ask", "What do they earn?") == 1
    log = career.settings.home / "career.log"
    assert career.err.startswith("error: unexpected ZeroDivisionError: division by zero.")
    assert str(log) in career.err
    assert career.err.count("\n") == 1
    assert "Traceback" in log.read_text()


def test_debug_shows_the_traceback(career: Career) -> None:
    career.settings = career.settings.model_copy(update={"debug": True})
    career.chain.error = ZeroDivisionError("division by zero")
    assert career("ask", "What do they earn?") == 1
    assert "Traceback" in career.err


def test_an_error_is_told_even_where_no_log_can_be_written(career: Career, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    career.settings = Settings(home=tmp_path / "file" / "home")
    career.chain.error = LibraryEmpty("The library is empty.")
    assert career("ask", "What do they earn?") == 1
    assert career.err == "error: The library is empty.\n"


def test_an_interrupt_ends_with_130_and_says_nothing(career: Career) -> None:
    career.chain.error = KeyboardInterrupt()
    assert career("ask", "What do they earn?") == 130
    assert career.err == ""


def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = (
        "import os, sys; reader, writer = os.pipe(); os.close(reader); os.dup2(writer, 1)\n"
        "from assistant.cli import main; sys.exit(main(['--help']))"
    )
    done = run_python(code)
    assert (done.returncode, done.stderr) == (141, "")


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'chromadb', 'gradio', 'langchain_core', 'sentence_transformers', 'trafilatura', 'numpy'}"
    done = run_python(
        f"import sys; from assistant.cli import main; main(['--help']); print({heavy} & set(sys.modules))"
    )
    assert done.stdout.rstrip().endswith("set()")


def test_the_command_alone_shows_its_help(career: Career) -> None:
    assert career() == 0
    assert "ingest" in career.out


def test_version_is_printed(career: Career) -> None:
    assert career("--version") == 0
    assert career.out.startswith("career ")


# -- evaluate ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.yaml"
    path.write_text('- question: What do they earn?\n  facts: ["$100"]\n  articles: [pay]\n')
    return path


def test_evaluate_prints_a_line_a_prompt_and_the_totals(career: Career, prompts: Path) -> None:
    assert career("evaluate", str(prompts)) == 0
    assert career.out.startswith("right  1/1 facts")
    assert "facts in cited quotes  100.0%" in career.out


def test_evaluate_below_a_floor_ends_with_1_and_names_the_prompt(career: Career, prompts: Path) -> None:
    (prompts.parent / "floors.json").write_text('{"facts_in_quotes": 0.95}')
    prompts.write_text('- question: What do they earn?\n  facts: ["$200"]\n')
    assert career("evaluate", str(prompts)) == 1
    assert career.err == f"facts_in_quotes 0.000 is below its floor 0.950: {prompts}:1\n"


def test_evaluate_json_can_be_compared_with_later(career: Career, prompts: Path, tmp_path: Path) -> None:
    career("evaluate", str(prompts), "--json")
    (tmp_path / "old.json").write_text(career.out)
    career.chain.reply = replace(REPLY, citations=())
    career("evaluate", str(prompts), "--compare", str(tmp_path / "old.json"))
    assert "right -> wrong: What do they earn?" in career.out


def test_evaluate_writes_a_page(career: Career, prompts: Path, tmp_path: Path) -> None:
    assert career("evaluate", str(prompts), "--report", str(tmp_path / "report.html")) == 0
    assert "What do they earn?" in (tmp_path / "report.html").read_text()


def test_evaluate_of_prompts_that_are_missing_is_one_line(career: Career) -> None:
    assert career("evaluate", "/none.yaml") == 1
    assert career.err == "error: /none.yaml: no such file. Check the path of the test prompts.\n"
