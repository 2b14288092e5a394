# Plain python3 (3.11 or newer, with venv) and make are enough: everything else is set up here.
#
#   make lab     JupyterLab on the first notebook, with a sink running
#   make demo    the same way without a browser; ends by itself
#   make test    every check there is

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
# One stamp for each set of packages, renewed when what it was made from changes.
NEEDS  := pyproject.toml constraints.txt
# A process of pytest for each processor, each with files of its own; empty for one after the other.
AT_ONCE ?= --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help lab demo test lint types notebooks outputs benchmarks clean

help:
	@sed -n '3,5s/^# *//p' Makefile

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'smtp_lab needs Python 3.11 or newer; try: make PYTHON=python3.12 ...'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || { echo 'this Python has no venv; on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	@echo 'Making the environment in $(VENV) (once; about a minute) ...'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint constraints.txt pip
	@touch $@

$(VENV)/.core: $(VENV)/.made $(NEEDS)
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.lab: $(VENV)/.core
	@$(PIP) install --constraint constraints.txt --editable '.[lab]'
	@touch $@

$(VENV)/.dev: $(VENV)/.lab
	@$(PIP) install --constraint constraints.txt --group dev
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@$(PIP) install --constraint constraints.txt --group bench
	@touch $@

lab: $(VENV)/.lab
	@$(BIN)/smtp-lab lab

demo: $(VENV)/.core
	@$(BIN)/smtp-lab demo

# The browser has a run of its own: its driver keeps an event loop in the main thread.
test: lint types
	$(BIN)/pytest $(AT_ONCE) --ignore tests/browser
	$(BIN)/pytest $(AT_ONCE) tests/browser
	$(MAKE) notebooks

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

# Each notebook runs top to bottom and must give what is committed.
notebooks: $(VENV)/.dev
	$(BIN)/python tests/notebooks.py check

# Run the notebooks and keep their outputs; read the diff before you commit it.
outputs: $(VENV)/.dev
	$(BIN)/python tests/notebooks.py renew

benchmarks: $(VENV)/.bench
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python benchmarks/delivery.py
	$(BIN)/python benchmarks/archive.py
	$(BIN)/python benchmarks/compose.py
	$(BIN)/python benchmarks/inbox.py
	$(BIN)/python benchmarks/ingest.py rates busy start

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
