# Everything a fresh machine needs: Python 3.11 or newer, pip, make and a C compiler.
# Tools are called as `$(PY) -m …`, never by their scripts: that also works in a path with spaces.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
# Errors only: a machine's own package indexes may have warnings to tell.
PIP := $(PY) -m pip --disable-pip-version-check -qq
# The version of uv that wrote requirements.lock.
UV := uv==0.13.9

# The first of these that is Python 3.11 or newer; `make PYTHON=/path/to/python` overrides it.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3 python3.14 python3.13 python3.12 python; do \
	"$$python" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && { echo "$$python"; break; }; done)

# import-linter cannot be run with `python -m`.
LAYERS := import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())

# A folder without Python files is not there yet.
TYPED := $(foreach dir,registry cli migrations tests benchmarks,$(if $(wildcard $(dir)/*.py $(dir)/*/*.py),$(dir)))

# A virtual environment does not survive being moved or copied: the file names its place.
ifneq ($(shell cat $(READY) 2>/dev/null),$(shell pwd -P))
$(shell rm -f $(READY))
endif

.PHONY: help setup demo test soak verifier check format migrations lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: $(READY) ## make .venv with the pinned dependencies and this package
	@echo "setup: $(VENV) is ready"

demo: $(READY) ## the main job on small real data, from files to a certificate
	@PATH="$$PWD/$(VENV)/bin:$$PATH" sh examples/demo.sh

test: $(READY) ## all tests but the slow ones
	@$(PY) -m pytest -n auto --dist worksteal $(ARGS)

soak: $(READY) ## the slow tests: random damage, crashes, size
	@$(PY) -m pytest -n auto --dist worksteal -m slow $(ARGS)
	@$(PY) -m tests.mutation.soak --count 100000

verifier: $(READY) ## build dist/firsthand-verify.pyz: verify as one file, for machines without this
	@$(PY) -m registry.verify.bundle --out dist/firsthand-verify.pyz

migrations: $(READY) ## the tests of the database schema and its history
	@$(PY) -m pytest -q tests/migrations $(ARGS)

check: $(READY) ## format, lint, types, layers
	@echo "check: format"; $(PY) -m ruff format --check --quiet . || { \
		echo "check: \`make format\` repairs this" >&2; exit 1; }
	@echo "check: lint"; $(PY) -m ruff check --quiet .
	@echo "check: types ($(TYPED))"; $(PY) -m mypy $(TYPED)
	@echo "check: layers"; said=$$($(PY) -c '$(LAYERS)' 2>&1) || { echo "$$said"; exit 1; }

format: $(READY) ## format the code and repair what can be repaired
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

lock: ## write requirements.lock again; UPGRADE=--upgrade takes newer versions
	@$(if $(PYTHON),,$(NO_PYTHON))
	@set -e; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	echo "lock: fetching $(UV)"; \
	"$(PYTHON)" -m venv "$$tmp/venv"; \
	"$$tmp/venv/bin/python" -m pip --disable-pip-version-check -qq install "$(UV)"; \
	echo "lock: resolving"; \
	"$$tmp/venv/bin/python" -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --extra postgres --extra tokens --extra server --extra warc --extra timestamps --group dev \
		pyproject.toml $(UPGRADE) -o requirements.lock; \
	if grep -n '://' requirements.lock; then \
		echo "lock: the lines above hold addresses; requirements.lock must not" >&2; exit 1; fi

clean: ## remove everything that can be made again
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define NO_PYTHON
{ echo "Firsthand needs Python 3.11 or newer, and none was found;" \
	"say which one to use: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
endef

# The file is written last and removed first, so an interrupted setup never counts as finished: the
# next run starts over.
$(READY): requirements.lock pyproject.toml
	@$(if $(PYTHON),,$(NO_PYTHON))
	@if [ -e $(VENV) ] && ! { [ -e $(READY) ] && $(PY) -c '$(NEW_ENOUGH)' 2>/dev/null; }; then \
		echo "setup: removing an unfinished or moved $(VENV)"; rm -rf $(VENV); fi
	@rm -f $(READY)
	@if [ ! -e $(VENV) ]; then \
		echo "setup: making $(VENV) with $$("$(PYTHON)" --version)"; \
		"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
			echo "setup: this Python cannot make virtual environments (Debian: apt install python3-venv)" >&2; exit 1; }; fi
	@echo "setup: installing the pinned dependencies (the first time takes a minute or two)"
	@$(PIP) install --require-hashes -r requirements.lock
	@echo "setup: installing firsthand"
	@$(PIP) install --no-deps --no-build-isolation -e .
	@pwd -P > $(READY)
