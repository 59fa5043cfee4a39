# demo | test | check | bench: each sets up what it needs on a fresh machine, inside .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-slow check format bench kill-test mutants clean

demo: $(INSTALLED)
	$(BIN)/sirensong demo -o demo --overwrite

test: check
	$(BIN)/python -m pytest

test-slow: check
	$(BIN)/python -m pytest -m "slow or not slow" --timeout 3600

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

kill-test: $(INSTALLED)
	$(BIN)/python tests/kills.py build/kills --random 100

mutants: $(INSTALLED)
	$(BIN)/python tests/mutation.py $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)')

bench: $(INSTALLED)
	$(BIN)/python benchmarks/bench.py $(BENCH)

# pip reads dependency groups from 25.1 on. A torch already constrained to a CPU build is found by pip's own configuration; on a
# machine without one, PyTorch's CPU index has it.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable ".[hide,lab]"
	touch $@

clean:
	rm -rf $(VENV) demo build dist
