# `make demo` and `make test` do all set-up themselves; they need python3 (3.11 or newer) with pip, and nothing else.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= auto

# What one process has compiled need not be compiled by the hundreds that the tests start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint types docs benchmarks clean

.venv/demo: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	touch $@

# Most files of the packages are never imported; the others are compiled when they first are.
.venv/dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/demo
	$(BIN)/steadynorm demo

# The tests whose outcome may differ where a program calls tf.compat.v1.disable_v2_behavior().
V1_TESTS := $(addprefix tests/tensorflow/, $(addsuffix .py, \
	test_layer_goldens test_layer_modes test_layer_variables test_layer_object test_layer_errors test_layer_warnings \
	test_train_op test_enclosed_updates test_inference_mode test_saver test_restore \
	live/test_graph_recalibrate live/test_graph_untouched \
	$(addprefix estimator/test_estimator_, layers train evaluate predict export)))

KERAS_CONFORMANCE := $(wildcard tests/conformance/test_keras_layers*.py)

# Half of the tests to each of two workers, and what is left to whoever ends first: what a file prepares is prepared once.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# What one worker has compiled need not be compiled by the others.
JAX_CACHE := JAX_COMPILATION_CACHE_DIR='$(CURDIR)/build/jax' \
	JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1

# TensorFlow and PyTorch disturb each other in one process (threads, signal handlers, start-up time).
test: .venv/dev
	$(PYTEST) --ignore tests/tensorflow --ignore tests/keras $(addprefix --ignore=, $(KERAS_CONFORMANCE))
	TF_CPP_MIN_LOG_LEVEL=3 $(PYTEST) tests/tensorflow
	KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 $(PYTEST) tests/keras $(KERAS_CONFORMANCE)
	KERAS_BACKEND=torch $(PYTEST) -m every_backend tests/keras $(KERAS_CONFORMANCE)
	KERAS_BACKEND=jax $(JAX_CACHE) $(PYTEST) -m every_backend tests/keras $(KERAS_CONFORMANCE)
	TF_CPP_MIN_LOG_LEVEL=3 STEADYNORM_TEST_V1=1 $(PYTEST) $(V1_TESTS)

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/dev
	$(BIN)/mypy --num-workers $(WORKERS)

docs: .venv/dev
	$(BIN)/python -m steadynorm.report.documentation
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site

benchmarks: .venv/dev
	$(BIN)/python benchmarks/recalibration.py
	$(BIN)/python benchmarks/diagnose_cost.py
	$(BIN)/python benchmarks/monitor.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/files.py
	$(BIN)/python benchmarks/source.py
	$(BIN)/python benchmarks/tensorflow_layers.py
	$(BIN)/python benchmarks/layers_torch.py
	$(BIN)/python benchmarks/folding.py
	KERAS_BACKEND=tensorflow $(BIN)/python benchmarks/layers_keras.py
	KERAS_BACKEND=jax $(BIN)/python benchmarks/layers_keras.py
	KERAS_BACKEND=torch $(BIN)/python benchmarks/layers_keras.py
	$(BIN)/python benchmarks/html_report.py

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
