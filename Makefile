# weid: every command of the house. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := weid registry_chain issuer_app verifier_app
STAMP := $(VENV)/.installed

.PHONY: help setup lock demo format lint types imports test e2e browser faults faults-long bench vectors clauses check clean

help: ## list these targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("weid needs Python 3.11 or newer; try: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## make the locked environment in .venv (every other target does it when missing)

lock: setup ## lock the dependencies again: hashes, no addresses
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras -o requirements/dev.lock pyproject.toml requirements/dev.in

demo: setup ## node, issuer and verifier on this machine and the main job in front of you (ONCE=1 ends after it)
	@$(BIN)/python -m demo $(if $(ONCE),--once)

format: setup ## write the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

lint: setup ## format check, ruff, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell $(PACKAGES) specs docs examples tests demo tools benchmarks *.md

types: setup ## mypy, strict
	$(BIN)/mypy $(PACKAGES) demo tools

imports: setup ## the import contracts
	$(BIN)/lint-imports

test: setup ## unit, conformance, contract, architecture, docs and command-line tests (k=… selects)
	$(BIN)/python -m pytest -m "not e2e and not browser and not faults and not cometbft" $(if $(k),-k "$(k)")

e2e: setup ## the whole system as processes
	$(BIN)/python -m pytest -m e2e

browser: setup ## every page's main action in a headless browser
	$(BIN)/python -m pytest -m browser

faults: setup ## scripted faults, short: kills, full disks, damaged files
	$(BIN)/python -m pytest -m faults

faults-long: setup ## the same, long
	WEID_FAULTS=long $(BIN)/python -m pytest -m faults

bench: setup ## measure: a table and benchmarks/results.json
	$(BIN)/python -m benchmarks

vectors: setup ## make our test vectors again; fails when one changes
	$(BIN)/python -m tools.vectors --check

clauses: setup ## list each clause and threat with its tests; fails on a gap
	$(BIN)/python -m tools.clauses

check: lint types imports test clauses vectors ## all that must be green before a commit

clean: ## remove what these targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache var
