# Needs Python 3.11 or later and make; everything else is installed into .venv from the lock files.
# Stamps live inside .venv, so removing .venv starts afresh.

SHELL := /bin/sh
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
INSTALL = $(BIN)/python packaging/install.py
ARGS ?=
# Half of the suite's time is waiting for brokers and processes, so three run it side by side on two cores, with one
# broker for all. Files go to them by folder, the long ones first: the many short files of tests/unit fill up
# the end, where an end-to-end test would be waited for by all.
TESTERS ?= 3

# The demo and the tests start dozens of processes, and each compiles all that it loads, unless one before it left that
# behind. So they leave it in .venv, also where the environment forbids it, and the folders of sources stay clean.
export PYTHONPYCACHEPREFIX := $(abspath $(VENV))/pycache
unexport PYTHONDONTWRITEBYTECODE

# One run of pytest, so that a failure stops nothing of it, its end says all that failed, and ARGS choose from all of it.
CAMPAIGN := $(wildcard tests/campaign/campaign_*.py) tests/integration/test_reconciliation_large.py

ROOMS := $(wildcard domain schemas adapters streams ledger console cli sandbox)
# Folders count too: their time changes when a file is removed.
SOURCES := $(shell find $(ROOMS) -name __pycache__ -prune -o -name '*.pyc' -o -print) pyproject.toml README.md
# `make dev` leaves its stamp; where it is newer than the wheel's, checks use the sources as they are.
INSTALLED := $(if $(wildcard $(STAMPS)/editable),$(STAMPS)/editable,$(STAMPS)/wheel)

.PHONY: help demo test bench campaign check dev tools generate sbom audit lock upgrade format clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-9s %s\n", $$1, $$2 }'

demo: $(STAMPS)/wheel ## Run the whole pipeline here for a minute; options by ARGS="--seconds 30 --report r.json"
	@$(BIN)/inventory-sync demo $(ARGS)

test: $(STAMPS)/dev-packages $(STAMPS)/wheel ## Run all tests against the built wheel; options by ARGS="-k atp", one after the other by TESTERS=0
	@$(BIN)/pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder $(ARGS)

bench: $(STAMPS)/wheel .bench-venv/made ## The engine beside its peers, on the same input; options by ARGS="--events 100000 --rounds 1"
	@$(BIN)/python benchmarks/engine.py $(ARGS)

.bench-venv/made: benchmarks/requirements.txt $(STAMPS)/venv
	@echo "installing the peers of the benchmark, in an environment of their own (once)"
	@$(BIN)/python -m venv .bench-venv
	@.bench-venv/bin/python -m pip --disable-pip-version-check install --quiet -r benchmarks/requirements.txt
	@touch $@

campaign: $(STAMPS)/dev-packages $(STAMPS)/wheel ## The long runs before a release: 10,000 simulated seeds, 50 kills, 100,000 listings and more; CAMPAIGN_SEEDS=, CAMPAIGN_ROUNDS=
	@INVENTORY_SYNC_TEST_LISTINGS=100000 $(BIN)/pytest -s -v $(CAMPAIGN) $(ARGS)

check: $(STAMPS)/dev-packages $(INSTALLED) ## Lint, types, import rules, lock files, everything in deploy/: what CI asks besides tests
	@$(BIN)/python packaging/lock.py check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python deploy/validate.py

dev: $(STAMPS)/dev-packages $(STAMPS)/editable ## Set up for development: all tools, and the sources linked into .venv
	@echo "ready: . $(BIN)/activate"

tools: $(STAMPS)/clients ## Install what tests need apart from our own packages: promtool, Chromium, other people's clients
	@packaging/install-tools $(VENV)

$(STAMPS)/clients: tests/contract/clients/requirements.lock $(STAMPS)/venv
	@echo "installing other people's marketplace clients, in an environment of their own (once)"
	@$(INSTALL) clients tests/contract/clients/requirements.lock
	@touch $@

generate: $(STAMPS)/dev-packages $(INSTALLED) ## Write what is made of typed code: manifests, rules, dashboards, docs/metrics.md
	@$(BIN)/python -m deploy.sources write

sbom: $(STAMPS)/dev-packages ## Write the software bill of materials of what runs, dist/sbom.cdx.json (CycloneDX)
	@mkdir -p dist
	@$(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible --of JSON -o dist/sbom.cdx.json
	@echo "wrote dist/sbom.cdx.json"

audit: $(STAMPS)/dev-packages ## Ask for known vulnerabilities of the locked packages (needs the network)
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock

format: $(STAMPS)/dev-packages ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

lock: $(STAMPS)/dev-packages ## Write the lock files again after a change of requirements in pyproject.toml
	@$(BIN)/python packaging/lock.py write

upgrade: $(STAMPS)/dev-packages ## Lock the newest versions of all packages, and the jars of Kafka and the registry
	@$(BIN)/python packaging/lock.py upgrade
	@$(BIN)/python sandbox/lock_jars.py

clean: ## Remove everything that was installed or built here
	rm -rf $(VENV) .bench-venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(STAMPS)/venv: requirements-uv.lock packaging/install.py
	@packaging/make-venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/packages: requirements.lock $(STAMPS)/venv
	@echo "installing packages (once)"
	@$(INSTALL) packages requirements.lock
	@touch $@

$(STAMPS)/dev-packages: requirements-dev.lock $(STAMPS)/packages
	@echo "installing development packages (once)"
	@$(INSTALL) packages requirements-dev.lock
	@touch $@

$(STAMPS)/wheel: $(SOURCES) $(STAMPS)/packages
	@echo "building and installing the wheel"
	@$(INSTALL) wheel
	@rm -f $(STAMPS)/editable && touch $@

$(STAMPS)/editable: pyproject.toml $(STAMPS)/packages
	@$(INSTALL) editable
	@rm -f $(STAMPS)/wheel && touch $@
