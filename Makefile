# Set-up, checks and the main job. `make demo` and `make test` work on a fresh machine.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# byte code makes every new process start faster, and a night starts many
unexport PYTHONDONTWRITEBYTECODE
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false

PYTHON ?= $(shell scripts/find-python.sh)
VENV ?= .venv
BIN := $(VENV)/bin
TYPED := kernels dataset models evaluation tuning monitoring infra tasks flows serving cli benchmarks deployments
# byte code of what is used is written when it is first used: all of it takes a minute and more
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile -c constraints.txt
CORE := $(VENV)/.core-installed
DEV := $(VENV)/.dev-installed

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { scripts/find-python.sh --explain; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(CORE): $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing restock into $(VENV) (a minute or two the first time)"
	$(PIP) --editable .
	@touch $@

$(DEV): $(CORE)
	$(PIP) --editable '.[dev]'
	@touch $@

demo: $(CORE) ## the main job: retrain every market of the bundled orders
	$(BIN)/restock retrain

install: $(CORE) ## the virtual environment with the core

dev: $(DEV) ## the virtual environment with everything the tests need

lint: $(DEV)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/deptry .

files: $(DEV)
	VENV="$(VENV)" scripts/check-files.sh

types: $(DEV)
	@mkdir -p .mypy_cache/path && ln -sfn "$(CURDIR)" .mypy_cache/path/restock
	cd .mypy_cache/path && MYPYPATH=. ../../$(BIN)/mypy --config-file restock/pyproject.toml \
	  --cache-dir .. $(addprefix -p restock.,$(TYPED))

unit: $(DEV)
	$(BIN)/python -m pytest -q -m "unit and not thorough and not platform" -n auto

check: $(DEV) ## lint, types, import contracts, Docker and CI files, quick unit tests
	@$(MAKE) --no-print-directory lint files
	@$(MAKE) --no-print-directory --jobs 2 types unit

test: ## everything
	@$(MAKE) --no-print-directory --jobs 2 dev system
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -q -m "platform or thorough" -n 2 --dist loadfile --durations=25

system: $(VENV)/bin/python ## what the tests need beside Python: a browser and the storage emulator
	scripts/install-services.sh

try-targets: ## the install steps of every Docker target in a clean virtual environment
	scripts/try-targets.sh

drill-drift: $(CORE) ## a market drifts: from the alarm to the retraining, in five minutes
	$(BIN)/python -m restock.benchmarks.drill_drift

bench-quality: $(DEV) ## how good the models are, as in docs/quality.md
	$(BIN)/python -m restock.benchmarks.quality --plots docs/img

bench-models: $(DEV) ## how fast the models are, beside their peers
	$(BIN)/python -m restock.benchmarks.speed_models

bench-peers: $(VENV)/bin/python ## the libraries that the engine is measured against, in .peers
	scripts/bench-peers.sh $(PYTHON)

bench-speed: $(DEV) bench-peers ## how fast the engine is, beside its peers
	$(BIN)/python -m restock.benchmarks.speed

bench: bench-quality bench-models bench-speed ## quality, speed, cost and error rates: most of docs/benchmarks.md
	$(BIN)/python -m restock.benchmarks.gate
	$(BIN)/python -m restock.benchmarks.night
	$(BIN)/python -m restock.benchmarks.proof

constraints: $(VENV)/bin/python ## resolve again and write constraints.txt
	$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[dev]'
	scripts/write-constraints.sh $(BIN)/python > constraints.txt

clean: ## remove what was built (not the virtual environment)
	rm -rf build dist *.egg-info .restock .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help demo install dev lint files types unit check test system bench bench-quality bench-models bench-peers bench-speed try-targets drill-drift constraints clean
