PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup lock lint test demo bench clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements/uv.lock requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@
