# A wrapper only: `pip install .` in any environment does as well.
#   make speak TEXT="Good evening."    sets up .venv, writes hello.wav with the bundled voice
#   make test                          sets up .venv, runs all tests
#   make check                         sets up .venv, checks style, types and the order of imports
#   make test-cpus                     all tests as on other processors; a table for docs/cpus.md
#   make coverage                      all tests, and which lines of the package they run
#   make attack                        reads thousands of hostile files

PYTHON ?= python3
VENV ?= .venv
OUT ?= hello.wav
TEXT ?= Hello there. This is your own computer speaking.

# One worker more than there are cores, of one thread (tests/conftest.py). WORKERS=0 for one process alone.
WORKERS ?= auto

BIN := $(VENV)/bin
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal
PIP := $(BIN)/python -m pip --disable-pip-version-check
# As it stands, dollars and all; reaches the shell as a variable, so quotes are harmless.
override TEXT := $(value TEXT)
export TEXT
# Or every process of the tests would compile what it imports.
export PYTHONDONTWRITEBYTECODE =

.PHONY: speak test test-cpus coverage attack check clean

speak: $(VENV)/installed
	@$(BIN)/vivavoce speak -o "$(OUT)" -- "$$TEXT"

test: $(VENV)/installed-dev
	$(PYTEST)

test-cpus: $(VENV)/installed-dev
	$(BIN)/python -m tests.cpus --write docs/cpus.md

coverage: $(VENV)/installed-dev
	$(PYTEST) --cov --cov-report=term:skip-covered

# 3,000 hostile and damaged files, each read in a process with limits: some five minutes.
attack: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.hostile.run --mutations 2500

check: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

# torch first and alone: nothing that comes later may choose its build.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vivavoce needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt pip
	$(PIP) install --quiet --constraint constraints.txt torch
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install --quiet --constraint constraints.txt --group dev --editable '.[books,languages,media,phonemes,server,train,zeroconf,zh]'
	@touch $@

clean:
	rm -rf .coverage $(VENV) build dist .pytest_cache .ruff_cache .import_linter_cache "$(OUT)"
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
