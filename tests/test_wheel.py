"""The wheel, installed away from the checkout: the command works and brings its articles, prompts and page along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

CHECKOUT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow  # builds a wheel and loads the embedding model three times


@dataclass(frozen=True)
class Installed:
    """An environment that holds the wheel, and beside it what this one has installed."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    def run(self, program: str, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, away from the checkout and with no setting but the library's folder."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CAREER_", "PYTHON"))}
        return subprocess.run(
            [str(self.programs / program), *arguments],
            cwd=self.folder,
            env={**kept, "CAREER_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """No network: the dependencies are those of this environment, seen through a .pth file."""
    environment = Installed(tmp_path_factory.mktemp("environment"))
    venv.create(environment.folder, with_pip=False, symlinks=os.name != "nt")
    site_packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment.folder)}))
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(environment.programs / "python")]
    command = [*pip, "install", "--no-deps", "--no-index", "--force-reinstall", "--quiet", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return environment


@pytest.fixture(scope="module")
def home(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that the installed command filled with the packaged articles."""
    folder = tmp_path_factory.mktemp("home")
    done = installed.run("career", "ingest", home=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_holds_code_corpus_and_page_and_nothing_else(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "assistant",
        "corpus",
        "ingest",
        "ui.py",
    }
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert {Path(name).suffix for name in names if name.startswith("assistant/page/static/")} >= {".css", ".js"}
    assert "corpus/prompts/floors.json" in names


def test_the_installed_packages_are_those_of_the_wheel(installed: Installed, tmp_path: Path) -> None:
    names = ("assistant", "ingest", "ui")
    code = f"from importlib.util import find_spec; print(*(find_spec(name).origin for name in {names}))"
    origins = installed.run("python", "-c", code, home=tmp_path).stdout.split()
    assert len(origins) == 3
    assert all(Path(origin).is_relative_to(installed.folder) for origin in origins)


def test_the_installed_command_tells_its_version(installed: Installed, wheel: Path, tmp_path: Path) -> None:
    done = installed.run("career", "--version", home=tmp_path)
    assert done.stdout == f"career {wheel.name.split('-')[1]}\n"


def test_the_installed_command_answers_from_the_packaged_article(installed: Installed, home: Path) -> None:
    done = installed.run("career", "ask", "--json", "How much does a machine learning engineer earn?", home=home)
    assert done.returncode == 0, done.stderr
    reply = json.loads(done.stdout)
    assert reply["answered"]
    article = json.loads(
        installed.run("career", "show", "--json", reply["citations"][0]["article_id"], home=home).stdout
    )
    quoted = [article["text"][citation["start"] : citation["end"]] for citation in reply["citations"]]
    assert quoted == [citation["quote"] for citation in reply["citations"]]


def test_the_installed_command_with_an_empty_library_names_ingest(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("career", "ask", "How much does a machine learning engineer earn?", home=tmp_path / "empty")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "career ingest" in done.stderr
    assert done.stderr.count("\n") == 1
