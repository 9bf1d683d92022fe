# Everything here works with Python 3.11 or newer and make; each target makes its own virtual environment.
PYTHON ?= $(firstword $(foreach python,python3.13 python3.12 python3.11 python3,\
	$(shell $(python) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(python))))
VENV ?= .venv
RUN := $(VENV)/run.ready
DEV := $(VENV)/dev.ready
NODE := $(VENV)/dynamodb/ready
# What takes longer than `make test` may.
EVIDENCE := chaos claims defects test_benchmarks.py test_misbehaviour.py
# Twice as many as there are processors: most tests wait for a process, half of the time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(2 * os.cpu_count(), 8))')
# The lock files are complete, and pip before 23.3 resolves extras past them: nothing is to be resolved.
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps
COMPILE := $(VENV)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate

# What a bundle is made for: the instances' Python and processor, and a glibc not newer than theirs (Amazon Linux 2023: 2.34).
BUNDLE_PYTHON ?= 3.11
BUNDLE_ARCH ?= $(shell uname -m)
BUNDLE ?= dist/bundle
VERSION := $(shell sed -nE 's/^__version__ = "(.*)"/\1/p' leaderd/__init__.py)
WHEEL := dist/leaderd-$(VERSION)-py3-none-any.whl
PYZ_DIR ?= dist
PYZ = $(PYZ_DIR)/leaderd-$(VERSION)-py$(BUNDLE_PYTHON)-$(BUNDLE_ARCH).pyz
FOR_INSTANCES := --quiet --disable-pip-version-check --require-hashes -r requirements.lock --only-binary :all: \
	--implementation cp --python-version $(BUNDLE_PYTHON) \
	$(foreach glibc,2_17 2_28 2_34,--platform manylinux_$(glibc)_$(BUNDLE_ARCH)) --platform manylinux2014_$(BUNDLE_ARCH)

.PHONY: demo test compatible evidence mutants simulate bench e2e lint format lock wheel bundle pyz clean

demo: $(RUN)
	@$(VENV)/bin/leaderd demo $(ARGS)

# The simulation takes three times as long under coverage, and the tests of each module cover it.
test: $(DEV)
	@$(VENV)/bin/coverage erase
	@$(VENV)/bin/python -m pytest -n auto tests/simulation tests/test_fleet_benchmark.py $(ARGS)
	@$(VENV)/bin/coverage run -m pytest -n $(WORKERS) $(ARGS) $(addprefix --ignore=tests/,simulation test_fleet_benchmark.py \
		$(EVIDENCE) e2e)
	@$(VENV)/bin/coverage combine --quiet
	@$(VENV)/bin/coverage report --include='leaderd/core/*' --fail-under=100
	@$(VENV)/bin/coverage report --fail-under=95

# Real daemons through real faults, and defects sown into a copy: would the tests notice? Some minutes.
evidence: $(DEV)
	@$(VENV)/bin/python -m pytest -n 2 $(addprefix tests/,$(EVIDENCE)) $(ARGS)

# What could depend on the version of Python, for those that `make test` is not run with.
compatible: $(DEV)
	@$(VENV)/bin/python -m pytest -n $(WORKERS) tests/core tests/aws tests/daemon tests/test_config.py tests/test_log.py $(ARGS)

# Ten thousand worlds of leaders, and as many of claims, in virtual time: a few minutes each.
simulate: $(DEV)
	@$(VENV)/bin/python -m tests.simulation --seeds 10000
	@$(VENV)/bin/python -m tests.simulation --claims --seeds 10000

# What it costs: needs curl, and wrk (a package of Debian). The daemon runs as it is installed: in an environment without
# the tools of development. Five minutes; with ARGS=--long a quarter of an hour.
bench: $(DEV)
	@$(MAKE) --no-print-directory VENV=$(VENV)/installed $(VENV)/installed/run.ready
	@$(VENV)/bin/python -m benchmarks --python $(VENV)/installed/bin/python $(ARGS)

# Real hosts: needs root, and the packages of tests/e2e/install-debian.sh.
e2e: $(DEV) $(NODE)
	@$(VENV)/bin/python -m pytest tests/e2e -p no:xdist --capture=tee-sys --durations=0 --durations-min=2 $(ARGS)

# Every change of one place in the rules that mutmut can think of: does a test notice? A few minutes.
mutants: $(DEV)
	@$(VENV)/bin/python -m tests.defects.mutants $(ARGS)

lint: $(DEV)
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

format: $(DEV)
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

lock: $(DEV)
	@$(COMPILE) --group build -o requirements.lock
	@$(COMPILE) --group dev --constraint requirements.lock -o requirements-dev.lock

wheel: $(WHEEL)

# The daemon as a wheel, with the build tool that the lock pins: no index is asked.
$(WHEEL): pyproject.toml README.md $(shell find leaderd -name '*.py') | $(DEV)
	@$(VENV)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
		--wheel-dir dist .
	@touch $@
	@echo $@

# All that goes into an application bundle, ready to be copied there. OFFLINE=1 adds the wheels of what leaderd needs, so
# that the instances need no index.
bundle: $(WHEEL)
	@rm -rf $(BUNDLE)
	@mkdir -p $(BUNDLE)/.leaderd
	@cp -R beanstalk/.platform beanstalk/.ebextensions $(BUNDLE)/
	@cp systemd/leaderd.service requirements.lock $(WHEEL) $(BUNDLE)/.leaderd/
	@$(if $(OFFLINE),$(VENV)/bin/python -m pip download $(FOR_INSTANCES) --dest $(BUNDLE)/.leaderd)
	@echo $(BUNDLE)

# The daemon and what it needs in one file, for the Python and the processor of the instances.
pyz: $(WHEEL)
	@rm -rf build/pyz
	@$(VENV)/bin/python -m pip install $(FOR_INSTANCES) --target build/pyz
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --target build/pyz $(WHEEL)
	@$(VENV)/bin/shiv --site-packages build/pyz --console-script leaderd --compressed --compile-pyc --reproducible \
		--python '/usr/bin/env python$(BUNDLE_PYTHON)' --output-file $(PYZ)
	@echo $(PYZ)

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* dist build

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo 'leaderd needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python3' >&2; exit 1; }
	@echo 'making $(VENV) with $(PYTHON)'
	@$(PYTHON) -m venv $(VENV)

$(RUN): requirements.lock pyproject.toml | $(VENV)/bin/python
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-build-isolation -e .
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

# A server for tests/e2e/test_dynamodb.py. What npm would run at an installation is only for databases on disk.
$(NODE): tests/e2e/dynamodb/package.json tests/e2e/dynamodb/package-lock.json | $(VENV)/bin/python
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
