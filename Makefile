# `make demo` and `make test` do all the set-up a fresh clone needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_FLAGS ?=
# One thread per test process; tests of threading set their own number.
TEST_ENV := OMP_NUM_THREADS=1 PYTHONHASHSEED=0

.PHONY: demo test test-slow test-backends test-tensorflow test-jax check format benchmarks clean

demo: $(VENV)/installed
	$(BIN)/python examples/doctor_on_digits.py
	$(BIN)/normdrop compare ten-orders --data digits --seeds 9 --report out/ten-orders-digits.html

test: check
	$(TEST_ENV) $(BIN)/pytest -n 2 -m "not slow" $(PYTEST_FLAGS)

test-slow: $(VENV)/installed
	$(TEST_ENV) $(BIN)/pytest -m slow --timeout 3600 $(PYTEST_FLAGS)

# The Keras twin on Keras' other backends, each in an environment of its own.
test-backends: test-tensorflow test-jax

test-tensorflow test-jax: test-%: .venv-%/installed
	KERAS_BACKEND=$* TF_CPP_MIN_LOG_LEVEL=3 $(TEST_ENV) .venv-$*/bin/pytest -n 2 -m "not slow" \
	  tests/keras src/normdrop/keras $(PYTEST_FLAGS)

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
	rm -rf $(VENV) .venv-tensorflow .venv-jax out .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

.venv-tensorflow/installed: BACKEND := tensorflow-cpu
.venv-jax/installed: BACKEND := jax
.venv-%/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --constraint constraints.txt torch
	.venv-$*/bin/python -m pip install --quiet --constraint constraints.txt $(BACKEND) --editable '.[dev]'
	touch $@
