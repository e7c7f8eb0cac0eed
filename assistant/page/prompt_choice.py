"""Which test prompts the page offers, and those that were chosen -> what is asked.

The packaged prompts, the files in `prompts` below CAREER_HOME, answers that readers liked, and one file that the
browser sends along. A browser names an offer by its key, never by a path: what is not offered cannot be read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from assistant.conversation import legible
from assistant.errors import CareerError, EvaluationInvalid, PromptsInvalid
from assistant.evaluation.floors import load_floors, load_floors_digest
from assistant.evaluation.from_feedback import make_prompts
from assistant.evaluation.prompt_files import READERS, load_text
from assistant.evaluation.prompt_writer import write_prompts
from assistant.evaluation.prompts import TestPrompt, read_prompts
from assistant.evaluation.run import PromptSet, digest_contents
from assistant.settings import Settings, find_corpus
from ingest.catalog_feedback import Feedback

MOST_BYTES = 500_000  # of a file: some 5,000 prompts, read in two seconds
MOST_PROMPTS = 2_000  # of a run: every reply is kept until it ends
MOST_FILES = 100  # of a folder
PACKAGED, OWN, LIKED = "packaged", "own", "liked"


@dataclass(frozen=True)
class Offer:
    """Test prompts that can be chosen, or a file of them that cannot be used."""

    key: str
    group: str  # PACKAGED, OWN or LIKED
    name: str
    prompts: int = 0
    error: str = ""  # why not, in plain words


@dataclass(frozen=True)
class Upload:
    """A file as the browser sent it. Both are data: the name is never a path."""

    name: str
    text: str


@dataclass(frozen=True)
class _Source:
    """Test prompts with what they were read from."""

    prompts: tuple[TestPrompt, ...]
    content: bytes
    folder: Path | None = None  # beside whose files floors may lie


def list_offers(settings: Settings, feedback: Iterable[Feedback] = ()) -> list[Offer]:
    """What can be chosen, packaged prompts first."""
    offers = [_offer_file(key, path) for key, path in _find_files(settings).items()]
    liked = _read_liked(feedback).prompts
    return offers + ([Offer(LIKED, LIKED, "Answers that readers liked", len(liked))] if liked else [])


def _find_files(settings: Settings) -> dict[str, Path]:
    """The files that are offered, by their keys."""
    folders = {PACKAGED: find_corpus() / "prompts", OWN: settings.home / "prompts"}
    return {
        f"{group}/{legible(path.name)}": path
        for group, folder in folders.items()
        for path in sorted(folder.glob("*"))[:MOST_FILES]
        if path.suffix.lower() in READERS and path.is_file()
    }


def _offer_file(key: str, path: Path) -> Offer:
    group, _, name = key.partition("/")
    try:
        return Offer(key, group, name, prompts=len(_read_file(path).prompts))
    except CareerError as error:
        return Offer(key, group, name, error=str(error))


def load_choice(
    keys: Collection[str], upload: Upload | None, settings: Settings, feedback: Iterable[Feedback] = ()
) -> PromptSet:
    """The prompts that were chosen. The floors of a folder hold when nothing else is among them.

    Raises PromptsInvalid and EvaluationInvalid.
    """
    sources = list(_read_sources(keys, upload, settings, feedback))
    prompts = tuple(prompt for source in sources for prompt in source.prompts)
    if not prompts:
        raise PromptsInvalid("No prompts are chosen. Choose at least one file.")
    if len(prompts) > MOST_PROMPTS:
        raise PromptsInvalid(
            f"{len(prompts):,} prompts are chosen; the page asks at most {MOST_PROMPTS:,} at once. "
            "Choose fewer, or run: career evaluate FILE."
        )
    digest = digest_contents(source.content for source in sources)
    return PromptSet(prompts, digest, *_load_floors([source.folder for source in sources]))


def _read_sources(
    keys: Collection[str], upload: Upload | None, settings: Settings, feedback: Iterable[Feedback]
) -> Iterable[_Source]:
    files = _find_files(settings)
    for key in dict.fromkeys(keys):
        if key == LIKED:
            yield _read_liked(feedback)
        elif key in files:
            yield _read_file(files[key])
        else:
            raise PromptsInvalid(f"{_name(key)}: these prompts are not there any more. Reload the page.")
    if upload is not None:
        yield _read_upload(upload)


def _read_file(path: Path) -> _Source:
    """By its name alone: where things lie on this machine is not the browser's business."""
    name = Path(_name(path.name))
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise _refuse_size(name, size)
        text = load_text(path)
    except PromptsInvalid as error:
        raise PromptsInvalid(str(error).replace(str(path), str(name))) from error
    except OSError as error:
        raise PromptsInvalid(f"{name}: cannot be read ({error.strerror}). Check its permissions.") from error
    return _Source(tuple(read_prompts(text, name)), text.encode("utf-8"), path.parent)


def _read_upload(upload: Upload) -> _Source:
    name, content = Path(_name(upload.name)), upload.text.encode("utf-8", "replace")
    if len(content) > MOST_BYTES:
        raise _refuse_size(name, len(content))
    return _Source(tuple(read_prompts(content.decode("utf-8"), name)), content)


def _refuse_size(name: Path, size: int) -> PromptsInvalid:
    return PromptsInvalid(
        f"{name}: {size:,} bytes; the page reads at most {MOST_BYTES:,}. Divide it, or run: career evaluate FILE."
    )


def _read_liked(feedback: Iterable[Feedback]) -> _Source:
    """Whether what readers liked is still said. A thumb down tells no right answer: a person writes that first."""
    liked = [prompt for prompt in make_prompts(feedback) if "up" in prompt.tags]
    prompts = tuple(replace(prompt, where=f"liked:{number}") for number, prompt in enumerate(liked, start=1))
    return _Source(prompts, write_prompts(prompts).encode("utf-8", "replace") if prompts else b"")


def _load_floors(folders: Sequence[Path | None]) -> tuple[dict[str, float], str]:
    """The floors beside the files and the articles that they are for, when all files lie in one folder."""
    beside = set(folders)
    if len(beside) > 1 or None in beside:
        return {}, ""
    files = [folder / "prompts.yaml" for folder in beside if folder]  # any name: floors lie beside the first file
    try:
        return load_floors(files), load_floors_digest(files)
    except EvaluationInvalid as error:
        raise EvaluationInvalid(str(error).replace(f"{files[0].parent}/", "")) from error


def _name(name: str) -> str:
    """The last part of a file's name, on one line."""
    last = PurePosixPath(legible(name).replace("\\", "/")).name
    return " ".join("".join(letter if letter.isprintable() else " " for letter in last).split())[-100:] or "the file"
