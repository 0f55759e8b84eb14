# Everything a developer does, one word each; `make` alone lists the words. What a target needs, it sets up itself, in .venv.

PYTHON ?= python3
# Further arguments for the command behind a target: make test ARGS="tests/unit -x"
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.rigwatch-run
TEST := $(VENV)/.rigwatch-test
# What decides what is installed. The code does not: it is used where it stands.
INPUTS := setup.cfg setup.py pyproject.toml frontend/package-lock.json $(wildcard _build/*.py requirements/*.txt)
# Compiled when the package is installed, and after that where a text has changed.
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard web/translations/*/LC_MESSAGES/*.po))
# Finds what Windows lacks, though nobody here runs it: code behind a look at the platform may be out of reach there.
AS_ON_WINDOWS := --platform win32 --cache-dir .mypy_cache/win32 --no-warn-unreachable

# Most tests wait for a process, a disk or a second to pass, so two take little longer than one. The long ones come first,
# with which one worker is busy while the other runs the many short ones; then they share what is left.
SIDE_BY_SIDE := --numprocesses 2 --dist worksteal

.PHONY: help run demo test check format texts lock bench mutants screenshots homeassistant wheel agent deb clean

# Every package in the version and with the hashes of the lock file; Node.js for this one build where there is no npm.
install = $(BIN)/python -m pip install --quiet --require-hashes -r requirements/build.txt -r requirements/$(1).txt && \
	{ command -v npm >/dev/null || $(BIN)/python -m pip install --quiet --require-hashes --target $(VENV)/node \
		-r requirements/node.txt; } && \
	PYTHONPATH=$(VENV)/node $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . && \
	rm -rf $(VENV)/node

help: ## list these words
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 10

run: $(RUN) $(CATALOGUES) ## rigwatch on this machine: broker, subscriber, dashboard, and a publisher for what is found here
	@exec $(BIN)/rigwatch up $(ARGS)

demo: $(RUN) $(CATALOGUES) ## rigwatch with twelve simulated nodes, in a home of its own (.rigwatch/demo)
	@RIGWATCH_HOME=$(CURDIR)/.rigwatch/demo; export RIGWATCH_HOME; \
	test -e $$RIGWATCH_HOME/server.toml || { mkdir -p .rigwatch; $(BIN)/rigwatch init || exit; }; \
	trap : INT; \
	(sleep 3; exec $(BIN)/rigwatch simulate --nodes 12 --interval 5s $(ARGS)) & simulated=$$!; \
	$(BIN)/rigwatch up; \
	kill $$simulated 2>/dev/null; wait $$simulated

test: $(TEST) $(CATALOGUES) ## install what the tests need, then run them all
	@tests/setup
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

check: $(TEST) ## style, types (also as on Windows) and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy $(AS_ON_WINDOWS) -p cli -p subscriber -p web -p legacy -p store -p alerts -p broker -p publisher -p rigwatch
	$(BIN)/lint-imports

format: $(TEST) ## let the formatter and the safe fixes do their work
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

texts: $(TEST) ## bring the translations up to date with the texts in the code; what is new is left empty
	@$(BIN)/python -m _build.catalogues --update

lock: $(VENV)/pyvenv.cfg ## write the lock files in requirements/ anew, as after a change of setup.cfg
	@$(BIN)/python -m pip install --quiet uv
	@UV=$(BIN)/uv requirements/lock $(ARGS)

bench: $(TEST) ## measure what docs/benchmarks.md states
	@$(BIN)/python -m benchmarks $(ARGS)

mutants: $(TEST) ## put faults into the modules that decide; name those that no test notices (goes on where it was cut short)
	@$(BIN)/python -m benchmarks.mutants $(ARGS)

screenshots: $(TEST) $(CATALOGUES) ## take the pictures in docs/img anew, from simulated rigs
	@tests/setup
	@$(BIN)/python -m pytest -q tests/browser/screenshots.py

homeassistant: .homeassistant/ready ## Home Assistant in an environment of its own, for the test that runs the real one

# The newest that runs on this Python, and what its MQTT integration would install when it starts.
.homeassistant/ready:
	@$(PYTHON) -m venv .homeassistant
	@.homeassistant/bin/python -m pip install --quiet homeassistant
	@cd .homeassistant/lib/python3*/site-packages/homeassistant/components && \
		$(CURDIR)/.homeassistant/bin/python -c 'import json; \
			print(*(each for part in ("mqtt", "file_upload", "http") \
			for each in json.load(open(f"{part}/manifest.json")).get("requirements", ())), sep="\n")' | \
		xargs $(CURDIR)/.homeassistant/bin/python -m pip install --quiet
	@touch $@

wheel: $(VENV)/pyvenv.cfg ## the one wheel for servers and rigs, in dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	@ls dist/*.whl

agent: $(VENV)/pyvenv.cfg ## rigwatch-agent for Linux rigs without Python, and what Windows rigs get, where the server hands them out
	@PYTHON=$(abspath $(BIN)/python) _build/agent/make web/agent/files/rigwatch-agent-linux-x86_64
	@$(BIN)/python -m _build.agent.windows web/agent/files/rigwatch-agent-windows.zip

deb: $(VENV)/pyvenv.cfg ## the server as a package for Debian 12, in dist/
	@PYTHON=$(abspath $(BIN)/python) _build/deb/make dist

clean: ## remove what was built, fetched or cached; .venv itself and every home stay
	rm -rf build dist *.egg-info web/static/vendor web/agent/files web/translations/*/LC_MESSAGES/*.mo tests/npm/node_modules tests/output .bench tests/programs
	rm -rf .homeassistant .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache $(RUN) $(TEST)
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

%.mo: %.po
	@$(BIN)/python -m _build.catalogues --compile

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "rigwatch needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' \
		|| { echo "Python cannot make environments here; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUN): $(INPUTS) | $(VENV)/pyvenv.cfg
	@echo "Installing rigwatch in $(VENV)"
	@$(call install,server)
	@touch $@

$(TEST): $(INPUTS) | $(VENV)/pyvenv.cfg
	@echo "Installing rigwatch and its tests' needs in $(VENV)"
	@$(call install,test)
	@touch $@ $(RUN)
