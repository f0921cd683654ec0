# make demo: train, evaluate and predict on built-in data.   make test: all tests.   VENV=dir puts the environment there.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# what the environment was made for: this checkout and these dependencies
WANT := $(CURDIR) $(shell cat pyproject.toml constraints.txt | cksum)
# one process a core, one thread a process; this checkout's code, whichever one the environment was made for
TEST = PYTHONPATH="$(CURDIR)/src" OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -n auto

.PHONY: demo test test-quick lint types check environment development
demo: environment
	@"$(BIN)/convnets" demo

test: development
	@$(TEST)

test-quick: development
	@$(TEST) -m "not slow and not kills200"

lint: development
	@"$(BIN)/ruff" check .

types: development
	@"$(BIN)/mypy"

check: lint types test

environment:
	@$(call install,)

# what the tests need besides, peers and every engine among it
development:
	@$(call install,[dev])

# $(1): extras. An environment with more than is asked for is kept as it is.
define install
case "$$(cat "$(VENV)/made-for" 2>/dev/null)" in \
  "$(WANT)$(1)" | "$(WANT)[dev]") ;; \
  *) $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")' && \
  { [ -x "$(BIN)/python" ] || $(PYTHON) -m venv "$(VENV)"; } && \
  echo "installing into $(VENV) (once; the README says how much is downloaded)" && \
  "$(BIN)/python" -m pip install --disable-pip-version-check -c constraints.txt -e '.$(1)' && \
  echo "$(WANT)$(1)" > "$(VENV)/made-for" ;; \
esac
endef
