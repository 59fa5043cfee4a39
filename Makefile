# demo | test | check | docs | bench: each sets up what it needs on a fresh machine, inside .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MODULES := web/node_modules/.installed
# Pages are built and checked by Node 20 or later; what is committed serves those who have none.
NODE := $(shell node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2> /dev/null && \
	command -v npm)

# Where it is set, every process of the tests would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow check check-web web docs format bench rate compare kill-test fuzz mutants \
	clean

demo: $(INSTALLED)
	$(BIN)/sirensong demo -o demo --overwrite

# One worker more than there are cores: some wait for browsers, disks and other processes.
test: check
	$(BIN)/python -m pytest -n 3 --dist worksteal

test-slow: check
	$(BIN)/python -m pytest -m "slow or not slow" --timeout 3600

check: $(INSTALLED) docs check-web
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

ifdef NODE
check-web: $(MODULES)
	cd web && npm run --silent check && npm test --silent

web: $(MODULES)
	cd web && npm run --silent build
else
check-web web:
	@echo "the pages are not checked: that needs Node 20 or later, and npm" >&2
endif

$(MODULES): web/package-lock.json
	cd web && npm ci --silent --no-audit --no-fund
	touch $@

# Material tells of its end of life in 2027 on each build.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(if $(NODE),cd web && npm run --silent format)

kill-test: $(INSTALLED)
	rm -rf build/kills
	$(BIN)/python tests/kills.py build/kills --random 100

fuzz: $(INSTALLED)
	$(BIN)/python tests/fuzz.py $(FUZZ)

mutants: $(INSTALLED)
	$(BIN)/python tests/mutation.py $(if $(SAMPLE),--sample $(SAMPLE)) \
		$(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)')

bench: $(INSTALLED)
	$(BIN)/python benchmarks/bench.py $(BENCH)

# Bits a pixel against PSNR, beside JPEG and AVIF: make rate RATE="--data DIR".
rate: $(INSTALLED)
	$(BIN)/python benchmarks/rate.py $(RATE)

# Every scheme on the same pictures: make compare COMPARE="--sets 10 --methods lsb,deepmih". Without
# SIRENSONG_DATA they are scikit-image's photographs.
compare: $(INSTALLED)
	$(BIN)/sirensong compare --sets 2 --size 96 $(if $(SIRENSONG_DATA),--data $(SIRENSONG_DATA)) \
		-o benchmarks/results/compare $(COMPARE)

# pip reads dependency groups from 25.1 on. On Linux PyPI's torch brings CUDA; for the CPU build set
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable ".[hide,lab]"
	touch $@

clean:
	rm -rf $(VENV) demo build dist site mutants web/node_modules web/build
