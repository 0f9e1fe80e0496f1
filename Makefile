# Everything a developer types. Needs python3 (3.11 or newer), pip and make; nothing else, not even python3-venv.

PY ?= python3
CHROMIUM ?= /usr/bin/chromium
ARGS ?=
UV_VERSION := 0.13.9
# Test files side by side, one worker for each processor, in the order of tests/conftest.py.
WORKERS := -n auto --dist loadfile --no-loadscope-reorder

VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.stamp
READY_DEV := $(VENV)/.stamp-dev
READY_FUZZ := $(VENV)/fuzz/.stamp
READY_BENCH := $(VENV)/bench/.stamp
READY_SBOM := $(VENV)/sbom/.stamp
READY_BINARY := $(VENV)/binary/.stamp

export CHROMIUM
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

.PHONY: help run test check test-browser coverage bench lint types format screenshots vectors fuzz faults hostile binary manual sbom lock clean chromium

help:  ## show this help
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY)  ## start Dashboard on http://127.0.0.1:8000, at first with the demo organisation
	@[ -e "$${DASHBOARD_DATA_DIR:-./dashboard-data}/dashboard.db" ] || $(PYTHON) app.py demo
	@exec $(PYTHON) app.py serve

test: $(READY_DEV) chromium  ## run every test, with those in the browser (ARGS="-k restore" chooses)
	@$(PYTHON) -m pytest $(WORKERS) $(ARGS)

check: lint types  ## before a commit: format, lint, types and the quick tests
	@$(PYTHON) -m pytest $(WORKERS) -m "not browser and not slow" $(ARGS)

test-browser: $(READY_DEV) chromium  ## run only the tests in the browser
	@$(PYTHON) -m pytest $(WORKERS) -m browser $(ARGS)

coverage: $(READY_DEV) chromium  ## run every test and show the branches that none of them took
	@$(PYTHON) -m pytest --cov $(ARGS)

bench: $(READY) $(READY_BENCH)  ## measure the speed of backups against other tools (ARGS=--quick for a first look)
	@$(PYTHON) -m bench.run $(ARGS)

lint: $(READY_DEV)  ## check format, lint rules and what bandit knows of
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m bandit --quiet --configfile pyproject.toml --recursive dashboard app.py

types: $(READY_DEV)  ## check types, strictly
	@$(PYTHON) -m mypy

format: $(READY_DEV)  ## format the code and mend what ruff can mend
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

screenshots: $(READY_DEV) chromium  ## photograph every screen, and what the guide shows of them (ARGS=--guide: that alone)
	@$(PYTHON) -m tests.browser.shoot $(ARGS)

vectors: $(READY_DEV)  ## rebuild the archive test vectors
	@PYTHONPATH=. $(PYTHON) tests/archive/make_vectors.py

fuzz: $(READY_DEV) $(READY_FUZZ)  ## fuzz the reader and try 2,000 states (ARGS="--seconds 60 reader" for less)
	@PYTHONPATH=.:$(VENV)/fuzz $(PYTHON) -m tests.fuzz.campaign $(ARGS)
	@HYPOTHESIS_PROFILE=long $(PYTHON) -m pytest -q -o faulthandler_timeout=0 tests/backup/test_properties.py

# Power cuts and full disks need root for a disk of their own; without it they are skipped, and say so. The
# others are on a disk, too, not in memory as the tests of `make test`.
faults: $(READY_DEV)  ## run the long fault sweeps: kills, power cuts, I/O errors, crowds (takes hours)
	@FAULTS=long PYTEST_DEBUG_TEMPROOT=$${TMPDIR:-/tmp} $(PYTHON) -m pytest -o faulthandler_timeout=0 tests/faults $(ARGS)

hostile: $(READY_DEV) chromium  ## put every hostile string into every field and look at every page (half an hour)
	@HOSTILE=long $(PYTHON) -m pytest $(WORKERS) tests/web/test_hostile.py tests/web/test_hostile_forms.py \
	  tests/browser/test_hostile.py $(ARGS)

# Without the environment's own packages (-S): what only a test needs stays out.
binary: $(READY_BINARY)  ## build the single file dist/dashboard (on Debian's Python: apt-get install binutils)
	@PYTHONPATH=$(VENV)/binary $(PYTHON) -S -m PyInstaller --noconfirm --clean --log-level WARN packaging/dashboard.spec
	@ls -l dist/dashboard

sbom: $(READY_DEV) $(READY_SBOM)  ## write dist/sbom.cdx.json: what the product ships, as CycloneDX
	@PYTHONPATH=$(VENV)/sbom $(PYTHON) packaging/sbom.py

manual: $(READY)  ## write the manual page dist/dashboard.1, and docs/commands.md, from the help
	@mkdir -p dist && PYTHONPATH=. $(PYTHON) packaging/manual.py dist/dashboard.1 && ls -l dist/dashboard.1

# With their extras: pip refuses a hash-checked `coverage[toml]` that is pinned as `coverage` alone as soon as
# a newer release is out.
lock: $(VENV)/lock/bin/uv  ## recompile the pins from the *.in files (ARGS=--upgrade for newer versions)
	@for name in requirements requirements-dev requirements-bench requirements-fuzz requirements-binary requirements-sbom; do \
	  $(VENV)/lock/bin/uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url \
	    --universal --no-strip-extras --python-version 3.11 $(ARGS) $$name.in -o $$name.txt || exit 1; \
	done

clean:  ## remove the environment, caches and build results; never the data
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov test-results build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Without Chromium the browser tests are skipped: say so where it cannot be missed, and in CI refuse.
chromium:
	@command -v "$(CHROMIUM)" >/dev/null || { \
	  printf '\n*** %s is missing: THE TESTS IN THE BROWSER CANNOT RUN.\n*** %s\n\n' "$(CHROMIUM)" \
	    'Install it: apt-get install chromium libatomic1   (or set CHROMIUM=/path/to/chromium)' >&2; \
	  [ "$$CI" != true ]; }

# $(call install,FILE): make the environment if there is none, then install the pins of FILE into it.
# Debian's python3 without python3-venv cannot give the environment a pip of its own; its pip can reach in.
define install
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Dashboard needs Python 3.11 or newer; name one: make PY=/path/to/python3" >&2; exit 1; }
	@[ -x $(PYTHON) ] || $(PY) -m venv $(VENV) >/dev/null 2>&1 || { \
	  rm -rf $(VENV); $(PY) -m venv --without-pip $(VENV); }
	@if [ -x $(VENV)/bin/pip ]; then pip="$(PYTHON) -m pip"; else pip="$(PY) -m pip --python $(PYTHON)"; fi; \
	  $$pip --version >/dev/null || { echo "pip is missing: apt-get install python3-pip" >&2; exit 1; }; \
	  $$pip install $(1)
endef
quiet := --quiet --disable-pip-version-check --root-user-action=ignore

$(READY): requirements.txt
	$(call install,$(quiet) --require-hashes -r $<)
	@touch $@

$(READY_DEV): requirements-dev.txt
	$(call install,$(quiet) --require-hashes -r $<)
	@touch $@

# Apart from the product: only the peer that needs it sees this folder.
$(READY_BENCH): requirements-bench.txt | $(READY)
	$(call install,$(quiet) --upgrade --target $(@D) --require-hashes -r $<)
	@touch $@

# Apart from the rest: the product once more, and what packs it.
$(READY_BINARY): requirements-binary.txt | $(READY)
	$(call install,$(quiet) --upgrade --target $(@D) --require-hashes -r $<)
	@touch $@

# Apart from the rest: wheels for Linux on x86-64 alone, elsewhere it is compiled with clang.
$(READY_FUZZ): requirements-fuzz.txt | $(READY_DEV)
	$(call install,$(quiet) --upgrade --target $(@D) --require-hashes -r $<)
	@touch $@

# Apart from the rest: the checks of its schema want extras of packages that the product has without.
$(READY_SBOM): requirements-sbom.txt | $(READY_DEV)
	$(call install,$(quiet) --upgrade --target $(@D) --require-hashes -r $<)
	@touch $@

$(VENV)/lock/bin/uv:
	$(call install,$(quiet) --target $(VENV)/lock uv==$(UV_VERSION))
