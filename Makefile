# `make demo` and `make test` need Linux, Python 3.11 and make; everything else goes into .venv.
PYTHON ?= python3
# Where to take torch from instead of the default: the index that pytorch.org's "Get started" page shows for CPU.
TORCH_INDEX ?=
BIN := .venv/bin
PIP := $(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt

# Two processes, since JAX does not go with the processes that other tests fork.
FRAMEWORKS := tests/adapters tests/schedules tests/optimizers tests/lessons/test_keras.py tests/advice/test_forms.py \
		tests/cli/test_plot.py \
		src/surefoot/adapters

# Those that start many processes of their own: when the frameworks are through, beside the others.
PROCESSES := tests/programs tests/bridges tests/cli tests/studies/test_kill.py tests/training/test_ray.py

.PHONY: demo test test-frameworks test-processes test-others check bench decide texts fuzz clean

demo: .venv/ready  ## compare every classic strategy on real digits
	$(BIN)/surefoot compare digits --recipes classic --seeds 3

test: .venv/tools  ## run the tests
	@$(MAKE) --no-print-directory -k -j2 test-frameworks test-others test-processes

test-frameworks: .venv/tools
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(FRAMEWORKS)

test-processes: .venv/tools
	$(BIN)/python -m pytest $(PROCESSES) --ignore=tests/cli/test_plot.py

test-others: .venv/tools
	$(BIN)/python -m pytest $(FRAMEWORKS:%=--ignore=%) $(PROCESSES:%=--ignore=%)

check: .venv/tools  ## style, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/tools  ## measure; prints what it measured
	$(BIN)/python benchmarks/steps.py
	$(BIN)/python benchmarks/optimizers.py
	$(BIN)/python benchmarks/whole.py
	$(BIN)/python benchmarks/classic.py
	$(BIN)/python benchmarks/trainers.py
	$(BIN)/python benchmarks/conv.py
	$(BIN)/python benchmarks/gpu.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/schedules.py
	$(BIN)/python benchmarks/lessons.py

# Recorded curves to replay the race over, where there are any: a folder of gzip JSON files (benchmarks/replay.py).
RECORDED ?=

decide: .venv/tools  ## how soon a grid, Optuna, Ray Tune and surefoot tune get to a good recipe: takes twenty minutes
	$(PIP) -e '.[bench]'
	$(BIN)/python benchmarks/find.py
	$(if $(RECORDED),$(BIN)/python benchmarks/replay.py $(RECORDED))
	$(BIN)/python benchmarks/decide.py --tune "--budget 4x --first-seed {round}"

CATALOGUES := src/surefoot/core/locale

texts: .venv/tools  ## look for sentences in the code, bring the catalogues up to date, compile them
	$(BIN)/pybabel -q extract -F pyproject.toml -k _ -k plural:1,2 --no-location -o /tmp/surefoot.pot src
	$(BIN)/pybabel -q update -D surefoot -d $(CATALOGUES) -i /tmp/surefoot.pot --no-fuzzy-matching --ignore-obsolete
	$(BIN)/pybabel -q compile -D surefoot -d $(CATALOGUES)

fuzz: .venv/tools  ## throw mutated text and JSON at the parser for a minute
	$(PIP) -e '.[fuzz]'
	$(BIN)/python fuzz/parse.py -max_total_time=60

.venv/ready: pyproject.toml constraints.txt
	@echo "Setting up .venv (the first time this downloads PyTorch and takes some minutes)"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Surefoot needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(PIP) torch $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(PIP) -e .
	@touch $@

# The frameworks that schedules are tested in, about a gigabyte. timm is taken without what it needs: its schedulers
# need torch alone, and the rest of it torchvision.
.venv/tools: .venv/ready
	@echo "Adding what the tests need to .venv"
	$(PIP) -e '.[dev]'
	$(PIP) --no-deps timm
	@touch $@

clean:
	rm -rf .venv
