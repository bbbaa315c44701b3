# Everything here works from a fresh clone with only Python (3.11 or newer) and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help run test lint format lock fuzz clean

help:  ## Show what can be made
	@sed -n 's/^\([a-z.]*\):.*##  *\(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: .venv/installed  ## Serve the API, on PostgreSQL of its own unless DB_HOST names one
	@exec $(BIN)/python -m app

test: .venv/installed  ## Run the tests, on PostgreSQL of their own unless DB_HOST names one
	$(BIN)/python -m pytest $(ARGS)

lint: .venv/installed  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed  ## Mend what can be mended of the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/installed  ## Pin the newest versions that pyproject.toml allows into requirements.txt
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --all-extras --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--output-file requirements.txt pyproject.toml

fuzz: .venv/fuzz  ## Try to break a server of its own with generated requests, for five minutes
	$(BIN)/python tests/fuzz.py $(ARGS)

openapi.json: .venv/installed app app/* app/*/*  ## Write the OpenAPI document
	$(BIN)/python -m app openapi > $@

clean:  ## Remove what was installed; the data in .data/ stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

.venv/installed: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/fuzz: .venv/installed
	$(PYTHON) -m venv .venv/fuzzer
	.venv/fuzzer/bin/pip install --quiet --disable-pip-version-check 'schemathesis>=4.32,<5'
	@touch $@
