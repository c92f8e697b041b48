# Everything runs in a virtual environment of its own: .venv, made from the pinned requirements.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help demo test conformance lint generated bench requirements clean

help:
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

# The stamp's name says what was installed: the demo needs less than the tests.
$(VENV)/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.txt
	touch $@

demo: $(VENV)/installed ## compile a real application and show what was proven
	@$(BIN)/python -m zt_dsl compile examples.online_boutique.topology:topology \
		--platform examples.online_boutique.platform:native -o demo
	@echo
	@echo "Look at demo/review.md first, then at demo/online-boutique/frontend.yaml;"
	@echo "the topology that they come from is examples/online_boutique/topology.py."

test: $(VENV)/installed-dev ## run the tests, with branch coverage
	$(BIN)/pytest -n 2 --dist worksteal -m "not conformance" --cov=zt_dsl --cov-report=term --cov-fail-under=95

conformance: $(VENV)/installed-dev ## ask the real engines (needs Go)
	$(BIN)/python -m tests.conformance.engines.build
	$(BIN)/pytest -n 2 --dist loadfile -m conformance tests/conformance

lint: $(VENV)/installed-dev ## ruff, mypy, pyright, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

generated: $(VENV)/installed ## compile the examples into generated/, to be reviewed and committed
	$(BIN)/python -m zt_dsl compile --on 2026-11-23

bench: $(VENV)/installed-dev ## measure, and write the table of docs/performance.md
	$(BIN)/python -m bench

requirements: $(VENV)/installed-dev ## pin what requirements*.in ask for
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host -o requirements.txt pyproject.toml requirements.in
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --no-strip-extras --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host -c requirements.txt -o requirements-dev.txt pyproject.toml requirements-dev.in

clean: ## remove everything that was made here, but not generated/
	rm -rf $(VENV) demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
