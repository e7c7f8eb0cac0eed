# `make` alone shows what there is.
.DEFAULT_GOAL := help
.PHONY: help install run test check evaluate bench

# The first Python that is new enough; choose another with `make PYTHON=/path/to/python run`.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)

NAMES ?= chunking feedbackqa squad2 follow_ups sentences questions ingest start evaluation growth speed

PIP := .venv/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed  ## make .venv with the `career` command in it

run: install  ## read the packaged articles and open the chat page
	.venv/bin/career serve --ingest --open

test: .venv/installed-dev  ## run the tests
	.venv/bin/python -m pytest $(ARGUMENTS)

check: .venv/installed-dev  ## lint, formatting, types and import rules
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

evaluate: install  ## ask the test prompts and fail below the floors of corpus/prompts/floors.json
	.venv/bin/career ingest
	.venv/bin/career evaluate $(ARGUMENTS)

bench: .venv/installed-dev  ## run the benchmarks: make bench, or some: make bench NAMES="questions start"
	@status=0; for name in $(NAMES); do .venv/bin/python -m tests.benchmarks $$name $(ARGUMENTS) || status=$$?; done; exit $$status

# Stamps: pip runs again only when what it was told has changed.
.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv (the first time takes minutes)"
	$(PIP) --editable .
	@touch $@

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv (the first time takes minutes)"
	$(PIP) --editable '.[dev]'
	@touch .venv/installed $@

.venv/bin/python:
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
