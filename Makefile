# make study | test | conformance | check | fuzz | bench | fitting | gradients | scaling | docs: each makes .venv from the pinned environment when it is missing.

PYTHON ?= python3.12 python3.13 python3.14 python3 python
FOUND := $(shell for p in $(PYTHON); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COVERAGE := 90

.PHONY: study test conformance check fuzz bench fitting sampling gradients scaling docs lock clean

study: .venv/run
	$(BIN)/hepatica run studies/igf1r-sorafenib --out results/igf1r-sorafenib

test: .venv/dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --cov --cov-report=term --cov-fail-under=$(COVERAGE) --durations=30

conformance: .venv/dev
	$(BIN)/python tests/conformance/run.py

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py
	$(BIN)/hepatica check hcc
	$(BIN)/hepatica check studies/igf1r-sorafenib
	$(BIN)/hepatica check studies/hcc-calibration

fuzz: .venv/dev
	$(BIN)/python -m tests.fuzz --inputs 50000

bench: .venv/bench fitting sampling
	$(BIN)/python benchmarks/engine.py --json results/bench/engine.json --markdown docs/figures/engine.md

fitting: .venv/bench
	$(BIN)/python benchmarks/fitting.py --json results/bench/fitting.json --markdown docs/figures/fitting.md

sampling: .venv/bench
	$(BIN)/python benchmarks/sampling.py --json results/bench/sampling.json --markdown docs/figures/sampling.md

gradients: .venv/bench
	$(BIN)/python benchmarks/gradients.py --json results/bench/gradients.json --markdown docs/figures/gradients.md
	$(BIN)/python benchmarks/gradients.py --verify --json results/bench/gradients.json --markdown docs/figures/gradients.md

scaling: .venv/dev
	$(BIN)/python benchmarks/scaling.py --plot docs/images/scaling.svg

docs: .venv/dev
	$(BIN)/sphinx-build --fail-on-warning --quiet docs results/docs
	@echo results/docs/index.html

lock:
	uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements/run.txt pyproject.toml requirements/build.in
	uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --constraint requirements/run.txt --group dev --output-file requirements/dev.txt pyproject.toml requirements/build.in

clean:
	rm -rf .venv results .pytest_cache .mypy_cache .ruff_cache

.venv/bin/python:
	@test -n "$(FOUND)" || { echo "hepatica needs Python 3.12 or newer, and none of '$(PYTHON)' is; install one, or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	$(FOUND) -m venv .venv

.venv/run: .venv/bin/python requirements/run.txt pyproject.toml
	$(PIP) install --require-hashes --requirement requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# each peer by itself: what cannot be installed here is a column of dashes in the table, never an error
PEERS := $(shell sed -n '/^bench = \[/,/^\]/s/^  "\(.*\)",/\1/p' pyproject.toml)
.venv/bench: .venv/run pyproject.toml
	@mkdir -p results/bench
	@sed -e '/--hash/d' -e 's/ *\\$$//' requirements/run.txt > results/bench/pins.txt
	@for peer in $(foreach p,$(PEERS),'$(p)'); do \
		PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) install --constraint results/bench/pins.txt "$$peer" || echo "bench: no $$peer here; the table goes on without it"; done
	@touch $@

.venv/dev: .venv/run requirements/dev.txt
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@
