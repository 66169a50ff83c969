# Everything a person does here. `make` alone says what there is.
SHELL := /bin/sh
PYTHON ?= python3
export MATURIN_NO_INSTALL_RUST := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUST := $(shell find rust -name "*.rs" -path "*/src/*" -o -name Cargo.toml) Cargo.toml Cargo.lock
PY := $(shell find python -name '*.py' -o -name '*.jinja' -o -name '*.pyi')
FLIGHTS := examples/flight-search

.DEFAULT_GOAL := help

.PHONY: help
help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: needs
needs:
	@command -v $(PYTHON) >/dev/null || { echo "ctcore needs Python 3.11 or later: install python3 and its venv module"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ctcore needs Python 3.11 or later, found $$($(PYTHON) --version). Name another with PYTHON=python3.12"; exit 1; }
	@command -v cargo >/dev/null || { echo "ctcore needs cargo to build its core: install Rust 1.88 or later (https://rustup.rs)"; exit 1; }
	@command -v cc >/dev/null || { echo "ctcore needs a C linker: install gcc or clang (on Debian: apt-get install gcc libc6-dev)"; exit 1; }

# The demo installs what a user would: the package and what it requires, nothing for development.
.venv/demo/.ok: pyproject.toml $(RUST) $(PY) | needs
	$(PYTHON) -m venv .venv/demo
	@echo "building the core: about three minutes the first time" >&2
	.venv/demo/bin/pip install --quiet --force-reinstall --no-deps .
	.venv/demo/bin/pip install --quiet .
	@touch $@

# Development: an editable install, with the tools of the tests.
.venv/dev/.tools: pyproject.toml | needs
	$(PYTHON) -m venv .venv/dev
	.venv/dev/bin/pip install --quiet --upgrade 'pip>=25.1' 'maturin>=1.9.4,<2'
	.venv/dev/bin/pip install --quiet --group test
	@touch $@
.venv/dev/.ok: .venv/dev/.tools $(RUST)
	VIRTUAL_ENV=$(CURDIR)/.venv/dev .venv/dev/bin/maturin develop --profile quick --quiet
	@touch $@

.PHONY: build
build: .venv/dev/.ok ## build the core into .venv/dev, in place

.PHONY: demo
demo: .venv/demo/.ok ## build, replay a year of flights, print the table, write report.html
	.venv/demo/bin/ctcore replay --project $(FLIGHTS) --from 2013-04-01 --to 2013-12-23 --every 7d --output report.html

.PHONY: test
test: lint types test-rust test-python ## all tests, lints and types

.PHONY: lint
lint: .venv/dev/.tools ## formatting and lints of Rust and Python
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	.venv/dev/bin/ruff format --check .
	.venv/dev/bin/ruff check .

.PHONY: types
types: .venv/dev/.ok ## static types, and the stubs against the binary
	.venv/dev/bin/mypy
	.venv/dev/bin/python -m mypy.stubtest ctcore._core --mypy-config-file pyproject.toml

.PHONY: test-rust
test-rust: ## the core's tests and documentation examples
	cargo test --workspace --locked --quiet

.PHONY: test-python
test-python: .venv/dev/.ok ## the Python tests and documentation examples
	.venv/dev/bin/pytest -n auto --dist loadfile
	.venv/dev/bin/pytest --doctest-modules python/ctcore --quiet

# The peers exclude each other's requirements, so each has an environment of its own.
PEERS := .venv/peers
$(PEERS)/evidently/.ok: REQUIRES := 'evidently==0.7.23' 'pandas<3'
$(PEERS)/nannyml/.ok: REQUIRES := 'nannyml==0.13.1' statsmodels
$(PEERS)/deepchecks/.ok: REQUIRES := 'deepchecks==0.19.1' 'setuptools<81' 'scikit-learn<1.5' 'category-encoders<2.7' 'numpy<2' 'pandas<2.3' 'scipy<1.15'
$(PEERS)/%/.ok:
	$(PYTHON) -m venv $(PEERS)/$*
	$(PEERS)/$*/bin/pip install --quiet $(REQUIRES)
	@touch $@

.PHONY: parity
parity: .venv/dev/.ok $(PEERS)/evidently/.ok $(PEERS)/nannyml/.ok $(PEERS)/deepchecks/.ok ## run the drift libraries themselves against the named definitions
	CTCORE_PEERS=$(PEERS) .venv/dev/bin/pytest -m peers -s tests/test_drift_definitions.py

.PHONY: parity-metrics
parity-metrics: .venv/dev/.ok ## each metric against its peers on 10,000 random inputs: a quarter of an hour
	.venv/dev/bin/pip install --quiet --group parity
	OMP_NUM_THREADS=1 .venv/dev/bin/python benches/parity.py

.PHONY: calibration
calibration: .venv/dev/.ok ## how often drift decisions are wrong, for every size and kind of data: hours, resumed where it stopped
	.venv/dev/bin/python tests/drift_calibration.py
	.venv/dev/bin/python tests/drift_calibration.py --table

.PHONY: calibration-gate
calibration-gate: .venv/dev/.ok ## how often each proof of the gate passes, fails and stays undecided: a quarter of an hour
	.venv/dev/bin/python tests/gate_calibration.py 3000

.PHONY: bench
bench: .venv/dev/.ok ## speed of what ships against the peers, measured side by side
	.venv/dev/bin/pip install --quiet --group bench
	VIRTUAL_ENV=$(CURDIR)/.venv/dev .venv/dev/bin/maturin develop --release --quiet
	.venv/dev/bin/python benches/peers.py
	.venv/dev/bin/python benches/validate.py
	.venv/dev/bin/python benches/validate.py memory
	cargo bench --locked --bench kernels --quiet

.PHONY: bench-peers
bench-peers: .venv/dev/.ok $(PEERS)/evidently/.ok ## the cost of Evidently's drift preset beside ours: some minutes
	VIRTUAL_ENV=$(CURDIR)/.venv/dev .venv/dev/bin/maturin develop --release --quiet
	.venv/dev/bin/python benches/evidently_preset.py $(PEERS)/evidently/bin/python

.PHONY: wheel
wheel: .venv/dev/.tools ## a wheel and an sdist in dist/, the wheel tried on every Python at hand
	rm -rf dist
	.venv/dev/bin/maturin build --release --locked --sdist --out dist
	sh tests/wheel.sh dist

.PHONY: format
format: .venv/dev/.tools ## format the sources
	cargo fmt --all
	.venv/dev/bin/ruff format .
	.venv/dev/bin/ruff check --fix --quiet .

.PHONY: clean
clean: ## remove what was built
	rm -rf target .venv dist report.html
