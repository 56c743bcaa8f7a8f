# Targets need a clean clone, Rust, Python >= 3.10 and a C compiler, and fetch packages on first use; `fuzz`
# needs cargo-fuzz, too. Experiments on public data sets read them from ../shared/data, or below the folder
# that WIDELIMIT_SHARED names, and say what they skip where it is missing. `make help` lists all targets.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
# One build profile for binary, wheel and tests: dependencies are compiled once.
CARGO_FLAGS := --release

.DEFAULT_GOAL := help
.PHONY: help setup build develop demo test test-rust test-python test-slow lint fmt bench bench-peers \
	experiments-mnist experiments-uci experiments-images experiments-large experiments-features experiments-graphs \
	bench-images bench-graphs \
	docs wheel fuzz clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-20s %s\n", $$1, $$2}'

$(BIN)/.tools: python/requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r python/requirements-dev.txt
	@touch $@

setup: $(BIN)/.tools ## create .venv with the tools that tests and experiments use

# With examples, so that features of dependencies are those of the tests and nothing is compiled twice.
build: ## compile the command line
	cargo build $(CARGO_FLAGS) --workspace --exclude widelimit-python --bins --examples

develop: setup ## compile the Python package and install it into .venv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --quiet --release --manifest-path python/Cargo.toml

demo: setup build ## train, evaluate, save, reload and report on real data (under two minutes once compiled)
	$(BIN)/python scripts/digits.py build/digits.npz
	target/release/widelimit demo --fallback build/digits.npz --out build/demo

test: test-rust test-python ## all tests (set-up included)

test-rust: ## tests of the Rust crates
	cargo test $(CARGO_FLAGS) --workspace --exclude widelimit-python

test-python: develop build ## tests of the Python package
	$(BIN)/python -m pytest -q python/tests

test-slow: develop build ## slow proofs: browser, large kernels, memory limits
	cargo test $(CARGO_FLAGS) -p widelimit-data --features parquet
	$(BIN)/python -m pytest -q python/tests tests

lint: setup ## formatting, clippy, ruff, type stubs
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	$(BIN)/ruff check python scripts tests
	$(BIN)/ruff format --check python scripts tests
	$(BIN)/mypy

fmt: setup ## rewrite sources in the house format
	cargo fmt --all
	$(BIN)/ruff format python scripts tests
	$(BIN)/ruff check --fix python scripts tests

bench: develop ## speed of the kernels, as ratios against NumPy and SciPy in the same run
	cargo bench -p widelimit-dual -p widelimit-linalg -p widelimit-exact
	$(BIN)/python scripts/bench.py

bench-peers: develop ## the same next to neural-tangents, in an environment of its own (about 2 GiB)
	$(BIN)/python scripts/bench_peers.py
	$(BIN)/python scripts/bench_peers_images.py

experiments-mnist: develop ## accuracy on MNIST, exact kernels (needs ../shared/data)
	$(BIN)/python scripts/mnist.py

bench-images: develop ## speed of pairs of images, as shares of a matrix product's rate
	$(BIN)/python scripts/bench_images.py

experiments-images: develop ## accuracy on small CIFAR-10 with convolutional kernels (needs ../shared/data)
	$(BIN)/python scripts/cifar.py

experiments-features: develop ## errors of feature maps on digits; MNIST, UCI regression, CIFAR-10 (need ../shared/data)
	$(BIN)/python scripts/features_digits.py
	$(BIN)/python scripts/features_mnist.py
	$(BIN)/python scripts/features_uci.py
	$(BIN)/python scripts/features_cifar.py

experiments-graphs: develop ## accuracy of GNTK and Weisfeiler-Leman kernels (needs ../shared/data); of sketched ones on random graphs
	$(BIN)/python scripts/graphs.py
	$(BIN)/python scripts/graphs_sketched.py

bench-graphs: develop ## time of a pair of graphs, beside the published algorithm in NumPy and SciPy
	$(BIN)/python scripts/bench_graphs.py

experiments-large: develop ## regression on a table of two million rows, streamed from disk within 1 GiB
	$(BIN)/python scripts/features_large.py

experiments-uci: develop ## 25 UCI classification sets with the benchmark's protocol (needs ../shared/data)
	$(BIN)/python scripts/uci.py

docs: setup ## user guide and API documentation into build/docs (guide, api)
	$(BIN)/mkdocs build --quiet --strict
	RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_FLAGS) --no-deps --workspace --exclude widelimit-python
	rm -rf build/docs/api && cp -r target/doc build/docs/api

wheel: setup ## the release wheel, into build/wheels
	$(BIN)/maturin build --release --manifest-path python/Cargo.toml --out build/wheels

fuzz: ## every parser under the fuzzer, FUZZ_SECONDS each (default 600)
	fuzz/run.sh

clean: ## remove what the targets made
	rm -rf build $(VENV)
	cargo clean
