# On a fresh machine, `make demo` and `make test` do all the set-up they need.

PYTHON ?= python3
VENV ?= .venv
# More arguments for pip (`-c .ci/constraints.txt`), for pytest (`-m slow`), for the demo (`--help`).
PIP_ARGS ?=
PYTEST_ARGS ?=
DEMO_ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs linkcheck notebooks clean

help:
	@echo "make demo   install crystallin into $(VENV) and train it on the embedded data"
	@echo "make test   run the tests"
	@echo "make lint   check style, layers and types"
	@echo "make docs   build the documentation into docs/_build/html"
	@echo "make linkcheck   follow the links of the documentation (needs the network)"
	@echo "make notebooks   run the notebooks again, in place"
	@echo "make clean  remove everything the above left behind, except $(VENV)"
	@echo "Settings: PYTHON, VENV, PIP_ARGS, PYTEST_ARGS, DEMO_ARGS; for example make test PYTHON=python3.12"

demo: $(VENV)/.stamp-package
	$(BIN)/crystallin demo $(DEMO_ARGS)

test: $(VENV)/.stamp-test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.stamp-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: $(VENV)/.stamp-docs
	rm -rf docs/generated
	$(BIN)/sphinx-build -W --keep-going -b html -d docs/_build/doctrees docs docs/_build/html

linkcheck: $(VENV)/.stamp-docs
	rm -rf docs/generated
	$(BIN)/sphinx-build -W --keep-going -b linkcheck -d docs/_build/doctrees docs docs/_build/linkcheck

notebooks: $(VENV)/.stamp-notebooks
	$(BIN)/python notebooks/run.py

clean:
	rm -rf build dist docs/_build docs/generated crystallin_demo .coverage
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps record what is installed, so that a second run starts at once; they are out of date when pyproject.toml is.
$(VENV)/.stamp-pip:
	@$(PYTHON) -c "import sys; sys.exit('crystallin needs Python 3.11 or newer; name one with PYTHON=python3.12' if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install $(PIP_ARGS) --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.stamp-package: $(VENV)/.stamp-pip pyproject.toml
	$(PIP) install $(PIP_ARGS) --editable .
	@touch $@

$(VENV)/.stamp-test $(VENV)/.stamp-lint $(VENV)/.stamp-docs $(VENV)/.stamp-notebooks: $(VENV)/.stamp-%: $(VENV)/.stamp-pip pyproject.toml
	$(PIP) install $(PIP_ARGS) --editable . --group $*
	@touch $@
