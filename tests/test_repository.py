"""What the repository promises about itself: settings explained, versions pinned, import rules kept."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from assistant.settings import Settings

CHECKOUT = Path(__file__).parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


def read_pins() -> dict[str, str]:
    """Package -> version of constraints.txt."""
    lines = (CHECKOUT / "constraints.txt").read_text().splitlines()
    pins = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {normalise(name): version for name, version in pins}


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_every_setting_stands_in_the_example(setting: str) -> None:
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line.startswith(f"#CAREER_{setting.upper()}=")]


DEFAULTS = {name: field.default for name, field in Settings.model_fields.items() if not field.default_factory}


@pytest.mark.parametrize("setting", [name for name, default in DEFAULTS.items() if default not in ("", frozenset())])
def test_the_example_shows_the_default(setting: str, tmp_path: Path) -> None:
    example = tmp_path / "env"
    example.write_text((CHECKOUT / ".env.example").read_text().replace("#CAREER_", "CAREER_"))
    shown = Settings(_env_file=example)  # type: ignore[call-arg]  # pydantic-settings takes it, its plugin does not know
    assert getattr(shown, setting) == DEFAULTS[setting]


@pytest.mark.parametrize("requirement", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]])
def test_every_dependency_is_pinned(requirement: str) -> None:
    name = re.match(r"[\w.-]+", requirement)
    assert name
    assert normalise(name[0]) in read_pins()


def test_torch_is_pinned_without_a_build_tag() -> None:
    assert "+" not in read_pins()["torch"]


def test_the_changelog_has_an_entry_for_the_version() -> None:
    assert f"## {PROJECT['version']}\n" in (CHECKOUT / "CHANGELOG.md").read_text()


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_alone_shows_what_each_target_does() -> None:
    shown = subprocess.run(["make", "-C", CHECKOUT, "--no-print-directory"], capture_output=True, text=True, check=True)
    described = {line.split()[1]: line.split()[2:] for line in shown.stdout.splitlines()}
    assert set(described) == {"help", "install", "run", "test", "check", "evaluate", "bench"}
    assert all(described.values())


@pytest.mark.skipif(os.name == "nt", reason="no execute permission on Windows")
def test_the_continuous_integration_script_can_be_run() -> None:
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)


def test_the_import_rules_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed")
    checked = subprocess.run([linter, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
