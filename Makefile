# whence. `make demo` and `make test` do all their own set-up; they need Python 3.11+ with pip, and nothing else.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
PHOTO  ?=
OUT    ?= out
STATIC := src tests scripts benchmarks examples

.PHONY: help demo test check static docs tables bench clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "whence needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV) || { echo "No venv module: on Debian and Ubuntu, apt install python3-venv"; exit 1; }

$(VENV)/.core: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.demo: $(VENV)/.core
	$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) install --quiet -c constraints.txt -e '.[dev,train,towers,scale,scenery]'
	@touch $@

demo: $(if $(PHOTO),$(VENV)/.core,$(VENV)/.demo)  ## locate the example pictures, or PHOTO=…, into out/
	$(if $(PHOTO),,$(BIN)/python examples/make_pictures.py $(OUT)/pictures)
	$(BIN)/whence locate $(if $(PHOTO),'$(PHOTO)',$(OUT)/pictures) --report $(OUT)/report --json $(OUT)/results.jsonl --overwrite
	@echo "Open $(OUT)/report/index.html in a browser."

test: $(VENV)/.dev  ## set up and pass the tests
	$(BIN)/python -m pytest -n auto --dist loadfile

static: $(VENV)/.dev
	$(BIN)/ruff format --check $(STATIC)
	$(BIN)/ruff check $(STATIC)
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev  ## build the documentation into site/
	$(BIN)/python scripts/build_cli_docs.py --check
	$(BIN)/mkdocs build --quiet --strict

check: static test docs  ## everything that CI checks, and the documentation

tables: $(VENV)/.dev  ## build the shipped tables of the Earth again (needs npm for the country outlines)
	$(BIN)/python scripts/build_tables.py

clean:
	rm -rf $(OUT) build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
