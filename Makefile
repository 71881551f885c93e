# `make` alone explains itself. Every target but help and clean makes .venv/ first if it is not there.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PYTHONHASHSEED := 0

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-art test test-slow check format bench audit licences wheelhouse clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/\1|\2/' | \
		awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[cpu,faiss,dev]'
	@touch $@

setup: $(STAMP) ## make .venv/ with tlk and everything it needs

demo: $(STAMP) ## draw the embedded competition, train, evaluate, write submissions/demo.csv (BACKBONE=NAME adds its recipes)
	@$(BIN)/tlk demo $(if $(BACKBONE),--backbone '$(BACKBONE)')

demo-art: $(STAMP) ## draw stand-ins of two art collections, read them, train, print both evaluations (BACKBONE=NAME adds its recipes)
	@$(BIN)/tlk demo-art $(if $(BACKBONE),--backbone '$(BACKBONE)')

# Tests run in random order, in as many processes as there are cores; -n 0 runs them in one. The slow ones take twice as
# many, because they wait for commands.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --ignore=tests/benchmarks --dist worksteal
CORES := $(shell $(PYTHON) -c 'import os; print(min(8, os.cpu_count() or 1))')

test: $(STAMP) ## run the tests, with branch coverage; a few minutes
	$(PYTEST) -n $(CORES) -m 'not slow' --cov --cov-report=term

test-slow: $(STAMP) ## run what takes longer: kills, full disks, fuzzing, a browser, every recipe
	$(PYTEST) -n $$((2 * $(CORES))) -m slow

check: $(STAMP) ## lint, formatting, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## speed and memory, as ratios in one run
	$(BIN)/python -m pytest tests/benchmarks -q -s

audit: $(STAMP) ## ask pip-audit about every version in constraints.txt; says so where it cannot
	$(BIN)/python .ci/audit.py

licences: $(STAMP) ## write .ci/licences.md, the licences of what tlk needs when it runs
	$(BIN)/python .ci/licences.py

wheelhouse: $(STAMP) ## collect tlk and all that it needs as wheels in wheelhouse/, for machines without internet
	rm -rf build wheelhouse/tlk-*.whl
	$(BIN)/pip wheel --disable-pip-version-check --quiet --wheel-dir wheelhouse --constraint constraints.txt '.[cpu]'
	rm -rf build

clean: ## remove .venv/, caches and what the demo made
	rm -rf $(VENV) .tlk build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	rm -rf demo demo-art runs/demo-* submissions/demo.csv folds/demo-*.csv
