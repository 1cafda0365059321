# `make demo` and `make test` need Linux, Python 3.11 and make; everything else goes into .venv.
PYTHON ?= python3
# Where to take torch from instead of the default: the index that pytorch.org's "Get started" page shows for CPU.
TORCH_INDEX ?=
BIN := .venv/bin
PIP := $(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt

.PHONY: demo test check bench clean

demo: .venv/ready  ## compare every classic strategy on real digits
	$(BIN)/surefoot compare digits --recipes classic --seeds 3

test: .venv/ready  ## run the tests
	$(BIN)/python -m pytest

check: .venv/ready  ## style, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/ready  ## measure; prints what it measured
	$(BIN)/python benchmarks/steps.py
	$(BIN)/python benchmarks/whole.py
	$(BIN)/python benchmarks/trainers.py
	$(BIN)/python benchmarks/report.py

.venv/ready: pyproject.toml constraints.txt
	@echo "Setting up .venv (the first time this downloads PyTorch and takes some minutes)"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Surefoot needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(PIP) torch $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(PIP) -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv
