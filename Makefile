# `make demo` and `make test` do all the set-up a fresh clone needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_FLAGS ?=
# One thread per test process; tests of threading set their own number.
TEST_ENV := OMP_NUM_THREADS=1 PYTHONHASHSEED=0

.PHONY: demo test test-slow check format benchmarks clean

demo: $(VENV)/installed
	$(BIN)/normdrop compare ten-orders --data digits --seeds 9 --report out/ten-orders-digits.html

test: check
	$(TEST_ENV) $(BIN)/pytest -n 2 -m "not slow" $(PYTEST_FLAGS)

test-slow: $(VENV)/installed
	$(TEST_ENV) $(BIN)/pytest -m slow --timeout 3600 $(PYTEST_FLAGS)

check: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

benchmarks: $(VENV)/installed
	$(BIN)/python benchmarks/noise.py
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/capture.py
	$(BIN)/python benchmarks/predict_speed.py
	$(BIN)/python benchmarks/measure.py
	$(BIN)/python benchmarks/recalibrate.py

clean:
	rm -rf $(VENV) out .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
