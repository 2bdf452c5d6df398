# `make demo` and `make test` need only Python 3.11 or newer and make; each sets up .venv when needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One thread a process: on a crowded machine, threaded linear algebra made a 3 s test take 150 s.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# Bytecode is kept whatever the environment says: without it every process that a test starts compiles the house anew.
export PYTHONDONTWRITEBYTECODE :=
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: demo test test-journeys check lint types docs lock clean test-peers demo-experiment pages test-pages readme

demo: $(VENV)/.base
	$(BIN)/segue demo

# What README shows of the demo's output, made anew
readme: $(VENV)/.dev
	COLUMNS=80 $(BIN)/segue demo | $(BIN)/python -m tests.readme_output

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal tests

# README and tutorials as they are written (the longest, so it begins first), processes killed and run again, the wheel in
# an empty environment
test-journeys: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "journey and not slow" tests/test_as_written.py tests

check: $(VENV)/.dev lint types docs
	$(BIN)/python -m pytest -n 0 --doctest-modules --ignore-glob='*migrations*' --pyargs segue
	$(BIN)/python -m pytest -n 0 -p nbmake.pytest_plugin --nbmake notebooks -W default

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

# The documentation as pages, strictly: a link that leads nowhere or a name that is gone fails, and so does a page that
# loads anything from elsewhere.
docs: $(VENV)/.dev
	$(BIN)/mkdocs build --strict --quiet --site-dir build/docs
	! grep -rlE '<(script|link|img|iframe|source)[^>]* (src|href)="(https?:)?//' build/docs --include='*.html'

# The bundled class in a browser: a link for a student and one for the teacher. PORT=0 picks a free one.
PORT ?= 8800
pages: $(VENV)/.base
	test -e $(VENV)/.dev || $(INSTALL) --constraint requirements-dev.lock "jinja2" "babel" "fastapi" "uvicorn[standard]" "icalendar"
	$(BIN)/segue demo --pages --port $(PORT)

# The pages in a real browser: Debian's Chromium (installed when missing and we are root), axe for accessibility.
# Without a browser the tests over HTTP still run, and those in the browser say why they do not.
test-pages: $(VENV)/.dev chromium
	$(BIN)/python -m pytest -n 0 -m "browser or not browser" tests/service/pages

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq \
		&& apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; } \
		|| echo "no Chromium here: tests in a browser are skipped"

# mlflow's own user interface over the runs of a small sweep
demo-experiment: $(VENV)/.dev
	$(BIN)/segue experiment sweep exploration --quick

# Against a real Kolibri (352 MB) and a real record store (Ralph), each in an environment of its own.
test-peers: $(VENV)/.dev .venv-peers/bin/kolibri .venv-ralph/bin/ralph chromium
	KOLIBRI=$(CURDIR)/.venv-peers/bin/kolibri RALPH=$(CURDIR)/.venv-ralph/bin $(BIN)/python -m pytest -n 0 -m peers tests/peers

.venv-peers/bin/kolibri:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check kolibri==0.19.5

.venv-ralph/bin/ralph:
	$(PYTHON) -m venv .venv-ralph
	.venv-ralph/bin/pip install --quiet --disable-pip-version-check "ralph-malph[cli,lrs]==5.1.0" requests

# The recorded versions, then the project itself: src/segue has a link to each folder, so a new file is seen at once.
$(VENV)/.base: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -e $(VENV)/.dev || $(INSTALL) -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -r requirements-dev.lock
	$(INSTALL) --no-deps --no-build-isolation -e .
	touch $@ $(VENV)/.base

clean:
	rm -rf $(VENV) build *.egg-info demo
