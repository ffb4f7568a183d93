# The whole life of a checkout: `make install`, `make demo`, `make test`. Needs make, sh and a
# Python 3.11 to 3.13; everything else is installed into .venv from the lock files.
.POSIX:
.SUFFIXES:
.NOTPARALLEL:
.PHONY: help install demo test test-full check bench lock docs-cli docs-faults clean

VENV = .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
INSTALLED = $(VENV)/.installed
TEST_INSTALLED = $(VENV)/.installed-test
SPARK_INSTALLED = $(VENV)/.installed-spark
FUZZ_INSTALLED = $(VENV)/.installed-fuzz
BROWSERS = chromium chromium-driver
CHROMAPRINT = libchromaprint-tools
JAVA = openjdk-17-jre-headless
# Compiled once and kept, whatever the surroundings say: tests start some hundred programs.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadgroup
CODE = src tests bench
SCALE = small
SECONDS = 300
ARGS =

help:
	@echo "make install    install phonotheque into .venv (quick when nothing changed)"
	@echo "make demo       install, then run the demonstration (ARGS='--headless --json')"
	@echo "make test       lint, types and the everyday tests, in under 10 minutes"
	@echo "make test-full  the same and the long tests, with Spark"
	@echo "make check      lint and types only"
	@echo "make fuzz       fuzz what reads strangers' bytes (SECONDS=300, for all targets together)"
	@echo "make bench      every benchmark (SCALE=small)"
	@echo "make lock       renew the lock files from pyproject.toml"
	@echo "make docs-cli   renew docs/cli.md from the program"
	@echo "make docs-faults renew docs/operations/faults.md: what a mirror says under fire"
	@echo "make clean      remove what the other targets made, .venv too"

# ---------------------------------------------------------------------------- installing

install: $(INSTALLED)
	@echo "Installed: $(BIN)/phonotheque (also $(BIN)/phono)"

# A command that exists may still not run (pyenv shims) or lack venv (Debian splits it off), so
# each candidate is tried. An environment that already works is kept.
$(BIN)/python:
	@found=; for candidate in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
	  if $$candidate -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; \
	  then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "phonotheque needs Python 3.11, 3.12 or 3.13 with its venv module, and found none." >&2; \
	  echo "  Debian, Ubuntu:  apt install python3 python3-venv" >&2; \
	  echo "  Fedora:          dnf install python3.13" >&2; \
	  echo "  anywhere:        https://docs.astral.sh/uv/ then: uv python install 3.13" >&2; \
	  echo "One that lies elsewhere: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	echo "Creating $(VENV) with $$($$found --version)"; \
	$$found -m venv --clear $(VENV)

$(INSTALLED): $(BIN)/python requirements.lock pyproject.toml
	@echo "Installing the locked packages into $(VENV) (a minute or two the first time)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(TEST_INSTALLED): $(INSTALLED) requirements-test.lock
	@echo "Installing the locked test tools into $(VENV)"
	@$(PIP) install --require-hashes -r requirements-test.lock
	@touch $@

$(SPARK_INSTALLED): $(TEST_INSTALLED) requirements-spark.lock
	@echo "Installing the locked Spark into $(VENV) (430 MB to fetch)"
	@$(PIP) install --require-hashes -r requirements-spark.lock
	@touch $@

$(FUZZ_INSTALLED): $(TEST_INSTALLED) requirements-fuzz.lock
	@$(PIP) install --require-hashes -r requirements-fuzz.lock && $(BIN)/python -c 'import atheris' && touch $@

# ---------------------------------------------------------------------------- running

demo: $(INSTALLED)
	@$(BIN)/phonotheque demo $(ARGS)

bench: $(TEST_INSTALLED)
	@for name in $$($(BIN)/python -m bench --list --names); do \
	  $(BIN)/python -m bench $$name --scale $(SCALE) || exit 1; \
	done

# ---------------------------------------------------------------------------- testing

.PHONY: lint types
check: lint types

lint: $(TEST_INSTALLED)
	@echo "ruff"
	@$(BIN)/ruff check --quiet --output-format concise $(CODE)
	@$(BIN)/ruff format --quiet --check $(CODE) || \
	  { $(BIN)/ruff format --check $(CODE); echo "mend it with: $(BIN)/ruff format $(CODE)"; exit 1; }

types: $(TEST_INSTALLED)
	@echo "mypy"
	@$(BIN)/mypy

# Everything runs even where lint or types fail, so that one run tells all.
test: $(TEST_INSTALLED) browser chromaprint
	@failed=; $(MAKE) --no-print-directory --keep-going check || failed="check "; \
	$(PYTEST) -m "not full" $(ARGS) || failed="$${failed}tests"; \
	[ -z "$$failed" ] || { echo "make $@ failed in: $$failed" >&2; exit 1; }

test-full: $(TEST_INSTALLED) browser chromaprint spark atheris
	@failed=; $(MAKE) --no-print-directory --keep-going check || failed="check "; \
	$(PYTEST) --hypothesis-profile full $(ARGS) || failed="$${failed}tests"; \
	[ -z "$$failed" ] || { echo "make $@ failed in: $$failed" >&2; exit 1; }

# Browser tests want Debian's packages. Never a reason to fail: what cannot be had is said here, and
# the test run says at its end that the browser tests were not run.
.PHONY: browser
browser:
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && grep -qs '^ID=debian' /etc/os-release; then \
	  echo "Installing $(BROWSERS) with apt-get, for the browser tests"; \
	  if timeout 60 apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    timeout 240 apt-get -qq -y --no-install-recommends install $(BROWSERS); \
	  then exit 0; fi >$(VENV)/apt.log 2>&1; \
	  echo "apt-get could not install them (see $(VENV)/apt.log)"; \
	fi; \
	echo "*** The browser tests will NOT run. They need: $(BROWSERS) (Debian package names)."

# Fingerprints want Debian's libchromaprint, their tests its fpcalc: never a reason to fail either.
.PHONY: chromaprint
chromaprint:
	@if command -v fpcalc >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && grep -qs '^ID=debian' /etc/os-release; then \
	  echo "Installing $(CHROMAPRINT) with apt-get, for the tests of fingerprints"; \
	  if timeout 60 apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    timeout 240 apt-get -qq -y --no-install-recommends install $(CHROMAPRINT); \
	  then exit 0; fi >>$(VENV)/apt.log 2>&1; \
	  echo "apt-get could not install it (see $(VENV)/apt.log)"; \
	fi; \
	echo "*** The tests of fingerprints will NOT run. They need: $(CHROMAPRINT) (Debian)."

# The tests of the Spark engine want pyspark and Debian's Java: never a reason to fail either.
.PHONY: spark
spark: $(TEST_INSTALLED)
	@if $(MAKE) --no-print-directory $(SPARK_INSTALLED); then \
	  if command -v java >/dev/null; then exit 0; fi; \
	  if [ "$$(id -u)" = 0 ] && grep -qs '^ID=debian' /etc/os-release; then \
	    echo "Installing $(JAVA) with apt-get, for the Spark tests"; \
	    if timeout 60 apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	      timeout 240 apt-get -qq -y --no-install-recommends install $(JAVA); \
	    then exit 0; fi >>$(VENV)/apt.log 2>&1; \
	    echo "apt-get could not install it (see $(VENV)/apt.log)"; \
	  fi; \
	fi; \
	echo "*** The Spark tests will NOT run. They need requirements-spark.lock and $(JAVA)."

# atheris has wheels for CPython 3.11 alone: never a reason for `make test-full` to fail.
.PHONY: atheris fuzz
atheris: $(TEST_INSTALLED)
	@$(MAKE) --no-print-directory $(FUZZ_INSTALLED) >$(VENV)/fuzz.log 2>&1 || \
	  echo "*** Nothing will be fuzzed: no atheris for this Python (see $(VENV)/fuzz.log)."

fuzz: $(FUZZ_INSTALLED)
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

# ---------------------------------------------------------------------------- renewing

# Compiled by uv from a throwaway environment; no index address gets into the files.
lock: $(BIN)/python
	@set -e; work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	$(BIN)/python -m venv "$$work"; \
	"$$work/bin/python" -m pip --quiet --disable-pip-version-check install uv; \
	compile() { "$$work/bin/uv" --quiet pip compile --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --upgrade "$$@"; }; \
	compile pyproject.toml --group build --group test --output-file requirements-test.lock; \
	compile pyproject.toml --group build --constraints requirements-test.lock \
	  --output-file requirements.lock; \
	compile --group pyproject.toml:spark --constraints requirements-test.lock \
	  --output-file requirements-spark.lock; \
	compile --group pyproject.toml:fuzz --constraints requirements-test.lock \
	  --output-file requirements-fuzz.lock; \
	echo "Renewed requirements.lock and those of test, spark and fuzz; now run: make test"

docs-cli: $(INSTALLED)
	@$(BIN)/python -m phonotheque.cli.reference >docs/cli.md.new
	@mv docs/cli.md.new docs/cli.md
	@echo "Renewed docs/cli.md"

docs-faults: $(TEST_INSTALLED)
	@PHONOTHEQUE_RENEW_FAULTS=1 $(BIN)/python -m pytest -q -p no:xdist tests/mirror/test_under_fire.py

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist .demo
	@find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
