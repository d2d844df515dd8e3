# weid: every command of the house. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := weid registry_chain issuer_app verifier_app
STAMP := $(VENV)/.installed
# The engine of networks of several nodes: COMETBFT=0.38.25 selects the other version that we run.
COMETBFT ?= 0.39.4
COMETBFT_PROGRAM := .cometbft/bin/cometbft-$(COMETBFT)
# Go's installer puts it where a login shell may not look.
GO ?= $(or $(shell command -v go 2>/dev/null),$(wildcard /usr/local/go/bin/go))

.PHONY: help setup lock demo format lint types imports test e2e peers browser faults faults-long determinism determinism-long cometbft cometbft-program bench bench-scale vectors clauses conformance check clean

help: ## list these targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("weid needs Python 3.11 or newer; try: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## make the locked environment in .venv (every other target does it when missing)

lock: setup ## lock the dependencies again: hashes, no addresses
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras -o requirements/dev.lock pyproject.toml requirements/dev.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra node --constraint requirements/dev.lock -o requirements/node.lock pyproject.toml requirements/node.in

demo: setup ## node, issuer and verifier on this machine and the main job in front of you (ONCE=1 ends after it)
	@$(BIN)/python -m demo $(if $(ONCE),--once)

format: setup ## write the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

lint: setup ## format check, ruff, spelling, what deploy/ holds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell $(PACKAGES) specs docs examples tests demo tools benchmarks *.md
	$(BIN)/yamllint --strict deploy
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/check-jsonschema --quiet --schemafile deploy/alerts.schema.json deploy/alerts.yml
	$(BIN)/hadolint deploy/Containerfile

types: setup ## mypy, strict
	$(BIN)/mypy $(PACKAGES) demo tools

imports: setup ## the import contracts
	$(BIN)/lint-imports

test: setup ## unit, conformance, contract, architecture, docs and command-line tests (k=… selects)
	$(BIN)/python -m pytest -m "not e2e and not browser and not faults and not cometbft and not determinism and not peers" $(if $(k),-k "$(k)")

e2e: setup ## the whole system as processes
	$(BIN)/python -m pytest -m e2e

peers: setup ## wallets, issuers and verifiers of other houses against ours (installs them with npm)
	$(BIN)/python -m pytest -m peers $(if $(k),-k "$(k)")

browser: setup ## every page's main action in a headless browser
	$(BIN)/python -m pytest -m browser

faults: setup ## scripted faults, short: kills, full disks, damaged files, a network of four (with CometBFT)
	$(BIN)/python -m pytest -m faults

faults-long: setup ## the same, long
	WEID_FAULTS=long $(BIN)/python -m pytest -m faults

determinism: setup ## a hundred thousand random transactions, computed in other surroundings
	$(BIN)/python -m pytest -m determinism

determinism-long: setup ## the same with a million, and longer model tests
	WEID_DETERMINISM=long $(BIN)/python -m pytest -m determinism
	WEID_DETERMINISM=long $(BIN)/python -m pytest tests/unit/registry_chain/state_machine/test_slow_model.py

cometbft-program: ## build the pinned CometBFT from source, where Go is
	@if [ -x $(COMETBFT_PROGRAM) ]; then :; \
	elif [ -z "$(GO)" ]; then echo "there is no Go here (https://go.dev/dl): CometBFT is not built"; \
	else mkdir -p $(dir $(COMETBFT_PROGRAM)) && rm -rf $(COMETBFT_PROGRAM).new \
		&& echo "building CometBFT $(COMETBFT)" \
		&& GOBIN="$(CURDIR)/$(COMETBFT_PROGRAM).new" CGO_ENABLED=0 \
			"$(GO)" install -trimpath github.com/cometbft/cometbft/cmd/cometbft@v$(COMETBFT) \
		&& mv $(COMETBFT_PROGRAM).new/cometbft $(COMETBFT_PROGRAM) && rmdir $(COMETBFT_PROGRAM).new; fi

cometbft: setup cometbft-program ## networks of several nodes, as processes (COMETBFT=0.38.25: the other version)
	WEID_COMETBFT_VERSION=$(COMETBFT) $(BIN)/python -m pytest -m cometbft $(if $(k),-k "$(k)")

bench: setup ## measure: a table and benchmarks/results.json
	$(BIN)/python -m benchmarks

bench-scale: setup ## how cost grows up to ten million keys (an hour)
	$(BIN)/python -m benchmarks.scale --keys 10000000

vectors: setup ## make our test vectors again; fails when one changes
	$(BIN)/python -m tools.vectors --check

clauses: setup ## list each clause and threat with its tests; fails on a gap
	$(BIN)/python -m tools.clauses

conformance: setup ## write docs/conformance.md, with WEID_VECTORS its results too (CHECK=1 compares)
	$(BIN)/python -m tools.conformance $(if $(CHECK),--check)

check: lint types imports test clauses vectors ## all that must be green before a commit

clean: ## remove what these targets made
	rm -rf $(VENV) .cometbft .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache var
