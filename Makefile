# Two commands do everything: `make demo` and `make test`. The first installs what runs studies, the
# second adds what tests need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed
export HF_HUB_OFFLINE := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
# Where it is set, each of some hundred processes would compile the package for itself.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test soak browser check docs ui gpu durability books web clean setup setup-development

demo: setup ## Run the default study end to end and print its results
	$(BIN)/alignment run quickstart
	$(BIN)/alignment results quickstart

test: setup-development ## Run the tests, three files side by side: much of their time is waiting
	$(BIN)/pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder

soak: setup-development ## A hundred injected faults: signals, full disks, two at once (half an hour)
	$(BIN)/python -m drills.soak

browser: setup-development ## Walk through the pages in chromium (Debian's package chromium)
	$(BIN)/pytest tests/ui -m browser

check: setup-development ## Formatting, lint, types, import contracts, declarations, definitions, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/alignment check
	$(BIN)/python tools/vulnerabilities.py
	$(BIN)/dagster definitions validate -w workspace.yaml

docs: setup-development ## Build the pages of docs/ into build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

ui: setup ## Serve Dagster and MLflow on 127.0.0.1
	$(BIN)/alignment ui

gpu: setup ## What this machine's GPU makes of the project: correctness, then speed, in eight minutes
	$(BIN)/python bench/gpu.py

durability: setup ## Tampering and attacks in full
	$(BIN)/alignment run durability
	$(BIN)/alignment results durability

web: setup ## Write the pages of the study `web` below .alignment, and run it
	$(BIN)/python tools/web_corpus.py .alignment/data
	ALIGNMENT_DATA=.alignment/data $(BIN)/alignment run web
	ALIGNMENT_DATA=.alignment/data $(BIN)/alignment results web

books: setup ## Run the real-data study (needs ALIGNMENT_DATA)
	$(BIN)/alignment run books
	$(BIN)/alignment results books

setup: $(RUNTIME)

setup-development: $(DEVELOPMENT)

# A Linux machine without an NVIDIA driver takes PyTorch's CPU build: pip prefers it where it sees
# it, and carries on without that index where it is not reached. torch comes first and alone, so
# that nothing that follows asks for another build. Python compiles what it imports, once: to compile
# all that is installed took half of the time. pip comes before all else: the one that Python 3.11
# brings took nearly three times as long to find which files to install.
CPU_INDEX := $(shell [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1 && \
	echo --extra-index-url https://download.pytorch.org/whl/cpu --retries 1 --timeout 30)

$(RUNTIME): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt $(CPU_INDEX) torch==2.13.0
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable .
	touch $@

$(DEVELOPMENT): $(RUNTIME)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	touch $@

clean: ## Remove what was computed and installed
	rm -rf .alignment $(VENV) dbt_project/target dbt_project/logs .pytest_cache .mypy_cache .ruff_cache build *.egg-info
