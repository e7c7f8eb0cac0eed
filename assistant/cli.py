"""The `career` command: ingest, ask, look after the library, evaluate, serve.

Exit codes: 0 done, 1 nothing could be done (the reason on stderr, one line), 2 wrong usage or settings,
3 some sources failed (each named on stderr).
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from assistant.cli_evaluation import add_commands, load_judge, make_chain
from assistant.errors import CareerError, ExtraMissing, QuestionInvalid, SettingsInvalid
from ingest.errors import ArticleUnknown, SourceError

if TYPE_CHECKING:
    from rich.console import Console

    from assistant.conversation import Reply
    from assistant.settings import Settings
    from ingest.article import Article, Outcome
    from ingest.fetch import Selection
    from ingest.library import ArticleSummary
    from ingest.prepare import Prepare

SOME_FAILED = 3
INTERRUPTED = 130  # what a shell reports for Ctrl+C
READER_GONE = 141  # what a shell reports for SIGPIPE: `career articles | head -1`

log = logging.getLogger(__name__)


class Library(Protocol):
    """What the commands need of `ingest.library.Library`."""

    def articles(self) -> Sequence[ArticleSummary]: ...
    def article(self, article_id: str, /) -> Article: ...
    def sources_of(self, article_id: str, /) -> list[str]: ...
    def remove(self, article_id: str, /) -> object: ...
    def count_passages(self) -> int: ...
    def reembed(self, progress: Callable[[int, int], None], /) -> object: ...
    def embed_question(self, text: str, /) -> object: ...
    def close(self) -> None: ...


class Chain(Protocol):
    """What the commands need of `assistant.answer.AnswerChain`."""

    @property
    def library(self) -> Library: ...
    def invoke(self, input: Any, /) -> Reply: ...
    def stream(self, input: Any, /) -> Iterator[Reply]: ...


def load_settings() -> Settings:
    from assistant.settings import load_settings

    return load_settings()


def open_library(settings: Settings, *, read_only: bool) -> Library:
    from ingest.embed import load_embedder
    from ingest.library import Library

    load = partial(load_embedder, settings, tell=_print_notice)
    return Library.open(settings, load, read_only=read_only, tell=_print_notice)


def load_chain(settings: Settings) -> Chain:
    from assistant.answer import load_chain

    return load_chain(settings, tell=_print_notice)


def add_articles(
    sources: Sequence[str],
    library: Any,
    settings: Settings,
    *,
    selection: Selection,
    on_found: Callable[[int], None],
    spread: Spread,
) -> Iterable[Outcome]:
    from ingest.pipeline import add_articles

    prepare = _choose_preparation(spread)
    return add_articles(sources, library, settings, selection=selection, on_found=on_found, prepare=prepare)


@dataclass(frozen=True)
class Spread:
    """Where an ingest reads and embeds: in so many processes, or on a Ray cluster."""

    workers: int = 0  # 0: this process, or as many as the cluster has processors
    ray: str = ""  # the cluster's address


def _choose_preparation(spread: Spread) -> Prepare:
    if spread.ray:
        from ingest.cluster import Cluster

        return Cluster(spread.ray, spread.workers)
    if spread.workers > 1:
        from ingest.workers import Workers

        return Workers(spread.workers)
    from ingest.prepare import prepare_ahead

    return prepare_ahead


def prune_folder(folder: str, library: Any) -> Iterable[Outcome]:
    from ingest.pipeline import prune_folder

    return prune_folder(folder, library)


def check_library(settings: Settings) -> Sequence[str]:
    from ingest.doctor import check_library

    return check_library(settings)


def repair_library(settings: Settings) -> Sequence[str]:
    from ingest.doctor import repair_library
    from ingest.lock import WriterLock

    return repair_library(settings, WriterLock(settings.home, settings.lock_timeout, _print_notice))


def export_library(library: Any, path: Path, *, overwrite: bool) -> Iterable[Outcome]:
    from ingest.archive import export_library

    return export_library(library, path, overwrite=overwrite)


def import_archive(path: Path, library: Any) -> Iterable[Outcome]:
    from ingest.archive import import_archive

    return import_archive(path, library)


def serve_page(settings: Settings, *, open_browser: bool, sources: Sequence[str]) -> None:
    import ui

    ui.serve(settings, open_browser=open_browser, sources=sources)


def serve_agents(load: Callable[[], Any]) -> None:
    from assistant.page.loader import ChainLoader

    try:
        from assistant.agents import serve_agents
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("mcp"):
            raise
        raise ExtraMissing("career mcp needs the extra mcp. Run: pip install 'career-assistant[mcp]'") from error
    loader = ChainLoader(load)
    serve_agents(loader)
    if loader.is_loading:  # what it imports meanwhile would fail, aloud, in an interpreter that ends
        sys.stderr.flush()
        os._exit(0)


def find_packaged_articles() -> str:
    from assistant.settings import find_corpus

    return str(find_corpus() / "articles")


@dataclass(frozen=True)
class Application:
    """What the commands work with. Each is imported when first used: `career --help` must not wait for torch."""

    load_settings: Callable[[], Settings] = load_settings
    open_library: Callable[..., Library] = open_library
    load_chain: Callable[[Settings], Chain] = load_chain
    add_articles: Callable[..., Iterable[Outcome]] = add_articles
    prune_folder: Callable[[str, Library], Iterable[Outcome]] = prune_folder
    check_library: Callable[[Settings], Sequence[str]] = check_library
    repair_library: Callable[[Settings], Sequence[str]] = repair_library
    export_library: Callable[..., Iterable[Outcome]] = export_library
    import_archive: Callable[[Path, Library], Iterable[Outcome]] = import_archive
    serve_page: Callable[..., None] = serve_page
    serve_agents: Callable[[Callable[[], Chain]], object] = serve_agents
    load_judge: Callable[..., Callable[[str], str]] = load_judge
    make_chain: Callable[..., Chain] = make_chain


class Session:
    """One run of the command: its collaborators, its settings once a command asks for them, and what must be closed."""

    def __init__(self, application: Application, closing_stack: ExitStack) -> None:
        self.application = application
        self._closing = closing_stack

    @cached_property
    def settings(self) -> Settings:
        settings = self.application.load_settings()
        self._closing.enter_context(write_log(find_log(settings)))
        return settings

    @property
    def settled(self) -> bool:
        """True once the settings could be read."""
        return "settings" in vars(self)  # where cached_property keeps it

    def open_library(self, *, read_only: bool = True) -> Library:
        library = self.application.open_library(self.settings, read_only=read_only)
        return self._closing.enter_context(closing(library))

    def load_chain(self) -> Chain:
        chain = self.application.load_chain(self.settings)
        self._closing.enter_context(closing(chain.library))
        return chain


def main(arguments: Sequence[str] | None = None, application: Application | None = None) -> int:
    """The `career` command; its exit code. Never raises: a person reads one line, the log holds the rest."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    _accept_any_text()
    with hide_log(), ExitStack() as stack:
        session = Session(application or Application(), stack)
        try:
            with typer.main.get_command(app).make_context("career", given, obj=session) as context:
                context.command.invoke(context)
            sys.stdout.flush()
            return 0
        except typer.Exit as done:
            return done.exit_code
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            return _explain(error, session)


def _explain(error: BaseException, session: Session) -> int:
    """One line on stderr about what ended the command; its exit code."""
    match error:
        case KeyboardInterrupt() | typer.Abort():
            return INTERRUPTED
        case BrokenPipeError():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it exits
            return READER_GONE
        case SystemExit():  # how rich ends after a broken pipe
            return READER_GONE
        case typer.TyperException():
            context = getattr(error, "ctx", None)
            message = error.format_message() if hasattr(error, "format_message") else str(error)
            _print_error(f"{message.rstrip('.')}. See `{context.command_path if context else 'career'} --help`.")
            return 2
        case CareerError():
            log.warning("ended by an error", exc_info=error)
            _print_error(str(error))
            return 2 if isinstance(error, SettingsInvalid) else 1
        case _:
            return _explain_unexpected(error, session)


def _explain_unexpected(error: BaseException, session: Session) -> int:
    log.error("unexpected error", exc_info=error)
    if session.settled and session.settings.debug:
        traceback.print_exception(error)
        return 1
    kept = f" The details are in {find_log(session.settings)}; CAREER_DEBUG=1 shows them." if session.settled else ""
    _print_error(f"unexpected {type(error).__name__}: {error}.{kept}")
    return 1


def _print_error(message: str) -> None:
    from assistant.terminal import one_line

    print(f"error: {one_line(message)}", file=sys.stderr)


def _accept_any_text() -> None:
    """Let an odd character in a question or an article show as `?` instead of ending the command."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="replace")


def find_log(settings: Settings) -> Path:
    return settings.home / "career.log"


class LogFile(RotatingFileHandler):
    """A log that is made with its first line; where nothing can be written, nothing is kept and nothing is said."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's own name
        pass


@contextmanager
def hide_log() -> Iterator[None]:
    """Keep what is logged before the settings name a file off the terminal, where logging would print tracebacks."""
    handler, root = logging.NullHandler(), logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


@contextmanager
def write_log(path: Path) -> Iterator[None]:
    """Keep what is logged meanwhile, warnings of libraries included, in a file instead of on the terminal."""
    handler, root = LogFile(path), logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from assistant.evaluation.run import find_version

        print(f"career {find_version('career-assistant') or 'from a checkout that is not installed'}")
        raise typer.Exit


@app.callback()
def describe(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Answers from your articles, each with citations that are checked against them.

    Settings are CAREER_* variables or lines of a .env file: CAREER_HOME is the folder of the library, CAREER_MODEL the
    chat model that writes answers ("" quotes the articles and needs none).
    """


@app.command()
def ingest(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders, URLs of pages, feeds or sitemaps. None: the packaged articles.", metavar="SOURCE..."
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            help="Only files of a folder, or links of a feed, that match, as in '*/2026/*'.", metavar="PATTERN"
        ),
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="None of those that match.", metavar="PATTERN")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many of each source; 0 is all.")] = 0,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what has left the folders named.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Read and embed in so many processes; 0 is this one.")] = 0,
    ray: Annotated[
        str, typer.Option(help="Read and embed on a Ray cluster: host:port, auto or local.", metavar="ADDRESS")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Read articles into the library; the same article again adds nothing, a changed one takes its own place."""
    from ingest.fetch import Selection

    session: Session = context.obj
    wanted = sources or [find_packaged_articles()]
    if prune:
        _refuse_to_prune_files(wanted)
    library = session.open_library(read_only=False)
    selection = Selection(tuple(include or ()), tuple(exclude or ()), limit)
    outcomes = []
    with _show_progress("reading") as bar:
        spread = Spread(workers, ray)
        for outcome in _ingest(session, wanted, library, selection, spread, bar.extend, prune=prune):
            outcomes.append(outcome)
            _print_outcome(outcome, as_json=as_json)
            bar.advance(1)
    if as_json:
        _print_json([asdict(outcome) for outcome in outcomes])
    if not outcomes:
        raise SourceError(f"{', '.join(wanted)}: no articles there. Name files, folders of them, or URLs.")
    _end_ingest(outcomes, library, quiet=as_json)


def _refuse_to_prune_files(sources: Sequence[str]) -> None:
    for source in sources:
        if not Path(source).expanduser().is_dir():
            raise typer.BadParameter(f"{source} is no folder, and --prune removes what has left a folder.")


def _ingest(
    session: Session,
    sources: Sequence[str],
    library: Library,
    selection: Selection,
    spread: Spread,
    extend: Callable[[int], None],
    *,
    prune: bool,
) -> Iterator[Outcome]:
    application = session.application
    given = {"selection": selection, "on_found": extend, "spread": spread}
    yield from application.add_articles(sources, library, session.settings, **given)
    for folder in sources if prune else ():
        yield from application.prune_folder(folder, library)


def _print_outcome(outcome: Outcome, *, as_json: bool) -> None:
    from assistant.terminal import describe_outcome

    if outcome.status == "failed":
        print(describe_outcome(outcome), file=sys.stderr)
    elif not as_json:
        print(describe_outcome(outcome))


def _end_ingest(outcomes: Sequence[Outcome], library: Library, *, quiet: bool) -> None:
    from assistant.terminal import describe_outcomes

    failed = sum(outcome.status == "failed" for outcome in outcomes)
    if not quiet:
        print(f"{describe_outcomes(outcomes)}; the library holds {_describe_holding(library)}")
    if failed == len(outcomes):
        raise typer.Exit(1)
    if failed:
        raise typer.Exit(SOME_FAILED)


def _describe_holding(library: Library) -> str:
    from assistant.terminal import count_things

    articles, passages = len(library.articles()), library.count_passages()
    return f"{count_things(articles, 'article')}, {count_things(passages, 'passage')}"


@app.command()
def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="The question; - reads one a line from standard input.")],
    article: Annotated[
        list[str] | None, typer.Option(help="Answer from this article alone, or from these.", metavar="ID")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question from the articles, with citations, or say that they do not hold the answer.

    With - every line is a question, plain or as JSON {"question": ..., "history": [...], "articles": [...]}, and gets
    one line of reply; --article counts for the lines that name no articles.
    """
    chain = context.obj.load_chain()
    if question == "-":
        _answer_lines(sys.stdin, chain, article or [], as_json=as_json)
        return
    reply = _answer_visibly(chain, _choose(_clean(question), article or []), watched=not as_json)
    if as_json:
        print(json.dumps(reply.as_dict()))
    else:
        from assistant.terminal import draw_reply

        _make_console().print(draw_reply(reply))


def _clean(question: str) -> str:
    """The question with bytes that are not UTF-8 replaced: no step after this expects half characters."""
    return question.encode("utf-8", "replace").decode("utf-8")


def _choose(question: str | dict[str, Any], articles: Sequence[str]) -> str | dict[str, Any]:
    """The question, of these articles where it names none itself."""
    if not articles:
        return question
    asked = {"question": question} if isinstance(question, str) else question
    return asked if asked.get("articles") else {**asked, "articles": list(articles)}


def _answer_visibly(chain: Chain, question: str | dict[str, Any], *, watched: bool) -> Reply:
    """The proved reply; on a terminal its text grows while it is written."""
    console = _make_console()
    if not (watched and console.is_terminal):
        return chain.invoke(question)
    from rich.live import Live
    from rich.text import Text

    from assistant.terminal import printable

    with Live(Text("searching…", style="dim"), console=console, transient=True) as live:
        for reply in chain.stream(question):
            live.update(Text(printable(reply.text)))
    return reply


def _answer_lines(lines: Iterable[str], chain: Chain, articles: Sequence[str], *, as_json: bool) -> None:
    """One line of output a question; a question that cannot be asked gets a line that says so, and the others go on."""
    asked = failed = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        asked += 1
        try:
            question = _choose(_read_line(_clean(line).strip()), articles)
            _print_reply_line(chain.invoke(question), as_json=as_json)
        except (QuestionInvalid, ArticleUnknown) as error:
            failed += 1
            _print_error(f"line {number}: {error}")
            print(json.dumps({"line": number, "error": str(error)}) if as_json else f"error: {error}", flush=True)
    if failed:
        raise typer.Exit(1 if failed == asked else SOME_FAILED)


def _read_line(line: str) -> str | dict[str, Any]:
    """A plain question, or the question, history and articles of a JSON object. Raises QuestionInvalid."""
    if not re.match(r"\{\s*\"", line):  # "{0}" is a strange question, and no JSON
        return line
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise QuestionInvalid(f'not valid JSON ({error}). Write {{"question": "..."}} or plain text.') from error
    question, history = given.get("question"), given.get("history") or []
    if not isinstance(question, str) or not isinstance(history, list):
        raise QuestionInvalid('"question" must be text and "history" a list. Write {"question": "...", "history": []}.')
    asked = {"question": question, "history": history}
    return {**asked, "articles": given["articles"]} if "articles" in given else asked


def _print_reply_line(reply: Reply, *, as_json: bool) -> None:
    from assistant.terminal import describe_reply

    print(json.dumps(reply.as_dict()) if as_json else describe_reply(reply), flush=True)


@app.command()
def articles(context: typer.Context, as_json: AsJson = False) -> None:
    """List the articles of the library."""
    from assistant.terminal import list_articles

    found = context.obj.open_library().articles()
    if as_json:
        _print_json([asdict(article) for article in found])
    else:
        print("\n".join(list_articles(found)) or "no articles yet: run `career ingest`")


ArticleId = Annotated[str, typer.Argument(help="The article's id, as `career articles` shows it.", metavar="ARTICLE")]


@app.command()
def show(context: typer.Context, article_id: ArticleId, as_json: AsJson = False) -> None:
    """Print an article's text: what every citation's start and end refer to."""
    from assistant.terminal import draw_article

    article = context.obj.open_library().article(article_id)
    if as_json:
        _print_json(asdict(article))
    else:
        _make_console().print(draw_article(article))


@app.command()
def remove(context: typer.Context, article_id: ArticleId) -> None:
    """Remove an article from the library, and the file that was uploaded for it."""
    from assistant.page.uploads import remove_article

    session: Session = context.obj
    remove_article(article_id, session.open_library(read_only=False), session.settings.home)
    print(f"removed  {article_id}")


add_commands(app)  # evaluate, prompts


@app.command()
def doctor(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be put right.")] = False,
) -> None:
    """Check that the library is whole; exit code 1 when a problem remains."""
    session: Session = context.obj
    application, settings = session.application, session.settings
    problems = application.check_library(settings)
    if repair and problems:
        for problem in problems:
            _print_text(f"found     {problem}")
        for line in application.repair_library(settings):
            _print_text(f"repaired  {line}")
        problems = application.check_library(settings)
    for problem in problems:
        _print_text(f"problem   {problem}")
    if problems:
        raise typer.Exit(1)
    print(f"the library is whole: {_describe_holding(session.open_library())}")


@app.command("export")
def export_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The archive to write.", metavar="FILE.zip")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Take the place of a file that is there.")] = False,
) -> None:
    """Write the whole library as one portable file: articles, passages and their vectors."""
    session: Session = context.obj
    library = session.open_library()
    copied = session.application.export_library(library, file, overwrite=overwrite)
    _end_copying(_show_copying("exporting", copied, len(library.articles())), f"written to {file}")


@app.command("import")
def import_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="An archive of career export.", metavar="FILE.zip")],
) -> None:
    """Read an archive into the library, beside what is there; nothing is embedded that the archive holds."""
    session: Session = context.obj
    library = session.open_library(read_only=False)
    copied = _show_copying("importing", session.application.import_archive(file, library))
    _end_copying(copied, f"the library holds {_describe_holding(library)}")


def _show_copying(label: str, copied: Iterable[Outcome], total: int = 0) -> list[Outcome]:
    """All that was copied; what failed is told at once."""
    done = []
    with _show_progress(label) as bar:
        bar.extend(total)
        for one in copied:
            done.append(one)
            if one.status == "failed":
                _print_notice(f"failed  {one.reason}")
            bar.advance(1)
    return done


def _end_copying(copied: Sequence[Outcome], where: str) -> None:
    from assistant.terminal import describe_outcomes

    print(f"{describe_outcomes(copied)}; {where}")
    failed = sum(one.status == "failed" for one in copied)
    if failed:
        raise typer.Exit(1 if failed == len(copied) else SOME_FAILED)


@app.command()
def reembed(context: typer.Context) -> None:
    """Embed every passage anew, after CAREER_EMBEDDING_MODEL has changed."""
    library = context.obj.open_library(read_only=False)
    with _show_progress("embedding") as bar:
        bar.extend(library.count_passages())
        done = 0

        def follow(passages: int, _total: int) -> None:
            nonlocal done
            bar.advance(passages - done)
            done = passages

        library.reembed(follow)
    print(f"embedded {library.count_passages():,} passages with {context.obj.settings.embedding_model}")


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on (CAREER_HOST).")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port (CAREER_PORT); 0 takes a free one.")] = None,
    root_path: Annotated[
        str | None, typer.Option(help="Path at a reverse proxy, such as /career (CAREER_ROOT_PATH).", metavar="PATH")
    ] = None,
    no_password: Annotated[
        bool | None, typer.Option("--no-password", help="Let other machines in without CAREER_PASSWORD.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
    ingest: Annotated[bool, typer.Option("--ingest", help="First put the packaged articles into the library.")] = False,
) -> None:
    """Open the chat page until Ctrl+C: on this machine, or with a password for others."""
    from assistant.settings import change_settings

    session: Session = context.obj
    settings = change_settings(session.settings, host=host, port=port, root_path=root_path, no_password=no_password)
    sources = [find_packaged_articles()] if ingest else []
    session.application.serve_page(settings, open_browser=open_browser, sources=sources)


@app.command()
def mcp(context: typer.Context) -> None:
    """Answer the questions of other assistants over standard input and output (Model Context Protocol)."""
    session: Session = context.obj
    log.debug("the library is %s", session.settings.home)  # what is wrong with settings is told now, not to the agent

    def load() -> Chain:
        chain = session.load_chain()
        chain.library.embed_question("warm up")  # the model takes seconds to load: now, not in the first answer
        return chain

    session.application.serve_agents(load)


def _make_console() -> Console:
    """Standard output: styled and wrapped on a terminal, plain and whole lines in a pipe."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, soft_wrap=not sys.stdout.isatty())


@dataclass
class Bar:
    """A progress bar that may grow while it advances."""

    draw: Callable[[int, int], None]  # steps done, steps known of
    done: int = 0
    total: int = 0

    def advance(self, steps: int) -> None:
        self.done += steps
        self.draw(self.done, self.total)

    def extend(self, steps: int) -> None:
        self.total += steps
        self.draw(self.done, self.total)


@contextmanager
def _show_progress(label: str) -> Iterator[Bar]:
    """A progress bar on stderr where that is a terminal, and one that nobody sees elsewhere."""
    if not sys.stderr.isatty():
        yield Bar(lambda _done, _total: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Lines for a person go above the bar; lines for a pipe must not be caught by it.
    shown = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=shown) as progress:
        task = progress.add_task(label, total=0)
        yield Bar(lambda done, total: progress.update(task, completed=done, total=total))


def _print_json(data: Any) -> None:
    """JSON in ASCII, so that it arrives whole whatever the terminal or the pipe can carry."""
    print(json.dumps(data, indent=2))


def _print_text(text: str) -> None:
    from assistant.terminal import printable

    print(printable(text))


def _print_notice(text: str) -> None:
    from assistant.terminal import one_line

    print(one_line(text), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
