# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export HF_HUB_OFFLINE := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.PHONY: demo test check ui books clean setup

demo: setup ## Run the default study end to end and print its results
	$(BIN)/alignment run quickstart
	$(BIN)/alignment results quickstart

test: setup ## Run the tests
	$(BIN)/pytest

check: setup ## Formatting, lint, types, declarations, definitions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/alignment check
	$(BIN)/dagster definitions validate -w workspace.yaml

ui: setup ## Serve Dagster and MLflow on 127.0.0.1
	$(BIN)/alignment ui

books: setup ## Run the real-data study (needs ALIGNMENT_DATA)
	$(BIN)/alignment run books
	$(BIN)/alignment results books

setup: $(STAMP)

# torch comes first and alone: plain pip then finds the CPU build where one is offered, and nothing
# that follows asks for another.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean: ## Remove what was computed and installed
	rm -rf .alignment $(VENV) dbt_project/target dbt_project/logs .pytest_cache .mypy_cache .ruff_cache *.egg-info
