# A wrapper only: `pip install .` in any environment does as well.
#   make speak TEXT="Good evening."    sets up .venv, writes hello.wav with the bundled voice
#   make test                          sets up .venv, checks everything, runs all tests

PYTHON ?= python3
VENV ?= .venv
OUT ?= hello.wav
TEXT ?= Hello there. This is your own computer speaking.

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# As it stands, dollars and all; reaches the shell as a variable, so quotes are harmless.
override TEXT := $(value TEXT)
export TEXT

.PHONY: speak test check clean

speak: $(VENV)/installed
	@$(BIN)/vivavoce speak -o "$(OUT)" -- "$$TEXT"

test: check
	$(BIN)/python -m pytest

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
	$(PIP) install --quiet --constraint constraints.txt --group dev --editable '.[languages,media,phonemes,server,train,zh]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .import_linter_cache "$(OUT)"
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
