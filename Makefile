# make demo    the main job on this machine: no camera, cloud or account needed
# make test    all checks and tests
# make lint    ruff and mypy alone
# make faults  a campaign against the running product: faults, signals, taught items, updates; some 50 minutes
# make bench   figures of speed and quality
# make greengrass  what a Greengrass core device runs, into greengrass-build/

CATALOG ?=
CAMERA ?=
PORT ?= 8080
DEMO_SECONDS ?=
DEMO_ROOT ?= .demo
TESTS ?= tests
BUILD ?=

SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$p -c '$(SUITABLE)' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
READY := $(VENV)/.ready

.PHONY: demo test lint faults bench greengrass clean

demo: $(READY)
	@$(VENV)/bin/python -m components.demo --root "$(DEMO_ROOT)" --port $(PORT) \
		$(if $(CATALOG),--catalog "$(CATALOG)") $(if $(CAMERA),--camera "$(CAMERA)") \
		$(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

test: lint
	$(VENV)/bin/python -m pytest $(TESTS)

lint: $(READY)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

faults: $(READY)
	$(VENV)/bin/python -m tests.campaign

bench: $(READY)
	$(VENV)/bin/python -m benchmarks

greengrass: $(READY)
	@$(VENV)/bin/python -m recipes build $(BUILD)

$(READY): pyproject.toml
	@"$(PYTHON)" -c '$(SUITABLE)' 2>/dev/null || { echo "Python 3.10 to 3.13 with venv is needed," \
		"here is: $$("$(or $(PYTHON),python3)" --version 2>&1 | tail -n 1). Install it (Debian: python3-venv)" \
		"or name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@command -v c++ >/dev/null || { echo "A C++ compiler is needed to build annoy: install it (Debian: g++)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null || { \
		echo "Python.h is needed to build annoy: install it (Debian: python3-dev)" >&2; exit 1; }
	@# One that an interruption left half made, or of a Python that is gone, is begun again.
	@{ $(VENV)/bin/python -c '$(SUITABLE)' && $(VENV)/bin/python -m pip --version; } >/dev/null 2>&1 || rm -rf $(VENV)
	"$(PYTHON)" -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .demo build *.egg-info
