# `make demo` and `make test` do all the set-up a fresh clone needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_FLAGS ?=
# One thread per test process; tests of threading set their own number.
TEST_ENV := OMP_NUM_THREADS=1 PYTHONHASHSEED=0

# Keras of old on torch, the lowest that pyproject.toml allows first, and the lowest torch.
KERAS_VERSIONS := 3.6.0 3.8.0 3.11.3
LOWEST_TORCH := 2.7.0
VERSIONS := $(addprefix test-keras-,$(KERAS_VERSIONS)) test-torch-$(LOWEST_TORCH)

# The site needs no network, now or later: fonts, scripts and the search come with it.
SITE_ENV := NO_MKDOCS_2_WARNING=1

.PHONY: demo test test-slow test-versions $(VERSIONS) test-backends test-tensorflow test-jax check
.PHONY: format benchmarks clean site serve figures dist

demo: $(VENV)/installed
	$(BIN)/python examples/doctor_on_digits.py
	$(BIN)/normdrop compare ten-orders --data digits --seeds 9 --report out/ten-orders-digits.html

test: check
	$(TEST_ENV) $(BIN)/pytest -n 2 -m "not slow" $(PYTEST_FLAGS)

test-slow: $(VENV)/installed
	$(TEST_ENV) $(BIN)/pytest -m slow --timeout 3600 $(PYTEST_FLAGS)

# Each version in an environment of its own, and what Keras 2 is read with beside the newest.
test-versions: $(VERSIONS) test-backends

$(filter test-keras-%,$(VERSIONS)): test-keras-%: .venv-keras-%/installed
	$(TEST_ENV) .venv-keras-$*/bin/pytest -n 2 -m "not slow" tests/keras $(PYTEST_FLAGS)

$(filter test-torch-%,$(VERSIONS)): test-torch-%: .venv-torch-%/installed
	$(TEST_ENV) .venv-torch-$*/bin/pytest -n 2 -m "not slow" tests/torch tests/verbs $(PYTEST_FLAGS)

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

# The documentation as pages in out/site: a broken link or a forgotten page is an error.
site: $(VENV)/installed
	$(SITE_ENV) $(BIN)/mkdocs build --strict

serve: $(VENV)/installed
	$(SITE_ENV) $(BIN)/mkdocs serve

figures: $(VENV)/installed
	$(BIN)/python docs/assets/figures.py

# Wheel and sdist in out/dist, each installed into an environment of its own and tried there.
dist:
	PYTHON=$(PYTHON) .ci/packages out/dist

clean:
	rm -rf $(VENV) .venv-* out .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

.venv-tensorflow/installed: BACKEND := tensorflow-cpu tf_keras
.venv-jax/installed: BACKEND := jax
# Whatever else is installed stays; the one library is put back to the version that is asked for.
# A torch of old comes with libraries of its own, of other versions than the newest wants.
.venv-keras-%/installed: DEPENDENCIES := --no-deps
.venv-keras-%/installed .venv-torch-%/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --constraint constraints.txt torch
	$(@D)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(@D)/bin/python -m pip install --quiet $(DEPENDENCIES) $(subst -,==,$(patsubst .venv-%,%,$(@D)))
	touch $@

.venv-%/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --constraint constraints.txt torch
	.venv-$*/bin/python -m pip install --quiet --constraint constraints.txt $(BACKEND) --editable '.[dev]'
	touch $@
